//! The agent on a host that has a credential, whose requests to Google go where the operator's table `[endpoints]`
//! says: to a service that takes tokens of a service account alone, pages, throttles and denies.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use troupe_tests::Host;
use troupe_tests::identity::google::Google;
use troupe_tests::service::{Reply, Request, Service};

use crate::credentials::write_document;
use crate::plugin_host;

const PROJECT: &str = "acme-prod";

/// The agent on a host with a service account, whose requests for Compute and Storage are answered by `answers`; with
/// them what has to be kept while it runs.
async fn host_of(answers: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> (Host, Google, (Service, TempDir)) {
    let mut host = plugin_host("gcp");
    let account = Google::start(host.canaries(), Duration::from_secs(3_600)).await;
    let api = account.guarding(answers).await;
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
    (host, account, (api, sources))
}

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

/// Google as it is asked about one machine: it is looked at, and stops.
fn machine(request: &Request, asked: &Mutex<Vec<String>>) -> Reply {
    let zone = format!("/compute/v1/projects/{PROJECT}/zones/europe-west1-b");
    let path = request.target.split('?').next().unwrap_or_default();
    let stopped = {
        let mut asked = asked.lock().unwrap();
        asked.push(format!("{} {path}", request.method));
        asked.iter().any(|line| line.starts_with("POST"))
    };
    match (request.method.as_str(), path.strip_prefix(&zone)) {
        ("GET", Some("/instances/web")) => {
            let mut item = instance("web");
            if stopped {
                item["status"] = json!("TERMINATED");
            }
            Reply::json(200, &item)
        }
        ("POST", Some("/instances/web/stop")) => {
            Reply::json(200, &json!({ "kind": "compute#operation", "name": "operation-1", "status": "DONE" }))
        }
        _ => Reply::json(404, &json!({ "error": { "code": 404, "status": "NOT_FOUND", "message": path } })),
    }
}

#[tokio::test]
async fn it_stops_a_machine_and_may_send_compute_no_other_post() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    let (host, _account, _kept) = host_of(move |request| machine(request, &seen)).await;
    let client = host.client();
    let input = json!({ "project": PROJECT, "zone": "europe-west1-b", "instance": "web", "dry_run": false });
    let output = client.run("gcp", "stop", input).await.output();
    assert_eq!(output["after"]["state"], "TERMINATED", "{output:#}");
    let sent: Vec<String> = asked.lock().unwrap().iter().filter(|line| line.starts_with("POST")).cloned().collect();
    assert_eq!(sent, [format!("POST /compute/v1/projects/{PROJECT}/zones/europe-west1-b/instances/web/stop")]);

    let machine =
        format!("https://compute.googleapis.com/compute/v1/projects/{PROJECT}/zones/europe-west1-b/instances");
    let may = async |asked: &str| {
        let question = json!({ "question": format!("http {asked}"), "credential": "gcp:default" });
        client.post("/api/v1/deployments/gcp/grants/explain", &question).await.of(200)
    };
    for (step, line) in [("start", "start"), ("stop", "stop"), ("setMachineType", "resize")] {
        let told = may(&format!("POST {machine}/web/{step}")).await;
        assert_eq!(told["allowed"], json!(true), "{step}: {told:#}");
        assert!(told.to_string().contains(&format!("http/compute-{line}")), "{told:#}");
    }
    for denied in [
        format!("DELETE {machine}/web"),
        format!("POST {machine}"),
        format!("POST {machine}/web/delete"),
        format!("POST {machine}/web/attachDisk"),
        format!("POST {machine}/web/setMetadata"),
        format!("POST {machine}/web/x/stop"),
        format!("POST {machine}/web%2Fx/stop"),
        format!("POST {machine}/bulkInsert"),
        format!("POST https://compute.googleapis.com/compute/v1/projects/{PROJECT}/global/firewalls"),
        format!("POST https://compute.googleapis.com/compute/v1/projects/{PROJECT}/setCommonInstanceMetadata"),
    ] {
        let told = may(&denied).await;
        assert_eq!(told["allowed"], json!(false), "{denied}: {told:#}");
    }
}

#[tokio::test]
async fn it_lists_by_a_token_of_a_service_account_that_no_guest_sees_and_says_what_was_denied() {
    let throttled = AtomicBool::new(false);
    let (mut host, account, _kept) = host_of(move |request| google(request, &throttled)).await;
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
