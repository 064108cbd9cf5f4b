//! Waiting for what goes on at Google.

use std::time::Duration;

use serde_json::Value;
use troupe_cloud::{Client, Fault};
use troupe_sdk::{http, time};

use crate::named::check_name;
use crate::record::path;

/// How long is waited between two looks: a machine takes some ten seconds to start, and a minute to stop.
const POLL_WAIT: Duration = Duration::from_secs(2);

/// Waits until an operation of a zone is done. How long is bounded by the client's time.
///
/// # Errors
///
/// What the operation says went wrong. Why it could not be asked any more, `deadline` among others: the operation goes
/// on then, which the message says.
pub async fn wait(client: &Client, zone: &str, begun: &Value) -> Result<(), Fault> {
    let name = path::text(begun, "/name").filter(|name| check_name("operation", name).is_ok());
    let Some(name) = name else { return Err(Fault::unreadable("the operation does not say its name")) };
    let mut now = begun.clone();
    while path::text(&now, "/status") != Some("DONE") {
        time::sleep(POLL_WAIT).await;
        now = client.read(http::get(format!("{zone}/operations/{name}"))).await.map_err(|mut fault| {
            fault.message =
                format!("{name} has begun and goes on, but could not be followed to its end: {}", fault.message);
            fault
        })?;
    }
    let Some(error) = path::one(&now, "/error/errors/0") else { return Ok(()) };
    let mut fault = Fault::of_ours("failed", path::text(error, "/message").unwrap_or_default());
    if let Some(code) = path::text(error, "/code") {
        code.clone_into(&mut fault.code);
    }
    Err(fault)
}
