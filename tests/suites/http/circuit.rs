//! A service that is down is left alone, by the tenant that found it down.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use troupe_core::limits;
use troupe_tests::service::{Reply, Service};
use troupe_tests::{Client, guests};

use crate::empty_host;

/// Deploys `fetch` for the client's tenant, with leave to send requests to a service.
async fn deploy(client: &Client, service: &Service) {
    let line = json!({ "id": "service", "scheme": "http", "host": "127.0.0.1", "port": service.port() });
    let capabilities = json!({ "http": [line] });
    client.publish(guests().fetch.asking(capabilities.clone()).archive("1.0.0")).await.of(201);
    client.swap("fetch", "1.0.0").await.of(200);
    client.put("/api/v1/deployments/fetch/grants", &json!({ "grants": capabilities })).await.of(200);
}

/// Sends so many requests, one after the other, and returns what came of them.
async fn send(client: &Client, service: &Service, count: usize) -> Vec<Value> {
    let authority = format!("127.0.0.1:{}", service.port());
    let request =
        json!({ "scheme": "http", "authority": authority, "path": "/", "headers": [["troupe-explain", "true"]] });
    let requests = vec![request; count];
    let output = client.run("fetch", "one_by_one_whole", json!({ "requests": requests })).await.output();
    output.as_array().unwrap().clone()
}

#[tokio::test]
async fn a_service_that_fails_again_and_again_is_left_alone_and_asked_again_later() {
    let down = Arc::new(AtomicBool::new(true));
    let is_down = Arc::clone(&down);
    let service = Service::start(move |_| match is_down.load(Ordering::SeqCst) {
        true => Reply::text(503, "down"),
        false => Reply::text(200, "up"),
    })
    .await;
    let host = empty_host().await;
    let owner = host.client();
    deploy(&owner, &service).await;
    let answers = send(&owner, &service, limits::CIRCUIT_FAILURES + 3).await;
    let (asked, refused) = answers.split_at(limits::CIRCUIT_FAILURES);
    assert!(asked.iter().all(|answer| answer["status"] == 503), "{asked:?}");
    for answer in refused {
        let said = answer["sentence"].as_str().unwrap().replace(&service.port().to_string(), "[port]");
        let (said, wait) = said.split_once("; try again in ").unwrap();
        assert_eq!(
            said,
            "unavailable.circuit: `127.0.0.1:[port]` failed again and again and is left alone for a while"
        );
        assert!(["5 s", "4 s"].contains(&wait), "{wait}");
    }
    assert_eq!(service.seen().len(), limits::CIRCUIT_FAILURES);
    assert!(owner.get("/metrics").await.text.contains("troupe_http_left_alone_total{agent=\"fetch\"} 3"));

    // Another tenant asks for itself.
    owner.make_tenant("probe").await;
    let probe = owner.with_key("probe", &["read", "run", "operate", "machine"]).await;
    deploy(&probe, &service).await;
    assert_eq!(send(&probe, &service, 1).await[0]["status"], 503);

    // One probe goes through, and decides.
    tokio::time::sleep(limits::CIRCUIT_TIME_MIN + Duration::from_millis(100)).await;
    down.store(false, Ordering::SeqCst);
    let answers = send(&owner, &service, 3).await;
    assert!(answers.iter().all(|answer| answer["body"] == "up"), "{answers:?}");
}
