//! Approvals of tasks, and of what their agents are about to do: asked for with the task, or with the call
//! of its agent (`asked.rs`), and decided in one commit with what becomes of the task.
//!
//! The danger: a task runs that nobody approved of, or one that was approved of waits for ever. The rule:
//! whatever decides an approval changes its task in the same transaction, and changes nothing unless the
//! approval is as it was looked at; whatever ends the task ends its approval. What follows from a vote,
//! a time or another release, the runtime says.

mod asked;
mod links;
mod policy;

use serde_json::{Map, Value, json};
use troupe_core::approval::ApprovalKind;
use troupe_core::audit::{AuditEntry, AuditKind};
use troupe_core::view::{TaskApproval, TaskApprovalStatus, TaskFailure, TaskStatus};
use troupe_core::{AgentName, ApprovalId, Awaited, Code, Error, LinkId, Result, TaskId, TenantId, Timestamp, limits};

use crate::Store;
use crate::audit::Decided;
use crate::fault::{Done, Failed};
use crate::rows::{Columns as _, broken, json as text, number};
use crate::sql::{Builder, Connection, Row, query, query_scalar};
use crate::tasks::{self, TaskEnd, TaskRow};
use crate::writer::Tx;

pub use asked::ApprovalCommit;
pub(crate) use asked::{forget, is_open};
pub use links::ApprovalLinkRow;
pub use policy::ApprovalPolicyRow;

const DUE: &str = "select * from task_approvals where due_at <= $1 and (due_at, tenant, id) > ($2, $3, $4)
     order by due_at, tenant, id limit $5";

const NEXT: &str = "select min(due_at) as next from task_approvals where due_at is not null";

const OPEN: &str = "update task_approvals
     set status = 'cancelled', revision = revision + 1, due_at = null, ended_at = $3
     where tenant = $1 and task = $2 and status = 'pending' returning *";

/// An approval as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskApprovalRow {
    /// The tenant.
    pub tenant: TenantId,
    /// Its id.
    pub id: ApprovalId,
    /// The task that waits for it.
    pub task: TaskId,
    /// The task's agent.
    pub agent: AgentName,
    /// Where it is in its life.
    pub status: TaskApprovalStatus,
    /// Rises with all that happens to it.
    pub revision: u64,
    /// What is asked, and what was said to it.
    pub approval: TaskApproval,
    /// What the agent shows of an action, as the text that its digest is of; nothing once it is redacted.
    pub shown: Option<String>,
}

/// The approval that a task needs: of one that is kept its id, and all of it of one that is being asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct NeededApproval {
    /// Its id.
    pub id: ApprovalId,
    /// What is asked, until it is kept.
    pub asked: Option<Box<TaskApproval>>,
}

impl NeededApproval {
    /// The same, asked for by somebody.
    pub(crate) fn asked_by(self, principal: &str) -> Self {
        let asked = self.asked.map(|asked| Box::new(TaskApproval { asked_by: principal.to_owned(), ..*asked }));
        Self { asked, ..self }
    }
}

/// What becomes of an approval.
#[derive(Debug, Clone)]
pub struct ApprovalMove {
    /// What is asked, and what was said to it by now.
    pub approval: TaskApproval,
    /// Where it is in its life by now.
    pub status: TaskApprovalStatus,
    /// What happened, in a word.
    pub step: &'static str,
    /// Who did it; nobody if it was time.
    pub by: Option<String>,
    /// The level that it is about, from 1.
    pub level: Option<usize>,
    /// The link by which it came, if it did; it is used up.
    pub link: Option<LinkId>,
    /// What becomes of the task.
    pub task: ApprovalEffect,
}

/// What becomes of a task by a step of its approval.
#[derive(Debug, Clone)]
pub enum ApprovalEffect {
    /// It goes on to wait.
    Waits,
    /// Its agent, which asked, goes on: it is told.
    Told,
    /// It may run, from this time on if there is one.
    Runs(Option<Timestamp>),
    /// It fails.
    Fails(TaskFailure),
    /// It waits for this approval instead.
    AskedAnew(ApprovalId, Box<TaskApproval>),
}

/// Which approvals a list shall show; what is absent does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskApprovalFilter {
    /// In this status.
    pub status: Option<TaskApprovalStatus>,
    /// Of this kind.
    pub kind: Option<ApprovalKind>,
    /// Of tasks of this agent.
    pub agent: Option<AgentName>,
    /// Of this task.
    pub task: Option<TaskId>,
}

impl Store {
    /// Moves an approval and its task, in one transaction. `seen` is the approval as it was looked at;
    /// nothing is returned if it is otherwise by now, and nothing was written. Tells the feed
    /// `approval.` with the step, and of the task; and the audit.
    ///
    /// # Errors
    /// [`Code::ApprovalDecided`] if the task has ended or runs, [`Code::ApprovalLink`] if the link was used or is
    /// over; then nothing has changed.
    pub async fn move_approval(
        &self,
        seen: &TaskApprovalRow,
        to: ApprovalMove,
    ) -> Result<Option<(TaskApprovalRow, Option<TaskRow>)>> {
        let seen = seen.clone();
        self.write(move |tx| Box::pin(move_to(tx, seen, to))).await
    }

    /// Reads one approval.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn task_approval(&self, tenant: &TenantId, id: ApprovalId) -> Result<Option<TaskApprovalRow>> {
        Ok(find(&mut self.reader().await?, tenant, id).await?)
    }

    /// Reads at most `limit` of the tenant's approvals, newest first, that are older than `after`.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn task_approvals(
        &self,
        tenant: &TenantId,
        filter: &TaskApprovalFilter,
        after: Option<ApprovalId>,
        limit: u32,
    ) -> Result<Vec<TaskApprovalRow>> {
        let mut select = Builder::new("select * from task_approvals where tenant = ");
        select.push_bind(tenant.as_str());
        if let Some(status) = filter.status {
            select.push(" and status = ").push_bind(status.as_str());
        }
        if let Some(kind) = filter.kind {
            select.push(" and kind = ").push_bind(kind.as_str());
        }
        if let Some(agent) = &filter.agent {
            select.push(" and agent = ").push_bind(agent.as_str());
        }
        if let Some(task) = filter.task {
            select.push(" and task = ").push_bind(task.to_string());
        }
        if let Some(after) = after {
            select.push(" and id < ").push_bind(after.to_string());
        }
        select.push(" order by id desc limit ").push_bind(i64::from(limit));
        let rows = select.build().fetch_all(&mut self.reader().await?).await.map_err(Failed::from)?;
        Ok(rows.iter().map(read).collect::<Done<_>>()?)
    }

    /// Reads at most `limit` approvals of any tenant to which something happens by now, the longest due
    /// first: those that come after `after`, so that whoever cannot move some reaches the others.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn due_approvals(
        &self,
        now: Timestamp,
        after: Option<&TaskApprovalRow>,
        limit: u32,
    ) -> Result<Vec<TaskApprovalRow>> {
        let before_all = Timestamp::from_millis(i64::MIN);
        let rows = query(DUE)
            .bind(now.as_millis())
            .bind(after.and_then(|row| row.approval.due()).unwrap_or(before_all).as_millis())
            .bind(after.map_or("", |row| row.tenant.as_str()))
            .bind(after.map(|row| row.id.to_string()).unwrap_or_default())
            .bind(i64::from(limit))
            .fetch_all(&mut self.reader().await?)
            .await
            .map_err(Failed::from)?;
        Ok(rows.iter().map(read).collect::<Done<_>>()?)
    }

    /// When something happens next to an approval of any tenant by itself.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn next_approval(&self) -> Result<Option<Timestamp>> {
        let row = query(NEXT).fetch_one(&mut self.reader().await?).await.map_err(Failed::from)?;
        Ok(row.at_option("next")?)
    }
}

/// The error for an approval that the tenant does not have.
pub fn not_found(id: ApprovalId) -> Error {
    let message = format!("there is no approval {id}; `troupe approvals` lists those that wait");
    Error::new(Code::ApprovalNotFound, message)
}

/// Why the approval that a new task needs cannot be kept, since too many wait; nothing if it can, or if the task
/// needs none.
pub(crate) async fn no_room(tx: &mut Tx, task: &TaskRow) -> Done<Option<String>> {
    if task.approval.as_ref().is_none_or(|approval| approval.asked.is_none()) {
        return Ok(None);
    }
    let waiting = waiting(tx, &task.tenant).await?;
    let message =
        || format!("{waiting} approvals of the tenant wait, as many as may; have some decided, or ask again later");
    Ok((waiting >= limits::TASK_APPROVALS_MAX).then(message))
}

/// Keeps the approval that a new task needs.
pub(crate) async fn ask(tx: &mut Tx, task: &TaskRow) -> Done<()> {
    let Some(NeededApproval { id, asked: Some(asked) }) = &task.approval else { return Ok(()) };
    if let Some(message) = no_room(tx, task).await? {
        return Err(Error::new(Code::LimitConcurrency, message).into());
    }
    let subject = Subject { tenant: &task.tenant, id: *id, task: task.id, agent: &task.agent };
    insert(tx, subject, asked, None).await
}

/// How many approvals of a tenant nobody has decided.
async fn waiting(tx: &mut Tx, tenant: &TenantId) -> Done<u64> {
    let waiting: i64 = query_scalar("select count(*) from task_approvals where tenant = $1 and status = 'pending'")
        .bind(tenant.as_str())
        .fetch_one(&mut tx.connection)
        .await?;
    Ok(u64::try_from(waiting).unwrap_or(u64::MAX))
}

/// A task has ended, is to end or begins anew: nobody has to decide about it, or about what its agent has
/// asked, any more.
pub(crate) async fn over(tx: &mut Tx, tenant: &TenantId, task: TaskId) -> Done<()> {
    let open = query(OPEN)
        .bind(tenant.as_str())
        .bind(task.to_string())
        .bind(tx.now.as_millis())
        .fetch_all(&mut tx.connection)
        .await?;
    for row in &open {
        let row = read(row)?;
        tell(tx, &row, "cancelled", None, None).await?;
    }
    Ok(())
}

/// Which approval it is, and of what.
struct Subject<'a> {
    tenant: &'a TenantId,
    id: ApprovalId,
    task: TaskId,
    agent: &'a AgentName,
}

async fn insert(tx: &mut Tx, subject: Subject<'_>, asked: &TaskApproval, shown: Option<&str>) -> Done<()> {
    let Subject { tenant, id, task, agent } = subject;
    let row = query(
        "insert into task_approvals
            (tenant, id, task, agent, status, revision, document, due_at, created_at, kind, shown)
         values ($1, $2, $3, $4, 'pending', 1, $5, $6, $7, $8, $9) returning *",
    )
    .bind(tenant.as_str())
    .bind(id.to_string())
    .bind(task.to_string())
    .bind(agent.as_str())
    .bind(text(asked)?)
    .bind(asked.due().map(Timestamp::as_millis))
    .bind(asked.requested_at.as_millis())
    .bind(asked.kind.as_str())
    .bind(shown)
    .fetch_one(&mut tx.connection)
    .await?;
    let asked_by = asked.asked_by.clone();
    let row = read(&row)?;
    tell(tx, &row, "requested", None, None).await?;
    let mut entry = entry(&row, "requested").by(Some(&asked_by)).with("rule", asked.rule_number);
    entry = entry.with("policy_revision", asked.policy_revision);
    if let Some(replaced) = asked.replaces {
        entry = entry.with("replaces", replaced.to_string());
    }
    tx.audit(tenant, entry).await
}

async fn move_to(
    tx: &mut Tx,
    seen: TaskApprovalRow,
    to: ApprovalMove,
) -> Done<Option<(TaskApprovalRow, Option<TaskRow>)>> {
    let ApprovalMove { approval, status, step, by, level, link, task: effect } = to;
    let is_over = status != TaskApprovalStatus::Pending;
    let moved = query(
        "update task_approvals set status = $4, document = $5, due_at = $6, ended_at = $7, revision = revision + 1
         where tenant = $1 and id = $2 and revision = $3 returning *",
    )
    .bind(seen.tenant.as_str())
    .bind(seen.id.to_string())
    .bind(number(seen.revision)?)
    .bind(status.as_str())
    .bind(text(&approval)?)
    .bind(approval.due().filter(|_| !is_over).map(Timestamp::as_millis))
    .bind(is_over.then_some(tx.now.as_millis()))
    .fetch_optional(&mut tx.connection)
    .await?;
    let Some(moved) = moved else { return Ok(None) };
    let moved = read(&moved)?;
    tell(tx, &moved, step, level, by.as_deref()).await?;
    let mut entry = entry(&moved, step).by(by.as_deref());
    if let Some(level) = level {
        entry = entry.with("level", level);
    }
    if let Some(link) = link {
        let link = links::used(tx, &seen.tenant, link, seen.id).await?;
        entry = entry.with("link", link.id.to_string()).with("link_made_by", link.made_by);
    }
    if let Some(reason) = moved.approval.outcome.as_ref().and_then(|outcome| outcome.reason.clone()) {
        entry = entry.with("reason", reason);
    }
    tx.audit(&seen.tenant, entry).await?;
    let task = match effect {
        ApprovalEffect::Waits => None,
        ApprovalEffect::Told => {
            tasks::come_to_pass(tx, &seen.tenant, seen.task, Awaited::Approval(seen.id)).await?;
            None
        }
        ApprovalEffect::Runs(at) => {
            let from = at.filter(|at| *at > tx.now);
            Some(tasks::approved(tx, &seen.tenant, seen.task, from).await?)
        }
        ApprovalEffect::Fails(failure) => {
            let end = TaskEnd::unrun(TaskStatus::Failed, failure, tx.now, Decided::default());
            Some(tasks::refused(tx, &seen.tenant, seen.task, end).await?)
        }
        ApprovalEffect::AskedAnew(id, asked) => {
            let task = tasks::asked_anew(tx, &seen.tenant, seen.task, id).await?;
            let subject = Subject { tenant: &seen.tenant, id, task: seen.task, agent: &seen.agent };
            insert(tx, subject, &asked, None).await?;
            Some(task)
        }
    };
    Ok(Some((moved, task)))
}

async fn find(connection: &mut dyn Connection, tenant: &TenantId, id: ApprovalId) -> Done<Option<TaskApprovalRow>> {
    let row = query("select * from task_approvals where tenant = $1 and id = $2")
        .bind(tenant.as_str())
        .bind(id.to_string())
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(read).transpose()
}

/// What the audit says of every step.
fn entry(row: &TaskApprovalRow, step: &str) -> AuditEntry {
    let action = &row.approval.action;
    let entry = AuditEntry::new(AuditKind::TaskApproval).of(&row.agent).on(&action.version, action.digest);
    let entry = entry.with("approval", row.id.to_string()).with("step", step).with("task", row.task.to_string());
    let mut entry = entry.with("skill", action.skill.as_str()).with("effect", action.effect.to_string());
    if let Some(configuration) = action.configuration {
        entry = entry.with("configuration", configuration.digest.to_string());
    }
    match row.approval.shown {
        Some(shown) => entry.with("kind", row.approval.kind.as_str()).with("shown", shown.to_string()),
        None => entry,
    }
}

async fn tell(tx: &mut Tx, row: &TaskApprovalRow, step: &str, level: Option<usize>, by: Option<&str>) -> Done<()> {
    let action = &row.approval.action;
    let mut facts = Map::new();
    let mut say = |name: &str, value: Value| drop(facts.insert(name.to_owned(), value));
    say("task", json!(row.task));
    say("agent", json!(action.agent));
    say("skill", json!(action.skill));
    say("effect", json!(action.effect));
    say("version", json!(action.version));
    say("digest", json!(action.digest));
    if let Some(configuration) = action.configuration {
        say("configuration", json!(configuration.digest));
    }
    say("revision", json!(row.revision));
    if let Some(shown) = row.approval.shown {
        say("kind", json!(row.approval.kind));
        say("shown", json!(shown));
    }
    if let Some(level) = level {
        say("level", json!(level));
    }
    if let Some(by) = by {
        say("by", json!(by));
    }
    tx.announce(&row.tenant, &format!("approval.{step}"), &format!("approval/{}", row.id), &facts.into());
    Ok(())
}

fn read(row: &Row) -> Done<TaskApprovalRow> {
    let status: &str = row.get_as("status")?;
    let document: &str = row.get_as("document")?;
    Ok(TaskApprovalRow {
        tenant: row.parsed("tenant")?,
        id: row.parsed("id")?,
        task: row.parsed("task")?,
        agent: row.parsed("agent")?,
        status: TaskApprovalStatus::parse(status).ok_or_else(|| broken("status", status))?,
        revision: row.number("revision")?,
        approval: serde_json::from_str(document).map_err(|error| broken("document", error))?,
        shown: row.get_as("shown")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::plan;

    #[tokio::test]
    async fn what_is_due_or_of_a_task_is_found_without_looking_at_others() {
        for query in [DUE, NEXT] {
            let plan = plan(query).await;
            assert!(plan.iter().any(|step| step.contains("INDEX task_approvals_due")), "{plan:?}");
        }
        let plan = plan(OPEN).await;
        assert!(plan.iter().any(|step| step.contains("INDEX task_approvals_by")), "{plan:?}");
    }
}
