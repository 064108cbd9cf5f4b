//! Reading events and what has come of them.

use troupe_core::view::EventState;
use troupe_core::{Result, TenantId, Timestamp, Topic, TopicPattern};

use super::row::{self, DeliveryRow, EventHead, EventRow, TopicRow};
use crate::Store;
use crate::fault::{Done, Failed};
use crate::rows::{Columns as _, number};
use crate::sql::{Builder, query};

/// Which events to read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EventFilter {
    /// Those of topics that fit.
    pub topic: Option<TopicPattern>,
    /// Those of one sender.
    pub sender: Option<String>,
    /// Those in one state.
    pub state: Option<EventState>,
    /// Those before this position.
    pub before: Option<u64>,
}

/// Rows that are read at once where not each of them is wanted.
const LOOKED_AT: u32 = 500;

impl Store {
    /// Reads at most `limit` events, newest first.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn events(&self, tenant: &TenantId, filter: &EventFilter, limit: u32) -> Result<Vec<EventRow>> {
        let mut reader = self.reader().await?;
        let (mut found, mut before) = (Vec::new(), filter.before);
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        loop {
            let mut query = Builder::new("select * from events where tenant = ");
            query.push_bind(tenant.as_str());
            if let Some(before) = before {
                query.push(" and position < ").push_bind(number(before)?);
            }
            if let Some(sender) = &filter.sender {
                query.push(" and sender = ").push_bind(sender);
            }
            // A pattern without wildcards is a topic.
            if let Some(topic) = filter.topic.as_ref().filter(|topic| topic.as_str().parse::<Topic>().is_ok()) {
                query.push(" and topic = ").push_bind(topic.as_str());
            }
            if let Some(state) = filter.state {
                query.push(match state {
                    EventState::Scheduled => " and routed is null",
                    EventState::Unhandled => " and routed = 0",
                    EventState::Open => " and routed > 0 and open > 0",
                    EventState::Settled => " and routed > 0 and open = 0",
                });
            }
            let at_once = limit.min(LOOKED_AT);
            query.push(" order by position desc limit ").push_bind(i64::from(at_once));
            let rows = query.build().fetch_all(&mut reader).await.map_err(Failed::from)?;
            let is_last = rows.len() < usize::try_from(at_once).unwrap_or(usize::MAX);
            for row in rows.iter().map(row::event) {
                let row = row?;
                before = Some(row.position);
                if filter.topic.as_ref().is_none_or(|topic| topic.admits(&row.topic)) {
                    found.push(row);
                }
            }
            if is_last || found.len() >= most {
                found.truncate(most);
                return Ok(found);
            }
        }
    }

    /// Reads one event.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn event(&self, tenant: &TenantId, position: u64) -> Result<Option<EventRow>> {
        Ok(row::find_event(&mut self.reader().await?, tenant, position).await?)
    }

    /// Reads at most `limit` deliveries of an event, in the order in which they were made.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn deliveries(&self, tenant: &TenantId, position: u64, limit: u32) -> Result<Vec<DeliveryRow>> {
        let rows = query("select * from deliveries where tenant = $1 and position = $2 order by place limit $3")
            .bind(tenant.as_str())
            .bind(number(position)?)
            .bind(i64::from(limit))
            .fetch_all(&mut self.reader().await?)
            .await
            .map_err(Failed::from)?;
        Ok(rows.iter().map(row::delivery).collect::<Done<_>>()?)
    }

    /// Reads at most `limit` dead letters, oldest first, those after the delivery `after`; of one subscription, or of all.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn dead_letters(
        &self,
        tenant: &TenantId,
        subscription: Option<&str>,
        after: u64,
        limit: u32,
    ) -> Result<Vec<DeliveryRow>> {
        let mut query = Builder::new("select * from deliveries where state = 'dead' and tenant = ");
        query.push_bind(tenant.as_str()).push(" and place > ").push_bind(number(after)?);
        if let Some(subscription) = subscription {
            query.push(" and subscription = ").push_bind(subscription);
        }
        query.push(" order by place limit ").push_bind(i64::from(limit));
        let rows = query.build().fetch_all(&mut self.reader().await?).await.map_err(Failed::from)?;
        Ok(rows.iter().map(row::delivery).collect::<Done<_>>()?)
    }

    /// Reads at most `limit` topics, by name, those after `after`.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn topics(&self, tenant: &TenantId, after: &str, limit: u32) -> Result<Vec<TopicRow>> {
        let rows = query("select * from event_topics where tenant = $1 and topic > $2 order by topic limit $3")
            .bind(tenant.as_str())
            .bind(after)
            .bind(i64::from(limit))
            .fetch_all(&mut self.reader().await?)
            .await
            .map_err(Failed::from)?;
        Ok(rows.iter().map(row::topic).collect::<Done<_>>()?)
    }

    /// What the events of a tenant come to.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn event_head(&self, tenant: &TenantId) -> Result<EventHead> {
        Ok(EventHead::find(&mut self.reader().await?, tenant).await?)
    }

    /// How many events of a tenant wait for their time, how many were published since, and how many deliveries
    /// have ended well since.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn event_counts(&self, tenant: &TenantId, since: Timestamp) -> Result<(u64, u64, u64)> {
        let row = query(
            "select
                (select count(*) from events where tenant = $1 and routed is null) as scheduled,
                (select count(*) from events where tenant = $1 and published_at >= $2) as published,
                (select count(*) from deliveries
                    where tenant = $1 and state = 'delivered' and ended_at >= $2) as delivered",
        )
        .bind(tenant.as_str())
        .bind(since.as_millis())
        .fetch_one(&mut self.reader().await?)
        .await
        .map_err(Failed::from)?;
        Ok((row.number("scheduled")?, row.number("published")?, row.number("delivered")?))
    }
}
