//! The feed, as doors read it: page by page, or as it grows.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::watch;
use troupe_core::view::{FeedEvent, FeedFilter, Page, StreamEnd, StreamEndReason};
use troupe_core::{Caller, Error, Result, Scope, limits};

use crate::Runtime;
use crate::streams::not_of_this_stream;
use crate::tasks::{Reader, Wait};

/// What a stream of the feed tells.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum FeedItem {
    /// Something that happened.
    Event(Box<FeedEvent>),
    /// Nothing more comes.
    End(StreamEnd),
}

/// The feed of a tenant as it grows. Whoever goes on after the number of the last event that was
/// read misses and repeats nothing.
#[derive(Debug)]
pub struct FeedEvents {
    runtime: Runtime,
    caller: Caller,
    filter: FeedFilter,
    /// The number of the last that was told, or looked at with all that is wanted before it told.
    after: u64,
    /// The number of the last that was looked at.
    looked_at: u64,
    read: VecDeque<FeedEvent>,
    changes: watch::Receiver<u64>,
    reader: Reader,
    /// What there was when the host began to stop was read once more.
    has_last: bool,
    /// Until the end is told.
    counted: Option<Wait>,
}

impl FeedEvents {
    /// What comes next; the last is `End`, after which there is nothing.
    pub async fn next(&mut self) -> Option<FeedItem> {
        let counted = self.counted.as_ref()?;
        loop {
            if let Some(event) = self.read.pop_front() {
                self.after = event.seq;
                return Some(FeedItem::Event(Box::new(event)));
            }
            self.after = self.looked_at;
            // What was committed before the host stopped is told.
            let is_last = counted.is_closed();
            // Marked as seen before reading, so a commit in between wakes the wait.
            self.changes.borrow_and_update();
            let (store, tenant) = (&self.runtime.store, &self.caller.tenant);
            let why = tokio::select! {
                biased;
                () = self.reader.refused() => Some(StreamEndReason::Refused),
                read = store.feed(tenant, self.after, limits::STREAM_FEED_EVENTS) => match read {
                    Ok(read) => {
                        let last = read.last().map(|event| event.seq);
                        self.looked_at = last.unwrap_or(self.looked_at);
                        self.read.extend(read.into_iter().filter(|event| self.filter.matches(event)));
                        // Whoever is far behind when the host stops goes on elsewhere.
                        if last.is_some() && !self.has_last {
                            self.has_last = is_last;
                            continue;
                        }
                        is_last.then_some(StreamEndReason::HostStopping)
                    }
                    Err(error) => Some(unread(&error, is_last)),
                }
            };
            let why = match why {
                None => tokio::select! {
                    biased;
                    () = self.reader.refused() => Some(StreamEndReason::Refused),
                    () = counted.closed() => None,
                    changed = self.changes.changed() => changed.err().map(|_| StreamEndReason::HostStopping),
                },
                why => why,
            };
            if let Some(reason) = why {
                self.counted = None;
                return Some(FeedItem::End(StreamEnd { reason, resume: Some(self.after.to_string()) }));
            }
        }
    }
}

fn unread(error: &Error, is_last: bool) -> StreamEndReason {
    if is_last {
        return StreamEndReason::HostStopping;
    }
    tracing::warn!(code = %error.code, cause = error.cause_chain(), "a stream of the feed ends: {error}");
    StreamEndReason::Unavailable
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
        let after = match read {
            Some(read) => read.parse().map_err(|_| not_of_this_stream())?,
            None => after,
        };
        let reader = Reader::new(self, caller);
        let changes = self.store.watch(&caller.tenant);
        let counted = Some(self.waits.enter(&caller.tenant)?);
        self.require_ready()?;
        self.check_caller(caller).await?;
        let (runtime, caller) = (self.clone(), caller.clone());
        let (looked_at, read) = (after, VecDeque::new());
        Ok(FeedEvents { runtime, caller, filter, after, looked_at, read, changes, reader, has_last: false, counted })
    }
}
