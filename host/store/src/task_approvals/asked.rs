//! Approvals that the agents of running tasks ask for.
//!
//! ```text
//!  task ──ask──▶ pending, in the commit of the call's row: once, however often the call is repeated
//!   │              │
//!   │ suspended, ◀─┤ decided, by somebody or by time: whoever waits for it is due in the same commit
//!   │              │
//!   └─ ends, is cancelled, begins anew ──▶ cancelled: nobody decides about what nobody does
//! ```
//!
//! The row is no write of the journal: an attempt that has asked and written nothing can begin anew, and asks
//! for its own.

use troupe_core::approval::{ApprovalKind, ApprovalsFull, AskedApproval};
use troupe_core::view::TaskApproval;
use troupe_core::{ApprovalId, Awaited, Digest, Error, Result, TaskId, TenantId, limits};

use super::{Subject, TaskApprovalRow, find, insert};
use crate::Store;
use crate::fault::Done;
use crate::journal::{self, JournalRow, Kept, pack};
use crate::rows::Columns as _;
use crate::sql::{Connection, query, query_scalar};
use crate::tasks::{self, Pin};
use crate::writer::Tx;

const OPEN_OF_AGENT: &str = "select count(*) from task_approvals
     where tenant = $1 and agent = $2 and kind = 'action' and status = 'pending'";

const OPEN_OF_TASK: &str =
    "select count(*) from task_approvals where tenant = $1 and task = $2 and kind = 'action' and status = 'pending'";

/// An approval that an agent asks for, as part of its invocation's commit.
#[derive(Debug, Clone)]
pub struct ApprovalCommit {
    /// Its id.
    pub id: ApprovalId,
    /// What is asked.
    pub asked: TaskApproval,
    /// What is shown, as the text that its digest is of.
    pub shown: String,
    /// How many of the agent may be undecided at once.
    pub open_max: u32,
    /// Makes the journalled answer of what came of it.
    pub encode: fn(&AskedApproval) -> Vec<u8>,
}

impl Store {
    /// Asks for an approval on behalf of a running invocation, with rows of its journal and the row of the
    /// call. Tells the feed `approval.requested`, and the audit; nothing is asked for where too much waits.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub async fn commit_approval(
        &self,
        pin: &Pin,
        journal: Vec<JournalRow>,
        ask: ApprovalCommit,
        row: JournalRow,
    ) -> Result<AskedApproval> {
        let pin = pin.clone();
        let journal = journal::packed(journal).await?;
        let row = journal::packed(vec![row]).await?.pop().ok_or_else(|| Error::internal("a row is gone"))?.fresh();
        self.persist(move |tx| Box::pin(run(tx, pin, journal, ask, row))).await
    }

    /// An approval that the agent of a task has asked for.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn asked_approval(
        &self,
        tenant: &TenantId,
        task: TaskId,
        id: ApprovalId,
    ) -> Result<Option<TaskApprovalRow>> {
        let found = find(&mut self.reader().await?, tenant, id).await?;
        Ok(found.filter(|row| row.task == task && row.approval.kind == ApprovalKind::Action))
    }

    /// Whether what a task awaits has come to pass, or is not there.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn has_come_to_pass(&self, tenant: &TenantId, awaited: Awaited) -> Result<bool> {
        match awaited {
            Awaited::Task(task) => self.has_ended(tenant, task).await,
            Awaited::Approval(id) => Ok(!is_open(&mut self.reader().await?, tenant, id).await?),
        }
    }
}

/// Whether nobody has decided about an approval.
pub(crate) async fn is_open(connection: &mut dyn Connection, tenant: &TenantId, id: ApprovalId) -> Done<bool> {
    let open: i64 =
        query_scalar("select count(*) from task_approvals where tenant = $1 and id = $2 and status = 'pending'")
            .bind(tenant.as_str())
            .bind(id.to_string())
            .fetch_one(connection)
            .await?;
    Ok(open > 0)
}

async fn run(tx: &mut Tx, pin: Pin, mut journal: Vec<Kept>, ask: ApprovalCommit, mut row: Kept) -> Done<AskedApproval> {
    tasks::check(tx, &pin).await?;
    let encode = ask.encode;
    let asked = make(tx, &pin, ask).await?;
    row.answer = Some(pack(encode(&asked)));
    row.write = false;
    journal.push(row);
    journal::append(tx, &pin.tenant, pin.task, pin.attempt, &journal).await?;
    Ok(asked)
}

async fn make(tx: &mut Tx, pin: &Pin, ask: ApprovalCommit) -> Done<AskedApproval> {
    let ApprovalCommit { id, asked, shown, open_max, .. } = ask;
    if let Some((which, most)) = full(tx, pin, open_max).await? {
        return Ok(AskedApproval::Full { which, most });
    }
    let digest = asked.shown.unwrap_or_else(|| Digest::of(shown.as_bytes()));
    query("update tasks set approvals_asked = approvals_asked + 1 where tenant = $1 and id = $2")
        .bind(pin.tenant.as_str())
        .bind(pin.task.to_string())
        .execute(&mut tx.connection)
        .await?;
    let subject = Subject { tenant: &pin.tenant, id, task: pin.task, agent: &pin.agent };
    insert(tx, subject, &asked, Some(&shown)).await?;
    Ok(AskedApproval::Made { id, digest })
}

/// What has no room for one more, and how much it has room for.
async fn full(tx: &mut Tx, pin: &Pin, open_max: u32) -> Done<Option<(ApprovalsFull, u64)>> {
    let found = query("select approvals_asked from tasks where tenant = $1 and id = $2")
        .bind(pin.tenant.as_str())
        .bind(pin.task.to_string())
        .fetch_one(&mut tx.connection)
        .await?;
    if found.number::<u64>("approvals_asked")? >= limits::APPROVALS_PER_TASK_MAX {
        return Ok(Some((ApprovalsFull::TaskInAll, limits::APPROVALS_PER_TASK_MAX)));
    }
    let task = pin.task.to_string();
    if count(tx, OPEN_OF_TASK, &pin.tenant, &task).await? >= limits::APPROVALS_OPEN_PER_TASK_MAX {
        return Ok(Some((ApprovalsFull::Task, limits::APPROVALS_OPEN_PER_TASK_MAX)));
    }
    if count(tx, OPEN_OF_AGENT, &pin.tenant, pin.agent.as_str()).await? >= u64::from(open_max) {
        return Ok(Some((ApprovalsFull::Agent, open_max.into())));
    }
    let waiting = super::waiting(tx, &pin.tenant).await?;
    Ok((waiting >= limits::TASK_APPROVALS_MAX).then_some((ApprovalsFull::Tenant, limits::TASK_APPROVALS_MAX)))
}

async fn count(tx: &mut Tx, statement: &'static str, tenant: &TenantId, of: &str) -> Done<u64> {
    let count: i64 = query_scalar(statement).bind(tenant.as_str()).bind(of).fetch_one(&mut tx.connection).await?;
    Ok(u64::try_from(count).unwrap_or(u64::MAX))
}

/// Forgets what the agent of a task has shown.
pub(crate) async fn forget(tx: &mut Tx, tenant: &TenantId, task: TaskId) -> Done<()> {
    query("update task_approvals set shown = null where tenant = $1 and task = $2 and shown is not null")
        .bind(tenant.as_str())
        .bind(task.to_string())
        .execute(&mut tx.connection)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::plan;

    #[tokio::test]
    async fn what_is_undecided_is_counted_without_looking_at_what_is_decided() {
        for (statement, index) in [(OPEN_OF_AGENT, "task_approvals_open"), (OPEN_OF_TASK, "task_approvals_by_task")] {
            let plan = plan(statement).await;
            assert!(plan.iter().any(|step| step.contains(&format!("INDEX {index}"))), "{plan:?}");
        }
    }
}
