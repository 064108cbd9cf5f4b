//! Asking for a lock: it is given at once, taken from somebody, waited for, or refused.

use std::time::Duration;

use serde_json::json;
use troupe_core::{
    LockHolder, LockLoss, LockName, LockOutcome, LockPriority, LockQuota, TaskId, TenantId, Timestamp, limits,
};

use super::cycle::Graph;
use super::give::{To, free, give, lose};
use super::row::{self, LockRow, rank};
use super::{millis, next, tell};
use crate::fault::Done;
use crate::rows::{Columns as _, number};
use crate::sql::query;
use crate::tasks::Pin;
use crate::writer::Tx;

/// How a lock is asked for.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) name: LockName,
    pub(super) number: u64,
    pub(super) priority: LockPriority,
    pub(super) lease: Duration,
    pub(super) wait: Option<Duration>,
    pub(super) preempt: bool,
}

pub(super) async fn acquire(tx: &mut Tx, pin: &Pin, asked: Asked) -> Done<LockOutcome> {
    let tenant = &pin.tenant;
    let mut known = row::known(&mut tx.connection, tenant, &asked.name).await?;
    if let Some(over) = known.as_ref().and_then(|known| known.held.as_ref()).filter(|held| held.until <= tx.now) {
        free(tx, over, Some(LockLoss::Expired)).await?;
        known = row::known(&mut tx.connection, tenant, &asked.name).await?;
    }
    let has = of_task(tx, tenant, pin.task).await?;
    let is_known = known.is_some();
    let Some(held) = known.and_then(|known| known.held) else {
        if let Some(full) = full(tx, tenant, has).await? {
            return Ok(full);
        }
        if !is_known {
            forget(tx, tenant).await?;
        }
        return given(tx, pin, &asked).await;
    };
    let takes_over = asked.preempt && held.priority < asked.priority && held.task != pin.task;
    if !takes_over && asked.wait == Some(Duration::ZERO) {
        let LockRow { agent, priority, until, .. } = held;
        return Ok(LockOutcome::Busy(LockHolder { agent, priority, until }));
    }
    if let Some(full) = full(tx, tenant, has).await? {
        return Ok(full);
    }
    if !takes_over && queue(tx, tenant, &asked.name).await? >= limits::LOCK_QUEUE_MAX {
        return Ok(LockOutcome::Full(LockQuota::OfQueue));
    }
    // Nobody waits for a task that has nothing, but those behind it, who wait for the holder as well.
    if has > 0 {
        let mut graph = Graph::load(&mut tx.connection, tenant).await?;
        if takes_over {
            graph.gives(&asked.name, pin.task);
        } else {
            graph.waits(pin.task, &asked.name, asked.priority);
        }
        if let Some(cycle) = graph.cycle(pin.task) {
            return refuse(tx, pin, &asked.name, cycle).await;
        }
    }
    if takes_over {
        lose(tx, &held, Some(LockLoss::Preempted)).await?;
        return given(tx, pin, &asked).await;
    }
    enqueue(tx, pin, &asked).await?;
    Ok(LockOutcome::Waiting)
}

async fn given(tx: &mut Tx, pin: &Pin, asked: &Asked) -> Done<LockOutcome> {
    let to = To { task: pin.task, agent: &pin.agent, priority: asked.priority, lease: asked.lease };
    let (token, until) = give(tx, &pin.tenant, &asked.name, &to).await?;
    Ok(LockOutcome::Given { token, until, waited: Duration::ZERO })
}

async fn enqueue(tx: &mut Tx, pin: &Pin, asked: &Asked) -> Done<()> {
    let place = next(tx, &pin.tenant).await?;
    query(
        "insert into lock_waits (tenant, task, number, name, agent, priority, lease_ms, place, since, until)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(pin.tenant.as_str())
    .bind(pin.task.to_string())
    .bind(number(asked.number)?)
    .bind(asked.name.as_str())
    .bind(pin.agent.as_str())
    .bind(rank(asked.priority))
    .bind(millis(asked.lease)?)
    .bind(number(place)?)
    .bind(tx.now.as_millis())
    .bind(asked.wait.map(|wait| tx.now.plus(wait)).map(Timestamp::as_millis))
    .execute(&mut tx.connection)
    .await?;
    // Whoever ends what is over has one more end to look at.
    tx.locks_moved = true;
    Ok(())
}

/// Refuses to wait, and tells the tenant's feed who would have waited for whom; the guest is told of
/// the locks alone.
async fn refuse(tx: &mut Tx, pin: &Pin, name: &LockName, cycle: Vec<(TaskId, LockName)>) -> Done<LockOutcome> {
    let steps: Vec<_> = cycle.iter().map(|(task, waits_for)| json!({ "task": task, "waits_for": waits_for })).collect();
    let facts = json!({ "task": pin.task, "agent": pin.agent, "cycle": steps });
    tell(tx, &pin.tenant, "lock.deadlock", name, &facts).await?;
    Ok(LockOutcome::Deadlock(cycle.into_iter().map(|(_, name)| name).collect()))
}

/// What keeps a task from having one more, if anything does.
async fn full(tx: &mut Tx, tenant: &TenantId, has: u64) -> Done<Option<LockOutcome>> {
    if has >= limits::LOCKS_PER_TASK_MAX {
        return Ok(Some(LockOutcome::Full(LockQuota::OfTask)));
    }
    let is_full = of_tenant(tx, tenant).await? >= limits::LOCKS_PER_TENANT_MAX;
    Ok(is_full.then_some(LockOutcome::Full(LockQuota::OfTenant)))
}

/// How many locks a task holds or waits for.
async fn of_task(tx: &mut Tx, tenant: &TenantId, task: TaskId) -> Done<u64> {
    query(
        "select (select count(*) from locks where tenant = $1 and task = $2)
            + (select count(*) from lock_waits where tenant = $1 and task = $2 and settled is distinct from 'given') as count",
    )
    .bind(tenant.as_str())
    .bind(task.to_string())
    .fetch_one(&mut tx.connection)
    .await?
    .number("count")
}

/// How many locks the tasks of a tenant hold or wait for.
async fn of_tenant(tx: &mut Tx, tenant: &TenantId) -> Done<u64> {
    query(
        "select (select count(*) from locks where tenant = $1 and task is not null)
            + (select count(*) from lock_waits where tenant = $1 and settled is distinct from 'given') as count",
    )
    .bind(tenant.as_str())
    .fetch_one(&mut tx.connection)
    .await?
    .number("count")
}

/// How many wait for a lock.
async fn queue(tx: &mut Tx, tenant: &TenantId, name: &LockName) -> Done<u64> {
    query("select count(*) as count from lock_waits where tenant = $1 and name = $2 and settled is null")
        .bind(tenant.as_str())
        .bind(name.as_str())
        .fetch_one(&mut tx.connection)
        .await?
        .number("count")
}

/// Makes room for one more name.
async fn forget(tx: &mut Tx, tenant: &TenantId) -> Done<()> {
    let names: u64 = query("select count(*) as count from locks where tenant = $1")
        .bind(tenant.as_str())
        .fetch_one(&mut tx.connection)
        .await?
        .number("count")?;
    if names < limits::LOCK_NAMES_MAX {
        return Ok(());
    }
    query(
        "delete from locks where (tenant, name) in
            (select tenant, name from locks where tenant = $1 and task is null order by token limit 1)",
    )
    .bind(tenant.as_str())
    .execute(&mut tx.connection)
    .await?;
    Ok(())
}
