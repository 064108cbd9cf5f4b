//! What can go wrong around a host, at any instant. It dies by kill -9: what was
//! acknowledged is there, nothing is half there, and the next start serves at once. Its
//! clients go away, its disk refuses: no task is left behind, and no restart is needed.
//! `TROUPE_KILLS` says how often it dies, `TROUPE_SEED` repeats the instants of a run.

pub mod apart;
#[cfg(target_os = "linux")]
mod between;
mod clients;
#[cfg(target_os = "linux")]
mod clock;
mod damage;
#[cfg(target_os = "linux")]
mod disk;
#[cfg(target_os = "linux")]
mod dns;
mod groups;
mod outside;
mod performed;
#[cfg(target_os = "linux")]
mod power;
mod publish;
mod short;
mod stopping;
mod task;

use std::collections::BTreeMap;
use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::StdRng;
use troupe_tests::Host;
use troupe_tests::server::Server;

pub(crate) use apart::store;
pub(crate) use short::no_door_accepts;

/// A random instant from now to `most`.
pub(crate) fn instant(random: &mut StdRng, most: Duration) -> Duration {
    most.mul_f64(random.random::<f64>())
}

/// Kills the host after a while, and starts it again.
pub(crate) async fn kill_after(host: &mut Host, after: Duration) {
    tokio::time::sleep(after).await;
    host.dies().await;
}

/// The requests that came, by path: how often, and with which tokens.
pub(crate) fn came(server: &Server) -> BTreeMap<String, Vec<String>> {
    let mut came: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for request in server.requests() {
        let path = request.split(' ').nth(1).unwrap().to_owned();
        let token = request.lines().find_map(|line| line.strip_prefix("idempotency-key: "));
        came.entry(path).or_default().push(token.unwrap_or_default().to_owned());
    }
    came
}
