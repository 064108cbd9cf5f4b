//! Taking a task to run it, and holding on to it.
//!
//! A lease says who may write for a task. Its number rises with every claim, so whoever
//! held the task before can be told from whoever holds it now, even under the same owner.

use troupe_core::view::{RanOn, TaskStatus};
use troupe_core::{AgentName, Code, Error, Result, TaskId, TenantId, limits};

use super::{TaskRow, artifacts, create, row};
use crate::Store;
use crate::fault::{Done, Failed};
use crate::journal::{self, JournalHead};
use crate::rows::{Columns as _, number};
use crate::sql::{Row, query};
use crate::writer::Tx;

/// Whether a task that has not begun waits: for its instance, which is paused, in error or starting, or for
/// its tenant's runtime, which is stopped; or for its end, since its agent is deployed no longer. Whatever queues
/// it, the statement that claims it looks here.
macro_rules! held_back {
    () => {
        "(exists (select 1 from instances
              where instances.tenant = tasks.tenant and instances.id = tasks.instance
                  and (paused_at is not null or error_at is not null or starting = 1))
          or exists (select 1 from tenants where tenants.name = tasks.tenant and tenants.stopped_at is not null)
          or exists (select 1 from deployments where deployments.tenant = tasks.tenant
                and deployments.agent = tasks.agent and deployments.removed_at is not null))"
    };
}

/// A task that waits to be claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// The tenant.
    pub tenant: TenantId,
    /// The agent that is asked.
    pub agent: AgentName,
    /// The task.
    pub task: TaskId,
    /// Higher runs first.
    pub priority: i32,
}

impl Store {
    /// Takes a pending task to run it on `ran_on`: a new attempt with a new lease and a
    /// journal head; returns it as it then is. Tells the feed `task.running`.
    ///
    /// # Errors
    /// [`Code::TaskEnded`] when it has ended, [`Code::StaleEpoch`] when somebody else has
    /// it, [`Code::TaskNotFound`].
    pub async fn claim(
        &self,
        tenant: &TenantId,
        task: TaskId,
        owner: &str,
        ran_on: &RanOn,
        head: &JournalHead,
    ) -> Result<TaskRow> {
        let (tenant, owner, ran_on, head) = (tenant.clone(), owner.to_owned(), ran_on.clone(), head.clone());
        self.write(move |tx| Box::pin(claim(tx, tenant, task, owner, ran_on, head))).await
    }

    /// Takes an interrupted task to go on with its attempt, under a new lease; returns it as
    /// it then is. Tells the feed `task.running`.
    ///
    /// # Errors
    /// As [`Store::claim`].
    pub async fn resume(&self, tenant: &TenantId, task: TaskId, owner: &str) -> Result<TaskRow> {
        let (tenant, owner) = (tenant.clone(), owner.to_owned());
        self.write(move |tx| Box::pin(resume(tx, tenant, task, owner))).await
    }

    /// Renews leases of `owner`, each named by its task and number, in one commit, and
    /// returns the tasks whose lease it no longer holds.
    ///
    /// # Errors
    /// When the store is unavailable; then none was renewed.
    pub async fn renew(&self, owner: &str, leases: &[(TenantId, TaskId, u64)]) -> Result<Vec<(TenantId, TaskId)>> {
        if leases.is_empty() {
            return Ok(Vec::new());
        }
        let (owner, leases) = (owner.to_owned(), leases.to_vec());
        self.write(move |tx| Box::pin(renew(tx, owner, leases))).await
    }

    /// Lists the pending tasks of every tenant whose time has come, in the order in which they shall
    /// run: higher priority first, then older first. Those that have not begun and wait for their instance
    /// or for their tenant's runtime are left out.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn pending(&self) -> Result<Vec<Pending>> {
        let rows = query(concat!(
            "select tenant, agent, id, priority from tasks where status = 'pending' and wake_at is null
                    and (version is not null or not ",
            held_back!(),
            ") order by priority desc, created_at, id"
        ))
        .fetch_all(&mut self.reader().await?)
        .await
        .map_err(Failed::from)?;
        Ok(rows.iter().map(read_pending).collect::<Done<_>>()?)
    }
}

/// A task as one that waits to be claimed.
pub(super) fn pending(task: &TaskRow) -> Pending {
    Pending { tenant: task.tenant.clone(), agent: task.agent.clone(), task: task.id, priority: task.priority }
}

pub(super) fn read_pending(row: &Row) -> Done<Pending> {
    Ok(Pending {
        tenant: row.parsed("tenant")?,
        agent: row.parsed("agent")?,
        task: row.parsed("id")?,
        priority: row::priority(row)?,
    })
}

async fn claim(
    tx: &mut Tx,
    tenant: TenantId,
    task: TaskId,
    owner: String,
    ran_on: RanOn,
    head: JournalHead,
) -> Done<TaskRow> {
    let claimed = query(concat!(
        "update tasks set status = 'running', attempt = attempt + 1, version = $3, digest = $4, epoch = $5,
            lease_owner = $6, lease_number = lease_number + 1, lease_until = $7, started_at = $8, failure = null
         where tenant = $1 and id = $2 and status = 'pending' and wake_at is null
            and not ",
        held_back!(),
        " returning *",
    ))
    .bind(tenant.as_str())
    .bind(task.to_string())
    .bind(ran_on.version.to_string())
    .bind(ran_on.digest.to_string())
    .bind(number(ran_on.epoch)?)
    .bind(owner)
    .bind(tx.now.plus(limits::LEASE_TIME).as_millis())
    .bind(head.started_at.as_millis())
    .fetch_optional(&mut tx.connection)
    .await?;
    let Some(claimed) = claimed else {
        return Err(refusal(tx, &tenant, task).await?.into());
    };
    let mut task = row::read(&claimed)?;
    if !task.artifacts.is_empty() {
        // Those of the attempt before.
        artifacts::forget(tx, &tenant, task.id).await?;
        task.artifacts.clear();
    }
    journal::begin(tx, std::iter::once((task.attempt_of(), &head))).await?;
    create::tell(tx, &task).await?;
    Ok(task)
}

async fn resume(tx: &mut Tx, tenant: TenantId, task: TaskId, owner: String) -> Done<TaskRow> {
    let claimed = query(
        "update tasks set status = 'running', lease_owner = $3, lease_number = lease_number + 1, lease_until = $4
         where tenant = $1 and id = $2 and status = 'pending' and version is not null
         returning *",
    )
    .bind(tenant.as_str())
    .bind(task.to_string())
    .bind(owner)
    .bind(tx.now.plus(limits::LEASE_TIME).as_millis())
    .fetch_optional(&mut tx.connection)
    .await?;
    let Some(claimed) = claimed else {
        return Err(refusal(tx, &tenant, task).await?.into());
    };
    let task = row::read(&claimed)?;
    create::tell(tx, &task).await?;
    Ok(task)
}

/// Why a task cannot be claimed.
async fn refusal(tx: &mut Tx, tenant: &TenantId, task: TaskId) -> Done<Error> {
    Ok(match row::find(&mut tx.connection, tenant, task).await? {
        None => row::not_found(task),
        Some(found) if found.status.is_final() => ended(task, found.status),
        Some(found) => {
            let message = format!("task {task} is {} already, so it cannot be begun", found.status.as_str());
            Error::new(Code::StaleEpoch, message)
        }
    })
}

/// The task has ended and stays as it is.
pub(super) fn ended(task: TaskId, status: TaskStatus) -> Error {
    Error::new(Code::TaskEnded, format!("task {task} has ended: it is {}", status.as_str()))
        .with("status", status.as_str())
}

async fn renew(tx: &mut Tx, owner: String, leases: Vec<(TenantId, TaskId, u64)>) -> Done<Vec<(TenantId, TaskId)>> {
    let until = tx.now.plus(limits::LEASE_TIME).as_millis();
    let mut lost = Vec::new();
    for (tenant, task, lease) in leases {
        let renewed = query(
            "update tasks set lease_until = $5
             where tenant = $1 and id = $2 and status = 'running' and lease_owner = $3 and lease_number = $4",
        )
        .bind(tenant.as_str())
        .bind(task.to_string())
        .bind(owner.as_str())
        .bind(number(lease)?)
        .bind(until)
        .execute(&mut tx.connection)
        .await?;
        if renewed.rows_affected() == 0 {
            lost.push((tenant, task));
        }
    }
    Ok(lost)
}
