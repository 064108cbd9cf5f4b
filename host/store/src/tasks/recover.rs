//! What becomes of running tasks that nobody runs any more: those of a host that has died or was
//! taken over from, and those whose end could not be kept.
//!
//! The attack on correctness is repeating a write, or losing one. The rule: an interrupted
//! task is resumed, as the same attempt on the same release, answered from its journal; so
//! it is pending again and keeps all that. Whoever was asked to stop is not resumed; with a
//! write whose outcome nobody knows it ends `in_doubt`, naming the call. A task that is
//! interrupted again and again may be what ends the host, so the times have a limit; they
//! are counted anew once it was suspended, for it got somewhere.

use troupe_core::view::{TaskFailure, TaskStatus};
use troupe_core::{Code, Error, Result, TaskId, TenantId, Timestamp, limits};

use super::children::{self, Over};
use super::reading::{Ending, Told};
use super::{Pin, Reading, TaskEnd, TaskRow, cancel, commit, create, end, row};
use crate::Store;
use crate::audit::{self, Decided};
use crate::fault::{Done, Failed};
use crate::journal;
use crate::locks;
use crate::rows::Columns as _;
use crate::sql::{Connection, Row, query};
use crate::task_approvals;
use crate::writer::Tx;

/// What became of tasks that nobody ran any more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Pending again, to be resumed.
    pub resume: Vec<(TenantId, TaskId)>,
    /// Ended in doubt.
    pub in_doubt: Vec<(TenantId, TaskId)>,
    /// Ended as cancelled: somebody had asked for it.
    pub cancelled: Vec<(TenantId, TaskId)>,
    /// Ended as failed: interrupted as often as a task may be.
    pub failed: Vec<(TenantId, TaskId)>,
}

impl Recovered {
    /// Those that have ended.
    pub fn ended(&self) -> impl Iterator<Item = &(TenantId, TaskId)> {
        self.in_doubt.iter().chain(&self.cancelled).chain(&self.failed)
    }
}

impl Store {
    /// Settles every running task of an owner that is neither `owner` nor a host of the database, in one
    /// commit: what ran there writes nothing any more.
    ///
    /// # Errors
    /// When the store is unavailable; then nothing has changed.
    pub async fn recover(&self, owner: &str, reading: Reading) -> Result<Recovered> {
        let owner = owner.to_owned();
        self.ending(reading, move |tx, told| Box::pin(recover(tx, owner.clone(), reading, told))).await
    }

    /// Gives up an attempt that cannot be resumed: the task is pending, as if it had not been
    /// begun, and the audit is told what was decided in it. Returns it as it then is. One that has written
    /// anything by now is not given up; then nothing changes, and nothing is returned. One whose end was
    /// asked for is cancelled instead, unless nobody knows what came of a write.
    ///
    /// # Errors
    /// Those of [`Store::commit`].
    pub async fn start_over(&self, pin: &Pin, decided: Decided) -> Result<Option<TaskRow>> {
        let pin = pin.clone();
        self.write(move |tx| Box::pin(start_over(tx, pin, decided))).await
    }

    /// Lists the tasks that `owner` is said to run and whose lease ended before now.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn expired(&self, owner: &str, now: Timestamp) -> Result<Vec<(TenantId, TaskId)>> {
        let rows =
            query("select tenant, id from tasks where status = 'running' and lease_owner = $1 and lease_until < $2")
                .bind(owner)
                .bind(now.as_millis())
                .fetch_all(&mut self.reader().await?)
                .await
                .map_err(Failed::from)?;
        Ok(rows.iter().map(|row| Ok((row.parsed("tenant")?, row.parsed("id")?))).collect::<Done<_>>()?)
    }

    /// Settles those of `tasks` whose lease of `owner` has ended, in one commit. The caller
    /// knows that nothing of them runs.
    ///
    /// # Errors
    /// When the store is unavailable; then nothing has changed.
    pub async fn settle(&self, owner: &str, tasks: Vec<(TenantId, TaskId)>, reading: Reading) -> Result<Recovered> {
        let owner = owner.to_owned();
        self.ending(reading, move |tx, told| Box::pin(settle(tx, owner.clone(), tasks.clone(), reading, told))).await
    }
}

async fn recover(tx: &mut Tx, owner: String, reading: Reading, told: Told) -> Done<Ending<Recovered>> {
    let orphans = query(
        "select tenant, id, attempt, lease_number - suspended_lease as times, cancel_requested from tasks
         where status = 'running'
            and (lease_owner is null or lease_owner <> $1 and lease_owner not in (select owner from hosts))
         order by tenant, id",
    )
    .bind(owner)
    .fetch_all(&mut tx.connection)
    .await?;
    settle_rows(tx, &orphans, reading, &told).await
}

async fn settle(
    tx: &mut Tx,
    owner: String,
    tasks: Vec<(TenantId, TaskId)>,
    reading: Reading,
    told: Told,
) -> Done<Ending<Recovered>> {
    let mut orphans = Vec::with_capacity(tasks.len());
    for (tenant, task) in tasks {
        let orphan = query(
            "select tenant, id, attempt, lease_number - suspended_lease as times, cancel_requested from tasks
             where tenant = $1 and id = $2 and status = 'running' and lease_owner = $3 and lease_until < $4",
        )
        .bind(tenant.as_str())
        .bind(task.to_string())
        .bind(owner.as_str())
        .bind(tx.now.as_millis())
        .fetch_optional(&mut tx.connection)
        .await?;
        orphans.extend(orphan);
    }
    settle_rows(tx, &orphans, reading, &told).await
}

/// A running task that nobody runs.
struct Orphan {
    tenant: TenantId,
    task: TaskId,
    attempt: u32,
    /// How often it was interrupted.
    times: u64,
    /// Whether somebody has asked for its end.
    cancelled: bool,
}

impl Orphan {
    fn read(row: &Row) -> Done<Self> {
        Ok(Self {
            tenant: row.parsed("tenant")?,
            task: row.parsed("id")?,
            attempt: row.number("attempt")?,
            times: row.number("times")?,
            cancelled: row.truth("cancel_requested")?,
        })
    }

    const fn is_resumed(&self) -> bool {
        !self.cancelled && self.times < limits::TASK_INTERRUPTIONS_MAX
    }
}

async fn settle_rows(tx: &mut Tx, orphans: &[Row], reading: Reading, told: &Told) -> Done<Ending<Recovered>> {
    let orphans = orphans.iter().map(Orphan::read).collect::<Done<Vec<_>>>()?;
    let (mut ends, mut untold) = (Vec::new(), Vec::new());
    for orphan in orphans.iter().filter(|orphan| !orphan.is_resumed()) {
        let attempt = (orphan.tenant.clone(), orphan.task, orphan.attempt);
        match told.of(&mut tx.connection, &attempt).await? {
            Some(decided) => ends.push((orphan, decided)),
            None => untold.push(attempt),
        }
    }
    if !untold.is_empty() {
        return Ok(Ending::Untold(untold));
    }
    let mut recovered = Recovered::default();
    for orphan in orphans.iter().filter(|orphan| orphan.is_resumed()) {
        resume(tx, &orphan.tenant, orphan.task).await?;
        recovered.resume.push((orphan.tenant.clone(), orphan.task));
    }
    for (Orphan { tenant, task, attempt, times, cancelled }, decided) in ends {
        let (task, id) = (*task, (tenant.clone(), *task));
        match last_write(&mut tx.connection, tenant, task, *attempt).await? {
            Some(write) if !cancelled || !write.answered => {
                doubt(tx, tenant, task, &write, reading, decided).await?;
                recovered.in_doubt.push(id);
            }
            _ if *cancelled => {
                cancel::cancelled(tx, tenant, task, decided).await?;
                recovered.cancelled.push(id);
            }
            _ => {
                give_up(tx, tenant, task, *times, decided).await?;
                recovered.failed.push(id);
            }
        }
    }
    Ok(Ending::Done(recovered))
}

/// Cancels an interrupted task, unless a write of it may have taken effect: then it ends in
/// doubt.
pub(super) async fn cancel_interrupted(
    tx: &mut Tx,
    task: &TaskRow,
    by: &str,
    reading: Reading,
    told: &Told,
) -> Done<Ending<TaskRow>> {
    let attempt = (task.tenant.clone(), task.id, task.attempt);
    let decided = match task.release {
        Some(_) => match told.of(&mut tx.connection, &attempt).await? {
            Some(decided) => decided,
            None => return Ok(Ending::Untold(vec![attempt])),
        },
        // Of an attempt that was given up everything is on record.
        None => Decided::default(),
    };
    cancel::note(tx, &task.tenant, task.id, by).await?;
    let ended = match last_write(&mut tx.connection, &task.tenant, task.id, task.attempt).await? {
        Some(write) if !write.answered => doubt(tx, &task.tenant, task.id, &write, reading, decided).await?,
        _ => cancel::cancelled(tx, &task.tenant, task.id, decided).await?,
    };
    Ok(Ending::Done(ended))
}

pub(super) struct Write {
    pub(super) call: Vec<u8>,
    pub(super) number: u64,
    pub(super) answered: bool,
}

/// The write that says most: one that was under way, else the last.
pub(super) async fn last_write(
    connection: &mut dyn Connection,
    tenant: &TenantId,
    task: TaskId,
    attempt: u32,
) -> Done<Option<Write>> {
    let row = query(
        "select call, call_body, number, case when answer is null then 0 else 1 end as answered from journal
         where tenant = $1 and task = $2 and attempt = $3 and writes = 1
         order by answered, number desc limit 1",
    )
    .bind(tenant.as_str())
    .bind(task.to_string())
    .bind(i64::from(attempt))
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let call = journal::call_of(connection, tenant, &row).await?;
    Ok(Some(Write { call, number: row.number("number")?, answered: row.truth("answered")? }))
}

async fn doubt(
    tx: &mut Tx,
    tenant: &TenantId,
    task: TaskId,
    write: &Write,
    reading: Reading,
    decided: Decided,
) -> Done<TaskRow> {
    let call = (reading.name)(&write.call);
    let message = if write.answered {
        format!("the host stopped after {call} had taken effect; check what is left to do before it is asked for again")
    } else {
        format!("the host stopped during {call}; check whether it took effect before it is asked for again")
    };
    let error = Error::new(Code::InDoubt, message).with("call", call).with("number", write.number);
    let ended_at = tx.now;
    let end = TaskEnd::unrun(TaskStatus::InDoubt, TaskFailure::from(&error), ended_at, decided);
    end::end(tx, tenant, task, end).await
}

async fn give_up(tx: &mut Tx, tenant: &TenantId, task: TaskId, times: u64, decided: Decided) -> Done<TaskRow> {
    let message = format!(
        "the task was interrupted {times} times, so it is not taken up again; \
         if it may be what stops the host, look into its agent, else ask for it once more"
    );
    let failure = TaskFailure::from(&Error::new(Code::LimitAttempts, message).with("times", times));
    let end = TaskEnd::unrun(TaskStatus::Failed, failure, tx.now, decided);
    end::end(tx, tenant, task, end).await
}

/// The next claim goes on with the attempt, under a higher lease number.
async fn resume(tx: &mut Tx, tenant: &TenantId, task: TaskId) -> Done<()> {
    pend(
        tx,
        tenant,
        task,
        "update tasks set status = 'pending', lease_owner = null, lease_until = null
         where tenant = $1 and id = $2
         returning *",
    )
    .await
}

/// The next claim makes a new attempt on the release that serves then.
async fn start_over(tx: &mut Tx, pin: Pin, decided: Decided) -> Done<Option<TaskRow>> {
    commit::check(tx, &pin).await?;
    let write = last_write(&mut tx.connection, &pin.tenant, pin.task, pin.attempt).await?;
    if write.as_ref().is_none_or(|write| write.answered)
        && cancel::is_requested(&mut tx.connection, &pin.tenant, pin.task).await?
    {
        return cancel::cancelled(tx, &pin.tenant, pin.task, decided).await.map(Some);
    }
    if write.is_some() {
        return Ok(None);
    }
    let Some(task) = row::find(&mut tx.connection, &pin.tenant, pin.task).await? else { return Ok(None) };
    audit::attempt(tx, &task, decided).await?;
    anew(tx, &pin.tenant, pin.task).await?;
    row::find(&mut tx.connection, &pin.tenant, pin.task).await
}

/// Gives up what a task has begun, so that it is as if it had not been begun.
pub(super) async fn anew(tx: &mut Tx, tenant: &TenantId, task: TaskId) -> Done<()> {
    locks::task_over(tx, tenant, task).await?;
    children::over(tx, tenant, task, Over::Attempt).await?;
    task_approvals::over(tx, tenant, task).await?;
    pend(
        tx,
        tenant,
        task,
        "update tasks set status = 'pending', version = null, digest = null, epoch = null,
            lease_owner = null, lease_until = null, first_started_at = coalesce(first_started_at, started_at),
            started_at = null, wake_at = null
         where tenant = $1 and id = $2
         returning *",
    )
    .await
}

async fn pend(tx: &mut Tx, tenant: &TenantId, task: TaskId, statement: &'static str) -> Done<()> {
    let pending = query(statement).bind(tenant.as_str()).bind(task.to_string()).fetch_one(&mut tx.connection).await?;
    create::tell(tx, &row::read(&pending)?).await
}
