//! The Azure agent on a host: what it may not ask is a row and never an empty list, and a template is made without
//! asking anybody.
//!
//! What the agent makes of Azure's answers is told by `plugins/azure/tests`, with recorded ones.

mod running;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::plugin_host;

#[tokio::test]
async fn without_a_credential_everything_is_a_row_and_a_template_is_made_all_the_same() {
    let mut host = plugin_host("azure");
    host.start().await;
    let client = host.client();
    let subscription = "11111111-2222-3333-4444-555555555555";
    let input = json!({ "subscriptions": [subscription], "types": ["Microsoft.Compute", "Microsoft.Storage"] });
    let output = client.run("azure", "inventory", input).await.output();
    assert_eq!((&output["resources"], &output["subscriptions"]), (&json!([]), &json!([subscription])));
    let errors = output["errors"].as_array().unwrap();
    assert!(errors.iter().all(|error| error["kind"] == "denied"), "{errors:#?}");
    let services: BTreeSet<&str> = errors.iter().filter_map(|error| error["service"].as_str()).collect();
    let asked = ["microsoft.compute", "microsoft.resourcegraph", "microsoft.resources", "microsoft.storage"];
    assert_eq!(services, BTreeSet::from(asked), "{errors:#?}");
    let hidden: Vec<&Value> = errors.iter().filter_map(|error| error["hides"].as_array()).flatten().collect();
    assert!(hidden.contains(&&json!("azure.microsoft.compute/virtualmachines")), "{errors:#?}");

    let list = "resources:\n  - { type: Microsoft.Storage/storageAccounts, name: logs7, sku: Standard_LRS, kind: StorageV2, settings: { https_only: true } }";
    let made = client.run("azure", "template", json!({ "yaml": list })).await.output();
    let account = &made["arm"]["resources"][0];
    assert_eq!((&account["name"], &account["properties"]["supportsHttpsTrafficOnly"]), (&json!("logs7"), &json!(true)));
    let bicep = made["bicep"].as_str().unwrap();
    assert!(bicep.contains("resource logs7 'Microsoft.Storage/storageAccounts@"), "{bicep}");
}
