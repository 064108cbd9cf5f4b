//! Store and memory come apart, as after a client or a write that was lost at the wrong
//! instant: the host finds out by itself, without a restart. The rows are written here by
//! a store of the test's own, of which the host's memory knows nothing.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use troupe_core::view::{RanOn, TaskStatus};
use troupe_core::{Clock as _, SystemClock, SystemEntropy, TaskId, TenantId, limits};
use troupe_store::{JournalHead, Store, TaskRow};
use troupe_tests::Host;

use crate::{NOTHING_READ, host};

/// Longest until the host looks again, with time to act.
const FOUND_TIME_MAX: Duration = limits::LEASE_RENEWAL.saturating_add(Duration::from_secs(5));

pub async fn store(host: &Host) -> Store {
    Store::open(&host.data_dir().join("troupe.db"), Arc::new(SystemClock)).await.unwrap()
}

/// A pending task of `echo`.
pub fn pending(skill: &str, input: &Value) -> TaskRow {
    TaskRow {
        instance: None,
        id: TaskId::generate(&SystemClock, &SystemEntropy),
        tenant: TenantId::default(),
        agent: "echo".parse().unwrap(),
        skill: skill.parse().unwrap(),
        input: input.to_string(),
        status: TaskStatus::Pending,
        priority: 0,
        attempt: 0,
        principal: "owner".to_owned(),
        idempotency_key: None,
        affinity: None,
        session: None,
        cause: None,
        retry_of: None,
        approval: None,
        group: None,
        // Longer than any machine takes to find it.
        timeout_ms: 120_000,
        lifetime_ms: None,
        retry: None,
        budget: None,
        retries: 0,
        artifacts: Vec::new(),
        usage: Default::default(),
        release: None,
        output: None,
        failure: None,
        lease: None,
        wake_at: None,
        created_at: SystemClock.now(),
        started_at: None,
        ended_at: None,
    }
}

/// The task at its end, which must come within `most`.
async fn ended(host: &Host, task: TaskId, most: Duration) -> Value {
    let client = host.client();
    let ended = async move { client.ended(&task.to_string()).await };
    tokio::time::timeout(most, ended).await.expect("an end without a restart")
}

#[tokio::test]
async fn a_pending_task_that_is_not_queued_is_found_and_runs() {
    let host = host().await;
    let task = pending("version", &json!({}));
    store(&host).await.create_task(task.clone()).await.unwrap();
    let ended = ended(&host, task.id, FOUND_TIME_MAX).await;
    assert_eq!((&ended["status"], &ended["attempt"]), (&json!("completed"), &json!(1)));
}

#[tokio::test]
async fn a_running_task_that_runs_nowhere_goes_on_when_its_lease_is_over() {
    let host = host().await;
    let client = host.client();
    // The name under which this host holds its leases.
    let runs = client.submit("echo", "sleep", json!({ "ms": 3_000 })).await;
    let store = store(&host).await;
    let owner = loop {
        let row = store.task(&TenantId::default(), runs.parse().unwrap()).await.unwrap().unwrap();
        if let Some(lease) = row.lease {
            break lease.owner;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let task = pending("version", &json!({}));
    store.create_task(task.clone()).await.unwrap();
    let deployment = client.get("/api/v1/deployments/echo").await.of(200);
    let release = RanOn {
        version: "1.0.0".parse().unwrap(),
        digest: deployment["digest"].as_str().unwrap().parse().unwrap(),
        epoch: 1,
    };
    let now = SystemClock.now();
    let head = JournalHead {
        release: release.clone(),
        configuration_revision: 0,
        grants_revision: 0,
        deadline: now.plus(Duration::from_secs(120)),
        seed: [0; 32],
        started_at: now,
    };
    // As if the attempt's end had been lost. The host may be quicker and run it itself;
    // then there is nothing to find, and it is said.
    if let Err(error) = store.claim(&task.tenant, task.id, &owner, &release, &head).await {
        panic!("the host took the task within an instant: {error}");
    }
    let ended = ended(&host, task.id, limits::LEASE_TIME + FOUND_TIME_MAX).await;
    assert_eq!((&ended["status"], &ended["attempt"]), (&json!("completed"), &json!(1)));
    assert_eq!(client.ended(&runs).await["status"], "completed");
}

#[tokio::test]
async fn a_cancel_that_only_the_store_knows_of_reaches_the_task() {
    let host = host().await;
    let client = host.client();
    let task = client.submit("echo", "sleep", json!({ "ms": 9_500 })).await;
    client.runs(&task).await;
    let task: TaskId = task.parse().unwrap();
    store(&host).await.cancel(&TenantId::default(), task, "key/1", NOTHING_READ).await.unwrap();
    let most = limits::LEASE_RENEWAL + limits::CANCEL_TIME_MAX + Duration::from_secs(2);
    let ended = ended(&host, task, most).await;
    assert_eq!(ended["status"], "cancelled");
    let records = client.get(&format!("/api/v1/audit?task={task}")).await.of(200);
    assert_eq!(records["items"][0]["principal"], "key/1", "{records:#}");
}
