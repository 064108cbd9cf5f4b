//! The rehearsal of a release as a step of its swap: what was asked lately is repeated on it
//! before it gets any call, and the swap's policy decides.
//!
//! What is found is kept with the swap in numbers. The whole report holds parts of what tasks
//! were answered, so it is not kept; `troupe rehearse` makes it again.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use troupe_core::view::{RehearsalProgress, RehearseRequest, SwapView};
use troupe_core::{Result, limits};
use troupe_store::SwapRow;

use super::machine::Event;
use super::work::refused;
use crate::Runtime;

/// Repeats recorded invocations on the release that a swap brings, and tells how far it is.
pub(super) async fn rehearse(runtime: &Runtime, swap: &SwapRow, view: &watch::Sender<SwapView>) -> Event {
    match rehearsed(runtime, swap, view).await {
        Ok(event) => event,
        Err(error) => refused(error).await,
    }
}

async fn rehearsed(runtime: &Runtime, swap: &SwapRow, view: &watch::Sender<SwapView>) -> Result<Event> {
    let policy = swap.policy.rehearse.unwrap_or_default();
    let time = Duration::from_secs(policy.max_seconds).min(limits::REHEARSAL_TIME_MAX);
    let request = RehearseRequest {
        version: swap.to.0.clone(),
        last: Some(policy.last),
        skill: None,
        timeout_ms: u64::try_from(time.as_millis()).ok(),
    };
    let rehearsal = runtime.rehearsal_of(&swap.tenant, swap.agent.as_str(), &request).await?;
    let (sender, progress) = watch::channel(RehearsalProgress::default());
    let mut rehearsing = std::pin::pin!(rehearsal.run(&sender));
    let mut looking = interval(limits::SWAP_LOOK_EVERY);
    looking.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            biased;
            report = &mut rehearsing => return Ok(Event::Rehearsed(report?.summary(&policy.may))),
            _ = looking.tick() => {
                let now = Some(*progress.borrow());
                view.send_if_modified(|view| {
                    let is_new = view.state.progress != now;
                    view.state.progress = now;
                    is_new
                });
            }
        }
    }
}
