//! How many of whom run at once, by what is free of the host.

use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::json;
use troupe_core::limits;
use troupe_tests::{Client, guests};

use super::sleeper::{gauge, shows};
use crate::host;

/// So many calls at once that sleep and keep their places meanwhile: what is not kept is not suspended.
async fn sleep(client: &Client, calls: usize) -> usize {
    let sleep = json!({ "agent": "echo", "skill": "sleep", "input": { "ms": 9_000 }, "durability": "none" });
    let answers = join_all((0..calls).map(|_| client.post("/api/v1/tasks?wait=30", &sleep))).await;
    for refused in answers.iter().filter(|answer| answer.status != 200) {
        refused.problem(429, "limit.concurrency");
    }
    answers.iter().filter(|answer| answer.status == 200).count()
}

/// A tenant with an agent of its own.
async fn tenant(owner: &Client, name: &str) -> Client {
    owner.make_tenant(name).await;
    let client = owner.with_key(name, &["read", "run", "operate"]).await;
    client.publish(guests().echo.archive("1.0.0")).await.of(201);
    client.swap("echo", "1.0.0").await.of(200);
    client
}

#[tokio::test]
async fn an_agent_that_is_alone_has_most_of_the_host_and_no_tenant_is_kept_waiting_by_two_that_are_slow() {
    let host = host().await;
    let owner = host.client();
    let (second, third) = (tenant(&owner, "second").await, tenant(&owner, "third").await);
    third.run("echo", "version", json!({})).await.output();
    let most = limits::INVOCATIONS_PER_AGENT_MAX as u64;
    assert!(most > limits::INVOCATIONS_MAX as u64 / 2);
    let first = tokio::spawn({
        let owner = owner.clone();
        async move { sleep(&owner, limits::INVOCATIONS_PER_AGENT_MAX + limits::CALLS_WAITING_PER_AGENT_MAX).await }
    });
    shows(&owner, "troupe_invocations_running", most).await;
    // What is left the second shares with whoever comes after it.
    let also = tokio::spawn({
        let second = second.clone();
        async move { sleep(&second, 100).await }
    });
    let until = Instant::now() + Duration::from_secs(20);
    let mut running = gauge(&owner, "troupe_invocations_running").await;
    loop {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let now = gauge(&owner, "troupe_invocations_running").await;
        if now == running && now > most {
            break;
        }
        assert!(Instant::now() < until, "{now} run");
        running = now;
    }
    assert!(running > most + 20 && running < limits::INVOCATIONS_MAX as u64, "{running} run");
    let asked = Instant::now();
    third.run("echo", "version", json!({})).await.output();
    // Its first, and more than that.
    for answer in join_all((0..4).map(|_| third.run("echo", "version", json!({})))).await {
        answer.output();
    }
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    assert!(gauge(&owner, "troupe_invocations_running").await >= running, "both still have what they had");
    // What the first gives back goes to the second as well: nobody waits for a whole task of the other.
    assert_eq!(first.await.unwrap(), limits::INVOCATIONS_PER_AGENT_MAX + limits::CALLS_WAITING_PER_AGENT_MAX);
    assert!(also.await.unwrap() > 20);
}
