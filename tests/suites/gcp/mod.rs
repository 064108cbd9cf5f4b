//! The Google Cloud agent on a host that has no credential for Google: nothing is sent, everything is a row, and
//! nothing looks empty.
//!
//! What the agent makes of Google's answers is told by `plugins/gcp/tests`, with recorded ones.

mod running;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::plugin_host;

fn texts<'a>(rows: &'a Value, field: &str) -> BTreeSet<&'a str> {
    rows.as_array().unwrap().iter().filter_map(|row| row[field].as_str()).collect()
}

#[tokio::test]
async fn without_a_credential_every_service_is_a_row_and_no_list_is_empty() {
    let mut host = plugin_host("gcp");
    host.start().await;
    let client = host.client();
    let services = ["compute", "storage", "gke"];
    let input = json!({ "projects": ["acme-prod"], "services": services });
    let output = client.run("gcp", "inventory", input).await.output();
    assert_eq!(output["resources"], json!([]));
    let errors = &output["errors"];
    let asked = BTreeSet::from(["compute.googleapis.com", "container.googleapis.com", "storage.googleapis.com"]);
    assert_eq!(texts(errors, "service"), asked, "{errors:#}");
    assert_eq!(texts(errors, "kind"), BTreeSet::from(["denied"]), "{errors:#}");
    let hidden: Vec<&Value> =
        errors.as_array().unwrap().iter().flat_map(|row| row["hides"].as_array().unwrap()).collect();
    assert!(hidden.contains(&&json!("gcp.compute.googleapis.com/Instance")), "{errors:#}");

    let told = client.run("gcp", "gke-upgrade", json!({ "projects": ["acme-prod"] })).await.output();
    assert_eq!((&told["clusters"], texts(&told["errors"], "kind")), (&json!([]), BTreeSet::from(["denied"])));
}
