//! The agent on a host that has a credential, whose requests to Google go where the operator's table `[endpoints]`
//! says: to a service that takes tokens of a service account alone, pages, throttles and denies.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use troupe_tests::identity::google::Google;
use troupe_tests::service::{Reply, Request};

use crate::credentials::write_document;
use crate::plugin_host;

const PROJECT: &str = "acme-prod";

fn instance(name: &str) -> Value {
    let zone = format!("https://www.googleapis.com/compute/v1/projects/{PROJECT}/zones/europe-west1-b");
    json!({ "kind": "compute#instance", "id": "1", "name": name, "status": "RUNNING", "zone": zone,
        "selfLink": format!("{zone}/instances/{name}"), "machineType": format!("{zone}/machineTypes/e2-small") })
}

/// Google, as far as it is asked here.
fn google(request: &Request, throttled: &AtomicBool) -> Reply {
    assert_eq!(request.method, "GET");
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    if path == format!("/compute/v1/projects/{PROJECT}/aggregated/instances") {
        if !throttled.swap(true, Ordering::SeqCst) {
            let busy = json!({ "error": { "code": 429, "status": "RESOURCE_EXHAUSTED", "message": "Quota exceeded" } });
            return Reply::json(429, &busy);
        }
        let zone = |instances: Value| json!({ "zones/europe-west1-b": { "instances": instances } });
        return Reply::json(
            200,
            &if query.contains("pageToken=two") {
                json!({ "kind": "compute#instanceAggregatedList", "items": zone(json!([instance("second")])) })
            } else {
                json!({ "kind": "compute#instanceAggregatedList", "items": zone(json!([instance("first")])), "nextPageToken": "two" })
            },
        );
    }
    if path.starts_with("/compute/") {
        return Reply::json(200, &json!({ "items": {} }));
    }
    let denied =
        json!({ "error": { "code": 403, "status": "PERMISSION_DENIED", "message": "caller lacks permission" } });
    Reply::json(403, &denied)
}

#[tokio::test]
async fn it_lists_by_a_token_of_a_service_account_that_no_guest_sees_and_says_what_was_denied() {
    let mut host = plugin_host("gcp");
    let account = Google::start(host.canaries(), Duration::from_secs(3_600)).await;
    let throttled = AtomicBool::new(false);
    let api = account.guarding(move |request| google(request, &throttled)).await;
    let sources = TempDir::new().unwrap();
    let key = sources.path().join("key.json");
    std::fs::write(&key, Google::key()).unwrap();
    let document = format!(
        "[tenant.default.credentials.\"gcp:default\"]\nkey = {{ file = \"{}\" }}\ntoken_url = \"{}/token\"\n\n\
         [endpoints]\n\"compute.googleapis.com\" = \"{url}\"\n\"storage.googleapis.com\" = \"{url}\"\n",
        key.display(),
        account.service.url(),
        url = api.url(),
    );
    write_document(&host, &document);
    host.start().await;
    let input = json!({ "projects": [PROJECT], "services": ["compute", "storage"] });
    let output = host.client().run("gcp", "inventory", input).await.output();
    let machines: Vec<&str> = output["resources"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|resource| resource["type"] == "gcp.compute.googleapis.com/Instance")
        .filter_map(|resource| resource["name"].as_str())
        .collect();
    assert_eq!(machines, ["first", "second"], "{output:#}");
    let errors = output["errors"].as_array().unwrap();
    assert!(!errors.is_empty() && errors.iter().all(|error| error["kind"] == "denied"), "{errors:#?}");
    assert!(errors.iter().all(|error| error["service"] == "storage.googleapis.com"), "{errors:#?}");
    assert_eq!(account.exchanges(), 1);
    assert!(host.stop().await.success());
}
