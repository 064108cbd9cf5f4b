//! Reading events as they come, in the order in which they were accepted.
//!
//! A position is given in the transaction that accepts an event, under a lock of its tenant's that is held to its
//! commit, so positions become visible in order on either database: whoever reads on after the last one misses nothing.

use troupe_core::{Result, TenantId, Topic, TopicPattern, limits};

use super::row::{self, EventRow};
use crate::Store;
use crate::fault::{Done, Failed};
use crate::rows::Columns as _;
use crate::sql::{Builder, Row};

/// Events that are looked at at once where not each of them is wanted.
const LOOKED_AT: u32 = 500;

impl Store {
    /// Reads at most `limit` events after the position `after`, oldest first, and of them so many as take
    /// [`limits::STREAM_EVENTS_BYTES`] together, or one; of topics that fit, or all when no pattern is named. Returns the position of the last that was looked at, too, which is `after` where there is none.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn events_after(
        &self,
        tenant: &TenantId,
        topic: Option<&TopicPattern>,
        after: u64,
        limit: u32,
    ) -> Result<(Vec<EventRow>, u64)> {
        let mut reader = self.reader().await?;
        // No position is above this, so nothing comes after it.
        let from = i64::try_from(after).unwrap_or(i64::MAX);
        let mut query = Builder::new("select position, topic, bytes from events where tenant = ");
        query.push_bind(tenant.as_str()).push(" and position > ").push_bind(from);
        // A pattern without wildcards is a topic.
        if let Some(topic) = topic.filter(|topic| topic.as_str().parse::<Topic>().is_ok()) {
            query.push(" and topic = ").push_bind(topic.as_str());
        }
        let at_once = if topic.is_some() { LOOKED_AT } else { limit };
        query.push(" order by position limit ").push_bind(i64::from(at_once));
        let rows = query.build().fetch_all(&mut reader).await.map_err(Failed::from)?;
        let read = |row: &Row| Ok((row.number("position")?, row.parsed("topic")?, row.number("bytes")?));
        let rows = rows.iter().map(read).collect::<Done<Vec<(u64, Topic, u64)>>>()?;
        let (mut found, mut looked_at, mut left) = (Vec::new(), after, limits::STREAM_EVENTS_BYTES);
        for (position, of, bytes) in rows {
            let fits = topic.is_none_or(|topic| topic.admits(&of));
            let is_full = found.len() >= usize::try_from(limit).unwrap_or(usize::MAX) || bytes > left;
            if fits && is_full && !found.is_empty() {
                break;
            }
            looked_at = position;
            if fits {
                left = left.saturating_sub(bytes);
                // One that was called off, or that is kept no longer, meanwhile is told to nobody.
                found.extend(row::find_event(&mut reader, tenant, position).await?);
            }
        }
        Ok((found, looked_at))
    }
}
