//! Deliveries: which can be handled, the task that handles one, and what follows from its end.

use std::time::Duration;

use serde_json::json;
use troupe_core::view::{DeliveryState, TaskFailure, TaskStatus};
use troupe_core::{Cause, Code, Error, EventPriority, Result, TenantId, Timestamp, backoff, limits};

use super::row::{self, DeliveryRow, EventRow};
use super::subscriptions;
use super::taker::Taker;
use crate::Store;
use crate::fault::{Done, Failed};
use crate::rows::{Columns as _, json, number};
use crate::sql::{Connection, query, query_scalar};
use crate::tasks::{Creation, TaskRow, create_task};
use crate::writer::Tx;

/// Each subscription at which something is ready, found by leaping from one to the next.
const AFTER: &str = "select tenant, subscription from deliveries
     where state = 'ready' and (tenant, subscription) > ($1, $2) order by tenant, subscription limit 1";

const READY: &str = "select place, rank, attempts from deliveries
     where tenant = $1 and subscription = $2 and state = 'ready' and due_at <= $3 order by rank, place limit $4";

const NEXT: &str = "select min(due_at) as next from deliveries where state = 'ready' and due_at > $1";

/// A delivery that can be handled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadyRow {
    /// The tenant.
    pub tenant: TenantId,
    /// Its number.
    pub place: u64,
    /// Lower goes first.
    pub rank: i64,
    /// How often it was tried.
    pub attempts: u32,
    /// How many of its subscription are handled at once.
    pub parallel: u32,
}

/// All that is needed to have one handled.
#[derive(Debug, Clone, PartialEq)]
pub struct ToDeliver {
    /// The delivery.
    pub delivery: DeliveryRow,
    /// Its event.
    pub event: EventRow,
    /// Whom it is for.
    pub taker: Taker,
}

/// What came of having one handled.
#[derive(Debug, Clone)]
pub enum Dispatched {
    /// Its task was made.
    Made(Box<TaskRow>),
    /// No task can be made of it: it is tried again, or a dead letter.
    Failed,
    /// It is not as it was looked at; nothing was written.
    Changed,
}

impl Store {
    /// The deliveries at one subscription, the next after `after`, that can be handled now; none if there is
    /// no further subscription. `parallel` bounds what one tenant has handled at once.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn ready_deliveries(
        &self,
        now: Timestamp,
        after: &(String, String),
        parallel: u32,
    ) -> Result<Option<((String, String), Vec<ReadyRow>)>> {
        let mut reader = self.reader().await?;
        let found =
            query(AFTER).bind(&after.0).bind(&after.1).fetch_optional(&mut reader).await.map_err(Failed::from)?;
        let Some(found) = found else { return Ok(None) };
        let (tenant, name): (TenantId, String) = (found.parsed("tenant")?, found.get_as("subscription")?);
        let at = (tenant.to_string(), name.clone());
        let Some(subscription) = subscriptions::find(&mut reader, &tenant, &name).await? else {
            return Ok(Some((at, Vec::new())));
        };
        if subscription.is_paused() {
            return Ok(Some((at, Vec::new())));
        }
        let running = running(&mut reader, &tenant, Some(&name)).await?;
        let in_all = self::running(&mut reader, &tenant, None).await?;
        let left = u64::from(subscription.parallel()).saturating_sub(running);
        let left = left.min(u64::from(parallel).saturating_sub(in_all));
        if left == 0 {
            return Ok(Some((at, Vec::new())));
        }
        let rows = query(READY)
            .bind(tenant.as_str())
            .bind(&name)
            .bind(now.as_millis())
            .bind(number(left)?)
            .fetch_all(&mut reader)
            .await
            .map_err(Failed::from)?;
        let read = |row: &crate::sql::Row| {
            let (place, rank, attempts) = (row.number("place")?, row.get_as("rank")?, row.number("attempts")?);
            Ok(ReadyRow { tenant: tenant.clone(), place, rank, attempts, parallel: subscription.parallel() })
        };
        Ok(Some((at, rows.iter().map(read).collect::<Done<_>>()?)))
    }

    /// How many deliveries of a tenant are being handled.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn running_deliveries(&self, tenant: &TenantId) -> Result<u64> {
        Ok(running(&mut self.reader().await?, tenant, None).await?)
    }

    /// When the first delivery that pauses is tried again, of any tenant.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn next_delivery(&self, now: Timestamp) -> Result<Option<Timestamp>> {
        let row = query(NEXT).bind(now.as_millis()).fetch_one(&mut self.reader().await?).await.map_err(Failed::from)?;
        Ok(row.at_option("next")?)
    }

    /// Reads all that is needed to have a delivery handled.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn to_deliver(&self, tenant: &TenantId, place: u64) -> Result<Option<ToDeliver>> {
        let mut reader = self.reader().await?;
        let Some(delivery) = row::find_delivery(&mut reader, tenant, place).await? else { return Ok(None) };
        let Some(event) = row::find_event(&mut reader, tenant, delivery.position).await? else { return Ok(None) };
        let taker = subscriptions::find(&mut reader, tenant, &delivery.subscription).await?;
        Ok(taker.map(|taker| ToDeliver { delivery, event, taker }))
    }

    /// Has a delivery handled, in one transaction: the task that was made of it, or why none can be.
    ///
    /// # Errors
    /// Those of a task that cannot be accepted; then nothing has changed.
    pub async fn dispatch(&self, ready: &ReadyRow, made: Result<TaskRow, TaskFailure>) -> Result<Dispatched> {
        let (ready, shared) = (ready.clone(), self.is_shared());
        self.write(move |tx| Box::pin(dispatch(tx, ready, made, shared))).await
    }
}

async fn running(connection: &mut dyn Connection, tenant: &TenantId, subscription: Option<&str>) -> Done<u64> {
    let row = match subscription {
        Some(name) => query(
            "select count(*) as running from deliveries where tenant = $1 and subscription = $2 and state = 'running'",
        )
        .bind(tenant.as_str())
        .bind(name)
        .fetch_one(connection)
        .await?,
        None => {
            query("select count(*) as running from deliveries where tenant = $1 and state = 'running'")
                .bind(tenant.as_str())
                .fetch_one(connection)
                .await?
        }
    };
    row.number("running")
}

/// A delivery, if it still is as it was looked at and others have not been begun in its place meanwhile: where hosts
/// share a database, each looks for itself.
pub(super) async fn still_ready(tx: &mut Tx, ready: &ReadyRow, shared: bool) -> Done<Option<DeliveryRow>> {
    let found = row::find_delivery(&mut tx.connection, &ready.tenant, ready.place).await?;
    let is_same = |found: &DeliveryRow| found.state == DeliveryState::Ready && found.attempts == ready.attempts;
    let Some(found) = found.filter(is_same) else { return Ok(None) };
    if shared {
        let own = running(&mut tx.connection, &ready.tenant, Some(&found.subscription)).await?;
        if own >= u64::from(ready.parallel) {
            return Ok(None);
        }
        let in_all = running(&mut tx.connection, &ready.tenant, None).await?;
        if in_all >= u64::from(limits::EVENTS_PARALLEL_MAX) {
            return Ok(None);
        }
    }
    Ok(Some(found))
}

async fn dispatch(tx: &mut Tx, ready: ReadyRow, made: Result<TaskRow, TaskFailure>, shared: bool) -> Done<Dispatched> {
    let Some(mut delivery) = still_ready(tx, &ready, shared).await? else { return Ok(Dispatched::Changed) };
    delivery.attempts += 1;
    let task = match made {
        Ok(task) => task,
        Err(failure) => {
            failed(tx, &delivery, failure, None).await?;
            return Ok(Dispatched::Failed);
        }
    };
    let cause = cause(&mut tx.connection, &delivery).await?;
    let (Creation::New(task) | Creation::Existing(task)) =
        create_task(tx, TaskRow { cause: Some(cause), ..task }).await?;
    query(
        "update deliveries set state = 'running', attempts = $3, task = $4, due_at = null, rank = null
         where tenant = $1 and place = $2",
    )
    .bind(delivery.tenant.as_str())
    .bind(number(delivery.place)?)
    .bind(i64::from(delivery.attempts))
    .bind(task.id.to_string())
    .execute(&mut tx.connection)
    .await?;
    Ok(Dispatched::Made(Box::new(task)))
}

/// What led to the task that handles a delivery: the event, and what led to that.
async fn cause(connection: &mut dyn Connection, delivery: &DeliveryRow) -> Done<Cause> {
    let position = delivery.position;
    let event = query("select root, hops from events where tenant = $1 and position = $2")
        .bind(delivery.tenant.as_str())
        .bind(number(position)?)
        .fetch_optional(connection)
        .await?;
    let Some(event) = event else { return Err(super::not_found(&position.to_string()).into()) };
    let (root, above): (_, u32) = (event.parsed_option("root")?, event.number("hops")?);
    Ok(Cause { by: None, event: Some(position), root, hops: above.saturating_add(1), outlives: false, key: None })
}

/// Notes that a task has ended, in the transaction in which it ends; most handle no event.
pub(crate) async fn task_over(tx: &mut Tx, task: &TaskRow) -> Done<()> {
    let found = query("select * from deliveries where tenant = $1 and task = $2 and state = 'running'")
        .bind(task.tenant.as_str())
        .bind(task.id.to_string())
        .fetch_optional(&mut tx.connection)
        .await?;
    let Some(found) = found else { return Ok(()) };
    let delivery = row::delivery(&found)?;
    if task.status == TaskStatus::Completed {
        return settle(tx, &delivery, DeliveryState::Delivered, None).await;
    }
    let failure = task
        .failure
        .clone()
        .unwrap_or_else(|| TaskFailure::from(&Error::new(Code::Cancelled, format!("task {} was cancelled", task.id))));
    match task.status {
        TaskStatus::Failed => failed(tx, &delivery, failure, None).await,
        // Somebody decided, or has to: nobody knows whether a write of it happened.
        _ => settle(tx, &delivery, DeliveryState::Dead, Some(failure)).await,
    }
}

/// A try has failed: there is another after a pause, and not before so long, or the delivery is a dead letter.
pub(super) async fn failed(
    tx: &mut Tx,
    delivery: &DeliveryRow,
    failure: TaskFailure,
    not_before: Option<Duration>,
) -> Done<()> {
    query("update subscriptions set failed = failed + 1 where tenant = $1 and name = $2")
        .bind(delivery.tenant.as_str())
        .bind(&delivery.subscription)
        .execute(&mut tx.connection)
        .await?;
    let taker = subscriptions::find(&mut tx.connection, &delivery.tenant, &delivery.subscription).await?;
    if taker.as_ref().is_some_and(Taker::is_gone) {
        return settle(tx, delivery, DeliveryState::Dropped, Some(failure)).await;
    }
    let tries = taker.as_ref().map_or(limits::EVENT_TRIES_DEFAULT, Taker::tries);
    if delivery.attempts >= tries {
        return settle(tx, delivery, DeliveryState::Dead, Some(failure)).await;
    }
    let first = match taker {
        Some(Taker::Webhook(_)) => limits::WEBHOOK_PAUSE_FIRST,
        _ => limits::EVENT_PAUSE_FIRST,
    };
    let pause = backoff::bound(first, delivery.attempts, limits::EVENT_PAUSE_MAX);
    // Those that failed together do not come back together.
    let chance = delivery.place.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let pause = pause / 2 + backoff::part(pause / 2, chance);
    let due = tx.now.plus(pause.max(not_before.unwrap_or_default()).min(limits::EVENT_PAUSE_MAX));
    query(
        "update deliveries set state = 'ready', attempts = $3, due_at = $4, rank = $5, failure = $6
         where tenant = $1 and place = $2",
    )
    .bind(delivery.tenant.as_str())
    .bind(number(delivery.place)?)
    .bind(i64::from(delivery.attempts))
    .bind(due.as_millis())
    .bind(rank(due, delivery.priority))
    .bind(json(&failure)?)
    .execute(&mut tx.connection)
    .await?;
    tx.bus_moved = true;
    Ok(())
}

/// Ends a delivery, and lets the next of its line go.
pub(super) async fn settle(
    tx: &mut Tx,
    delivery: &DeliveryRow,
    state: DeliveryState,
    failure: Option<TaskFailure>,
) -> Done<()> {
    let (tenant, place) = (&delivery.tenant, number(delivery.place)?);
    query(
        "update deliveries set state = $3, attempts = $4, failure = coalesce($5, failure), ended_at = $6, due_at = null,
            rank = null
         where tenant = $1 and place = $2",
    )
    .bind(tenant.as_str())
    .bind(place)
    .bind(state.as_str())
    .bind(i64::from(delivery.attempts))
    .bind(failure.as_ref().map(json).transpose()?)
    .bind(tx.now.as_millis())
    .execute(&mut tx.connection)
    .await?;
    query("update events set open = open - 1 where tenant = $1 and position = $2")
        .bind(tenant.as_str())
        .bind(number(delivery.position)?)
        .execute(&mut tx.connection)
        .await?;
    query("update event_heads set open = open - 1 where tenant = $1")
        .bind(tenant.as_str())
        .execute(&mut tx.connection)
        .await?;
    query("update subscriptions set delivered = delivered + $3, dead = dead + $4 where tenant = $1 and name = $2")
        .bind(tenant.as_str())
        .bind(&delivery.subscription)
        .bind(state == DeliveryState::Delivered)
        .bind(state == DeliveryState::Dead)
        .execute(&mut tx.connection)
        .await?;
    if let (DeliveryState::Dead, Some(failure)) = (state, &failure) {
        tell_dead(tx, tenant, (delivery.place, delivery.position), &delivery.subscription, failure).await?;
    }
    tx.bus_moved = true;
    query(
        "update deliveries set state = 'ready', due_at = $6, rank = $7
         where tenant = $1 and place = (
            select min(place) from deliveries
            where tenant = $1 and subscription = $2 and sender = $3 and topic = $4 and priority = $5
                and ended_at is null and state = 'waiting')",
    )
    .bind(tenant.as_str())
    .bind(&delivery.subscription)
    .bind(&delivery.sender)
    .bind(delivery.topic.as_str())
    .bind(i64::from(delivery.priority.number()))
    .bind(tx.now.as_millis())
    .bind(rank(tx.now, delivery.priority))
    .execute(&mut tx.connection)
    .await?;
    Ok(())
}

/// Whether something of the line that an event would stand in has not ended.
pub(super) async fn is_line_open(tx: &mut Tx, tenant: &TenantId, subscription: &str, event: &EventRow) -> Done<bool> {
    let found: Option<i64> = query_scalar(
        "select place from deliveries
         where tenant = $1 and subscription = $2 and sender = $3 and topic = $4 and priority = $5 and ended_at is null
         limit 1",
    )
    .bind(tenant.as_str())
    .bind(subscription)
    .bind(&event.sender)
    .bind(event.topic.as_str())
    .bind(i64::from(event.priority.number()))
    .fetch_optional(&mut tx.connection)
    .await?;
    Ok(found.is_some())
}

/// Which goes first: what was ready first, urgent ones counting as ready earlier than they were.
pub(super) fn rank(ready_at: Timestamp, priority: EventPriority) -> i64 {
    let head_start = i64::try_from(priority.head_start().as_millis()).unwrap_or(i64::MAX);
    ready_at.as_millis().saturating_sub(head_start)
}

/// Tells the feed of a dead letter.
pub(super) async fn tell_dead(
    tx: &mut Tx,
    tenant: &TenantId,
    (place, position): (u64, u64),
    subscription: &str,
    failure: &TaskFailure,
) -> Done<()> {
    let facts = json!({ "delivery": place, "subscription": subscription, "code": failure.code });
    tx.announce(tenant, "event.dead", &row::subject(position), &facts);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::plan;

    #[tokio::test]
    async fn what_is_ready_is_found_without_looking_at_others() {
        for (query, index) in [(AFTER, "deliveries_ready"), (READY, "deliveries_ready"), (NEXT, "deliveries_due")] {
            let plan = plan(query).await;
            assert!(plan.iter().any(|step| step.contains(&format!("INDEX {index}"))), "{plan:?}");
            assert!(!plan.iter().any(|step| step.contains("TEMP B-TREE")), "{plan:?}");
        }
    }
}
