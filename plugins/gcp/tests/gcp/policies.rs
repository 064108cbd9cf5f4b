//! Who is bound to what.

use serde_json::json;
use troupe_sdk::test::Answer;

use crate::cloud::{cloud, error, inventory, resource};

const ON: &str = "//cloudresourcemanager.googleapis.com/projects/acme-prod";

#[test]
fn bindings_and_audit_configurations_are_told_one_by_one_by_reading_alone() {
    let page = json!({ "assets": [{
        "name": ON, "assetType": "cloudresourcemanager.googleapis.com/Project",
        "iamPolicy": {
            "bindings": [
                { "role": "roles/owner", "members": ["user:ann@example.com", "serviceAccount:app@acme-prod.iam.gserviceaccount.com"] },
                { "role": "roles/viewer", "members": ["allUsers"], "condition": { "title": "office", "expression": "true" } },
                { "role": "projects/acme-prod/roles/own", "members": [] },
            ],
            "auditConfigs": [{ "service": "allServices", "auditLogConfigs": [{ "logType": "DATA_READ", "exemptedMembers": ["user:a@b.c"] }] }],
        },
    }] });
    let host = cloud(move |asked| {
        let is = asked.service == "cloudasset" && asked.query("contentType") == Some("IAM_POLICY");
        is.then(|| Answer::json(200, page.clone()))
    });
    let all = inventory(json!({ "services": ["iam"] }));
    assert_eq!(all["errors"], json!([]));
    let owner = resource(&all, &format!("{ON}#roles/owner"));
    assert_eq!((&owner["class"], &owner["attributes"]["public"]), (&json!("identity.binding"), &json!(false)));
    assert_eq!(owner["attributes"]["on_type"], "gcp.cloudresourcemanager.googleapis.com/Project");
    assert_eq!(
        owner["relations"],
        json!([{ "kind": "resource", "target": ON },
               { "kind": "service_account", "target": "//iam.googleapis.com/projects/acme-prod/serviceAccounts/app@acme-prod.iam.gserviceaccount.com" }])
    );
    let viewer = resource(&all, &format!("{ON}#roles/viewer#office"));
    assert_eq!(
        (&viewer["attributes"]["public"], &viewer["attributes"]["condition"]["expression"]),
        (&json!(true), &json!("true"))
    );
    let own = resource(&all, &format!("{ON}#projects/acme-prod/roles/own"));
    assert_eq!(
        own["relations"][1],
        json!({ "kind": "role", "target": "//iam.googleapis.com/projects/acme-prod/roles/own" })
    );
    let audit = resource(&all, &format!("{ON}#allServices"));
    assert_eq!(
        (&audit["class"], &audit["attributes"]["logs"]),
        (&json!("logging.trail"), &json!([{ "type": "DATA_READ", "exempted": ["user:a@b.c"] }]))
    );
    assert!(host.sent().iter().all(|sent| sent.method == "GET"));
}

#[test]
fn policies_that_cannot_be_asked_for_hide_bindings_and_nothing_else() {
    let _host = cloud(|asked| {
        (asked.service == "cloudasset").then(|| error(403, "PERMISSION_DENIED", Some("SERVICE_DISABLED"), "off"))
    });
    let all = inventory(json!({ "services": ["iam"] }));
    let [error] = all["errors"].as_array().unwrap().as_slice() else { panic!("{all:#}") };
    assert_eq!(error["hides"], json!(["gcp.iam.googleapis.com/AuditConfig", "gcp.iam.googleapis.com/PolicyBinding"]));
    assert_eq!(error["kind"], "not_available");
}
