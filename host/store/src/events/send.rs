//! Deliveries to webhooks: a host has each to itself while it sends it, and says what came of it.
//!
//! ```text
//!            begin: a lease                     end: what the server said
//!  ready ───────────────────▸ running ─┬──────────────────────────▸ delivered
//!    ▲                                 ├─ tries left ─▸ pause ─▸ ready
//!    └────── the lease is over ◂───────┴─ none left, or gone ─▸ dead
//! ```
//!
//! The danger: an event is sent by two hosts, or by none since its host died. The rule: the step to `running` is a
//! commit before anything is sent, and it ends with a lease; what a host says after another has taken the delivery
//! over counts for nothing. So an event is sent at least once, and under one id however often.

use std::time::Duration;

use troupe_core::view::{DeliveryState, TaskFailure, WebhookTry};
use troupe_core::{Code, Error, Result, TenantId, Timestamp, limits};

use super::deliver::{self, ReadyRow};
use super::row::{self, DeliveryRow};
use super::taker::Taker;
use super::{subscriptions, webhooks};
use crate::Store;
use crate::fault::{Done, Failed};
use crate::rows::{Columns as _, number};
use crate::sql::query;
use crate::writer::Tx;

const LEASED: &str = "select tenant, place, attempts from deliveries
     where state = 'running' and due_at is not null and due_at <= $1 order by due_at limit $2";

const NEXT: &str = "select min(due_at) as next from deliveries where state = 'running' and due_at is not null";

/// Who ends what, in the audit, where nobody asked for it.
const HOST: &str = "host";

/// A delivery that a host has to itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sending {
    /// The tenant.
    pub tenant: TenantId,
    /// The delivery.
    pub place: u64,
    /// Which try it is.
    pub attempt: u32,
}

/// What came of sending.
#[derive(Debug, Clone, PartialEq)]
pub enum Sent {
    /// The server took it.
    Taken,
    /// It did not, and may take it later; not before so long.
    Failed(TaskFailure, Option<Duration>),
    /// Nobody is there any more who would.
    Gone(TaskFailure),
}

impl Store {
    /// Has a host have a delivery to itself until `until`; none if it is not as it was looked at, or its webhook
    /// was removed.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn begin_sending(&self, ready: &ReadyRow, until: Timestamp) -> Result<Option<Sending>> {
        let (ready, shared) = (ready.clone(), self.is_shared());
        self.write(move |tx| Box::pin(begin(tx, ready, until, shared))).await
    }

    /// Keeps what came of a delivery, if the host still has it to itself; returns whether it had.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn end_sending(&self, sending: &Sending, sent: Sent, last: WebhookTry) -> Result<bool> {
        let sending = sending.clone();
        self.write(move |tx| Box::pin(end(tx, sending, sent, Some(last)))).await
    }

    /// Has deliveries tried again whose hosts had them to themselves until now and said nothing. Returns how many.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn end_leases_of_sending(&self, now: Timestamp) -> Result<usize> {
        let rows = query(LEASED)
            .bind(now.as_millis())
            .bind(i64::from(limits::EVENTS_AT_ONCE))
            .fetch_all(&mut self.reader().await?)
            .await
            .map_err(Failed::from)?;
        let read = |row: &crate::sql::Row| {
            Ok(Sending { tenant: row.parsed("tenant")?, place: row.number("place")?, attempt: row.number("attempts")? })
        };
        let over = rows.iter().map(read).collect::<Done<Vec<_>>>()?;
        let count = over.len();
        for sending in over {
            let message = "the host that sent it stopped before it knew what came of it";
            let failure = TaskFailure::from(&Error::new(Code::UnavailableUpstream, message));
            self.write(move |tx| Box::pin(end(tx, sending, Sent::Failed(failure, None), None))).await?;
        }
        Ok(count)
    }

    /// When the first of them is over.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn next_end_of_sending(&self) -> Result<Option<Timestamp>> {
        let row = query(NEXT).fetch_one(&mut self.reader().await?).await.map_err(Failed::from)?;
        Ok(row.at_option("next")?)
    }
}

async fn begin(tx: &mut Tx, ready: ReadyRow, until: Timestamp, shared: bool) -> Done<Option<Sending>> {
    let Some(delivery) = deliver::still_ready(tx, &ready, shared).await? else { return Ok(None) };
    let taker = subscriptions::find(&mut tx.connection, &ready.tenant, &delivery.subscription).await?;
    if taker.is_none_or(|taker| taker.removed_at().is_some()) {
        deliver::settle(tx, &delivery, DeliveryState::Dropped, None).await?;
        return Ok(None);
    }
    let attempt = delivery.attempts.saturating_add(1);
    query(
        "update deliveries set state = 'running', attempts = $3, due_at = $4, rank = null
         where tenant = $1 and place = $2",
    )
    .bind(ready.tenant.as_str())
    .bind(number(ready.place)?)
    .bind(i64::from(attempt))
    .bind(until.as_millis())
    .execute(&mut tx.connection)
    .await?;
    Ok(Some(Sending { tenant: ready.tenant, place: ready.place, attempt }))
}

async fn end(tx: &mut Tx, sending: Sending, sent: Sent, last: Option<WebhookTry>) -> Done<bool> {
    let found = row::find_delivery(&mut tx.connection, &sending.tenant, sending.place).await?;
    let is_mine = |found: &DeliveryRow| found.state == DeliveryState::Running && found.attempts == sending.attempt;
    let Some(delivery) = found.filter(is_mine).filter(|found| found.task.is_none()) else { return Ok(false) };
    if let Some(last) = last {
        webhooks::note(tx, &sending.tenant, &delivery.subscription, &last).await?;
    }
    match sent {
        Sent::Taken => deliver::settle(tx, &delivery, DeliveryState::Delivered, None).await?,
        Sent::Failed(failure, not_before) => deliver::failed(tx, &delivery, failure, not_before).await?,
        Sent::Gone(failure) => {
            deliver::settle(tx, &delivery, DeliveryState::Dead, Some(failure)).await?;
            let taker = subscriptions::find(&mut tx.connection, &sending.tenant, &delivery.subscription).await?;
            if let Some(Taker::Webhook(row)) = taker.filter(|taker| taker.removed_at().is_none() && !taker.is_paused())
            {
                webhooks::pause(tx, row, true, HOST).await?;
            }
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::plan;

    #[tokio::test]
    async fn leases_that_are_over_are_found_without_looking_at_others() {
        for query in [LEASED, NEXT] {
            let plan = plan(query).await;
            assert!(plan.iter().any(|step| step.contains("INDEX deliveries_leased")), "{plan:?}");
        }
    }
}
