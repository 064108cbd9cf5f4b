//! `grpc.health.v1`, which needs no token.

use serde_json::json;
use tonic::Code;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use troupe_core::limits;
use troupe_tests::grpc::{channel, code, next};

use crate::{empty_host, host};

fn of(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.to_owned() }
}

#[tokio::test]
async fn a_host_says_whether_it_takes_work() {
    let host = empty_host().await;
    let mut health = HealthClient::new(channel(&host.client()).await);
    for service in ["", "troupe.v1.AgentService"] {
        assert_eq!(health.check(of(service)).await.unwrap().into_inner().status(), ServingStatus::Serving);
    }
    assert_eq!(health.check(of("nobody")).await.unwrap_err().code(), Code::NotFound);
    let mut unknown = health.watch(of("nobody")).await.unwrap().into_inner();
    assert_eq!(next(&mut unknown).await.unwrap().unwrap().status(), ServingStatus::ServiceUnknown);
}

#[tokio::test]
async fn who_watches_is_told_that_the_host_stops_before_it_is_gone() {
    let mut host = host().await;
    let client = host.client();
    let mut health = HealthClient::new(channel(&client).await);
    let mut watch = health.watch(of("")).await.unwrap().into_inner();
    assert_eq!(next(&mut watch).await.unwrap().unwrap().status(), ServingStatus::Serving);
    // It has something to do yet, so it stops for a while.
    let task = client.submit("echo", "sleep", json!({ "ms": 3_000 })).await;
    client.runs(&task).await;
    let told = async {
        let stopping: HealthCheckResponse = next(&mut watch).await.unwrap().unwrap();
        (stopping.status(), next(&mut watch).await.unwrap_err())
    };
    let (stopped, (status, end)) = tokio::join!(host.stop(), told);
    assert!(stopped.success());
    assert_eq!((status, end.code(), code(&end)), (ServingStatus::NotServing, Code::Unavailable, "unavailable.host"));
}

#[tokio::test]
async fn so_many_watch_and_no_more() {
    let host = empty_host().await;
    let client = host.client();
    let mut health = HealthClient::new(channel(&client).await);
    let mut watches = Vec::new();
    for _ in 0..limits::HEALTH_WATCHES_MAX {
        let mut watch = health.watch(of("")).await.unwrap().into_inner();
        next(&mut watch).await.unwrap();
        watches.push(watch);
    }
    let refused = health.watch(of("")).await.unwrap_err();
    assert_eq!((refused.code(), code(&refused)), (Code::ResourceExhausted, "limit.concurrency"));
    assert!(refused.metadata().get("retry-after-ms").is_some());
    health.check(of("")).await.unwrap();
    drop(watches);
    for _ in 0..100 {
        if health.watch(of("")).await.is_ok() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("the places of those who are gone stay taken");
}
