//! `/api/v1/tasks`.

mod again;
mod cancel;
mod create;
mod delay;
mod durability;
mod events;
mod failures;
mod idempotency;
mod journal;
mod list;
mod places;
mod priority;
mod replay;
mod replay_release;
mod retry;
pub mod sleeper;
mod suspend;
mod timeouts;

use futures::StreamExt as _;
use serde_json::json;
use troupe_core::limits;
use troupe_tests::Client;

/// Starts as many tasks as run at once of one agent, so that its next has to wait its turn; returns
/// their ids. They sleep for most of the agent's ten seconds.
pub async fn fill(client: &Client) -> Vec<String> {
    let sleepers = futures::stream::iter(0..limits::INVOCATIONS_PER_AGENT_MAX)
        .map(|_| client.submit("echo", "sleep", json!({ "ms": 9_000 })))
        .buffer_unordered(32);
    sleepers.collect().await
}

/// Asks for the end of a task.
pub async fn cancel(client: &Client, task: &str) -> troupe_tests::Answer {
    client.post(&format!("/api/v1/tasks/{task}/cancel"), &serde_json::Value::Null).await
}
