//! Trying a task again that failed.
//!
//! The attempt is over, as one that ends is: its journal is whole, the audit is told what was decided
//! in it, and its lease is given up. The task is not: it is pending, keeps why the try failed, and
//! is queued when its time has come, for a new attempt on the release that serves then.

use troupe_core::view::{TaskFailure, TaskUsage};
use troupe_core::{Code, Error, Result, Timestamp};

use super::children::{self, Over};
use super::{Pin, TaskRow, commit, create, row, usage};
use crate::Store;
use crate::audit::{self, Decided};
use crate::fault::Done;
use crate::instances;
use crate::journal::{self, JournalRow, Kept};
use crate::locks;
use crate::rows::json;
use crate::sql::query;
use crate::task_approvals;
use crate::writer::Tx;

/// A try that failed and is followed by another.
#[derive(Debug, Clone, PartialEq)]
pub struct FailedTry {
    /// Why it failed.
    pub failure: TaskFailure,
    /// When the next may begin.
    pub again_at: Timestamp,
    /// What was decided in it.
    pub decided: Decided,
    /// What its last run used.
    pub used: TaskUsage,
}

impl Store {
    /// Ends an attempt that is followed by another, with the rows that its invocation leaves, and
    /// returns the task as it then is. Tells the feed `task.pending`.
    ///
    /// # Errors
    /// Nothing is written on any of them. Those of [`Store::commit`]; [`Code::Cancelled`] also when
    /// somebody has asked for the task's end.
    pub async fn retry(&self, pin: &Pin, journal: Vec<JournalRow>, failed: FailedTry) -> Result<TaskRow> {
        let pin = pin.clone();
        let journal = journal::packed(journal).await?;
        self.persist(move |tx| Box::pin(retry(tx, pin, journal, failed))).await
    }
}

async fn retry(tx: &mut Tx, pin: Pin, journal: Vec<Kept>, failed: FailedTry) -> Done<TaskRow> {
    commit::check(tx, &pin).await?;
    let Some(ran) = row::find(&mut tx.connection, &pin.tenant, pin.task).await? else {
        return Err(row::not_found(pin.task).into());
    };
    // The leases of the next attempt are counted from here, as after a suspension.
    let pending = query(concat!(
        "update tasks set ",
        usage::adds_usage!(),
        ", status = 'pending', failure = $8, wake_at = $9, retries = retries + 1,
            suspended_lease = lease_number, version = null, digest = null, epoch = null,
            lease_owner = null, lease_until = null, first_started_at = coalesce(first_started_at, started_at),
            started_at = null
         where tenant = $1 and id = $2 and cancel_requested = 0
         returning *",
    ))
    .bind(pin.tenant.as_str())
    .bind(pin.task.to_string());
    let pending = usage::bind(pending, &failed.used)?
        .bind(json(&failed.failure)?)
        .bind(failed.again_at.as_millis())
        .fetch_optional(&mut tx.connection)
        .await?;
    let Some(pending) = pending else {
        return Err(Error::new(Code::Cancelled, "the task was cancelled").into());
    };
    journal::append(tx, &pin.tenant, pin.task, pin.attempt, &journal).await?;
    let task = row::read(&pending)?;
    instances::attempt_ended(tx, &task, Some(&failed.failure)).await?;
    locks::task_over(tx, &task.tenant, task.id).await?;
    children::over(tx, &task.tenant, task.id, Over::Attempt).await?;
    task_approvals::over(tx, &task.tenant, task.id).await?;
    create::tell(tx, &task).await?;
    // The record says on which release it failed.
    audit::attempt(tx, &TaskRow { failure: Some(failed.failure), ..ran }, failed.decided).await?;
    Ok(task)
}
