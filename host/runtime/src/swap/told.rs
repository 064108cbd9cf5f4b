//! What the audit is told of a swap: each record in the transaction of the state, or of the route,
//! that it tells of.
//!
//! | what happens | record |
//! |---|---|
//! | somebody begins one that goes by steps | `swap_begun`, with its policy |
//! | its release may not serve, so that nothing begins | `swap_refused` |
//! | it was tried on what its agent was asked | `rehearsed`, with the verdict |
//! | the route changes | `swap` or `canary`, which the store writes with the change |
//! | an operator decides; it comes to nothing, waits for an operator, or was watched and stays | `swap_decided` |
//! | what no longer serves is needed by suspended tasks alone, or by nothing | `parked`, `retired` |
//! | it goes on to another phase, and none of these says so | `swap_step`, from which to which |
//!
//! Who decided is `principal`, and nobody where a policy did; who began the swap stands in each
//! record of it.

use serde_json::json;
use troupe_core::audit::{AuditEntry, AuditKind};
use troupe_core::view::{SwapOutcome, SwapPhase, SwapReason, SwapState};
use troupe_core::{Code, Error, Result};
use troupe_store::SwapRow;

use super::machine::{self, Retires};
use crate::{Runtime, refused};

/// A swap by steps that begins. Its policy is told whole, as it is kept.
///
/// # Errors
/// None that a caller could cause.
pub(super) fn begun(swap: &SwapRow) -> Result<AuditEntry> {
    let policy = serde_json::to_string(&swap.policy).map_err(Error::internal)?;
    let entry = AuditEntry::new(AuditKind::SwapBegun).by(Some(&swap.principal)).of(&swap.agent);
    let entry = entry.on(&swap.to.0, swap.to.1).with("swap", swap.id.to_string()).with("policy", policy);
    Ok(match &swap.from {
        Some((version, _)) => entry.with("from", version.to_string()),
        None => entry,
    })
}

/// A swap that goes from one state to another, since somebody asked for something or by itself;
/// whether a release has drained by that.
pub(super) fn moved(
    before: &SwapRow,
    after: &SwapState,
    asked: Option<(&str, &str)>,
    is_drained: bool,
) -> Vec<AuditEntry> {
    let all = [rehearsed(before, after), decided(before, after, asked), left(before, after, is_drained)];
    all.into_iter().flatten().collect()
}

/// The same of a state that changes no route, whose record would be the store's: the phase it is in
/// from now on is told by itself where nothing else tells of it.
pub(super) fn kept(
    before: &SwapRow,
    after: &SwapState,
    asked: Option<(&str, &str)>,
    is_drained: bool,
) -> Vec<AuditEntry> {
    let mut told = moved(before, after, asked, is_drained);
    let (from, to) = (before.state.phase, after.phase);
    if told.is_empty() && from != to {
        told.push(of(AuditKind::SwapStep, before).with("from", from.as_str()).with("to", to.as_str()));
    }
    told
}

fn of(kind: AuditKind, swap: &SwapRow) -> AuditEntry {
    let entry = AuditEntry::new(kind).of(&swap.agent).on(&swap.to.0, swap.to.1);
    entry.with("swap", swap.id.to_string()).with("begun_by", swap.principal.as_str())
}

fn rehearsed(before: &SwapRow, after: &SwapState) -> Option<AuditEntry> {
    let found = after.rehearsal.as_ref().filter(|_| before.state.rehearsal.is_none())?;
    let mut entry = of(AuditKind::Rehearsed, before);
    entry.details.extend(found.facts());
    Some(entry)
}

fn decided(before: &SwapRow, after: &SwapState, asked: Option<(&str, &str)>) -> Option<AuditEntry> {
    let is_new = before.state.outcome.is_none() && after.outcome.is_some();
    let is_held = after.held && after.reason.is_some() && before.state.reason.is_none();
    let outcome = after.outcome.filter(|_| is_new);
    let counts = match outcome {
        // Else the change of the route tells it.
        Some(SwapOutcome::Promoted) => before.state.phase == SwapPhase::Watching,
        Some(_) => true,
        None => is_held,
    };
    if asked.is_none() && !counts {
        return None;
    }
    let mut entry = of(AuditKind::SwapDecided, before).by(asked.map(|(by, _)| by));
    if let Some((_, what)) = asked {
        entry = entry.with("asked", what);
    }
    if let Some(outcome) = outcome {
        entry = entry.with("outcome", outcome.as_str());
    }
    if is_held {
        entry = entry.with("held", "yes");
    }
    if let Some(SwapReason { code, message }) = after.reason.as_ref().filter(|_| is_new || is_held) {
        entry = entry.with("reason", message.as_str());
        entry.code = Code::parse(code);
    }
    Some(entry)
}

/// The release that no longer serves, once nothing runs on it.
fn left(before: &SwapRow, after: &SwapState, is_drained: bool) -> Option<AuditEntry> {
    // A swap that migrates has nothing that drains: what ran came to its end before.
    let is_migrated = before.state.phase == SwapPhase::Migrating && after.outcome == Some(SwapOutcome::Promoted);
    let retires = match machine::retires(&before.state) {
        _ if is_migrated => Retires::From,
        retires => retires.filter(|_| is_drained)?,
    };
    let (version, digest) = match retires {
        Retires::From => before.from.as_ref()?,
        Retires::To => &before.to,
    };
    let kind = if after.phase == SwapPhase::Parked { AuditKind::Parked } else { AuditKind::Retired };
    Some(of(kind, before).on(version, *digest))
}

/// Whether an error says that a release may not serve, or cannot: anything else says nothing of it.
fn is_refusal(code: Code) -> bool {
    use Code as Of;
    refused::is_of_release(code)
        || matches!(code, Of::ReleaseYanked | Of::ReleasePendingApproval | Of::ReleaseRejected)
        || matches!(code, Of::ConfigurationInvalid | Of::SwapIncompatible | Of::SwapState)
}

impl Runtime {
    /// Tells feed and audit of a swap that does not begin, since its release may not serve.
    ///
    /// # Errors
    /// The one that it did not begin with; a store that is unavailable.
    pub(super) async fn tell_refused<T>(&self, swap: &SwapRow, begun: Result<T>) -> Result<T> {
        if let Err(error) = &begun
            && is_refusal(error.code)
        {
            let SwapRow { tenant, agent, to: (version, digest), principal, .. } = swap;
            let entry = AuditEntry::new(AuditKind::SwapRefused).by(Some(principal)).of(agent);
            let entry = entry.on(version, *digest).with("reason", error.message.as_str());
            let entry = AuditEntry { code: Some(error.code), ..entry };
            let data = json!({
                "agent": agent.as_str(), "to": version.to_string(), "by": principal,
                "code": error.code.as_str(), "reason": error.message,
            });
            self.store.announce(tenant, "swap.refused", &format!("deployment/{agent}"), data, Some(entry)).await?;
        }
        begun
    }
}
