//! Following events of the bus as they are published, on whichever host.
//!
//! They are told in the order of their positions, which is that in which they were accepted: one that was put off is
//! told at once, as scheduled, and not again when its time comes. Whoever goes on misses and repeats nothing as long
//! as the events are kept (`following.rs`).

use std::time::Duration;

use troupe_core::view::EventView;
use troupe_core::{Caller, Result, Scope, TopicPattern, limits};

use super::view;
use crate::Runtime;
use crate::following::{Followed, Following, Source};

/// What a stream of the bus tells: events, each as it stood when it was read.
pub type BusItem = Followed<EventView>;

/// The events of a tenant as they are published.
pub type BusEvents = Following<OfBus>;

/// Events of topics that fit, or all.
#[derive(Debug)]
pub struct OfBus {
    topic: Option<TopicPattern>,
}

impl Source for OfBus {
    type Item = EventView;

    const NAME: &'static str = "events";

    async fn page(&self, runtime: &Runtime, caller: &Caller, after: u64) -> Result<(Vec<EventView>, u64)> {
        let (topic, most) = (self.topic.as_ref(), limits::STREAM_EVENTS_AT_ONCE);
        let (read, looked_at) = runtime.store.events_after(&caller.tenant, topic, after, most).await?;
        Ok((read.into_iter().map(|row| view(row, Vec::new())).collect(), looked_at))
    }

    fn position(event: &EventView) -> u64 {
        event.position
    }

    fn look_every(runtime: &Runtime) -> Option<Duration> {
        // The word of another host's commit may be lost.
        runtime.is_shared().then_some(limits::HOSTS_LOOK_EVERY)
    }
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
        self.following(caller, after, read, OfBus { topic }).await
    }
}
