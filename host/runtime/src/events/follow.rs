//! Following events of the bus as they are published, on whichever host.
//!
//! ```text
//!  stored events ──▸ those after the last that was told, of topics that fit ──▸ told
//!        ▲                                    │ none
//!        └── a commit that publishes, here or at another host; on one database of several hosts a second ──┘
//! ```
//!
//! They are told in the order of their positions, which is that in which they were accepted: one that was put off is
//! told at once, as scheduled, and not again when its time comes. Nothing is kept for a reader but what it is told
//! next, and how far it is: whoever goes on after the position that it has read misses and repeats nothing, as long as
//! the events are kept.

use std::collections::VecDeque;

use tokio::sync::watch;
use troupe_core::view::{EventView, StreamEnd, StreamEndReason};
use troupe_core::{Caller, Error, Result, Scope, TopicPattern, limits};

use super::view;
use crate::Runtime;
use crate::streams::not_of_this_stream;
use crate::tasks::{Reader, Wait};

/// What a stream of the bus tells.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum BusItem {
    /// An event, as it stood when it was read.
    Event(Box<EventView>),
    /// Nothing more comes.
    End(StreamEnd),
}

/// The events of a tenant as they are published.
#[derive(Debug)]
pub struct BusEvents {
    runtime: Runtime,
    caller: Caller,
    topic: Option<TopicPattern>,
    /// The position of the last that was told, or looked at with all that fit before it told.
    after: u64,
    /// The position of the last that was looked at.
    looked_at: u64,
    read: VecDeque<EventView>,
    changes: watch::Receiver<u64>,
    reader: Reader,
    /// What there was when the host began to stop was read once more.
    has_last: bool,
    /// Until the end is told.
    counted: Option<Wait>,
}

impl BusEvents {
    /// What comes next; the last is `End`, after which there is nothing.
    pub async fn next(&mut self) -> Option<BusItem> {
        let counted = self.counted.as_ref()?;
        loop {
            if let Some(event) = self.read.pop_front() {
                self.after = event.position;
                return Some(BusItem::Event(Box::new(event)));
            }
            self.after = self.looked_at;
            // What was committed before the host stopped is told.
            let is_last = counted.is_closed();
            // Marked as seen before reading, so a commit in between wakes the wait.
            self.changes.borrow_and_update();
            let (store, tenant) = (&self.runtime.store, &self.caller.tenant);
            let topic = self.topic.as_ref();
            let why = tokio::select! {
                biased;
                () = self.reader.refused() => Some(StreamEndReason::Refused),
                read = store.events_after(tenant, topic, self.after, limits::STREAM_EVENTS_AT_ONCE) => match read {
                    Ok((read, looked_at)) => {
                        let is_more = looked_at > self.looked_at;
                        self.looked_at = looked_at;
                        self.read.extend(read.into_iter().map(|row| view(row, Vec::new())));
                        // Whoever is far behind when the host stops goes on elsewhere.
                        if is_more && !self.has_last {
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
                    // The word of another host's commit may be lost.
                    () = tokio::time::sleep(limits::HOSTS_LOOK_EVERY), if self.runtime.is_shared() => None,
                },
                why => why,
            };
            if let Some(reason) = why {
                self.counted = None;
                return Some(BusItem::End(StreamEnd { reason, resume: Some(self.after.to_string()) }));
            }
        }
    }
}

fn unread(error: &Error, is_last: bool) -> StreamEndReason {
    if is_last {
        return StreamEndReason::HostStopping;
    }
    tracing::warn!(code = %error.code, cause = error.cause_chain(), "a stream of events ends: {error}");
    StreamEndReason::Unavailable
}

impl Runtime {
    /// Follows events of topics that fit, all when no pattern is named: those after a position, or after the one that
    /// was read last.
    ///
    /// # Errors
    /// [`troupe_core::Code::AuthScope`]; [`troupe_core::Code::EventInvalid`] for what is no pattern;
    /// [`troupe_core::Code::RequestInvalid`] for what is no position; [`troupe_core::Code::LimitConcurrency`] if too
    /// many wait already; [`troupe_core::Code::UnavailableHost`] when the host stops.
    pub async fn follow_events(
        &self,
        caller: &Caller,
        topic: Option<&str>,
        after: u64,
        read: Option<&str>,
    ) -> Result<BusEvents> {
        caller.require(Scope::Read)?;
        let topic = topic.map(str::parse::<TopicPattern>).transpose()?;
        let after = match read {
            Some(read) => read.parse().map_err(|_| not_of_this_stream())?,
            None => after,
        };
        let reader = Reader::new(self, caller);
        let changes = self.store.watch(&caller.tenant);
        let counted = Some(self.waits.enter(&caller.tenant)?);
        self.require_ready()?;
        self.check_caller(caller).await?;
        let (runtime, caller, read) = (self.clone(), caller.clone(), VecDeque::new());
        Ok(BusEvents {
            runtime,
            caller,
            topic,
            after,
            looked_at: after,
            read,
            changes,
            reader,
            has_last: false,
            counted,
        })
    }
}
