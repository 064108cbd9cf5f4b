//! The feed, as doors read it: page by page, or as it grows.

use std::time::Duration;

use troupe_core::view::{FeedEvent, FeedFilter, Page};
use troupe_core::{Caller, Result, Scope, limits};

use crate::Runtime;
use crate::following::{Followed, Following, Source};

/// What a stream of the feed tells.
pub type FeedItem = Followed<FeedEvent>;

/// The feed of a tenant as it grows.
pub type FeedEvents = Following<OfFeed>;

/// What a filter lets through of the feed.
#[derive(Debug)]
pub struct OfFeed {
    filter: FeedFilter,
}

impl Source for OfFeed {
    type Item = FeedEvent;

    const NAME: &'static str = "the feed";

    async fn page(&self, runtime: &Runtime, caller: &Caller, after: u64) -> Result<(Vec<FeedEvent>, u64)> {
        let mut read = runtime.store.feed(&caller.tenant, after, limits::STREAM_FEED_EVENTS).await?;
        let looked_at = read.last().map_or(after, |event| event.seq);
        read.retain(|event| self.filter.matches(event));
        Ok((read, looked_at))
    }

    fn position(event: &FeedEvent) -> u64 {
        event.seq
    }
}

impl Runtime {
    /// Events after the number `after` that a filter lets through, oldest first; waits up to `wait` for
    /// the first. The page goes on behind what was looked at, which is not the whole feed where few are
    /// wanted.
    ///
    /// # Errors
    /// [`troupe_core::Code::AuthScope`]; [`troupe_core::Code::RequestInvalid`] for what is no
    /// filter; [`troupe_core::Code::LimitConcurrency`] if there is nothing yet and too many wait already.
    pub async fn feed(
        &self,
        caller: &Caller,
        mut after: u64,
        filter: &FeedFilter,
        limit: u32,
        wait: Duration,
    ) -> Result<Page<FeedEvent>> {
        caller.require(Scope::Read)?;
        filter.check()?;
        let limit = limit.clamp(1, limits::PAGE_MAX);
        let mut changes = self.store.watch(&caller.tenant);
        let until = tokio::time::Instant::now() + wait.min(limits::WAIT_MAX);
        let (mut counted, mut looked_at) = (None, 0);
        let mut next = None;
        // Where not all are wanted, the few are looked for among many.
        let step = if filter.is_everything() { limit } else { limits::PAGE_MAX };
        loop {
            // Marked as seen before reading, so a commit in between wakes the wait.
            changes.borrow_and_update();
            let mut items = self.store.feed(&caller.tenant, after, step).await?;
            let is_end = items.is_empty();
            looked_at += items.len();
            if let Some(last) = items.last() {
                after = last.seq;
                next = Some(after.to_string());
            }
            items.retain(|event| filter.matches(event));
            if items.is_empty() && !is_end && looked_at < limits::FEED_LOOKED_MAX {
                continue;
            }
            if items.len() > limit as usize {
                items.truncate(limit as usize);
                next = items.last().map(|last| last.seq.to_string());
            }
            if is_end && !wait.is_zero() {
                let counted = match &mut counted {
                    Some(counted) => counted,
                    empty => empty.insert(self.waits.enter(&caller.tenant)?),
                };
                let changed = tokio::select! {
                    changed = tokio::time::timeout_at(until, changes.changed()) => changed.is_ok_and(|changed| changed.is_ok()),
                    // The host stops: it answers with what there is.
                    () = counted.closed() => false,
                };
                if changed {
                    continue;
                }
            }
            if counted.is_some() {
                self.check_caller(caller).await?;
            }
            return Ok(Page { items, next });
        }
    }

    /// Follows what a filter lets through of the feed, from the number `after`, or from the id of the
    /// last event that was read.
    ///
    /// # Errors
    /// [`troupe_core::Code::AuthScope`]; [`troupe_core::Code::LimitConcurrency`] if too many wait
    /// already; [`troupe_core::Code::UnavailableHost`] when the host stops;
    /// [`troupe_core::Code::RequestInvalid`] for what is no id of an event.
    pub async fn follow_feed(
        &self,
        caller: &Caller,
        after: u64,
        read: Option<&str>,
        filter: FeedFilter,
    ) -> Result<FeedEvents> {
        caller.require(Scope::Read)?;
        filter.check()?;
        self.following(caller, after, read, OfFeed { filter }).await
    }
}
