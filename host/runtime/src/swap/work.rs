//! What each state of a swap asks for, as far as it is not comparing releases.
//!
//! Each of these says in one event what came of it. What is not so, such as a store that is
//! busy, is tried again by whoever drives the swap.

use std::time::Duration;

use troupe_core::view::{ApprovalStatus, SwapOutcome, SwapReason};
use troupe_core::{ApprovalId, Digest, Error, ReleaseRef, Result, limits};
use troupe_store::{ReleaseRow, SwapRow};

use super::driver::is_in_force;
use super::form;
use super::machine::{self, Event, Retires};
use super::start::drain_time;
use crate::approvals::Leave;
use crate::deploy::release_not_found;
use crate::route::check_schemas;
use crate::{Runtime, agents};

/// How long a release drains at least before its retirement is recorded: the record is in the
/// way of nobody's first calls then, and those of many swaps at once share a commit.
const RETIRE_AFTER: Duration = Duration::from_millis(500);

/// How often it is asked whether a task on disk still needs a release.
const ASK_EVERY: Duration = Duration::from_secs(2);

/// Whether a release may serve: whether enough have signed it, whether this host can check its
/// schemas, whether it keeps what the one that serves promises, and whether somebody has approved
/// of what it widens. Nothing of it is loaded before.
pub(super) async fn verify(runtime: &Runtime, swap: &SwapRow) -> Event {
    match judged(runtime, swap).await {
        Ok(event) => event,
        Err(error) => refused(error).await,
    }
}

async fn judged(runtime: &Runtime, swap: &SwapRow) -> Result<Event> {
    let release = release(runtime, swap).await?;
    runtime.may_serve(&release).await?;
    let (manifest, profile) = agents::offer(&release)?;
    check_schemas(&profile)?;
    if let Leave::Wanting(wanted) = runtime.leave(&swap.tenant, &release, swap.from.clone()).await? {
        return Ok(Event::ApprovalNeeded { approval: wanted.row.id.to_string() });
    }
    let there = runtime.state_of(&swap.tenant, &swap.agent).await?;
    if there.is_none_or(|there| there.goes_on_under(&manifest)) {
        return Ok(Event::Verified { migrates: false });
    }
    // Whether its state can be brought to another form is seen in its component alone.
    let prepared = runtime.prepare(&release).await?;
    let migrates = form::migrates(there, &manifest, prepared.agent.migrates(), &swap.policy)?;
    Ok(Event::Verified { migrates })
}

/// Waits until somebody has decided about the release, however long that takes. What was decided
/// is on disk, so a host that starts anew finds it.
pub(super) async fn await_approval(runtime: &Runtime, swap: &SwapRow) -> Event {
    loop {
        // Before it is looked, so that no decision in between is missed.
        let decided = runtime.decided.notified();
        match decision(runtime, swap).await {
            Ok(Some(event)) => return event,
            Ok(None) => {}
            Err(error) => tracing::debug!(swap = %swap.id, "what was decided is not known: {error}"),
        }
        let _ = tokio::time::timeout(ASK_EVERY, decided).await;
    }
}

async fn decision(runtime: &Runtime, swap: &SwapRow) -> Result<Option<Event>> {
    let id: Option<ApprovalId> = swap.state.approval.as_deref().and_then(|id| id.parse().ok());
    let row = match id {
        Some(id) => runtime.store.approval(&swap.tenant, id).await?,
        None => None,
    };
    Ok(match row {
        Some(row) if row.status == ApprovalStatus::Pending => None,
        Some(row) if row.status == ApprovalStatus::Rejected => {
            let why = row.reason.unwrap_or_else(|| "no reason was given".to_owned());
            Some(Event::Rejected { why })
        }
        _ => Some(Event::Approved),
    })
}

pub(super) async fn release(runtime: &Runtime, swap: &SwapRow) -> Result<ReleaseRow> {
    let reference = ReleaseRef { agent: swap.agent.clone(), version: swap.to.0.clone() };
    let release = runtime.store.release(&swap.tenant, &reference).await?;
    release.filter(|release| release.digest == swap.to.1).ok_or_else(|| release_not_found(&reference))
}

/// Loads the release, has it describe itself, and holds the configuration against it.
pub(super) async fn warm(runtime: &Runtime, swap: &SwapRow) -> Event {
    let warmed = async {
        let release = release(runtime, swap).await?;
        // Asked again, right before it is compiled: a key may have been revoked since.
        runtime.may_serve(&release).await?;
        let prepared = runtime.prepare(&release).await?;
        let row = runtime.store.deployment(&swap.tenant, &swap.agent).await?;
        prepared.configuration(row.as_ref().map_or("{}", |row| row.configuration.as_str()))
    };
    match warmed.await {
        Ok(_) => Event::Warmed,
        Err(error) => refused(error).await,
    }
}

/// Waits until nothing runs on the release that drains, and ends what does at the deadline.
pub(super) async fn drain(runtime: &Runtime, swap: &SwapRow) -> Event {
    let Some(digest) = retiring(swap) else { return Event::Drained { parked: false } };
    if swap.state.outcome == Some(SwapOutcome::Promoted) {
        keep_previous(runtime, swap).await;
    }
    tokio::time::sleep(RETIRE_AFTER).await;
    loop {
        if serves_again(runtime, swap) {
            return Event::ServesAgain;
        }
        expire_late(runtime, swap);
        let routes = runtime.routes.draining(&swap.tenant, &swap.agent);
        let of_release: Vec<_> = routes.into_iter().filter(|route| route.row.digest == digest).collect();
        if of_release.is_empty() {
            // Asked after memory, since what leaves memory is on disk by then.
            match in_use(runtime, swap).await {
                // What another host runs and nobody has on disk yet.
                Ok((0, suspended)) => match others_have_left(runtime, swap, &digest).await {
                    Ok(true) => return Event::Drained { parked: suspended > 0 },
                    Ok(false) => {}
                    Err(error) => tracing::debug!(swap = %swap.id, "what drains elsewhere is not known: {error}"),
                },
                Ok(_) => {}
                Err(error) => tracing::debug!(swap = %swap.id, "what drains is not known: {error}"),
            }
            tokio::time::sleep(ASK_EVERY).await;
            continue;
        }
        let drained = async {
            for route in &of_release {
                route.drained().await;
            }
        };
        let _ = tokio::time::timeout(limits::SWAP_LOOK_EVERY, drained).await;
    }
}

/// Ends what still runs on the release that drains, once it has had its time.
pub(crate) fn expire_late(runtime: &Runtime, swap: &SwapRow) {
    let since = swap.state.draining_since.unwrap_or(swap.state.since);
    if runtime.clock.now() < since.plus(drain_time(&swap.policy)) {
        return;
    }
    let Some(digest) = retiring(swap) else { return };
    for route in runtime.routes.draining(&swap.tenant, &swap.agent) {
        if route.row.digest == digest {
            route.expire();
        }
    }
}

/// Waits until no suspended task needs the release any more.
pub(super) async fn park(runtime: &Runtime, swap: &SwapRow) -> Event {
    loop {
        if serves_again(runtime, swap) {
            return Event::ServesAgain;
        }
        match in_use(runtime, swap).await {
            Ok((0, 0)) => return Event::Idle,
            Ok(_) => {}
            Err(error) => tracing::debug!(swap = %swap.id, "what is parked is not known: {error}"),
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}

async fn others_have_left(runtime: &Runtime, swap: &SwapRow, digest: &Digest) -> Result<bool> {
    runtime.others_have_left(&swap.tenant, &swap.agent, swap.epoch.unwrap_or(0), digest).await
}

async fn in_use(runtime: &Runtime, swap: &SwapRow) -> Result<(u64, u64)> {
    let Some(version) = (match machine::retires(&swap.state) {
        Some(Retires::From) => swap.from.as_ref().map(|(version, _)| version),
        Some(Retires::To) => Some(&swap.to.0),
        None => None,
    }) else {
        return Ok((0, 0));
    };
    let in_use = runtime.store.release_in_use(&swap.tenant, &swap.agent, version).await?;
    Ok((in_use.going, in_use.suspended))
}

/// The release that a swap retires.
pub(super) fn retiring(swap: &SwapRow) -> Option<Digest> {
    match machine::retires(&swap.state)? {
        Retires::From => swap.from.as_ref().map(|(_, digest)| *digest),
        Retires::To => Some(swap.to.1),
    }
}

/// Whether the release that drains is in force again.
pub(super) fn serves_again(runtime: &Runtime, swap: &SwapRow) -> bool {
    retiring(swap).is_some_and(|digest| is_in_force(runtime, swap, &digest))
}

/// Whether another host has put the release that drains in force again.
pub(super) async fn serves_elsewhere(runtime: &Runtime, swap: &SwapRow) -> Result<bool> {
    if !runtime.is_shared() {
        return Ok(false);
    }
    let Some(digest) = retiring(swap) else { return Ok(false) };
    let row = runtime.store.deployment(&swap.tenant, &swap.agent).await?;
    Ok(row.is_some_and(|row| row.digest == digest || row.candidate.is_some_and(|candidate| candidate.digest == digest)))
}

/// Keeps the release before loaded, so that going back to it needs no disk.
async fn keep_previous(runtime: &Runtime, swap: &SwapRow) {
    let Some((version, _)) = &swap.from else { return };
    let reference = ReleaseRef { agent: swap.agent.clone(), version: version.clone() };
    if let Ok(Some(release)) = runtime.store.release(&swap.tenant, &reference).await {
        runtime.components.keep(&release.component, Duration::from_secs(swap.policy.keep_previous_seconds));
    }
}

/// A release cannot serve for this reason. What may pass by itself says nothing about it: the
/// step begins anew after a while, until its time is over.
pub(super) async fn refused(error: Error) -> Event {
    if error.retryable {
        tracing::debug!("a step of a swap begins anew: {error}");
        tokio::time::sleep(Duration::from_secs(1)).await;
        return Event::Elapsed;
    }
    Event::Refused(SwapReason { code: error.code.as_str().to_owned(), message: error.message })
}
