//! The agent on a host that has a credential, whose requests to Azure go where the operator's table `[endpoints]` says:
//! to a service that takes tokens of Entra alone, pages, throttles and denies.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use troupe_tests::identity::entra::{CLIENT, Entra, SCOPE, TENANT};
use troupe_tests::service::{Reply, Request};

use crate::credentials::write_document;
use crate::plugin_host;

/// The secret of the application, which is searched for afterwards.
const SECRET: &str = "Q8f8Q~canary-of-the-estate";

const SUBSCRIPTION: &str = "11111111-2222-3333-4444-555555555555";

fn id(rest: &str) -> String {
    format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/shop/providers/{rest}")
}

fn row(kind: &str, name: &str, properties: &Value) -> Value {
    json!({ "id": id(&format!("{kind}/{name}")), "type": kind.to_lowercase(), "name": name, "location": "westeurope",
        "subscriptionId": SUBSCRIPTION, "resourceGroup": "shop", "properties": properties })
}

/// What Resource Graph tells on the page after a token.
fn page(after: &Value) -> Value {
    if after == "two" {
        let disk = row("Microsoft.Compute/disks", "data", &json!({ "diskSizeGB": 64, "diskState": "Unattached" }));
        return json!({ "totalRecords": 2, "count": 1, "data": [disk] });
    }
    let machine =
        row("Microsoft.Compute/virtualMachines", "web", &json!({ "hardwareProfile": { "vmSize": "Standard_B2s" } }));
    json!({ "totalRecords": 2, "count": 1, "data": [machine], "$skipToken": "two" })
}

fn denied() -> Reply {
    let message = format!("The client '{CLIENT}' does not have authorization to perform action");
    Reply::json(403, &json!({ "error": { "code": "AuthorizationFailed", "message": message } }))
}

/// Azure, as far as it is asked here.
fn azure(request: &Request, throttled: &AtomicBool) -> Reply {
    let path = request.target.split('?').next().unwrap();
    if path == "/providers/Microsoft.ResourceGraph/resources" {
        assert_eq!(request.method, "POST");
        if !throttled.swap(true, Ordering::SeqCst) {
            let busy = json!({ "error": { "code": "RateLimiting", "message": "Please provide below info" } });
            return Reply::json(429, &busy).with("retry-after", "1");
        }
        let asked: Value = serde_json::from_str(&request.body).unwrap();
        if asked["query"].as_str().unwrap().starts_with("authorizationresources") {
            return denied();
        }
        return Reply::json(200, &page(&asked["options"]["$skipToken"]));
    }
    if path == format!("/subscriptions/{SUBSCRIPTION}") {
        let told = json!({ "id": path, "subscriptionId": SUBSCRIPTION, "displayName": "Shop", "state": "Enabled" });
        return Reply::json(200, &told);
    }
    if path.ends_with("/web") || path.contains("/virtualMachines/") {
        return Reply::json(200, &json!({ "value": [] }));
    }
    denied()
}

#[tokio::test]
async fn it_lists_by_a_token_of_entra_that_no_guest_sees_and_says_what_was_denied() {
    let host = plugin_host("azure").with_secret("ENTRA_SECRET", SECRET);
    let entra = Entra::start(host.canaries(), SECRET, Duration::from_secs(3_600)).await;
    let throttled = AtomicBool::new(false);
    let api = entra.guarding(move |request| azure(request, &throttled)).await;
    let document = format!(
        "[tenant.default.credentials.\"azure:default\"]\ntenant_id = \"{TENANT}\"\nclient_id = \"{CLIENT}\"\n\
         scope = \"{SCOPE}\"\nauthority = \"{}\"\nclient_secret = {{ env = \"ENTRA_SECRET\" }}\n\n\
         [endpoints]\n\"management.azure.com\" = \"{}\"\n",
        entra.service.url(),
        api.url(),
    );
    let mut host = host;
    write_document(&host, &document);
    host.start().await;
    let input = json!({ "subscriptions": [SUBSCRIPTION], "types": ["Microsoft.Compute", "Microsoft.Authorization"] });
    let output = host.client().run("azure", "inventory", input).await.output();
    let names: Vec<&str> =
        output["resources"].as_array().unwrap().iter().filter_map(|resource| resource["name"].as_str()).collect();
    assert!(names.contains(&"web") && names.contains(&"data") && names.contains(&"Shop"), "{output:#}");
    // What was denied is a row that says what it hides; what was throttled came after a wait.
    let errors = output["errors"].as_array().unwrap();
    assert!(!errors.is_empty() && errors.iter().all(|error| error["kind"] == "denied"), "{errors:#?}");
    assert!(errors.iter().all(|error| error["code"] == "AuthorizationFailed"), "{errors:#?}");
    // Each request came for the cloud's own host, by one token.
    assert_eq!(entra.exchanges(), 1);
    assert!(api.seen().iter().all(|request| request.header("authorization").is_some()));
    // A subscription that exists nowhere else is asked of nobody else.
    assert!(host.stop().await.success());
}
