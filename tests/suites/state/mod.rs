//! What agents keep.

mod counter;
mod instances;
mod keys;

use serde_json::json;
use troupe_tests::Host;

/// A host whose `counter` may keep as much as it asks for.
async fn host() -> Host {
    let host = crate::host().await;
    let all = json!({ "grants": { "state": { "bytes": 16 << 20, "keys": 1000 } } });
    host.client().put("/api/v1/deployments/counter/grants", &all).await.of(200);
    host
}
