//! What becomes, at start, of tasks that a dead host was running.
//!
//! The attack on correctness is repeating a write. The rule: a task whose journal holds no
//! write, in our database or outside, runs again as a new attempt; any other ends
//! `in_doubt`, naming the call, since nobody can tell how far it came. The default is
//! doubt: an intent without an answer counts as a write.

use sqlx::SqliteConnection;
use troupe_core::view::{TaskFailure, TaskStatus};
use troupe_core::{Code, Error, Result, TaskId, TenantId};

use super::{TaskEnd, TaskRow, cancel, create, end, row};
use crate::Store;
use crate::fault::Done;
use crate::rows::Columns as _;
use crate::writer::Tx;

/// What became of the tasks of a dead host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Pending again.
    pub rerun: Vec<(TenantId, TaskId)>,
    /// Ended in doubt.
    pub in_doubt: Vec<(TenantId, TaskId)>,
    /// Ended as cancelled: somebody had asked for it, and nothing had been written.
    pub cancelled: Vec<(TenantId, TaskId)>,
}

impl Store {
    /// Settles every running task of another owner than `owner`, in one commit. The caller
    /// knows that the other owners are dead. `name` says what a journalled call is called.
    ///
    /// # Errors
    /// When the store is unavailable; then nothing has changed.
    pub async fn recover(&self, owner: &str, name: fn(&[u8]) -> String) -> Result<Recovered> {
        let owner = owner.to_owned();
        self.write(move |tx| Box::pin(recover(tx, owner, name))).await
    }
}

async fn recover(tx: &mut Tx, owner: String, name: fn(&[u8]) -> String) -> Done<Recovered> {
    let orphans = sqlx::query(
        "select tenant, id, attempt, cancel_requested from tasks
         where status = 'running' and (lease_owner is null or lease_owner <> $1)
         order by tenant, id",
    )
    .bind(owner)
    .fetch_all(&mut tx.connection)
    .await?;
    let mut recovered = Recovered::default();
    for orphan in &orphans {
        let (tenant, task): (TenantId, TaskId) = (orphan.parsed("tenant")?, orphan.parsed("id")?);
        let write = last_write(&mut tx.connection, &tenant, task, orphan.number("attempt")?).await?;
        if let Some(write) = write {
            doubt(tx, &tenant, task, &write, name).await?;
            recovered.in_doubt.push((tenant, task));
        } else if orphan.truth("cancel_requested")? {
            cancel::cancelled(tx, &tenant, task).await?;
            recovered.cancelled.push((tenant, task));
        } else {
            rerun(tx, &tenant, task).await?;
            recovered.rerun.push((tenant, task));
        }
    }
    Ok(recovered)
}

struct Write {
    call: Vec<u8>,
    number: u64,
    answered: bool,
}

/// The write that says most: one that was under way, else the last.
async fn last_write(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    task: TaskId,
    attempt: u32,
) -> Done<Option<Write>> {
    let row = sqlx::query(
        "select call, number, case when answer is null then 0 else 1 end as answered from journal
         where tenant = $1 and task = $2 and attempt = $3 and writes = 1
         order by answered, number desc limit 1",
    )
    .bind(tenant.as_str())
    .bind(task.to_string())
    .bind(i64::from(attempt))
    .fetch_optional(connection)
    .await?;
    row.map(|row| {
        Ok(Write { call: row.get_as("call")?, number: row.number("number")?, answered: row.truth("answered")? })
    })
    .transpose()
}

async fn doubt(
    tx: &mut Tx,
    tenant: &TenantId,
    task: TaskId,
    write: &Write,
    name: fn(&[u8]) -> String,
) -> Done<TaskRow> {
    let call = name(&write.call);
    let message = if write.answered {
        format!("the host stopped after {call} had taken effect; check what is left to do before it is asked for again")
    } else {
        format!("the host stopped during {call}; check whether it took effect before it is asked for again")
    };
    let error = Error::new(Code::InDoubt, message).with("call", call).with("number", write.number);
    let ended_at = tx.now;
    let end = TaskEnd { status: TaskStatus::InDoubt, output: None, failure: Some(TaskFailure::from(&error)), ended_at };
    end::end(tx, tenant, task, end).await
}

/// The next claim makes a new attempt on the release that serves then, under a higher
/// lease number.
async fn rerun(tx: &mut Tx, tenant: &TenantId, task: TaskId) -> Done<()> {
    let pending = sqlx::query(
        "update tasks set status = 'pending', version = null, digest = null, epoch = null,
            lease_owner = null, lease_until = null, started_at = null
         where tenant = $1 and id = $2
         returning *",
    )
    .bind(tenant.as_str())
    .bind(task.to_string())
    .fetch_one(&mut tx.connection)
    .await?;
    create::tell(tx, &row::read(&pending)?).await
}
