//! Tasks that agents ask for: *children* of the task whose agent asked.
//!
//! ```text
//!  parent ──ask──▶ child, in the commit of the call's row: once, however often the call is repeated
//!    │               │
//!    │ suspended, ◀──┘ ends: whoever waits for it is due in the commit of its end
//!    │
//!    ├─ cancelled ────────▶ the end of every child is asked for
//!    ├─ ends otherwise ───▶ that of those which do not outlive it
//!    └─ begins anew ──────▶ that of those which do not outlive it and have no key: the next attempt
//!                           asks for its own
//! ```
//!
//! Who a child is for is its parent's row to say, and nobody else's: tenant, principal, affinity, who has asked
//! where somebody has to approve of it, the task at the top, and how far below that it is. A child's time is at
//! most what is left of its parent's.
//!
//! To ask for the end of a task that does not run is not to end it, since the audit must first be told
//! what was decided in it; whoever looks for those whose end is asked for ([`Store::to_cancel`]) does.

use std::time::Duration;

use troupe_core::{AskOutcome, Awaited, Cause, Child, Error, Result, TaskId, TenantId, Timestamp, limits};

use super::{Pin, TaskRow, budget, commit, create, fingerprint, row};
use crate::Store;
use crate::fault::{Done, Failed};
use crate::journal::{self, JournalRow, Kept, pack};
use crate::rows::Columns as _;
use crate::sql::{Connection, query, query_scalar};
use crate::task_approvals;
use crate::writer::Tx;

/// What a task is asked to end by whose own end is asked for, as the audit names it.
const BY_TASK: &str = "task:";

/// A task that an agent asks for, as part of its invocation's commit.
#[derive(Debug, Clone)]
pub struct AskCommit {
    /// The task, as it would be accepted if whoever the asking task is for asked for it. Who that is, what caused it
    /// and how long it may take at most are filled in.
    pub child: TaskRow,
    /// The key under which it is asked for once, in whichever attempt.
    pub key: Option<String>,
    /// Its priority; that of the task that asks when absent.
    pub priority: Option<i32>,
    /// Whether it goes on when the task that asks ends.
    pub outlives: bool,
    /// Whether it may change something, so that asking for it is a write.
    pub writes: bool,
    /// Makes the journalled answer of what came of asking this agent for this skill.
    pub encode: fn(&AskOutcome, &str, &str) -> Vec<u8>,
}

/// What came of asking, and the task if it was made by this.
#[derive(Debug, Clone, PartialEq)]
pub struct AskAnswer {
    /// What the agent is told.
    pub outcome: AskOutcome,
    /// The task that is there now and was not before.
    pub made: Option<TaskRow>,
}

/// What has come to an end of whatever the end of its children follows from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    /// The attempt: the task begins anew.
    Attempt,
    /// The task.
    Task,
    /// The task, since somebody asked for its end.
    Cancelled,
}

impl Store {
    /// Makes a task that the agent of a running invocation asks for, with rows of its journal and the row
    /// of the call. A task above which there are too many is not made, nor one of too many.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub async fn commit_ask(
        &self,
        pin: &Pin,
        journal: Vec<JournalRow>,
        ask: AskCommit,
        row: JournalRow,
    ) -> Result<AskAnswer> {
        let pin = pin.clone();
        let (journal, row) = (journal::packed(journal).await?, one(row).await?);
        self.persist(move |tx| Box::pin(run_ask(tx, pin, journal, ask, row))).await
    }

    /// Asks for the end of a child of a running invocation's task, with rows of its journal and the row of the
    /// call. Returns whether it is a child of it; of one that has ended nothing changes.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub async fn commit_child_cancel(
        &self,
        pin: &Pin,
        journal: Vec<JournalRow>,
        child: TaskId,
        row: JournalRow,
        encode: fn(bool) -> Vec<u8>,
    ) -> Result<bool> {
        let pin = pin.clone();
        let (journal, row) = (journal::packed(journal).await?, one(row).await?);
        self.persist(move |tx| Box::pin(run_cancel(tx, pin, journal, child, (row, encode)))).await
    }

    /// How a child of a task stands; nothing if it has no such child.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn child(&self, tenant: &TenantId, parent: TaskId, child: TaskId) -> Result<Option<Child>> {
        let found = row::find(&mut self.reader().await?, tenant, child).await?;
        Ok(found.filter(|found| is_child(found, parent)).map(seen))
    }

    /// Lists the newest children of a task, without what they put out.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn children(&self, tenant: &TenantId, parent: TaskId, limit: u32) -> Result<Vec<Child>> {
        let rows = query(
            "select id, agent, skill, status from tasks where tenant = $1 and caused_by = $2
             order by id desc limit $3",
        )
        .bind(tenant.as_str())
        .bind(parent.to_string())
        .bind(i64::from(limit))
        .fetch_all(&mut self.reader().await?)
        .await
        .map_err(Failed::from)?;
        let read = |found: &crate::sql::Row| {
            Ok(Child {
                task: found.parsed("id")?,
                agent: found.parsed("agent")?,
                skill: found.parsed("skill")?,
                status: row::status(found.get_as("status")?)?,
                output: None,
                failure: None,
            })
        };
        Ok(rows.iter().map(read).collect::<Done<_>>()?)
    }

    /// Whether a task has ended, or is not there.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn has_ended(&self, tenant: &TenantId, task: TaskId) -> Result<bool> {
        Ok(!any_going(&mut self.reader().await?, tenant, task).await?)
    }

    /// Lists tasks whose end somebody has asked for and that have not ended: those that `owner` runs, and those
    /// that nobody does and that do not wait to be told any more.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn to_cancel(&self, owner: &str, now: Timestamp) -> Result<Vec<(TenantId, TaskId, String)>> {
        let rows = query(
            "select tenant, id, coalesce(cancelled_by, '') as cancelled_by from tasks
             where cancel_requested = 1 and ended_at is null
                and (lease_owner is not distinct from $1
                    or status <> 'running' and (cancel_until is null or cancel_until <= $2))
             order by tenant, id",
        )
        .bind(owner)
        .bind(now.as_millis())
        .fetch_all(&mut self.reader().await?)
        .await
        .map_err(Failed::from)?;
        let read = |row: &crate::sql::Row| Ok((row.parsed("tenant")?, row.parsed("id")?, row.get_as("cancelled_by")?));
        Ok(rows.iter().map(read).collect::<Done<_>>()?)
    }

    /// The task with which this one is asked to end, if that is why.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn cancelled_with(&self, tenant: &TenantId, task: TaskId) -> Result<Option<TaskId>> {
        let by = super::cancelled_by(&mut self.reader().await?, tenant, task).await?;
        Ok(by.as_deref().and_then(task_of))
    }
}

/// What is put down as who asked for the end of a task, where that follows from another.
pub(super) fn by_task(task: TaskId) -> String {
    format!("{BY_TASK}{task}")
}

/// The task that asked for the end of another by its own.
pub(super) fn task_of(by: &str) -> Option<TaskId> {
    by.strip_prefix(BY_TASK)?.parse().ok()
}

pub(super) async fn one(row: JournalRow) -> Result<Kept> {
    Ok(journal::packed(vec![row]).await?.pop().ok_or_else(|| Error::internal("a row is gone"))?.fresh())
}

async fn run_ask(tx: &mut Tx, pin: Pin, mut journal: Vec<Kept>, ask: AskCommit, mut row: Kept) -> Done<AskAnswer> {
    commit::check(tx, &pin).await?;
    let Some(parent) = row::find(&mut tx.connection, &pin.tenant, pin.task).await? else {
        return Err(row::not_found(pin.task).into());
    };
    let (writes, encode) = (ask.writes, ask.encode);
    let (agent, skill) = (ask.child.agent.clone(), ask.child.skill.clone());
    let answer = make(tx, &parent, ask).await?;
    row.answer = Some(pack(encode(&answer.outcome, agent.as_str(), skill.as_str())));
    row.write = writes && matches!(answer.outcome, AskOutcome::Made(_));
    journal.push(row);
    journal::append(tx, &pin.tenant, pin.task, pin.attempt, &journal).await?;
    Ok(answer)
}

async fn make(tx: &mut Tx, parent: &TaskRow, ask: AskCommit) -> Done<AskAnswer> {
    let AskCommit { child, key, priority, outlives, .. } = ask;
    let not_made = |outcome| Ok(AskAnswer { outcome, made: None });
    if let Some(key) = &key
        && let Some((before, request)) = by_key(&mut tx.connection, parent, key).await?
    {
        let is_same = request == fingerprint::of(child.asked())?;
        let other = "this idempotency key came with another request of this task before".to_owned();
        return not_made(if is_same { AskOutcome::Made(before) } else { AskOutcome::Invalid(other) });
    }
    let above = parent.cause.as_ref().map_or(0, |cause| cause.hops);
    let root = parent.cause.as_ref().and_then(|cause| cause.root).unwrap_or(parent.id);
    if above >= limits::TASK_HOPS_MAX {
        return not_made(AskOutcome::Hops);
    }
    if descendants(&mut tx.connection, &parent.tenant, root).await? >= limits::TASK_DESCENDANTS_MAX {
        return not_made(AskOutcome::Descendants);
    }
    if let Some(spent) = budget::spent(&mut tx.connection, &parent.tenant, root, 1).await? {
        return not_made(AskOutcome::Budget(spent));
    }
    if let Some(message) = task_approvals::no_room(tx, &child).await? {
        return not_made(AskOutcome::Unavailable(message));
    }
    let left = left_of(parent, tx.now);
    let timeout_ms = child.timeout_ms.min(left);
    let lifetime_ms = child.lifetime_ms.unwrap_or(left).clamp(timeout_ms, left);
    let child = TaskRow {
        tenant: parent.tenant.clone(),
        principal: parent.principal.clone(),
        affinity: parent.affinity.clone(),
        approval: child.approval.map(|approval| approval.asked_by(&parent.principal)),
        priority: priority.unwrap_or(parent.priority),
        cause: Some(Cause { by: Some(parent.id), event: None, root: Some(root), hops: above + 1, outlives, key }),
        timeout_ms,
        lifetime_ms: Some(lifetime_ms),
        idempotency_key: None,
        ..child
    };
    let id = child.id;
    create::create(tx, child.clone()).await?;
    Ok(AskAnswer { outcome: AskOutcome::Made(id), made: Some(child) })
}

/// What is left of a task's time, in milliseconds: one at least, since it runs.
fn left_of(task: &TaskRow, now: Timestamp) -> u64 {
    let time = Duration::from_millis(task.lifetime_ms.unwrap_or(task.timeout_ms));
    let ends = task.started_at.unwrap_or(now).plus(time);
    u64::try_from(ends.since(now).as_millis()).unwrap_or(u64::MAX).max(1)
}

/// The child that a task asked for under a key, and the fingerprint of what it was asked for.
async fn by_key(connection: &mut dyn Connection, parent: &TaskRow, key: &str) -> Done<Option<(TaskId, String)>> {
    let found = query("select id, request from tasks where tenant = $1 and caused_by = $2 and ask_key = $3")
        .bind(parent.tenant.as_str())
        .bind(parent.id.to_string())
        .bind(key)
        .fetch_optional(connection)
        .await?;
    found.map(|found| Ok((found.parsed("id")?, found.get_as("request")?))).transpose()
}

async fn descendants(connection: &mut dyn Connection, tenant: &TenantId, root: TaskId) -> Done<u64> {
    let found = query("select count(*) as count from tasks where tenant = $1 and root = $2")
        .bind(tenant.as_str())
        .bind(root.to_string())
        .fetch_one(connection)
        .await?;
    found.number("count")
}

async fn run_cancel(
    tx: &mut Tx,
    pin: Pin,
    mut journal: Vec<Kept>,
    child: TaskId,
    (mut row, encode): (Kept, fn(bool) -> Vec<u8>),
) -> Done<bool> {
    commit::check(tx, &pin).await?;
    let found = row::find(&mut tx.connection, &pin.tenant, child).await?;
    let found = found.filter(|found| is_child(found, pin.task));
    if found.as_ref().is_some_and(|found| !found.status.is_final()) {
        super::cancel::note(tx, &pin.tenant, child, &by_task(pin.task)).await?;
    }
    row.answer = Some(pack(encode(found.is_some())));
    row.write = false;
    journal.push(row);
    journal::append(tx, &pin.tenant, pin.task, pin.attempt, &journal).await?;
    Ok(found.is_some())
}

fn is_child(task: &TaskRow, parent: TaskId) -> bool {
    task.cause.as_ref().is_some_and(|cause| cause.by == Some(parent))
}

fn seen(row: TaskRow) -> Child {
    let TaskRow { id, agent, skill, status, output, failure, .. } = row;
    let failure = failure.filter(|_| status.is_final());
    Child { task: id, agent, skill, status, output, failure }
}

/// Asks for the end of what a task has asked for, as far as that follows from what is over.
pub(super) async fn over(tx: &mut Tx, tenant: &TenantId, parent: TaskId, what: Over) -> Done<()> {
    let statement = match what {
        Over::Attempt => {
            "update tasks set cancel_requested = 1, cancelled_by = coalesce(cancelled_by, $3)
             where tenant = $1 and caused_by = $2 and ended_at is null and cancel_requested = 0
                and outlives = 0 and ask_key is null"
        }
        Over::Task => {
            "update tasks set cancel_requested = 1, cancelled_by = coalesce(cancelled_by, $3)
             where tenant = $1 and caused_by = $2 and ended_at is null and cancel_requested = 0 and outlives = 0"
        }
        Over::Cancelled => {
            "update tasks set cancel_requested = 1, cancelled_by = coalesce(cancelled_by, $3)
             where tenant = $1 and caused_by = $2 and ended_at is null and cancel_requested = 0"
        }
    };
    let asked = query(statement)
        .bind(tenant.as_str())
        .bind(parent.to_string())
        .bind(by_task(parent))
        .execute(&mut tx.connection)
        .await?;
    // Whoever runs them, or ends those that nobody runs, looks at this tick.
    tx.locks_moved |= asked.rows_affected() > 0;
    Ok(())
}

/// Has the task that asked for one which has ended go on, if it waits for it.
pub(super) async fn ended(tx: &mut Tx, child: &TaskRow) -> Done<()> {
    let Some(by) = child.cause.as_ref().and_then(|cause| cause.by) else { return Ok(()) };
    come_to_pass(tx, &child.tenant, by, Awaited::Task(child.id)).await
}

/// Has a task go on, if it waits for what has come to pass.
pub(crate) async fn come_to_pass(tx: &mut Tx, tenant: &TenantId, waits: TaskId, awaited: Awaited) -> Done<()> {
    query(
        "update tasks set wake_at = $3
         where tenant = $1 and id = $2 and status = 'suspended' and wake_at > $3 and awaits like $4",
    )
    .bind(tenant.as_str())
    .bind(waits.to_string())
    .bind(tx.now.as_millis())
    .bind(format!("%{awaited}%"))
    .execute(&mut tx.connection)
    .await?;
    // One that runs is told by the tick.
    tx.locks_moved = true;
    Ok(())
}

/// Whether any of what is awaited has come to pass.
pub(super) async fn any_over(tx: &mut Tx, tenant: &TenantId, awaited: &[Awaited]) -> Done<bool> {
    for awaited in awaited {
        let is_open = match awaited {
            Awaited::Task(task) => any_going(&mut tx.connection, tenant, *task).await?,
            Awaited::Approval(id) => task_approvals::is_open(&mut tx.connection, tenant, *id).await?,
        };
        if !is_open {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn any_going(connection: &mut dyn Connection, tenant: &TenantId, task: TaskId) -> Done<bool> {
    let going: i64 = query_scalar("select count(*) from tasks where tenant = $1 and id = $2 and ended_at is null")
        .bind(tenant.as_str())
        .bind(task.to_string())
        .fetch_one(connection)
        .await?;
    Ok(going > 0)
}

#[cfg(test)]
mod tests {
    use crate::rows::plan;

    #[tokio::test]
    async fn those_whose_end_is_asked_for_and_children_are_found_without_looking_at_others() {
        for (statement, index) in [
            ("select id from tasks where cancel_requested = 1 and ended_at is null", "tasks_to_cancel"),
            ("select id from tasks where tenant = 'a' and caused_by = 'b' and ended_at is null", "tasks_caused"),
            ("select count(*) from tasks where tenant = 'a' and root = 'b'", "tasks_of_root"),
        ] {
            let plan = plan(statement).await;
            assert!(plan.iter().any(|step| step.contains(&format!("INDEX {index}"))), "{plan:?}");
        }
    }
}
