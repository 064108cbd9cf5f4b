//! Events, topics, dead letters and figures, as doors show them.

use std::collections::BTreeMap;
use std::time::Duration;

use troupe_core::view::{
    DeadLetterView, DeliveryView, EventState, EventStats, EventType, EventView, Page, SubscriptionStats,
};
use troupe_core::{Caller, Code, Error, Result, Scope, TenantId, Timestamp, TopicPattern, limits, shown};
use troupe_store::{DeliveryRow, EventFilter, EventRow, event_not_found};

use crate::Runtime;

/// Deliveries that are shown with an event.
const DELIVERIES_SHOWN_MAX: u32 = 500;

/// The time over which a rate is told.
const RATE_OVER: Duration = Duration::from_secs(60);

/// Which events to list.
#[derive(Debug, Clone, Default)]
pub struct EventQuery {
    /// Those of topics that fit this pattern.
    pub topic: Option<String>,
    /// Those of one sender.
    pub sender: Option<String>,
    /// Those in one state.
    pub state: Option<EventState>,
    /// Those older than the one at this position.
    pub after: Option<String>,
    /// How many; capped.
    pub limit: Option<u32>,
}

impl Runtime {
    /// Lists events, newest first.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::EventInvalid`] for what is no pattern; [`Code::RequestInvalid`].
    pub async fn events(&self, caller: &Caller, query: EventQuery) -> Result<Page<EventView>> {
        caller.require(Scope::Read)?;
        let EventQuery { topic, sender, state, after, limit } = query;
        let limit = limits::page(limit);
        let topic = topic.as_deref().map(str::parse::<TopicPattern>).transpose()?;
        let before = after.as_deref().map(number).transpose()?;
        let filter = EventFilter { topic, sender, state, before };
        let rows = self.store.events(&caller.tenant, &filter, limit + 1).await?;
        Ok(Page::of(rows, limit, |row| row.position.to_string(), |row| view(row, Vec::new())))
    }

    /// One event with its deliveries.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::EventNotFound`].
    pub async fn event(&self, caller: &Caller, event: &str) -> Result<EventView> {
        caller.require(Scope::Read)?;
        self.event_seen(&caller.tenant, position(event)?).await
    }

    /// One event with its deliveries, for whoever may see it.
    pub(crate) async fn event_seen(&self, tenant: &TenantId, position: u64) -> Result<EventView> {
        let row = self.store.event(tenant, position).await?.ok_or_else(|| event_not_found(&position.to_string()))?;
        let deliveries = self.store.deliveries(tenant, position, DELIVERIES_SHOWN_MAX).await?;
        Ok(view(row, deliveries))
    }

    /// Lists the topics under which something was published, by name.
    ///
    /// # Errors
    /// [`Code::AuthScope`].
    pub async fn event_types(&self, caller: &Caller, after: &str, limit: Option<u32>) -> Result<Page<EventType>> {
        caller.require(Scope::Read)?;
        let limit = limits::page(limit);
        let rows = self.store.topics(&caller.tenant, after, limit + 1).await?;
        let mut page = Page::of(
            rows,
            limit,
            |row| row.topic.to_string(),
            |row| EventType {
                topic: row.topic,
                published: row.published,
                unhandled: row.unhandled,
                first_at: row.first_at,
                last_at: row.last_at,
                subscriptions: Vec::new(),
            },
        );
        for kind in &mut page.items {
            let taking = self.store.takers(&caller.tenant, &kind.topic).await?;
            kind.subscriptions = taking.iter().map(|taker| taker.name().to_owned()).collect();
        }
        Ok(page)
    }

    /// What has come of the tenant's events.
    ///
    /// # Errors
    /// [`Code::AuthScope`].
    pub async fn event_stats(&self, caller: &Caller) -> Result<EventStats> {
        caller.require(Scope::Read)?;
        let now = self.clock.now();
        let over_ms = i64::try_from(RATE_OVER.as_millis()).unwrap_or(i64::MAX);
        let since = Timestamp::from_millis(now.as_millis().saturating_sub(over_ms));
        let head = self.store.event_head(&caller.tenant).await?;
        let (scheduled, published, delivered) = self.store.event_counts(&caller.tenant, since).await?;
        let mut subscriptions: BTreeMap<String, SubscriptionStats> = BTreeMap::new();
        loop {
            let after = subscriptions.last_key_value().map(|(name, _)| name.clone()).unwrap_or_default();
            let rows = self.store.subscriptions(&caller.tenant, &after, limits::PAGE_MAX).await?;
            let is_last = rows.len() < usize::try_from(limits::PAGE_MAX).unwrap_or(usize::MAX);
            subscriptions.extend(rows.into_iter().map(|row| (row.name, row.stats)));
            if is_last {
                break;
            }
        }
        Ok(EventStats {
            published: head.published,
            unhandled: head.unhandled,
            scheduled,
            open: head.open,
            bytes: head.bytes,
            published_per_second: published as f64 / RATE_OVER.as_secs_f64(),
            delivered_per_second: delivered as f64 / RATE_OVER.as_secs_f64(),
            subscriptions,
        })
    }

    /// Lists dead letters, oldest first.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::RequestInvalid`].
    pub async fn dead_letters(
        &self,
        caller: &Caller,
        subscription: Option<&str>,
        after: Option<&str>,
        limit: Option<u32>,
    ) -> Result<Page<DeadLetterView>> {
        caller.require(Scope::Read)?;
        let limit = limits::page(limit);
        let after = after.map(number).transpose()?.unwrap_or(0);
        let rows = self.store.dead_letters(&caller.tenant, subscription, after, limit + 1).await?;
        Ok(Page::of(rows, limit, |row| row.place.to_string(), dead_letter))
    }
}

/// The position that a path names.
pub(crate) fn position(text: &str) -> Result<u64> {
    // What is no number is the position of none.
    number(text).map_err(|_| event_not_found(&shown(text)))
}

fn number(text: &str) -> Result<u64> {
    let refused = || Error::new(Code::RequestInvalid, "`after` is no number; take it from `next` of the page before");
    text.parse::<u64>().ok().filter(|number| i64::try_from(*number).is_ok()).ok_or_else(refused)
}

pub(super) fn view(row: EventRow, deliveries: Vec<DeliveryRow>) -> EventView {
    let state = match (row.routed, row.open) {
        (None, _) => EventState::Scheduled,
        (Some(0), 0) => EventState::Unhandled,
        (Some(_), 0) => EventState::Settled,
        (Some(_), _) => EventState::Open,
    };
    EventView {
        position: row.position,
        event: row.document,
        topic: row.topic,
        priority: row.priority,
        sender: row.sender,
        published_at: row.published_at,
        due_at: row.due_at,
        state,
        caused_by: row.caused_by,
        hops: row.hops,
        subscriptions: row.routed.unwrap_or(0),
        redacted: row.redacted,
        deliveries: deliveries.into_iter().map(delivery).collect(),
    }
}

fn delivery(row: DeliveryRow) -> DeliveryView {
    DeliveryView {
        delivery: row.place,
        subscription: row.subscription,
        state: row.state,
        attempts: row.attempts,
        task: row.task,
        due_at: row.due_at,
        failure: row.failure,
        created_at: row.created_at,
        ended_at: row.ended_at,
    }
}

pub(super) fn dead_letter(row: DeliveryRow) -> DeadLetterView {
    let (position, topic, sender) = (row.position, row.topic.clone(), row.sender.clone());
    DeadLetterView { position, topic, sender, delivery: delivery(row) }
}
