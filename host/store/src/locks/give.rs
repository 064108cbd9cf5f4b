//! Giving a lock to somebody, and freeing one, which hands it on.

use std::time::Duration;

use serde_json::json;
use troupe_core::{AgentName, LockLoss, LockName, LockPriority, TaskId, TenantId, Timestamp};

use super::row::{LockRow, rank};
use super::{millis, next, row, tell};
use crate::fault::Done;
use crate::rows::number;
use crate::sql::query;
use crate::writer::Tx;

const NEXT: &str = "select * from lock_waits where tenant = $1 and name = $2 and settled is null
        and (until is null or until > $3)
     order by priority desc, place limit 1";

/// Who is given a lock.
pub(super) struct To<'a> {
    pub(super) task: TaskId,
    pub(super) agent: &'a AgentName,
    pub(super) priority: LockPriority,
    pub(super) lease: Duration,
}

/// Gives a lock that is free, or taken from its holder by this; its token, and when its lease ends.
pub(super) async fn give(tx: &mut Tx, tenant: &TenantId, name: &LockName, to: &To<'_>) -> Done<(u64, Timestamp)> {
    let token = next(tx, tenant).await?;
    let until = tx.now.plus(to.lease);
    query(
        "insert into locks (tenant, name, token, task, agent, priority, lease_ms, since, until)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         on conflict (tenant, name) do update set token = excluded.token, task = excluded.task,
            agent = excluded.agent, priority = excluded.priority, lease_ms = excluded.lease_ms,
            since = excluded.since, until = excluded.until",
    )
    .bind(tenant.as_str())
    .bind(name.as_str())
    .bind(number(token)?)
    .bind(to.task.to_string())
    .bind(to.agent.as_str())
    .bind(rank(to.priority))
    .bind(millis(to.lease)?)
    .bind(tx.now.as_millis())
    .bind(until.as_millis())
    .execute(&mut tx.connection)
    .await?;
    Ok((token, until))
}

/// Takes a lock from its holder, who is told `why` if it is against its will, and hands it on.
pub(super) async fn free(tx: &mut Tx, lock: &LockRow, why: Option<LockLoss>) -> Done<()> {
    lose(tx, lock, why).await?;
    query(
        "update locks set task = null, agent = null, priority = null, lease_ms = null, since = null, until = null
         where tenant = $1 and name = $2",
    )
    .bind(lock.tenant.as_str())
    .bind(lock.name.as_str())
    .execute(&mut tx.connection)
    .await?;
    hand_on(tx, &lock.tenant, &lock.name).await
}

/// Notes why a holder loses its lock, and tells the feed.
pub(super) async fn lose(tx: &mut Tx, lock: &LockRow, why: Option<LockLoss>) -> Done<()> {
    let Some(why) = why else { return Ok(()) };
    query("update locks set lost_token = token, lost_reason = $3 where tenant = $1 and name = $2")
        .bind(lock.tenant.as_str())
        .bind(lock.name.as_str())
        .bind(why.as_str())
        .execute(&mut tx.connection)
        .await?;
    let kind = if why == LockLoss::Expired { "lock.expired" } else { "lock.lost" };
    let facts = json!({ "task": lock.task, "agent": lock.agent, "token": lock.token, "reason": why });
    tell(tx, &lock.tenant, kind, &lock.name, &facts).await
}

/// Gives a free lock to the first of its queue, if there is one.
async fn hand_on(tx: &mut Tx, tenant: &TenantId, name: &LockName) -> Done<()> {
    let first = query(NEXT)
        .bind(tenant.as_str())
        .bind(name.as_str())
        .bind(tx.now.as_millis())
        .fetch_optional(&mut tx.connection)
        .await?;
    let Some(first) = first else { return Ok(()) };
    let first = row::read_wait(&first)?;
    let to = To { task: first.task, agent: &first.agent, priority: first.priority, lease: first.lease };
    let (token, _) = give(tx, tenant, name, &to).await?;
    settle(tx, tenant, (first.task, first.number), "given", Some(token)).await?;
    let facts = json!({ "task": first.task, "agent": first.agent, "token": token });
    tell(tx, tenant, "lock.given", name, &facts).await
}

/// Notes what came of waiting, and has whoever waits go on.
pub(super) async fn settle(
    tx: &mut Tx,
    tenant: &TenantId,
    (task, call): (TaskId, u64),
    how: &str,
    token: Option<u64>,
) -> Done<()> {
    query("update lock_waits set settled = $4, token = $5 where tenant = $1 and task = $2 and number = $3")
        .bind(tenant.as_str())
        .bind(task.to_string())
        .bind(number(call)?)
        .bind(how)
        .bind(token.map(number).transpose()?)
        .execute(&mut tx.connection)
        .await?;
    // One that runs is told by the tick.
    query("update tasks set wake_at = $3 where tenant = $1 and id = $2 and status = 'suspended' and wake_at > $3")
        .bind(tenant.as_str())
        .bind(task.to_string())
        .bind(tx.now.as_millis())
        .execute(&mut tx.connection)
        .await?;
    tx.locks_moved = true;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::plan;

    #[tokio::test]
    async fn the_first_of_a_queue_is_found_without_looking_at_the_others() {
        let plan = plan(NEXT).await;
        assert!(plan.iter().any(|step| step.contains("INDEX lock_queue")), "{plan:?}");
        assert!(plan.iter().all(|step| !step.contains("TEMP B-TREE")), "{plan:?}");
    }
}
