//! The AWS agent against an endpoint that speaks AWS's protocols and checks signatures and
//! policies as AWS does: moto, a third party's.
//!
//! moto is found on the path. Where it is not, the suite is left out and says so; with
//! `TROUPE_REQUIRE_SUITES` set that is a failure.

mod account;
mod adverse;
mod breadth;
mod changed;
mod inventory;
mod million;
mod money;
mod role;
mod services;
mod templates;

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;
use troupe_tests::Host;
pub use troupe_tests::moto;

use crate::plugin_host;
use moto::Moto;

const REGIONS: [&str; 3] = ["us-east-1", "eu-west-1", "ap-southeast-2"];

/// A key that moto knows nothing of.
pub const STRANGER: (&str, &str) = ("AKIAIOSFODNN7EXAMPLE", "a-secret-that-opens-nothing-at-all");

/// Longest that an inventory of some hundred resources may take, on a machine that is busy.
const INVENTORY_TIME_MAX: Duration = Duration::from_secs(300);

/// A host that has not been started, with the agent, for an account and a key.
pub fn agent_host(moto: &Moto, key: (&str, &str)) -> Host {
    agent_host_at(moto.url(), key)
}

/// The same for whatever there is at an address, or is not.
pub fn agent_host_at(url: &str, (key, secret): (&str, &str)) -> Host {
    plugin_host("aws")
        .with_variable("AWS_ENDPOINT_URL", url)
        .with_variable("AWS_ACCESS_KEY_ID", key)
        .with_secret("AWS_SECRET_ACCESS_KEY", secret)
        .with_variable("AWS_REGION", "us-east-1")
}

/// Takes an inventory.
async fn inventory(host: &Host, input: Value) -> Value {
    inventory_within(host, input, INVENTORY_TIME_MAX).await
}

/// Takes an inventory that gets this much time.
async fn inventory_within(host: &Host, input: Value, time: Duration) -> Value {
    let timeout_ms = u64::try_from(time.as_millis()).unwrap();
    let task = json!({ "agent": "aws", "skill": "inventory", "input": input, "timeout_ms": timeout_ms });
    let client = host.client();
    let id = client.post("/api/v1/tasks", &task).await.of(202)["id"].as_str().unwrap().to_owned();
    let until = Instant::now() + INVENTORY_TIME_MAX;
    loop {
        let task = client.ended(&id).await;
        match task["status"].as_str() {
            Some("completed") => return task["output"].clone(),
            Some("pending" | "running") => assert!(Instant::now() < until, "the inventory does not end"),
            _ => panic!("{task:#}"),
        }
    }
}

/// The types and ids of what was found.
fn found(output: &Value) -> impl Iterator<Item = (String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    output["resources"].as_array().unwrap().iter().map(move |one| (text(&one["type"]), text(&one["id"])))
}
