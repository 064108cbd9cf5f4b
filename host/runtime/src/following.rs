//! Following what grows in a tenant: its feed, or the events of its bus.
//!
//! ```text
//!  what is stored ──▸ a page after the last that was looked at ──▸ told one by one
//!        ▲                                │ none
//!        └──────── a commit that adds to it ──── or the host stops, or the reader is let in no more: the end
//! ```
//!
//! Nothing is kept for a reader but the page that it is told next, and how far it is: whoever goes on after the
//! position that it has read misses and repeats nothing. What was committed before the host stopped is told, as far as
//! one page more reaches.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::watch;
use troupe_core::view::{StreamEnd, StreamEndReason};
use troupe_core::{Caller, Error, Result};

use crate::Runtime;
use crate::streams::not_of_this_stream;
use crate::tasks::{Reader, Wait};

/// What grows, as it is read page by page.
pub trait Source: Send + Sync {
    /// One thing of it.
    type Item: Send;

    /// What it is called where a reader is told in the log that it ends.
    const NAME: &'static str;

    /// What of it is told after a position, oldest first, and the position of the last that was looked at, which is
    /// `after` where there is none.
    fn page(
        &self,
        runtime: &Runtime,
        caller: &Caller,
        after: u64,
    ) -> impl Future<Output = Result<(Vec<Self::Item>, u64)>> + Send;

    /// Where a thing stands.
    fn position(item: &Self::Item) -> u64;

    /// How often it is looked at though nobody has said that it grows.
    fn look_every(_: &Runtime) -> Option<Duration> {
        None
    }
}

/// What is told of what grows.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Followed<T> {
    /// One thing of it.
    Event(Box<T>),
    /// Nothing more comes.
    End(StreamEnd),
}

/// Something that is followed as it grows.
#[derive(Debug)]
pub struct Following<S: Source> {
    runtime: Runtime,
    caller: Caller,
    source: S,
    /// The position of the last that was told, or looked at with all that is wanted before it told.
    after: u64,
    /// The position of the last that was looked at.
    looked_at: u64,
    read: VecDeque<S::Item>,
    changes: watch::Receiver<u64>,
    reader: Reader,
    /// What there was when the host began to stop was read once more.
    has_last: bool,
    /// Until the end is told.
    counted: Option<Wait>,
}

impl<S: Source> Following<S> {
    /// What comes next; the last is `End`, after which there is nothing.
    pub async fn next(&mut self) -> Option<Followed<S::Item>> {
        let counted = self.counted.as_ref()?;
        loop {
            if let Some(item) = self.read.pop_front() {
                self.after = S::position(&item);
                return Some(Followed::Event(Box::new(item)));
            }
            self.after = self.looked_at;
            // What was committed before the host stopped is told.
            let is_last = counted.is_closed();
            // Marked as seen before reading, so a commit in between wakes the wait.
            self.changes.borrow_and_update();
            let why = tokio::select! {
                biased;
                () = self.reader.refused() => Some(StreamEndReason::Refused),
                read = self.source.page(&self.runtime, &self.caller, self.after) => match read {
                    Ok((read, looked_at)) => {
                        let is_more = looked_at > self.looked_at;
                        self.looked_at = looked_at;
                        self.read.extend(read);
                        // Whoever is far behind when the host stops goes on elsewhere.
                        if is_more && !self.has_last {
                            self.has_last = is_last;
                            continue;
                        }
                        is_last.then_some(StreamEndReason::HostStopping)
                    }
                    Err(error) => Some(unread::<S>(&error, is_last)),
                }
            };
            let look_every = S::look_every(&self.runtime);
            let why = match why {
                None => tokio::select! {
                    biased;
                    () = self.reader.refused() => Some(StreamEndReason::Refused),
                    () = counted.closed() => None,
                    changed = self.changes.changed() => changed.err().map(|_| StreamEndReason::HostStopping),
                    () = tokio::time::sleep(look_every.unwrap_or_default()), if look_every.is_some() => None,
                },
                why => why,
            };
            if let Some(reason) = why {
                self.counted = None;
                return Some(Followed::End(StreamEnd { reason, resume: Some(self.after.to_string()) }));
            }
        }
    }
}

fn unread<S: Source>(error: &Error, is_last: bool) -> StreamEndReason {
    if is_last {
        return StreamEndReason::HostStopping;
    }
    tracing::warn!(code = %error.code, cause = error.cause_chain(), "a stream of {} ends: {error}", S::NAME);
    StreamEndReason::Unavailable
}

impl Runtime {
    /// Follows something that the caller may read, after a position, or after the one that was `read` last.
    ///
    /// # Errors
    /// [`troupe_core::Code::RequestInvalid`] for what is no position; [`troupe_core::Code::LimitConcurrency`] if too
    /// many wait already; [`troupe_core::Code::UnavailableHost`] when the host stops; those of a caller who is let
    /// in no more.
    pub(crate) async fn following<S: Source>(
        &self,
        caller: &Caller,
        after: u64,
        read: Option<&str>,
        source: S,
    ) -> Result<Following<S>> {
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
        let (looked_at, has_last) = (after, false);
        Ok(Following { runtime, caller, source, after, looked_at, read, changes, reader, has_last, counted })
    }
}
