//! P4: swaps under load: how long calls take that arrive at 60 % of what the host can do,
//! whatever happens to those before them (an open loop), while its agent is swapped a
//! thousand times, beside the same load without a swap. Parts of both alternate.

use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};
use troupe_core::view::Durability;
use troupe_core::{Caller, TenantId};
use troupe_runtime::Runtime;

use crate::host::{self, Failure};
use crate::report::{Row, Target};

/// Parts with swaps, and as many without.
const PARTS: usize = 5;
/// Swaps in each part.
const SWAPS: usize = 200;
/// Time between two swaps.
const PACE: Duration = Duration::from_millis(15);
/// Calls at once while it is found out what the host can do.
const AT_ONCE: usize = 32;
/// For how long.
const TRIED: Duration = Duration::from_secs(2);
/// How much of that is asked for.
const LOAD: f64 = 0.6;

pub async fn run(old: &[u8], new: &[u8]) -> Result<Vec<Row>, Failure> {
    let dir = tempfile::tempdir_in(crate::guest::workspace().join("target"))?;
    let runtime = host::start(dir.path()).await?;
    let caller = Caller::owner(TenantId::default());
    for (version, component) in [("1.0.0", old), ("2.0.0", new)] {
        host::publish(&runtime, &caller, "echo", version, component, None).await?;
    }
    swap(&runtime, &caller, 1).await?;
    let capacity = capacity(&runtime, &caller).await;
    let pace = Duration::from_secs_f64(1.0 / (capacity * LOAD));
    let (mut quiet, mut swapped) = (Vec::new(), Vec::new());
    let mut failed = 0;
    for _ in 0..PARTS {
        let rest = async {
            tokio::time::sleep(PACE * u32::try_from(SWAPS)?).await;
            Ok::<(), Failure>(())
        };
        let part = under(&runtime, &caller, pace, rest).await?;
        failed += part.iter().filter(|took| took.is_none()).count();
        quiet.extend(part.into_iter().flatten());
        let swaps = async {
            let mut at = interval(PACE);
            for number in 0..SWAPS {
                at.tick().await;
                swap(&runtime, &caller, number).await?;
            }
            Ok::<(), Failure>(())
        };
        let part = under(&runtime, &caller, pace, swaps).await?;
        failed += part.iter().filter(|took| took.is_none()).count();
        swapped.extend(part.into_iter().flatten());
    }
    runtime.stop(Duration::from_secs(5)).await;
    Ok(vec![
        Row {
            id: "P4",
            what: "p99 of calls at 60 % of capacity during 1,000 swaps / without a swap",
            value: p99(swapped),
            unit: "ms",
            reference: Some(p99(quiet)),
            target: Some(Target::Times(1.5)),
        },
        Row {
            id: "P4 f",
            what: "calls among them that failed",
            value: failed as f64,
            unit: "",
            reference: Some(0.0),
            target: Some(Target::More(0.0)),
        },
    ])
}

async fn swap(runtime: &Runtime, caller: &Caller, number: usize) -> Result<(), Failure> {
    let version = if number.is_multiple_of(2) { "2.0.0" } else { "1.0.0" };
    host::swap(runtime, caller, "echo", version).await
}

async fn call(runtime: &Runtime, caller: &Caller) -> bool {
    host::ask(runtime, caller, "echo", "version", json!({}), Durability::Full).await.is_ok()
}

/// Calls a second that the host can do.
async fn capacity(runtime: &Runtime, caller: &Caller) -> f64 {
    let until = Instant::now() + TRIED;
    let mut callers = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (runtime, caller) = (runtime.clone(), caller.clone());
        callers.spawn(async move {
            let mut calls = 0_u32;
            while Instant::now() < until {
                call(&runtime, &caller).await;
                calls += 1;
            }
            calls
        });
    }
    let calls: u32 = callers.join_all().await.into_iter().sum();
    f64::from(calls) / TRIED.as_secs_f64()
}

/// Calls at a constant rate while something is done: how long each took from when it should
/// have begun, or that it failed.
pub(crate) async fn under(
    runtime: &Runtime,
    caller: &Caller,
    pace: Duration,
    done: impl Future<Output = Result<(), Failure>>,
) -> Result<Vec<Option<Duration>>, Failure> {
    let mut calls = JoinSet::new();
    let mut pace = interval(pace);
    pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut done = std::pin::pin!(done);
    loop {
        let intended = tokio::select! {
            biased;
            ended = &mut done => break ended?,
            intended = pace.tick() => intended,
        };
        let (runtime, caller) = (runtime.clone(), caller.clone());
        calls.spawn(async move { call(&runtime, &caller).await.then(|| intended.elapsed()) });
    }
    Ok(calls.join_all().await)
}

pub(crate) fn p99(mut took: Vec<Duration>) -> f64 {
    took.sort_unstable();
    let p99 = took.get(took.len().saturating_sub(1) * 99 / 100).copied().unwrap_or_default();
    p99.as_secs_f64() * 1e3
}
