//! Suspending tasks.
//!
//! A suspended task has no lease, since nobody runs it, and keeps what its attempt is pinned
//! to. A crash changes nothing about it: it is taken up again when its time has come, by
//! whoever looks. Then it is pending, as one that was interrupted, and is resumed like it.

use troupe_core::view::TaskUsage;
use troupe_core::{Awaited, Code, Error, Result, Timestamp};

use super::{Pin, TaskRow, children, commit, create, row, usage};
use crate::Store;
use crate::audit::{self, Decided};
use crate::fault::Done;
use crate::journal::{self, JournalRow, Kept};
use crate::locks;
use crate::sql::query;
use crate::writer::Tx;

/// When a suspended task goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rest {
    /// At the latest.
    pub until: Timestamp,
    /// Once any of this has come to pass.
    pub awaits: Vec<Awaited>,
    /// What the run used that leaves off.
    pub used: TaskUsage,
}

impl From<Timestamp> for Rest {
    fn from(until: Timestamp) -> Self {
        Self { until, awaits: Vec::new(), used: TaskUsage::default() }
    }
}

impl Store {
    /// Suspends a running task until then, with the rows that its invocation leaves and what
    /// of its decisions they do not tell, and gives its lease up; returns it as it then is. Tells the feed `task.suspended`.
    ///
    /// # Errors
    /// Nothing is written on any of them. Those of [`Store::commit`]; [`Code::Cancelled`] also
    /// when somebody has asked for the task's end.
    pub async fn suspend(
        &self,
        pin: &Pin,
        journal: Vec<JournalRow>,
        until: impl Into<Rest>,
        decided: Decided,
    ) -> Result<TaskRow> {
        let (pin, rest) = (pin.clone(), until.into());
        let journal = journal::packed(journal).await?;
        self.persist(move |tx| Box::pin(suspend(tx, pin, journal, rest, decided))).await
    }
}

async fn suspend(tx: &mut Tx, pin: Pin, journal: Vec<Kept>, rest: Rest, decided: Decided) -> Done<TaskRow> {
    commit::check(tx, &pin).await?;
    let Rest { until, awaits, used } = rest;
    // What it waits for may have come to pass since it was looked at.
    let is_due =
        locks::any_settled(tx, &pin.tenant, pin.task).await? || children::any_over(tx, &pin.tenant, &awaits).await?;
    let until = if is_due { tx.now } else { until };
    let awaits = awaits.iter().map(Awaited::to_string).collect::<Vec<_>>().join(" ");
    let suspended = query(concat!(
        "update tasks set ",
        usage::adds_usage!(),
        ", status = 'suspended', wake_at = $8, suspended_lease = lease_number,
            lease_owner = null, lease_until = null, awaits = $9
         where tenant = $1 and id = $2 and cancel_requested = 0
         returning *",
    ))
    .bind(pin.tenant.as_str())
    .bind(pin.task.to_string());
    let suspended = usage::bind(suspended, &used)?
        .bind(until.as_millis())
        .bind((!awaits.is_empty()).then_some(awaits))
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
