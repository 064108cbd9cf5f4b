//! Tasks that wait for approval before they run, and actions that agents ask approval of while they do
//! (`action.rs`). One list, one machine and one way to decide is of both.
//!
//! ```text
//!            the policy demands it          granted            its turn comes
//!  request ──────────────────────▶ waits ───────────▶ pending ───────────────▶ runs
//!                                   ▲  │ rejected, expired       │ another release serves
//!                                   │  ▼                         │ than the one that was shown, or
//!                                   │ fails                      │ another configuration is in force
//!                                   └────────────────────────────┘ asked for anew
//! ```
//!
//! *The attack:* what somebody looked at is not what runs: the release was swapped in between or its configuration
//! was changed, or the decision of one moment is taken for another. *The rule:* an approval names the release and
//! the configuration by their digests and the skill (`shown.rs`), and stands for the task's input, which never
//! changes; whoever decides names the revision that was looked at; and a task whose release or configuration is
//! another one, when it is approved of or when its turn comes, is asked for anew. *The default:* a tenant without a
//! policy, and nothing waits.
//!
//! A task that waits is rows alone: it holds no place, no lease and no route, and its deadline begins with
//! its attempt. Releases have approvals of their own (`approvals.rs`): those are about what may serve,
//! these about what is done.

mod action;
mod decide;
mod links;
mod policy;
mod shown;
mod timed;

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::Notify;
use troupe_core::approval::{ApprovalKind, ApprovalStep};
use troupe_core::view::{
    ApprovalOutcome, Page, TaskApproval, TaskApprovalStatus, TaskApprovalView, TaskFailure, TaskStatus,
};
use troupe_core::{
    AgentName, ApprovalId, Caller, Code, Effect, Error, LinkId, Result, Scope, TaskId, TenantId, limits,
};
use troupe_store::{
    ApprovalEffect, ApprovalMove, ApprovalPolicyRow, NeededApproval, TaskApprovalFilter, TaskApprovalRow, TaskRow,
    task_approval_not_found,
};

use crate::route::Route;
use crate::{Runtime, agents};

/// What is known in memory of who has to approve.
#[derive(Debug, Default)]
pub(crate) struct TaskApprovals {
    policies: ArcSwap<HashMap<TenantId, Arc<ApprovalPolicyRow>>>,
    /// Told when something may be due earlier than was known.
    changed: Notify,
}

/// Which approvals to list.
#[derive(Debug, Clone, Default)]
pub struct TaskApprovalQuery {
    /// Those in this status.
    pub status: Option<TaskApprovalStatus>,
    /// Those of one agent's tasks.
    pub agent: Option<String>,
    /// Those of tasks before they run, or of actions of their agents.
    pub kind: Option<ApprovalKind>,
    /// Those of one task.
    pub task: Option<TaskId>,
    /// Those older than this one.
    pub after: Option<ApprovalId>,
    /// How many; capped.
    pub limit: Option<u32>,
}

impl TaskApprovals {
    /// Something may be due earlier than was known.
    pub(crate) fn happened(&self) {
        self.changed.notify_one();
    }

    fn of(&self, tenant: &TenantId) -> Option<Arc<ApprovalPolicyRow>> {
        self.policies.load().get(tenant).cloned()
    }
}

impl Runtime {
    /// Lists approvals of tasks and of their agents' actions, newest first, without the tasks' inputs and
    /// without more of the actions than a line.
    ///
    /// # Errors
    /// [`Code::AuthScope`].
    pub async fn task_approvals(&self, caller: &Caller, query: TaskApprovalQuery) -> Result<Page<TaskApprovalView>> {
        caller.require(Scope::Read).or_else(|_| caller.require(Scope::Approve))?;
        let TaskApprovalQuery { status, agent, kind, task, after, limit } = query;
        let agent = agent.map(|name| name.parse::<AgentName>().map_err(|_| agents::unknown(&name))).transpose()?;
        let (filter, limit) = (TaskApprovalFilter { status, kind, agent, task }, limits::page(limit));
        let rows = self.store.task_approvals(&caller.tenant, &filter, after, limit + 1).await?;
        Ok(Page::of(rows, limit, |row| row.id.to_string(), shown::listed))
    }

    /// One approval, with the exact action: the release, the configuration, the skill and the whole input, and what
    /// the agent shows.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::ApprovalNotFound`].
    pub async fn task_approval(&self, caller: &Caller, id: &str) -> Result<TaskApprovalView> {
        caller.require(Scope::Read).or_else(|_| caller.require_for_some(Scope::Approve))?;
        let row = self.find_task_approval(caller, id).await?;
        caller.require(Scope::Read).or_else(|_| caller.require_for(Scope::Approve, &row.agent))?;
        self.approval_shown(row).await
    }

    async fn find_task_approval(&self, caller: &Caller, id: &str) -> Result<TaskApprovalRow> {
        let id: ApprovalId = id.parse()?;
        let row = self.store.task_approval(&caller.tenant, id).await?;
        row.ok_or_else(|| task_approval_not_found(id))
    }

    async fn approval_shown(&self, row: TaskApprovalRow) -> Result<TaskApprovalView> {
        let task = self.store.task(&row.tenant, row.task).await?;
        let configuration = self.configuration_shown(&row).await?;
        Ok(shown::whole(row, configuration, task.map(|task| task.input)))
    }

    /// Has a task that is about to be made wait for approval, if the tenant's policy demands it.
    pub(crate) fn demand_approval(&self, mut row: TaskRow, route: &Route, effect: Effect) -> TaskRow {
        let Some(in_force) = self.task_approvals.of(&row.tenant) else { return row };
        let Some((place, rule)) = in_force.policy.demand(ApprovalKind::Task, &row.agent, &row.skill, effect) else {
            return row;
        };
        let demand = (place, rule, in_force.revision);
        let mut asked = TaskApproval::asked(shown::action(&row, route, effect), &row.principal, demand, row.created_at);
        // Until it is approved of no time wakes it.
        asked.begins_at = row.wake_at.take();
        row.status = TaskStatus::AwaitingApproval;
        row.approval = Some(NeededApproval { id: self.approval_id(), asked: Some(Box::new(asked)) });
        row
    }

    /// Whether a task that begins an attempt on `route` may: nobody demanded approval, or it was given for that
    /// release and its configuration. Else it is asked for anew.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub(crate) async fn may_begin(&self, task: &TaskRow, route: &Route) -> Result<bool> {
        let Some(needed) = &task.approval else { return Ok(true) };
        let Some(row) = self.store.task_approval(&task.tenant, needed.id).await? else {
            let message = format!("task {} names an approval that is not there", task.id);
            return Err(Error::internal(message));
        };
        if row.status != TaskApprovalStatus::Granted {
            return Ok(false);
        }
        match shown::differs(&row.approval.action, route) {
            None => Ok(true),
            Some(why) => self.ask_anew(&row, task, route, why).await.map(|_| false),
        }
    }

    /// Voids an approval, since what `route` would run is not what was shown, and asks for another; if the release
    /// there has no such skill, the task fails.
    async fn ask_anew(
        &self,
        row: &TaskApprovalRow,
        task: &TaskRow,
        route: &Route,
        why: String,
    ) -> Result<Option<ApprovalId>> {
        let now = self.clock.now();
        let (id, effect) = match route.performed(task.skill.as_str()) {
            Ok(skill) => {
                let before = &row.approval;
                let demand = (before.rule_number, &before.rule, before.policy_revision);
                let action = shown::action(task, route, skill.effect);
                let mut asked = TaskApproval::asked(action, &task.principal, demand, now);
                (asked.begins_at, asked.replaces) = (before.begins_at, Some(row.id));
                let id = self.approval_id();
                (Some(id), ApprovalEffect::AskedAnew(id, Box::new(asked)))
            }
            Err(error) => (None, ApprovalEffect::Fails(TaskFailure::from(&error))),
        };
        let outcome = ApprovalOutcome { by: None, at: now, reason: Some(why.clone()) };
        let approval = TaskApproval { outcome: Some(outcome), ..row.approval.clone() };
        let status = TaskApprovalStatus::Void;
        let to = ApprovalMove { approval, status, step: "void", by: None, level: None, link: None, task: effect };
        let (tenant, task) = (&row.tenant, row.task);
        tracing::info!(%tenant, %task, why, "an approval is void: what would run is not what was shown");
        self.keep_approval(row, to).await?;
        Ok(id)
    }

    /// Keeps what a step came to, and has the task go on or hear of its end.
    ///
    /// # Errors
    /// [`Code::ApprovalConflict`] if somebody was quicker.
    async fn move_approval(
        &self,
        row: &TaskApprovalRow,
        approval: TaskApproval,
        step: ApprovalStep,
        (by, link): (Option<&str>, Option<LinkId>),
    ) -> Result<TaskApprovalRow> {
        let task = match step {
            step if approval.kind == ApprovalKind::Action => match step.status() {
                TaskApprovalStatus::Pending => ApprovalEffect::Waits,
                _ => ApprovalEffect::Told,
            },
            ApprovalStep::Granted | ApprovalStep::AutoGranted => ApprovalEffect::Runs(approval.begins_at),
            ApprovalStep::Rejected => ApprovalEffect::Fails(TaskFailure::from(&rejected(row, &approval))),
            ApprovalStep::Expired => ApprovalEffect::Fails(TaskFailure::from(&expired(row, &approval))),
            _ => ApprovalEffect::Waits,
        };
        let (status, level, by) = (step.status(), step.level(), by.map(str::to_owned));
        self.keep_approval(row, ApprovalMove { approval, status, step: step.as_str(), by, level, link, task }).await
    }

    async fn keep_approval(&self, row: &TaskApprovalRow, to: ApprovalMove) -> Result<TaskApprovalRow> {
        let (runtime, row, step) = (self.clone(), row.clone(), to.step);
        // What gets on disk is queued and told, also when the client goes away meanwhile.
        let kept = tokio::spawn(async move {
            let Some((moved, task)) = runtime.store.move_approval(&row, to).await? else {
                return Err(conflict(&row));
            };
            if let Some(task) = task {
                runtime.push(&task);
                runtime.tell(&task);
            }
            runtime.task_approvals.happened();
            metrics::counter!("troupe_task_approvals_total", "agent" => row.agent.to_string(), "step" => step)
                .increment(1);
            Ok(moved)
        });
        kept.await.map_err(Error::internal)?
    }

    fn approval_id(&self) -> ApprovalId {
        ApprovalId::generate(&*self.clock, &*self.entropy)
    }
}

fn conflict(row: &TaskApprovalRow) -> Error {
    let message = format!("something has happened to approval {} since it was looked at; look at it again", row.id);
    Error::new(Code::ApprovalConflict, message)
}

/// Why a task fails that somebody rejected.
fn rejected(row: &TaskApprovalRow, approval: &TaskApproval) -> Error {
    let outcome = approval.outcome.as_ref();
    let by = outcome.and_then(|outcome| outcome.by.as_deref()).unwrap_or_default();
    let reason = outcome.and_then(|outcome| outcome.reason.as_deref()).unwrap_or_default();
    let message = format!("`{by}` rejected what the task would do: {reason}");
    Error::new(Code::ApprovalRejected, message).with("approval", row.id.to_string()).with("by", by)
}

/// Why a task fails that nobody approved of in time.
fn expired(row: &TaskApprovalRow, approval: &TaskApproval) -> Error {
    let at = approval.expires_at.map(|at| at.to_string()).unwrap_or_default();
    let message = format!("nobody decided until {at} about what the task would do; ask for it once more");
    Error::new(Code::ApprovalExpired, message).with("approval", row.id.to_string())
}
