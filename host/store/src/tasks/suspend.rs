//! Suspending tasks.
//!
//! A suspended task has no lease, since nobody runs it, and keeps what its attempt is pinned
//! to. A crash changes nothing about it: it is taken up again when its time has come, by
//! whoever looks. Then it is pending, as one that was interrupted, and is resumed like it.

use troupe_core::{Code, Error, Result, Timestamp};

use super::{Pin, TaskRow, commit, create, row};
use crate::Store;
use crate::audit::{self, Decided};
use crate::fault::Done;
use crate::journal::{self, JournalRow, Kept};
use crate::locks;
use crate::writer::Tx;

impl Store {
    /// Suspends a running task until `until`, with the rows that its invocation leaves and what
    /// of its decisions they do not tell, and gives its lease up; returns it as it then is. Tells the feed `task.suspended`.
    ///
    /// # Errors
    /// Nothing is written on any of them. Those of [`Store::commit`]; [`Code::Cancelled`] also
    /// when somebody has asked for the task's end.
    pub async fn suspend(
        &self,
        pin: &Pin,
        journal: Vec<JournalRow>,
        until: Timestamp,
        decided: Decided,
    ) -> Result<TaskRow> {
        let pin = pin.clone();
        let journal = journal::packed(journal).await?;
        self.write(move |tx| Box::pin(suspend(tx, pin, journal, until, decided))).await
    }
}

async fn suspend(tx: &mut Tx, pin: Pin, journal: Vec<Kept>, until: Timestamp, decided: Decided) -> Done<TaskRow> {
    commit::check(tx, &pin).await?;
    // What it waits for may have come to pass since it was looked at.
    let until = if locks::any_settled(tx, &pin.tenant, pin.task).await? { tx.now } else { until };
    let suspended = sqlx::query(
        "update tasks set status = 'suspended', wake_at = $3, suspended_lease = lease_number,
            lease_owner = null, lease_until = null
         where tenant = $1 and id = $2 and cancel_requested = 0
         returning *",
    )
    .bind(pin.tenant.as_str())
    .bind(pin.task.to_string())
    .bind(until.as_millis())
    .fetch_optional(&mut tx.connection)
    .await?;
    let Some(suspended) = suspended else {
        return Err(Error::new(Code::Cancelled, "the task was cancelled").into());
    };
    journal::append(tx, &pin.tenant, pin.task, pin.attempt, &journal).await?;
    let task = row::read(&suspended)?;
    create::tell(tx, &task).await?;
    audit::attempt(tx, &task, decided).await?;
    Ok(task)
}
