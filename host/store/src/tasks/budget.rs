//! What a task may cost together with all below it.
//!
//! *The danger:* whoever asks an agent does not know what that will ask of others, and pays for all of it. *The rule:* a
//! budget stands in the row of the task at the top, and is held against what all below it have used, in the
//! transaction in which one of them is asked for, begins, or ends. One that ends beyond it has the end of the others
//! asked for. *The default:* none, beside the bounds that every task has.
//!
//! What runs is counted when it leaves off, as usage is, so those that run at once may together go beyond it by what
//! one attempt of each may take.

use troupe_core::view::{BudgetSpent, TaskBudget, TaskFailure, TaskStatus};
use troupe_core::{Code, Error, Result, TaskId, TenantId};

use super::{TaskEnd, TaskRow, end, row};
use crate::Store;
use crate::audit::Decided;
use crate::fault::Done;
use crate::rows::{Columns as _, broken};
use crate::sql::{Connection, query};
use crate::writer::Tx;

impl Store {
    /// Ends a task that has not begun and is below one whose budget is used up, as failed; nothing if there is
    /// some of it left.
    ///
    /// # Errors
    /// When the store is unavailable; then nothing has changed.
    pub async fn end_over_budget(&self, tenant: &TenantId, task: TaskId, root: TaskId) -> Result<Option<TaskRow>> {
        if spent(&mut self.reader().await?, tenant, root, 0).await?.is_none() {
            return Ok(None);
        }
        let tenant = tenant.clone();
        self.write(move |tx| {
            Box::pin(async move {
                let found = row::find(&mut tx.connection, &tenant, task).await?;
                let is_waiting =
                    found.is_some_and(|found| found.status == TaskStatus::Pending && found.release.is_none());
                let spent = spent(&mut tx.connection, &tenant, root, 0).await?;
                let Some(spent) = spent.filter(|_| is_waiting) else { return Ok(None) };
                let failure = TaskFailure::from(&beyond(root, spent));
                // What was decided in an earlier attempt the audit was told by the end of that.
                let end = TaskEnd::unrun(TaskStatus::Failed, failure, tx.now, Decided::default());
                end::end(tx, &tenant, task, end).await.map(Some)
            })
        })
        .await
    }
}

/// The error of a task that goes no further since the budget above it is used up.
fn beyond(root: TaskId, spent: BudgetSpent) -> Error {
    let BudgetSpent { part, most } = spent;
    let message = format!("the budget of task {root}, at the top, is used up: it has {most} as `{part}`");
    Error::new(Code::LimitBudget, message).with("root", root.to_string()).with("part", part).with("maximum", most)
}

/// The part of a task's budget that is used up, if it has one, where `more` tasks are below it than there are.
pub(super) async fn spent(
    connection: &mut dyn Connection,
    tenant: &TenantId,
    root: TaskId,
    more: u64,
) -> Done<Option<BudgetSpent>> {
    let top = query(
        "select budget, compute_us, sent_bytes, received_bytes from tasks where tenant = $1 and id = $2
            and budget is not null",
    )
    .bind(tenant.as_str())
    .bind(root.to_string())
    .fetch_optional(&mut *connection)
    .await?;
    let Some(top) = top else { return Ok(None) };
    let budget: TaskBudget = serde_json::from_str(top.get_as("budget")?).map_err(|error| broken("budget", error))?;
    let below = query(
        "select count(*) as tasks, cast(coalesce(sum(compute_us), 0) as bigint) as compute_us,
            cast(coalesce(sum(sent_bytes), 0) as bigint) as sent_bytes,
            cast(coalesce(sum(received_bytes), 0) as bigint) as received_bytes
         from tasks where tenant = $1 and root = $2",
    )
    .bind(tenant.as_str())
    .bind(root.to_string())
    .fetch_one(connection)
    .await?;
    let all = |part: &str| Done::Ok(top.number::<u64>(part)?.saturating_add(below.number(part)?));
    let tasks = below.number::<u64>("tasks")?.saturating_add(more);
    Ok(budget.spent(tasks, all("compute_us")?, all("sent_bytes")?, all("received_bytes")?))
}

/// Has the end of what else is below a task be asked for, if one of them that has ended went beyond its budget.
pub(super) async fn ended(tx: &mut Tx, task: &TaskRow) -> Done<()> {
    let Some(root) = task.cause.as_ref().and_then(|cause| cause.root) else { return Ok(()) };
    let spent = spent(&mut tx.connection, &task.tenant, root, 0).await?;
    // Those that were one too many do not begin; what runs was asked for in time.
    if spent.is_none_or(|spent| spent.part == TaskBudget::TASKS) {
        return Ok(());
    }
    let asked = query(
        "update tasks set cancel_requested = 1, cancelled_by = coalesce(cancelled_by, $3)
         where tenant = $1 and root = $2 and ended_at is null and cancel_requested = 0 and version is not null",
    )
    .bind(task.tenant.as_str())
    .bind(root.to_string())
    .bind(super::children::by_task(root))
    .execute(&mut tx.connection)
    .await?;
    tx.locks_moved |= asked.rows_affected() > 0;
    Ok(())
}
