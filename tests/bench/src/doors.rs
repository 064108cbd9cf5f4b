//! The doors of a host, for figures that go through them.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use troupe_api::{Doors, Metrics, Server, Stopper, Tokens, install_metrics, router};
use troupe_core::Caller;
use troupe_runtime::Runtime;

use crate::host::Failure;

/// The token that opens them.
pub const TOKEN: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// How long requests may take to end when the doors close.
const END_TIME_MAX: Duration = Duration::from_secs(5);

/// What counts for the whole process, whichever of its hosts it is.
fn metrics() -> Result<Metrics, Failure> {
    static METRICS: OnceLock<Metrics> = OnceLock::new();
    if let Some(metrics) = METRICS.get() {
        return Ok(metrics.clone());
    }
    let metrics = install_metrics()?;
    Ok(METRICS.get_or_init(|| metrics).clone())
}

/// Opens the doors of a host on the loopback interface; returns where, and what closes them.
pub async fn open(runtime: &Runtime, caller: &Caller) -> Result<(SocketAddr, Stopper), Failure> {
    let server = Server::bind("127.0.0.1:0".parse()?).await?;
    let (address, stopper) = (server.address(), server.stopper());
    let doors = Doors {
        runtime: runtime.clone(),
        tokens: Arc::new(Tokens::default().with(TOKEN, caller.clone())),
        hosts: Arc::new([]),
        metrics: metrics()?,
    };
    tokio::spawn(server.serve(router(doors)?, END_TIME_MAX));
    Ok((address, stopper))
}
