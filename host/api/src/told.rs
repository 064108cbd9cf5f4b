//! What streams tell, whichever door passes it on.

mod in_time;

use std::pin::Pin;

use futures::Stream;
use serde::Serialize;
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};
use troupe_core::view::{StreamEnd, StreamEndReason};
use troupe_runtime::{
    BusEvents, BusItem, FeedEvents, FeedItem, GroupEvent, GroupEvents, MessageEvent, MessageEvents, SessionEvents,
    SwapEvent, SwapEvents, TaskEvent, TaskEvents,
};

pub(crate) use in_time::in_time;

/// The last that a stream tells, with a `StreamEnd`.
pub(crate) const END: &str = "end";

/// What is told of one thing.
pub(crate) type Telling = Pin<Box<dyn Stream<Item = Told> + Send>>;

/// One thing that a stream tells.
#[derive(Debug)]
pub(crate) struct Told {
    /// What.
    pub(crate) name: &'static str,
    /// Where a client goes on that has read it, if it can.
    pub(crate) position: Option<String>,
    /// Its document.
    pub(crate) data: Box<RawValue>,
}

impl Told {
    pub(crate) fn new(name: &'static str, position: Option<String>, document: &impl Serialize) -> Self {
        Self { name, position, data: to_raw_value(document).unwrap_or_else(|_| RawValue::NULL.to_owned()) }
    }

    /// The last that a stream tells, with where it goes on.
    pub(crate) fn end(reason: StreamEndReason, resume: Option<String>) -> Self {
        let end = StreamEnd { reason, resume: resume.clone() };
        Self::new(END, resume, &end)
    }
}

/// What is told of a task: `task` with its state now, `progress` and `partial` while it runs, `task`
/// whenever it is suspended or taken up again, and when it has ended. A reader too slow for the parts,
/// or away for too long, gets `missed` with how many it did not get.
pub(crate) fn task(events: TaskEvents) -> impl Stream<Item = Told> + Send + 'static {
    futures::stream::unfold(events, |mut events| async move {
        let event = events.next().await?;
        Some((of_task(event, Some(events.position())), events))
    })
}

fn of_task(event: TaskEvent, at: Option<String>) -> Told {
    match event {
        TaskEvent::Task(task) => Told::new("task", at, &task),
        TaskEvent::Progress(progress) => Told::new("progress", at, &progress),
        TaskEvent::Partial(part) => Told::new("partial", at, &part),
        TaskEvent::Missed(parts) => Told::new("missed", at, &json!({ "parts": parts })),
        TaskEvent::End(end) => Told::new(END, at, &end),
        _ => Told::new("other", at, &()),
    }
}

/// What is told of a message: `message` as it stands, and whenever that changes; what the task tells
/// that answers it.
pub(crate) fn message(events: MessageEvents) -> impl Stream<Item = Told> + Send + 'static {
    futures::stream::unfold(events, |mut events| async move {
        let event = events.next().await?;
        let at = events.position().map(str::to_owned);
        let told = match event {
            MessageEvent::Message(message) => Told::new("message", at, &message),
            MessageEvent::Task(event) => of_task(event, at),
            MessageEvent::End(end) => Told::new(END, at, &end),
            _ => Told::new("other", at, &()),
        };
        Some((told, events))
    })
}

/// What is told of a swap: `swap` whenever it has changed.
pub(crate) fn swap(events: SwapEvents) -> impl Stream<Item = Told> + Send + 'static {
    futures::stream::unfold(events, |mut events| async move {
        let event = events.next().await?;
        let at = Some(events.position().to_owned());
        let told = match event {
            SwapEvent::Swap(swap) => Told::new("swap", at, &swap),
            SwapEvent::End(end) => Told::new(END, at, &end),
            _ => Told::new("other", at, &()),
        };
        Some((told, events))
    })
}

/// What is told of a task group: `group` whenever it has changed, `progress` as its tasks report it.
pub(crate) fn group(events: GroupEvents) -> impl Stream<Item = Told> + Send + 'static {
    futures::stream::unfold(events, |mut events| async move {
        let event = events.next().await?;
        let at = Some(events.position().to_owned());
        let told = match event {
            GroupEvent::Group(group) => Told::new("group", at, &group),
            GroupEvent::Report(report) => Told::new("progress", at, &report),
            GroupEvent::End(end) => Told::new(END, at, &end),
            _ => Told::new("other", at, &()),
        };
        Some((told, events))
    })
}

/// What is told of a session: `event` for each event of the feed that is about it.
pub(crate) fn session(events: SessionEvents) -> impl Stream<Item = Told> + Send + 'static {
    futures::stream::unfold(events, |mut events| async move { Some((item(events.next().await?), events)) })
}

/// What is told of the feed: `event` for each.
pub(crate) fn feed(events: FeedEvents) -> impl Stream<Item = Told> + Send + 'static {
    futures::stream::unfold(events, |mut events| async move { Some((item(events.next().await?), events)) })
}

/// What is told of the bus: `event` for each that is published.
pub(crate) fn bus(events: BusEvents) -> impl Stream<Item = Told> + Send + 'static {
    futures::stream::unfold(events, |mut events| async move {
        let told = match events.next().await? {
            BusItem::Event(event) => Told::new("event", Some(event.position.to_string()), &event),
            BusItem::End(end) => Told::new(END, end.resume.clone(), &end),
            _ => Told::new("other", None, &()),
        };
        Some((told, events))
    })
}

fn item(item: FeedItem) -> Told {
    match item {
        FeedItem::Event(event) => Told::new("event", Some(event.seq.to_string()), &event),
        FeedItem::End(end) => Told::new(END, end.resume.clone(), &end),
        _ => Told::new("other", None, &()),
    }
}
