//! What bounds events: how large one is, how many wait, how often one is delivered, and how long it is kept.

use std::time::Duration;

/// Longest topic and longest pattern of topics, in bytes: types of `CloudEvents` are reverse DNS names.
pub const TOPIC_BYTES_MAX: usize = 255;
/// Segments of a topic, as many as carriers of messages commonly take.
pub const TOPIC_SEGMENTS_MAX: usize = 16;
/// Longest attribute of an event beside its data, in bytes.
pub const EVENT_ATTRIBUTE_BYTES_MAX: usize = 1_024;
/// Longest name of an attribute, as the specification recommends.
pub const EVENT_ATTRIBUTE_NAME_BYTES_MAX: usize = 20;
/// Attributes of an event beside `specversion`, `id`, `source`, `type` and `priority`, its data among them.
pub const EVENT_ATTRIBUTES_MAX: usize = 32;
/// Largest event, in bytes of its JSON form: four times what the specification asks every consumer to
/// take, and a quarter of what carriers of messages commonly do.
pub const EVENT_BYTES_MAX: usize = 256 * 1024;
/// Events of one request: a second's work of whoever gathers them.
pub const EVENT_BATCH_MAX: usize = 100;

/// Deliveries that one request makes, if it publishes more than one event or has some delivered again. All
/// of them are one commit, and a commit is everybody's: this many take about a hundredth of a second.
pub const EVENT_DELIVERIES_AT_ONCE: u64 = 256;

/// Deliveries of one tenant that have not ended. Beyond them publishing is refused, so that whoever
/// publishes faster than is handled learns it at once.
pub const EVENT_DELIVERIES_OPEN_MAX: u64 = 20_000;
/// Events of one tenant that wait for their time.
pub const EVENTS_SCHEDULED_MAX: u64 = 10_000;
/// Subscriptions of one tenant beside those of its agents' triggers. All that a topic could fit are looked at
/// whenever one is published.
pub const SUBSCRIPTIONS_MAX: u64 = 1_000;
/// How often an event is passed on: the events that a task publishes are one further than the one that
/// it handles. What goes round in a circle ends here.
pub const EVENT_HOPS_MAX: u32 = 16;

/// How often an event is delivered to one subscription unless that says otherwise; then it is a dead
/// letter. With a pause that doubles from a second that takes a quarter of a minute.
pub const EVENT_TRIES_DEFAULT: u32 = 5;
/// The most that a subscription may say: with the pauses below, four hours.
pub const EVENT_TRIES_MAX: u32 = 20;
/// The pause before the second delivery.
pub const EVENT_PAUSE_FIRST: Duration = Duration::from_secs(1);
/// The longest pause between two deliveries.
pub const EVENT_PAUSE_MAX: Duration = Duration::from_secs(900);

/// Events that a subscription has handled at once unless it says otherwise.
pub const SUBSCRIPTION_PARALLEL_DEFAULT: u32 = 16;
/// The most that it may say, and the most of one tenant: a third of the places that it has to run in, so
/// that events wait in the bus, by priority, and calls find places.
pub const EVENTS_PARALLEL_MAX: u32 = 64;

/// How much earlier than those of priority `low` that become ready at the same time the others are handled.
pub const EVENT_HEAD_START_NORMAL: Duration = Duration::from_secs(10);
/// See [`EVENT_HEAD_START_NORMAL`].
pub const EVENT_HEAD_START_HIGH: Duration = Duration::from_secs(60);
/// See [`EVENT_HEAD_START_NORMAL`]: no event waits longer than this for those that came after it.
pub const EVENT_HEAD_START_CRITICAL: Duration = Duration::from_secs(300);

/// How long events are kept that nothing has to be done about any more: as long as somebody may come
/// back to what happened.
pub const EVENT_DAYS_KEPT: u64 = 30;
/// What the events of one tenant may take on disk, in bytes. Beyond it the oldest go first, and publishing
/// is refused while none can.
pub const EVENTS_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// Events that one commit removes or delivers again.
pub const EVENTS_AT_ONCE: u32 = 256;
/// How often events are looked through for those that are kept no longer.
pub const EVENTS_SWEEP_EVERY: Duration = Duration::from_secs(60);

/// Longest document of how an agent publishes an event, in bytes: as much as its attributes may have, at
/// the length that those of most have.
pub const EVENT_OPTIONS_BYTES_MAX: usize = 16 * 1024;
/// Patterns of topics that a manifest asks for or an operator grants.
pub const EVENT_GRANTS_MAX: usize = 64;
/// Events that agents publish below one task which no event and no agent led to, however many are between.
/// What makes more and more of itself, since each of its events has several takers, ends here.
pub const EVENT_DESCENDANTS_MAX: u64 = 1_000;

/// Event patterns of an agent.
pub const TRIGGERS_MAX: usize = 64;
