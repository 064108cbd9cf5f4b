//! A release that keeps state in another form: it serves on a migrated copy, or not at all.

mod crash;
mod failed;
mod meanwhile;
mod served;

use std::sync::Arc;

use serde_json::{Value, json};
use troupe_core::{InstanceId, SystemClock, TenantId};
use troupe_store::Store;
use troupe_tests::{Client, Guest, Host, guests};

use crate::empty_host;

/// Sums of the deployment and of the instance, which are there from the start.
const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

/// What `keeper` may do: keep little.
fn grants() -> Value {
    json!({ "grants": { "state": { "bytes": 65_536, "keys": 1_000, "instances": true } } })
}

/// `keeper` in a form, whose migration to it is like that and takes so long.
pub(in crate::swap) fn keeper(form: u32, way: &str, ms: u64) -> Guest {
    let like = json!({ "form": form, "migration": way, "migration_ms": ms });
    guests().keeper.configured(&like).keeping(form, &format!("{form}..={form}"))
}

/// A host on which `keeper` 1.0.0 serves and has kept something, for itself and for an instance,
/// whose id it returns.
async fn host_with_sums() -> (Host, String) {
    with_sums(empty_host().await).await
}

/// The same of an empty host.
async fn with_sums(host: Host) -> (Host, String) {
    let first = keeper(1, "good", 0);
    let client = host.client();
    client.publish(first.archive("1.0.0")).await.of(201);
    client.swap("keeper", "1.0.0").await.of(200);
    client.put("/api/v1/deployments/keeper/grants", &grants()).await.of(200);
    let instance = client.start_instance("keeper").await;
    for (number, name) in NAMES.iter().enumerate() {
        add(&client, name, number + 1).await;
        let input = json!({ "name": name, "by": 10 * (number + 1), "instance": true });
        client.run_for(&instance, "keeper", "add", input).await.output();
    }
    (host, instance)
}

/// Adds to a sum of the deployment; returns what the skill said.
async fn add(client: &Client, name: &str, by: usize) -> Value {
    client.run("keeper", "add", json!({ "name": name, "by": by })).await.output()
}

/// Everything that is kept, of the deployment and of the instance, with its revisions.
async fn kept(client: &Client, instance: &str) -> [Value; 2] {
    let of_deployment = client.run("keeper", "dump", json!({})).await.output();
    let of_instance = client.run_for(instance, "keeper", "dump", json!({ "instance": true })).await.output();
    [of_deployment, of_instance]
}

/// Names and values alone.
fn values(kept: &Value) -> Vec<(&str, &str)> {
    let kept = kept.as_array().unwrap().iter();
    kept.map(|kept| (kept["key"].as_str().unwrap(), kept["value"].as_str().unwrap())).collect()
}

/// Publishes a release and asks for it to serve; returns the id of the swap, which goes on.
async fn migrating(client: &Client, guest: &Guest, version: &str, policy: &Value) -> String {
    client.publish(guest.archive(version)).await.of(201);
    super::begin(client, "keeper", version, policy).await
}

/// The key spaces of a generation that the database of a host holds, once the host is down.
async fn spaces(host: &Host, generation: u64) -> Vec<Option<InstanceId>> {
    let store = Store::open(&host.data_dir().join("troupe.db"), Arc::new(SystemClock)).await.unwrap();
    let spaces = store.state_spaces(&TenantId::default(), &"keeper".parse().unwrap(), generation).await.unwrap();
    store.close().await;
    spaces
}

/// Checks that a generation goes by itself, and that the other one stays whole.
async fn goes(host: &mut Host, gone: u64, stays: u64) {
    for _ in 0..20 {
        host.stop().await;
        assert_eq!(spaces(host, stays).await.len(), 2);
        let left = spaces(host, gone).await.len();
        host.start().await;
        if left == 0 {
            return;
        }
    }
    panic!("generation {gone} is never removed");
}
