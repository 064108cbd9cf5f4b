//! The one write of a running invocation.
//!
//! Everything that an invocation makes durable goes through [`Store::commit`] and
//! [`Store::commit_lock`]: rows of its journal, at most one change of state or of a lock, its end. They are kept together or not at all,
//! and only while the invocation holds its task's lease, which is checked in the same
//! transaction: an invocation that was given up, on this host or a dead one, can write
//! nothing any more.

use troupe_core::view::TaskStatus;
use troupe_core::{AgentName, Code, Error, InstanceId, KeySpace, LockOutcome, Result, TaskId, TenantId};

use super::{TaskEnd, end, row};
use crate::Store;
use crate::fault::Done;
use crate::journal::{self, JournalRow, Kept, pack};
use crate::locks::{self, LockCommit};
use crate::rows::Columns as _;
use crate::sql::query;
use crate::state::{self, StateChange, StateOutcome, StateSpace};
use crate::writer::Tx;

/// Which invocation writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// The tenant.
    pub tenant: TenantId,
    /// The task.
    pub task: TaskId,
    /// The attempt.
    pub attempt: u32,
    /// The agent.
    pub agent: AgentName,
    /// The instance that the task is for.
    pub instance: Option<InstanceId>,
    /// The epoch of the route it began under.
    pub epoch: u64,
    /// Who holds the lease.
    pub lease_owner: String,
    /// The number of the lease.
    pub lease_number: u64,
    /// The copy of the key spaces it works on.
    pub generation: u64,
}

impl Pin {
    /// The key space that the invocation means.
    ///
    /// # Errors
    /// A fault of the host, when it means the keys of an instance and is for none.
    pub fn space(&self, space: KeySpace) -> Result<StateSpace<'_>> {
        let instance = match space {
            KeySpace::Deployment => None,
            KeySpace::Instance => {
                Some(self.instance.ok_or_else(|| Error::internal("a task for no instance means keys of one"))?)
            }
        };
        Ok(StateSpace { tenant: &self.tenant, agent: &self.agent, instance, generation: self.generation })
    }
}

/// What an invocation makes durable at once.
#[derive(Debug, Clone)]
pub struct Commit {
    /// Which invocation writes.
    pub pin: Pin,
    /// Rows of its journal since the last commit.
    pub journal: Vec<JournalRow>,
    /// A change of state, and the row of its call. The answer is filled in by
    /// [`StateChange::encode`]; a change that was refused is not journalled as a write.
    pub write: Option<(StateChange, JournalRow)>,
    /// How the task ends, with the invocation's last commit.
    pub end: Option<TaskEnd>,
}

/// What came of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitAnswer {
    /// What came of the change of state, if there was one.
    pub state: Option<StateOutcome>,
}

impl Store {
    /// Commits for a running invocation. An end is told to the feed as `task.completed`,
    /// `.failed`, `.cancelled` or `.in_doubt`.
    ///
    /// # Errors
    /// Nothing is written on any of them. [`Code::StaleEpoch`] when the invocation does not
    /// hold its task's lease any more, [`Code::Cancelled`] when the task was cancelled,
    /// [`Code::TaskNotFound`].
    pub async fn commit(&self, commit: Commit) -> Result<CommitAnswer> {
        let Commit { pin, journal, write, end } = commit;
        let journal = journal::packed(journal).await?;
        let write = match write {
            Some((change, row)) => journal::packed(vec![row]).await?.pop().map(|row| (change, row.fresh())),
            None => None,
        };
        self.persist(move |tx| Box::pin(run(tx, pin, journal, write, end))).await
    }

    /// Commits a change of a lock for a running invocation: rows of its journal, the change, and the row
    /// of its call, whose answer is filled in by [`LockCommit::encode`]. It is not journalled as a write:
    /// a lock ends with the attempt that holds it.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub async fn commit_lock(
        &self,
        pin: &Pin,
        journal: Vec<JournalRow>,
        lock: LockCommit,
        row: JournalRow,
    ) -> Result<LockOutcome> {
        let pin = pin.clone();
        let journal = journal::packed(journal).await?;
        let row = journal::packed(vec![row]).await?.pop().ok_or_else(|| Error::internal("a row is gone"))?.fresh();
        self.persist(move |tx| Box::pin(run_lock(tx, pin, journal, lock, row))).await
    }
}

async fn run_lock(tx: &mut Tx, pin: Pin, mut journal: Vec<Kept>, lock: LockCommit, mut row: Kept) -> Done<LockOutcome> {
    check(tx, &pin).await?;
    let outcome = locks::apply(tx, &pin, lock.change).await?;
    row.answer = Some(pack((lock.encode)(&outcome)));
    row.write = false;
    journal.push(row);
    journal::append(tx, &pin.tenant, pin.task, pin.attempt, &journal).await?;
    Ok(outcome)
}

async fn run(
    tx: &mut Tx,
    pin: Pin,
    mut journal: Vec<Kept>,
    write: Option<(StateChange, Kept)>,
    end: Option<TaskEnd>,
) -> Done<CommitAnswer> {
    check(tx, &pin).await?;
    let mut outcome = None;
    if let Some((change, mut row)) = write {
        state::check_generation(tx, &pin).await?;
        let stale = match &change.fence {
            Some(fence) => locks::stale(&mut tx.connection, &pin.tenant, fence).await?,
            None => None,
        };
        let state = match stale {
            Some(newest) => StateOutcome::Stale { newest },
            None => state::apply(tx, pin.space(change.space)?, pin.epoch, &change).await?,
        };
        row.answer = Some(pack((change.encode)(change.space, &state)));
        row.write = state.changed();
        journal.push(row);
        outcome = Some(state);
    }
    journal::append(tx, &pin.tenant, pin.task, pin.attempt, &journal).await?;
    if let Some(end) = end {
        end::end(tx, &pin.tenant, pin.task, end).await?;
    }
    Ok(CommitAnswer { state: outcome })
}

/// Checks that the invocation still holds its task.
pub(crate) async fn check(tx: &mut Tx, pin: &Pin) -> Done<()> {
    let found = query(
        "select status, agent, instance, attempt, epoch, lease_owner, lease_number from tasks
         where tenant = $1 and id = $2",
    )
    .bind(pin.tenant.as_str())
    .bind(pin.task.to_string())
    .fetch_optional(&mut tx.connection)
    .await?;
    let Some(found) = found else { return Err(row::not_found(pin.task).into()) };
    let status = row::status(found.get_as("status")?)?;
    if status == TaskStatus::Cancelled {
        return Err(Error::new(Code::Cancelled, format!("task {} was cancelled", pin.task)).into());
    }
    let held = status == TaskStatus::Running
        && found.get_as::<Option<&str>>("lease_owner")? == Some(pin.lease_owner.as_str())
        && found.number::<u64>("lease_number")? == pin.lease_number
        && found.number::<u32>("attempt")? == pin.attempt
        && found.number::<u64>("epoch")? == pin.epoch
        && found.get_as::<&str>("agent")? == pin.agent.as_str()
        && found.parsed_option::<InstanceId>("instance")? == pin.instance;
    if held {
        return Ok(());
    }
    let message = format!(
        "attempt {} of task {} does not hold the task any more, so nothing of it is kept; look at the task",
        pin.attempt, pin.task
    );
    Err(Error::new(Code::StaleEpoch, message).with("status", status.as_str()).into())
}
