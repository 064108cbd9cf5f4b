//! What follows on asking: taking what was waited for, renewing, giving back, and the end of leases,
//! of waits and of tasks.

use std::time::Duration;

use serde_json::json;
use troupe_core::audit::{AuditEntry, AuditKind};
use troupe_core::{Code, Error, Fence, LockLoss, LockName, LockOutcome, Result, TaskId, TenantId, Timestamp};

use super::give::{free, settle};
use super::row::{self, Known, LockRow, LockWaitRow, Settled};
use super::{millis, not_found};
use crate::Store;
use crate::fault::{Done, Failed};
use crate::rows::{Columns as _, number};
use crate::sql::{query, query_scalar};
use crate::tasks::Pin;
use crate::writer::Tx;

const NEXT_END: &str = "select min(until) as next from locks where until is not null";

const NEXT_STOP: &str = "select min(until) as next from lock_waits where until is not null and settled is null";

impl Store {
    /// Ends at most `limit` leases, and as many waits, of whatever tenant that are over, and returns how
    /// many there were. Tells the feed `lock.expired` and `lock.given`. Where nothing is over nothing
    /// is written.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn end_locks(&self, limit: u32) -> Result<u64> {
        if self.next_lock_end().await?.is_none_or(|next| next > self.now()) {
            return Ok(0);
        }
        self.write(move |tx| Box::pin(end_all(tx, limit))).await
    }

    /// When the next lease of a lock, or the next wait for one, is over.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn next_lock_end(&self) -> Result<Option<Timestamp>> {
        let mut reader = self.reader().await?;
        let mut first = None;
        for statement in [NEXT_END, NEXT_STOP] {
            let found = query(statement).fetch_one(&mut reader).await.map_err(Failed::from)?;
            first = first.into_iter().chain(found.at_option("next")?).min();
        }
        Ok(first)
    }

    /// Takes a lock from whoever holds it with this token, as `by` asked, and hands it on; returns it as
    /// it was. Tells the feed `lock.lost`, and the audit.
    ///
    /// # Errors
    /// [`Code::LockNotFound`]; [`Code::LockConflict`] if somebody else holds it by now.
    pub async fn release_lock(&self, tenant: &TenantId, name: &LockName, token: u64, by: &str) -> Result<LockRow> {
        let (tenant, name, by) = (tenant.clone(), name.clone(), by.to_owned());
        self.write(move |tx| Box::pin(release_for(tx, tenant, name, token, by))).await
    }
}

/// Tells whoever asked what came of it.
pub(super) async fn take(tx: &mut Tx, pin: &Pin, call: u64) -> Done<LockOutcome> {
    let Some(wait) = row::wait(&mut tx.connection, &pin.tenant, pin.task, call).await? else {
        return Ok(LockOutcome::Taken);
    };
    let is_over = wait.until.is_some_and(|until| until <= tx.now);
    match wait.settled {
        None if !is_over => return Ok(LockOutcome::Waiting),
        _ => remove(tx, pin, call).await?,
    }
    let Some(Settled::Given(token)) = wait.settled else { return Ok(LockOutcome::TimedOut) };
    let lock = Fence { name: wait.name.clone(), token };
    Ok(match held(tx, pin, &lock).await? {
        Ok(held) => LockOutcome::Given { token, until: held.until, waited: held.since.since(wait.since) },
        Err(why) => LockOutcome::Lost(why),
    })
}

/// Takes a call out of the queue, and gives back what it was given and nobody took.
pub(super) async fn leave(tx: &mut Tx, pin: &Pin, call: u64) -> Done<LockOutcome> {
    let Some(wait) = row::wait(&mut tx.connection, &pin.tenant, pin.task, call).await? else {
        return Ok(LockOutcome::Taken);
    };
    remove(tx, pin, call).await?;
    if let LockWaitRow { settled: Some(Settled::Given(token)), name, .. } = wait
        && let Ok(held) = held(tx, pin, &Fence { name, token }).await?
    {
        free(tx, &held, None).await?;
    }
    Ok(LockOutcome::Released)
}

async fn remove(tx: &mut Tx, pin: &Pin, call: u64) -> Done<()> {
    query("delete from lock_waits where tenant = $1 and task = $2 and number = $3")
        .bind(pin.tenant.as_str())
        .bind(pin.task.to_string())
        .bind(number(call)?)
        .execute(&mut tx.connection)
        .await?;
    Ok(())
}

pub(super) async fn renew(tx: &mut Tx, pin: &Pin, lock: &Fence, lease: Option<Duration>) -> Done<LockOutcome> {
    let held = match held(tx, pin, lock).await? {
        Ok(held) => held,
        Err(why) => return Ok(LockOutcome::Lost(why)),
    };
    let lease = lease.unwrap_or(held.lease);
    let until = tx.now.plus(lease);
    query("update locks set until = $3, lease_ms = $4 where tenant = $1 and name = $2")
        .bind(pin.tenant.as_str())
        .bind(lock.name.as_str())
        .bind(until.as_millis())
        .bind(millis(lease)?)
        .execute(&mut tx.connection)
        .await?;
    Ok(LockOutcome::Renewed(until))
}

pub(super) async fn release(tx: &mut Tx, pin: &Pin, lock: &Fence) -> Done<LockOutcome> {
    Ok(match held(tx, pin, lock).await? {
        Ok(held) => {
            free(tx, &held, None).await?;
            LockOutcome::Released
        }
        Err(why) => LockOutcome::Lost(why),
    })
}

/// The lock, if the task still holds it, or why not. A lease that is over ends here.
async fn held(tx: &mut Tx, pin: &Pin, lock: &Fence) -> Done<std::result::Result<LockRow, LockLoss>> {
    let known = row::known(&mut tx.connection, &pin.tenant, &lock.name).await?;
    let held = known.as_ref().and_then(|known| known.held.clone());
    let Some(held) = held.filter(|held| held.task == pin.task && held.token == lock.token) else {
        return Ok(Err(Known::loss(known.as_ref(), lock.token)));
    };
    if held.until > tx.now {
        return Ok(Ok(held));
    }
    free(tx, &held, Some(LockLoss::Expired)).await?;
    Ok(Err(LockLoss::Expired))
}

/// Takes a task out of all queues, and gives back all that it holds: it is over, or begins anew.
pub(crate) async fn task_over(tx: &mut Tx, tenant: &TenantId, task: TaskId) -> Done<()> {
    query("delete from lock_waits where tenant = $1 and task = $2")
        .bind(tenant.as_str())
        .bind(task.to_string())
        .execute(&mut tx.connection)
        .await?;
    let held = query("select * from locks where tenant = $1 and task = $2 order by name")
        .bind(tenant.as_str())
        .bind(task.to_string())
        .fetch_all(&mut tx.connection)
        .await?;
    for lock in &held {
        free(tx, &row::read(lock)?, None).await?;
    }
    Ok(())
}

/// Whether a task was given something that it has not taken, or will not be given it.
pub(crate) async fn any_settled(tx: &mut Tx, tenant: &TenantId, task: TaskId) -> Done<bool> {
    let found: i64 = query_scalar(
        "select exists (select 1 from lock_waits where tenant = $1 and task = $2
            and (settled is not null or until <= $3))",
    )
    .bind(tenant.as_str())
    .bind(task.to_string())
    .bind(tx.now.as_millis())
    .fetch_one(&mut tx.connection)
    .await?;
    Ok(found != 0)
}

async fn end_all(tx: &mut Tx, limit: u32) -> Done<u64> {
    // Waits first: a lock that is handed on is not given to one whose time is over.
    let stopped = query(
        "select * from lock_waits where until <= $1 and until is not null and settled is null order by until limit $2",
    )
    .bind(tx.now.as_millis())
    .bind(i64::from(limit))
    .fetch_all(&mut tx.connection)
    .await?;
    for wait in &stopped {
        let tenant: TenantId = wait.parsed("tenant")?;
        let wait = row::read_wait(wait)?;
        settle(tx, &tenant, (wait.task, wait.number), "timed-out", None).await?;
    }
    let expired = query("select * from locks where until <= $1 order by until limit $2")
        .bind(tx.now.as_millis())
        .bind(i64::from(limit))
        .fetch_all(&mut tx.connection)
        .await?;
    for lock in &expired {
        free(tx, &row::read(lock)?, Some(LockLoss::Expired)).await?;
    }
    Ok((stopped.len() + expired.len()) as u64)
}

async fn release_for(tx: &mut Tx, tenant: TenantId, name: LockName, token: u64, by: String) -> Done<LockRow> {
    let known = row::known(&mut tx.connection, &tenant, &name).await?;
    let Some(held) = known.and_then(|known| known.held) else { return Err(not_found(name.as_str()).into()) };
    if held.token != token {
        let message = format!("the lock `{name}` was given to task {} meanwhile; look at it again", held.task);
        return Err(Error::new(Code::LockConflict, message).with("token", held.token).into());
    }
    free(tx, &held, Some(LockLoss::Operator)).await?;
    let entry = AuditEntry::new(AuditKind::LockReleased).by(Some(&by)).of(&held.agent);
    let entry = entry.with("lock", name.as_str()).with("task", held.task.to_string()).with("token", json!(token));
    tx.audit(&tenant, entry).await?;
    Ok(held)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::plan;

    #[tokio::test]
    async fn what_is_over_next_is_found_without_looking_at_all() {
        for (query, index) in [(NEXT_END, "locks_ending"), (NEXT_STOP, "lock_waits_ending")] {
            let plan = plan(query).await;
            assert!(plan.iter().any(|step| step.contains(index)), "{plan:?}");
        }
    }
}
