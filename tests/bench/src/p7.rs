//! P7: rehearsed invocations per second: recorded ones, each given to the serving release and
//! to the candidate, through a whole host: chosen, loaded from its database, matched, compared
//! and added up. Beside it the same component is invoked as often with a stub in this process
//! behind its requests, as many at once. Each release's invocation counts.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::watch;
use tokio::task::JoinSet;
use troupe_core::view::{Durability, RehearsalResult, RehearseRequest, SwapRequest};
use troupe_core::{Caller, TenantId};

use crate::bare::Bare;
use crate::host::{self, Failure};
use crate::p10::{asked, check, http};
use crate::report::{Row, Target, median};
use crate::server;
use crate::through::Through;

/// Requests of one invocation: an agent that looks through a few pages.
const READS: usize = 20;

/// Recorded invocations, and rounds. Both sides take turns.
const RECORDED: usize = 200;
const ROUNDS: usize = 9;

/// What a rehearsal tries at once on this machine.
fn at_once() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).div_ceil(2).max(2)
}

pub async fn run(component: &[u8], port: u16) -> Result<Row, Failure> {
    let dir = tempfile::tempdir_in(crate::guest::workspace().join("target"))?;
    let runtime = host::start(dir.path()).await?;
    let caller = Caller::owner(TenantId::default());
    let version: semver::Version = "1.0.0".parse()?;
    host::publish(&runtime, &caller, "fetch", "1.0.0", component, Some(http(port))).await?;
    runtime.begin_swap(&caller, "fetch", SwapRequest { version: version.clone(), epoch: None, policy: None }).await?;
    let input = asked(port, "GET", READS);
    for _ in 0..RECORDED {
        let (skill, input) = ("one_by_one_whole", input.clone());
        check(&host::ask(&runtime, &caller, "fetch", skill, input, Durability::Full).await?, READS)?;
    }
    let engine = host::sandbox(dir.path())?;
    let stub = Through::Stub(Bytes::from(vec![b'x'; server::BODY_BYTES]));
    let bare = Arc::new(Bare::new(engine.engine(), component, HashMap::new())?.with(stub));
    let input = Arc::new(input.to_string());
    check(&serde_json::from_str(&bare.perform("one_by_one_whole", &input).await?)?, READS)?;

    let request = RehearseRequest { version, last: Some(u32::try_from(RECORDED)?), skill: None, timeout_ms: None };
    let invocations = 2 * RECORDED;
    let rate = |elapsed: Duration| invocations as f64 / elapsed.as_secs_f64();
    let (mut values, mut references) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let report = runtime.rehearse(&caller, "fetch", &request, &watch::Sender::default()).await?;
        values.push(rate(start.elapsed()));
        if (report.result, report.rehearsed as usize) != (RehearsalResult::Identical, RECORDED) {
            return Err(format!("not rehearsed: {report:?}").into());
        }
        let start = Instant::now();
        let mut performing = JoinSet::new();
        for _ in 0..at_once() {
            let (bare, input) = (Arc::clone(&bare), Arc::clone(&input));
            performing.spawn(async move {
                for _ in 0..invocations / at_once() {
                    bare.perform("one_by_one_whole", &input).await?;
                }
                Ok::<_, wasmtime::Error>(())
            });
        }
        while let Some(performed) = performing.join_next().await {
            performed??;
        }
        references.push(rate(start.elapsed()));
    }
    runtime.stop(Duration::from_secs(5)).await;
    Ok(Row {
        id: "P7",
        what: "rehearsed invocations per second / the same component with a stub behind http",
        value: median(values),
        unit: "/s",
        reference: Some(median(references)),
        target: Some(Target::AtLeast(0.8)),
    })
}
