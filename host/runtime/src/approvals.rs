//! Approvals: what a release may not do beside the one that serves before somebody says so.
//!
//! The attack: a release that is trusted is followed by one that asks for more, or whose words
//! tell a model something else. The rule: such a release serves once somebody with the scope
//! `approve` has seen exactly this difference; one that breaks its callers only where that was
//! said, too. The default: what serves goes on to serve.
//!
//! ```text
//!  publish, swap, verify ──▸ judged ──▸ nothing needs approval ──────────────▸ leave
//!                              │  │
//!                              │  └────▸ approved, over this difference ─────▸ leave
//!                              ├───────▸ neither: a row waits ────────────────▸ pending
//!                              └───────▸ rejected, or a broken contract ──────▸ refused
//! ```
//!
//! What is approved is named by a digest over all that counts of both releases
//! (`registry/package/src/compare.rs`). Going back to a release that served before by `rollback`
//! asks nothing of this.

use std::sync::Arc;

use serde_json::json;
use troupe_core::view::{
    ApprovalStatus, ApprovalView, ApprovalWant, ApproveRequest, BaseView, Page, RejectRequest, ReleaseDiff,
    ReleaseStanding,
};
use troupe_core::{
    AgentName, ApprovalId, Caller, Code, Digest, Error, ReleaseRef, Result, Scope, TenantId, limits, shown,
};
use troupe_store::{ApprovalFilter, ApprovalRow, Decision, ReleaseRow, ToApprove};

use crate::compared::Difference;
use crate::deploy::release_not_found;
use crate::{Runtime, agents};

/// Breaks of a contract that an error names.
const BREAKS_TOLD: usize = 20;

/// A version and the digest of its release.
pub(crate) type Version = (semver::Version, Digest);

/// Which approvals to list.
#[derive(Debug, Clone, Default)]
pub struct ApprovalQuery {
    /// Those with this status.
    pub status: Option<String>,
    /// Those of one agent.
    pub agent: Option<String>,
    /// Those older than this one.
    pub after: Option<String>,
    /// How many; capped.
    pub limit: Option<u32>,
}

/// A release beside what serves.
pub(crate) struct Judged {
    release: ReleaseRef,
    digest: Digest,
    base: Option<Version>,
    difference: Arc<Difference>,
    /// What was decided about it, or waits to be.
    approval: Option<ApprovalRow>,
}

/// Whether a release may take the place of what serves.
pub(crate) enum Leave {
    /// It may.
    Given,
    /// It may once this is approved.
    Wanting(Box<Wanted>),
}

/// What a release waits for.
pub(crate) struct Wanted {
    pub(crate) row: ApprovalRow,
    why: String,
    wants: Vec<ApprovalWant>,
}

impl Judged {
    pub(crate) fn standing(&self) -> ReleaseStanding {
        let approved = self.approval.as_ref().filter(|row| row.status == ApprovalStatus::Approved);
        match &self.approval {
            Some(row) if row.status == ApprovalStatus::Rejected => ReleaseStanding::Rejected,
            _ if !self.difference.changes.breaks.is_empty() && approved.is_none_or(|row| !row.breaking) => {
                ReleaseStanding::Incompatible
            }
            _ if !self.difference.changes.needs_approval() && self.difference.changes.breaks.is_empty() => {
                ReleaseStanding::Published
            }
            _ if approved.is_some() => ReleaseStanding::Approved,
            _ => ReleaseStanding::PendingApproval,
        }
    }

    fn view(self, after: usize) -> ReleaseDiff {
        let status = self.standing();
        let (changes, next) = self.difference.changes.clone().page(after);
        ReleaseDiff {
            status,
            agent: self.release.agent.to_string(),
            version: self.release.version,
            digest: self.digest,
            base: self.base.map(|(version, digest)| BaseView { version, digest }),
            delta: self.difference.delta,
            approval: self.approval.map(view),
            changes,
            next,
        }
    }

    /// What serves, for people.
    fn serving(&self) -> Option<String> {
        self.base.as_ref().map(|(version, _)| format!("{}@{version}", self.release.agent))
    }

    /// Whoever approves names what was looked at, so that nothing is approved of that came in between.
    fn not_looked_at(&self, names_one: bool) -> Error {
        let release = &self.release;
        let message = if names_one {
            format!(
                "{release} differs from what serves in another way than the one that was looked at; look at \
                 `troupe release diff {release}` again, then repeat"
            )
        } else {
            format!(
                "say which difference of {release} from what serves was looked at: as `delta`, which \
                 `troupe release diff {release}` tells with the difference"
            )
        };
        Error::new(Code::SwapConflict, message).with("delta", self.difference.delta.to_string())
    }

    fn incompatible(&self) -> Error {
        let (release, breaks) = (&self.release, &self.difference.changes.breaks);
        let first = breaks.first().map(ToString::to_string).unwrap_or_default();
        let message = format!(
            "{release} does not keep what {} promises its callers: {first}; `troupe release diff {release}` shows all of \
             it, and `troupe release approve {release} --breaking` lets it serve all the same",
            self.serving().as_deref().unwrap_or("nothing")
        );
        let told: Vec<_> = breaks.iter().take(BREAKS_TOLD).map(|broken| json!(broken)).collect();
        Error::new(Code::SwapIncompatible, message).with("breaks", told)
    }
}

impl Runtime {
    /// How a release differs from the one that serves, as far as somebody has to approve of it: the
    /// page of texts and hints after the first `after`.
    ///
    /// # Errors
    /// [`Code::ReleaseNotFound`].
    pub async fn release_diff(
        &self,
        caller: &Caller,
        agent: &str,
        version: &semver::Version,
        after: usize,
    ) -> Result<ReleaseDiff> {
        caller.require(Scope::Read)?;
        Ok(self.judged_now(caller, agent, version).await?.view(after))
    }

    /// Approves of a release over exactly its difference from what serves now.
    ///
    /// # Errors
    /// [`Code::ReleaseNotFound`]; [`Code::SwapConflict`] with the detail `delta` if the difference
    /// is not the one that was looked at, or it is not said which that was; [`Code::SwapIncompatible`] if it breaks a contract and that is not
    /// approved of; [`Code::RequestInvalid`] for too long a reason.
    pub async fn approve_release(
        &self,
        caller: &Caller,
        agent: &str,
        version: &semver::Version,
        request: ApproveRequest,
    ) -> Result<ReleaseDiff> {
        agents::permitted(caller, Scope::Approve, agent)?;
        self.require_ready()?;
        let reason = request.reason.as_deref().map(reason).transpose()?;
        let judged = self.judged_now(caller, agent, version).await?;
        if request.delta != Some(judged.difference.delta) {
            return Err(judged.not_looked_at(request.delta.is_some()));
        }
        if !judged.difference.changes.breaks.is_empty() && !request.breaking {
            return Err(judged.incompatible());
        }
        let breaking = !judged.difference.changes.breaks.is_empty();
        let decision = Decision { approves: true, breaking, by: caller.principal.clone(), reason };
        self.decide(caller, judged, decision).await
    }

    /// Rejects a release: it is refused until somebody approves of it.
    ///
    /// # Errors
    /// [`Code::ReleaseNotFound`]; [`Code::RequestInvalid`] for no reason, or too long a one.
    pub async fn reject_release(
        &self,
        caller: &Caller,
        agent: &str,
        version: &semver::Version,
        request: RejectRequest,
    ) -> Result<ReleaseDiff> {
        agents::permitted(caller, Scope::Approve, agent)?;
        self.require_ready()?;
        let reason = Some(reason(&request.reason)?);
        let judged = self.judged_now(caller, agent, version).await?;
        let decision = Decision { approves: false, breaking: false, by: caller.principal.clone(), reason };
        self.decide(caller, judged, decision).await
    }

    /// Lists approvals, newest first.
    ///
    /// # Errors
    /// [`Code::RequestInvalid`] for a status that there is not; [`Code::ApprovalNotFound`] for
    /// an `after` that is no id.
    pub async fn approvals(&self, caller: &Caller, query: ApprovalQuery) -> Result<Page<ApprovalView>> {
        caller.require(Scope::Read)?;
        let filter = ApprovalFilter {
            status: query.status.as_deref().map(status).transpose()?,
            agent: query.agent.map(|name| name.parse::<AgentName>().map_err(|_| agents::unknown(&name))).transpose()?,
        };
        let after = query.after.map(|after| after.parse::<ApprovalId>()).transpose()?;
        let limit = limits::page(query.limit);
        let rows = self.store.approvals(&caller.tenant, &filter, after, limit + 1).await?;
        Ok(Page::of(rows, limit, |row| row.id.to_string(), view))
    }

    async fn decide(&self, caller: &Caller, judged: Judged, decision: Decision) -> Result<ReleaseDiff> {
        let row = self.store.decide_approval(&caller.tenant, self.to_approve(&judged), decision).await?;
        self.decided.notify_waiters();
        let (tenant, release, status) = (&caller.tenant, &row.release, row.status.as_str());
        tracing::info!(%tenant, %release, status, "somebody decided about a release");
        Ok(Judged { approval: Some(row), ..judged }.view(0))
    }

    fn to_approve(&self, judged: &Judged) -> ToApprove {
        ToApprove {
            id: ApprovalId::generate(&*self.clock, &*self.entropy),
            release: judged.release.clone(),
            digest: judged.digest,
            base: judged.base.clone(),
            delta: judged.difference.delta,
            why: judged.difference.changes.why(judged.serving().as_deref()),
            wants: judged.difference.changes.wants(),
        }
    }

    async fn judged_now(&self, caller: &Caller, agent: &str, version: &semver::Version) -> Result<Judged> {
        let agent: AgentName = agent.parse().map_err(|_| agents::unknown(agent))?;
        let reference = ReleaseRef { agent, version: version.clone() };
        let release = self.release_row(caller, &reference).await?;
        let serving = self.serving_version(&caller.tenant, &reference.agent).await?;
        self.judged(&caller.tenant, &release, serving).await
    }

    async fn serving_version(&self, tenant: &TenantId, agent: &AgentName) -> Result<Option<Version>> {
        Ok(self.store.deployment(tenant, agent).await?.map(|row| (row.serving, row.digest)))
    }

    /// Holds a release against what serves.
    pub(crate) async fn judged(
        &self,
        tenant: &TenantId,
        release: &ReleaseRow,
        serving: Option<Version>,
    ) -> Result<Judged> {
        let before = match &serving {
            Some((version, digest)) => {
                let reference = ReleaseRef { agent: release.release.agent.clone(), version: version.clone() };
                let row = self.store.release(tenant, &reference).await?.filter(|row| row.digest == *digest);
                Some(row.ok_or_else(|| release_not_found(&reference))?)
            }
            None => None,
        };
        let difference = self.differences.of(before, release).await?;
        let approval = self.store.approval_of(tenant, &release.release, &release.digest, &difference.delta).await?;
        let (release, digest) = (release.release.clone(), release.digest);
        Ok(Judged { release, digest, base: serving, difference, approval })
    }

    /// Checks that going back to a release takes no skill from another agent.
    ///
    /// # Errors
    /// [`Code::SwapIncompatible`] naming who depends on what it takes away.
    pub(crate) async fn may_go_back(&self, tenant: &TenantId, release: &ReleaseRow, serving: Version) -> Result<()> {
        let judged = self.judged(tenant, release, Some(serving)).await?;
        // What served before was good for its callers then; what is gone with it is not there at all.
        self.check_dependents(tenant, &judged.release, &judged.difference, true)
    }

    /// Where a release stands beside what serves; if it waits for approval, there is a row of
    /// that from now on.
    pub(crate) async fn stands(
        &self,
        tenant: &TenantId,
        release: &ReleaseRow,
    ) -> Result<(ReleaseStanding, Option<ApprovalId>)> {
        let serving = self.serving_version(tenant, &release.release.agent).await?;
        let judged = self.judged(tenant, release, serving).await?;
        let standing = judged.standing();
        if standing != ReleaseStanding::PendingApproval {
            return Ok((standing, None));
        }
        let row = self.store.ask_approval(tenant, self.to_approve(&judged)).await?;
        Ok((standing, Some(row.id)))
    }

    /// Whether a release may take the place of what serves; if it may not yet, there is a row of
    /// what it waits for from now on.
    ///
    /// # Errors
    /// [`Code::SwapIncompatible`] naming what breaks, or who depends on what it takes away;
    /// [`Code::ReleaseRejected`] with the reason.
    pub(crate) async fn leave(
        &self,
        tenant: &TenantId,
        release: &ReleaseRow,
        serving: Option<Version>,
    ) -> Result<Leave> {
        let judged = self.judged(tenant, release, serving).await?;
        let is_approved = |row: &ApprovalRow| row.status == ApprovalStatus::Approved && row.breaking;
        let approved = judged.approval.as_ref().is_some_and(is_approved);
        self.check_dependents(tenant, &judged.release, &judged.difference, approved)?;
        match judged.standing() {
            ReleaseStanding::Published | ReleaseStanding::Approved => Ok(Leave::Given),
            ReleaseStanding::Incompatible => Err(judged.incompatible()),
            ReleaseStanding::Rejected => Err(rejected(&judged.release, judged.approval.as_ref())),
            ReleaseStanding::PendingApproval => {
                let asked = self.to_approve(&judged);
                let (why, wants) = (asked.why.clone(), asked.wants.clone());
                let row = self.store.ask_approval(tenant, asked).await?;
                Ok(match row.status {
                    // Somebody was quicker.
                    ApprovalStatus::Approved => Leave::Given,
                    ApprovalStatus::Rejected => return Err(rejected(&row.release, Some(&row))),
                    _ => Leave::Wanting(Box::new(Wanted { row, why, wants })),
                })
            }
        }
    }
}

/// The error for a release that waits for approval.
pub(crate) fn pending(Wanted { row, why, wants }: &Wanted) -> Error {
    let release = &row.release;
    let message = format!(
        "{release} {why}, and waits for approval; `troupe release diff {release}` shows all of it, `troupe release \
         approve {release}` lets it serve"
    );
    let error = Error::new(Code::ReleasePendingApproval, message).with("wants", json!(wants));
    error.with("approval", row.id.to_string()).with("delta", row.delta.to_string())
}

fn rejected(release: &ReleaseRef, row: Option<&ApprovalRow>) -> Error {
    let by = row.and_then(|row| row.principal.as_deref()).unwrap_or("somebody");
    let why = row.and_then(|row| row.reason.as_deref()).unwrap_or_default();
    let message = format!(
        "{by} rejected {release}: {}; `troupe release approve {release}` lets it serve all the same",
        shown(why)
    );
    Error::new(Code::ReleaseRejected, message).with("reason", why)
}

fn reason(text: &str) -> Result<String> {
    let most = limits::APPROVAL_REASON_CHARS_MAX;
    if text.trim().is_empty() || text.chars().count() > most {
        return Err(Error::new(Code::RequestInvalid, format!("a reason has 1 to {most} characters")));
    }
    Ok(text.to_owned())
}

fn status(text: &str) -> Result<ApprovalStatus> {
    ApprovalStatus::parse(text).ok_or_else(|| {
        let all = ApprovalStatus::ALL.map(ApprovalStatus::as_str).join(", ");
        Error::new(Code::RequestInvalid, format!("there is no status `{}` of approvals; there are {all}", shown(text)))
    })
}

fn view(row: ApprovalRow) -> ApprovalView {
    ApprovalView {
        id: row.id,
        agent: row.release.agent.to_string(),
        version: row.release.version,
        digest: row.digest,
        base: row.base.map(|(version, digest)| BaseView { version, digest }),
        delta: row.delta,
        status: row.status,
        breaking: row.breaking,
        by: row.principal,
        reason: row.reason,
        created_at: row.created_at,
        decided_at: row.decided_at,
    }
}
