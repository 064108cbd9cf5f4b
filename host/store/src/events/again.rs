//! Delivering again: from a point in what was published, and dead letters.

use std::sync::Arc;

use serde_json::Value;
use troupe_core::audit::{AuditEntry, AuditKind};
use troupe_core::view::DeliveryState;
use troupe_core::{Code, Error, Result, TenantId, Timestamp, TopicPattern, limits};

use super::outbox::Outbox;
use super::row::{self, DeliveryRow, EventRow, dead_letter_not_found};
use super::{Taker, subscriptions};
use crate::Store;
use crate::fault::Done;
use crate::rows::number;
use crate::sql::{query, query_scalar};
use crate::writer::Tx;

/// What to deliver again.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Again {
    /// From this position on.
    pub from: u64,
    /// And from what was published at this time on.
    pub since: Option<Timestamp>,
    /// Up to this position.
    pub to: Option<u64>,
    /// Those that fit.
    pub topic: Option<TopicPattern>,
    /// To this subscription; to each that takes them now when absent.
    pub subscription: Option<String>,
}

impl Store {
    /// Has events delivered again that were routed before and not redacted, behind what is open by now, as `by` asked. Returns
    /// how many deliveries that made, and from which position on to ask again.
    ///
    /// # Errors
    /// [`Code::SubscriptionNotFound`]; [`Code::LimitEvents`].
    pub async fn redeliver(&self, tenant: &TenantId, again: Again, by: &str) -> Result<(u64, Option<u64>)> {
        let (tenant, by) = (tenant.clone(), by.to_owned());
        self.write(move |tx| Box::pin(redeliver(tx, tenant, again, by))).await
    }

    /// Has a dead letter delivered again, by a delivery of its own, as `by` asked; or decides that nothing comes of it.
    ///
    /// # Errors
    /// [`Code::DeadLetterNotFound`]; [`Code::SubscriptionNotFound`] when there is none any more to deliver to;
    /// [`Code::EventRedacted`]; [`Code::LimitEvents`].
    pub async fn decide_dead_letter(
        &self,
        tenant: &TenantId,
        place: u64,
        redeliver: bool,
        by: &str,
    ) -> Result<DeliveryRow> {
        let (tenant, by) = (tenant.clone(), by.to_owned());
        self.write(move |tx| Box::pin(decide(tx, tenant, place, redeliver, by))).await
    }
}

async fn redeliver(tx: &mut Tx, tenant: TenantId, again: Again, by: String) -> Done<(u64, Option<u64>)> {
    let only = match &again.subscription {
        Some(name) => {
            let found = subscriptions::find(&mut tx.connection, &tenant, name).await?;
            let found = found.filter(|found| found.removed_at().is_none());
            Some(Arc::new(found.ok_or_else(|| subscriptions::not_found(name))?))
        }
        None => None,
    };
    let rows = query(
        "select * from events where tenant = $1 and position >= $2 and position <= $3 and published_at >= $4
            and routed is not null and redacted_at is null
         order by position limit $5",
    )
    .bind(tenant.as_str())
    .bind(number(again.from)?)
    .bind(again.to.map_or(Ok(i64::MAX), number)?)
    .bind(again.since.map_or(i64::MIN, Timestamp::as_millis))
    .bind(i64::from(limits::EVENTS_AT_ONCE) + 1)
    .fetch_all(&mut tx.connection)
    .await?;
    let mut events = rows.iter().map(row::event).collect::<Done<Vec<_>>>()?;
    let most = usize::try_from(limits::EVENTS_AT_ONCE).unwrap_or(usize::MAX);
    let mut next = events.get(most).map(|event| event.position);
    events.truncate(most);
    let mut outbox = Outbox::default();
    let mut made = 0;
    for event in events {
        if made >= limits::EVENT_DELIVERIES_AT_ONCE {
            next = Some(event.position);
            break;
        }
        if again.topic.as_ref().is_some_and(|topic| !topic.admits(&event.topic)) {
            continue;
        }
        let to = match &only {
            Some(only) if only.topic().admits(&event.topic) => vec![Arc::clone(only)],
            Some(_) => Vec::new(),
            None => outbox.takers(tx, &tenant, &event.topic).await?,
        };
        for subscription in &to {
            once_more(tx, &mut outbox, &event, subscription).await?;
            made += 1;
        }
    }
    if made > 0 {
        outbox.write(tx).await?;
        let about = again.subscription.as_deref().map_or(Value::Null, Value::from);
        note(tx, &tenant, &by, &[("from", again.from.into()), ("deliveries", made.into()), ("subscription", about)])
            .await?;
    }
    Ok((made, next))
}

/// Makes a further delivery of an event, which somebody wants: so it begins its way anew.
async fn once_more(tx: &mut Tx, outbox: &mut Outbox, event: &EventRow, subscription: &Taker) -> Done<()> {
    let open = outbox.head(tx, &event.tenant).await?.open;
    if open >= limits::EVENT_DELIVERIES_OPEN_MAX {
        let message = format!("{open} deliveries of the tenant's events have not ended; wait until some have");
        return Err(Error::new(Code::LimitEvents, message).into());
    }
    outbox.deliver(tx, &EventRow { hops: 0, ..event.clone() }, subscription).await?;
    query("update events set routed = routed + 1, open = open + 1 where tenant = $1 and position = $2")
        .bind(event.tenant.as_str())
        .bind(number(event.position)?)
        .execute(&mut tx.connection)
        .await?;
    tx.bus_moved = true;
    Ok(())
}

async fn decide(tx: &mut Tx, tenant: TenantId, place: u64, redeliver: bool, by: String) -> Done<DeliveryRow> {
    let found = row::find_delivery(&mut tx.connection, &tenant, place).await?;
    let Some(dead) = found.filter(|found| found.state == DeliveryState::Dead) else {
        return Err(dead_letter_not_found(&place.to_string()).into());
    };
    let state = if redeliver {
        let subscription = subscriptions::find(&mut tx.connection, &tenant, &dead.subscription).await?;
        let Some(subscription) = subscription.filter(|found| found.removed_at().is_none()) else {
            return Err(subscriptions::not_found(&dead.subscription).into());
        };
        let Some(event) = row::find_event(&mut tx.connection, &tenant, dead.position).await? else {
            return Err(super::not_found(&dead.position.to_string()).into());
        };
        if event.redacted.is_some() {
            let message =
                format!("event {} was redacted, so there is nothing to deliver; discard the letter", event.position);
            return Err(Error::new(Code::EventRedacted, message).into());
        }
        let mut outbox = Outbox::default();
        once_more(tx, &mut outbox, &event, &subscription).await?;
        outbox.write(tx).await?;
        DeliveryState::Redelivered
    } else {
        DeliveryState::Discarded
    };
    let _: i64 = query_scalar("update deliveries set state = $3 where tenant = $1 and place = $2 returning place")
        .bind(tenant.as_str())
        .bind(number(place)?)
        .bind(state.as_str())
        .fetch_one(&mut tx.connection)
        .await?;
    let facts = [("delivery", place.into()), ("event", dead.position.into()), ("state", state.as_str().into())];
    note(tx, &tenant, &by, &facts).await?;
    Ok(DeliveryRow { state, ..dead })
}

/// Tells the audit what somebody decided about events.
pub(super) async fn note(tx: &mut Tx, tenant: &TenantId, by: &str, facts: &[(&'static str, Value)]) -> Done<()> {
    let entry = AuditEntry::new(AuditKind::Redelivered).by(Some(by));
    let entry = facts
        .iter()
        .filter(|(_, fact)| !fact.is_null())
        .fold(entry, |entry, (name, fact)| entry.with(name, fact.clone()));
    tx.audit(tenant, entry).await
}
