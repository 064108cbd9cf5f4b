//! Deciding about a task or an action of its agent, and lending the right to.

use std::time::Duration;

use troupe_core::approval::{ApprovalKind, ApprovalStep, ShownAction};
use troupe_core::view::{DecideRequest, LendRequest, TaskApproval, TaskApprovalStatus, TaskApprovalView};
use troupe_core::{Caller, Code, Error, KeyId, LinkId, Result, Scope, TenantId, limits, shown};
use troupe_store::{TaskApprovalRow, task_not_found};

use super::conflict;
use super::shown::differs;
use crate::Runtime;
use crate::keyring::KEY;

impl Runtime {
    /// Approves of what a task would do, as it was shown under the revision that is named. It runs once as
    /// many have as have to.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::ApprovalNotFound`]; [`Code::ApprovalDenied`] for whoever is not asked,
    /// or has asked for the task; [`Code::ApprovalDecided`]; [`Code::ApprovalConflict`] if something has
    /// happened since, or another release or configuration is in force: then it is asked for anew, under the id in
    /// the details.
    pub async fn approve_task(&self, caller: &Caller, id: &str, request: DecideRequest) -> Result<TaskApprovalView> {
        self.approve_as(caller, id, request, None).await
    }

    /// The same, by a link if that is how it came.
    pub(super) async fn approve_as(
        &self,
        caller: &Caller,
        id: &str,
        request: DecideRequest,
        link: Option<LinkId>,
    ) -> Result<TaskApprovalView> {
        let row = self.approval_to_decide(caller, id, request.revision).await?;
        check_reason(request.reason.as_deref())?;
        let mut approval = self.with_rights_in_force(&caller.principal, &row).await?;
        let step = approval.approve(&caller.principal, request.level, request.reason, self.clock.now())?;
        self.check_shown_serves(&row).await?;
        self.step_taken((caller, link), &row, approval, step).await
    }

    /// Rejects what a task would do, which then fails.
    ///
    /// # Errors
    /// As [`Runtime::approve_task`]; [`Code::RequestInvalid`] without a reason.
    pub async fn reject_task(&self, caller: &Caller, id: &str, request: DecideRequest) -> Result<TaskApprovalView> {
        self.reject_as(caller, id, request, None).await
    }

    /// The same, by a link if that is how it came.
    pub(super) async fn reject_as(
        &self,
        caller: &Caller,
        id: &str,
        request: DecideRequest,
        link: Option<LinkId>,
    ) -> Result<TaskApprovalView> {
        let row = self.approval_to_decide(caller, id, request.revision).await?;
        if request.reason.as_deref().is_none_or(|reason| reason.trim().is_empty()) {
            let message = "a rejection says why: whoever asked is told `reason`";
            return Err(Error::new(Code::RequestInvalid, message));
        }
        check_reason(request.reason.as_deref())?;
        let mut approval = self.with_rights_in_force(&caller.principal, &row).await?;
        let step = approval.reject(&caller.principal, request.level, request.reason, self.clock.now())?;
        self.step_taken((caller, link), &row, approval, step).await
    }

    /// Lends the caller's right on a level to somebody else for a time.
    ///
    /// # Errors
    /// As [`Runtime::approve_task`]; [`Code::RequestInvalid`] for whom there is not.
    pub async fn delegate_approval(&self, caller: &Caller, id: &str, request: LendRequest) -> Result<TaskApprovalView> {
        let row = self.approval_to_decide(caller, id, request.revision).await?;
        let mut approval = row.approval.clone();
        let (from, time) = (&caller.principal, Duration::from_millis(request.for_ms));
        let step = approval.lend(from, request.level, &request.to, time, self.clock.now())?;
        self.check_principal(&caller.tenant, &request.to).await?;
        self.step_taken((caller, None), &row, approval, step).await
    }

    /// An approval that a caller may look at to decide it, as it was when it was looked at.
    async fn approval_to_decide(&self, caller: &Caller, id: &str, revision: u64) -> Result<TaskApprovalRow> {
        caller.require_for_some(Scope::Approve)?;
        let row = self.find_task_approval(caller, id).await?;
        caller.require_for(Scope::Approve, &row.agent)?;
        self.require_ready()?;
        // What is due by now comes first, whether or not anybody has looked yet.
        let row = self.in_time(row).await?;
        check_undecided(&row)?;
        if row.revision != revision {
            return Err(conflict(&row).with("revision", row.revision));
        }
        Ok(row)
    }

    /// An approval with what was lent to somebody by those alone who could still decide themselves: a right that is
    /// lent ends with that of whoever lent it.
    async fn with_rights_in_force(&self, who: &str, row: &TaskApprovalRow) -> Result<TaskApproval> {
        let mut approval = row.approval.clone();
        for from in approval.lenders_to(who, self.clock.now()) {
            let Some(id) = from.strip_prefix(KEY) else { continue };
            let may = match self.caller_of_key(&row.tenant, id.parse()?).await {
                Ok(lender) => lender.require_for(Scope::Approve, &row.agent).is_ok(),
                Err(error) if matches!(error.code, Code::AuthInvalid | Code::AuthExpired) => false,
                Err(error) => return Err(error),
            };
            if !may {
                approval.take_back(&from);
            }
        }
        Ok(approval)
    }

    /// Checks that what was shown is what would run now. An action is that of a run under way, which stays
    /// on its release; of it the text must be there that was asked about.
    pub(super) async fn check_shown_serves(&self, row: &TaskApprovalRow) -> Result<()> {
        if row.approval.kind == ApprovalKind::Action {
            return match (&row.shown, row.approval.shown) {
                (Some(text), Some(digest)) if ShownAction::digest(text) == digest => Ok(()),
                _ => {
                    let message = format!("what approval {} is about is not what is kept of it", row.id);
                    Err(Error::internal(message))
                }
            };
        }
        let task = self.store.task(&row.tenant, row.task).await?.ok_or_else(|| task_not_found(row.task))?;
        let route = self.route(&row.tenant, row.agent.as_str())?.for_task(&task);
        let Some(why) = differs(&row.approval.action, &route) else { return Ok(()) };
        let anew = self.ask_anew(row, &task, &route, why.clone()).await?;
        let why = format!("{why}, so nothing was approved of");
        Err(match anew {
            Some(anew) => {
                let message = format!("{why}; look at approval {anew}, which asks for it anew");
                Error::new(Code::ApprovalConflict, message).with("approval", anew.to_string())
            }
            None => Error::new(Code::ApprovalConflict, format!("{why}, and the task has failed")),
        })
    }

    async fn step_taken(
        &self,
        (caller, link): (&Caller, Option<LinkId>),
        row: &TaskApprovalRow,
        approval: TaskApproval,
        step: ApprovalStep,
    ) -> Result<TaskApprovalView> {
        let moved = self.move_approval(row, approval, step, (Some(&caller.principal), link)).await?;
        let (tenant, approval, by, step) = (&row.tenant, row.id, &caller.principal, step.as_str());
        tracing::info!(%tenant, %approval, task = %row.task, by, step, "somebody decided about a task");
        self.approval_shown(moved).await
    }

    /// Checks that there is somebody of a name.
    pub(super) async fn check_principal(&self, tenant: &TenantId, name: &str) -> Result<()> {
        let Some(id) = name.strip_prefix(KEY) else { return Ok(()) };
        let key = match id.parse::<KeyId>() {
            Ok(id) => self.store.key(tenant, id).await?,
            Err(_) => None,
        };
        if key.is_some() {
            return Ok(());
        }
        let message = format!("there is no `{}`; `troupe keys` lists the keys there are", shown(name));
        Err(Error::new(Code::RequestInvalid, message))
    }
}

fn check_reason(reason: Option<&str>) -> Result<()> {
    let most = limits::APPROVAL_REASON_CHARS_MAX;
    if reason.is_some_and(|reason| reason.chars().count() > most) {
        return Err(Error::new(Code::RequestInvalid, format!("a reason has at most {most} characters")));
    }
    Ok(())
}

/// Checks that something is to be decided about.
pub(super) fn check_undecided(row: &TaskApprovalRow) -> Result<()> {
    if row.status == TaskApprovalStatus::Pending {
        return Ok(());
    }
    let message = format!("approval {} is {}: nothing is to be decided", row.id, row.status.as_str());
    Err(Error::new(Code::ApprovalDecided, message).with("status", row.status.as_str()))
}
