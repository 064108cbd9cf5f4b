//! Events, their deliveries, and subscriptions to them, as clients see them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{Redaction, TaskFailure};
use crate::{
    AgentName, EventInput, EventPriority, InstanceId, SkillName, TaskId, Timestamp, Topic, TopicPattern, limits,
};

/// Where an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum EventState {
    /// Its time has not come.
    Scheduled,
    /// Nobody had subscribed to it when its time came.
    Unhandled,
    /// Some of its deliveries have not ended.
    Open,
    /// Its deliveries have ended.
    Settled,
}

/// An event as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EventView {
    /// Its number among the tenant's events, by which it is asked for.
    pub position: u64,
    /// The event itself, a `CloudEvents` 1.0 document. `sender`, `position` and `hops` in it are the host's words.
    #[schema(value_type = Object)]
    pub event: Map<String, Value>,
    /// Its topic: the attribute `type`.
    #[schema(value_type = String)]
    pub topic: Topic,
    /// Its priority.
    pub priority: EventPriority,
    /// Who published it, as the host knows: a principal, an agent, or an instance of one.
    pub sender: String,
    /// When it was accepted.
    #[schema(value_type = String, format = DateTime)]
    pub published_at: Timestamp,
    /// When its time is, where it was put off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub due_at: Option<Timestamp>,
    /// Where it is.
    pub state: EventState,
    /// The task that published it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub caused_by: Option<TaskId>,
    /// How many tasks and events led to the task that published it, one after the other: 0 of one at the top.
    pub hops: u32,
    /// How often it was routed to a subscription, counting what was delivered again.
    pub subscriptions: u64,
    /// Since when what it said is forgotten, and for whom. What is left says when it came, and of which topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redacted: Option<Redaction>,
    /// What became of it at each; where one event is asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deliveries: Vec<DeliveryView>,
}

/// The answer to publishing several events: each as it is kept, in the order of the request.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PublishedEvents {
    /// The events.
    pub items: Vec<EventView>,
}

/// Where a delivery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryState {
    /// Another event of its sender, topic and priority is before it.
    Waiting,
    /// It is handled as soon as there is room, or its pause is over.
    Ready,
    /// Its task has not ended.
    Running,
    /// Its task completed.
    Delivered,
    /// It was given up: a dead letter.
    Dead,
    /// It was a dead letter and is delivered again, by another delivery.
    Redelivered,
    /// It was a dead letter, and somebody decided that nothing comes of it.
    Discarded,
    /// Its subscription was removed first.
    Dropped,
}

impl DeliveryState {
    /// Every state.
    pub const ALL: [Self; 8] = [
        Self::Waiting,
        Self::Ready,
        Self::Running,
        Self::Delivered,
        Self::Dead,
        Self::Redelivered,
        Self::Discarded,
        Self::Dropped,
    ];

    /// The word in documents and rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Ready => "ready",
            Self::Running => "running",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
            Self::Redelivered => "redelivered",
            Self::Discarded => "discarded",
            Self::Dropped => "dropped",
        }
    }

    /// The state that `text` spells.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// What became of an event at one subscription.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DeliveryView {
    /// Its number among the tenant's deliveries.
    pub delivery: u64,
    /// The subscription.
    pub subscription: String,
    /// Where it is.
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: u32,
    /// The task of the last try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub task: Option<TaskId>,
    /// When it is tried next at the earliest, while it is ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub due_at: Option<Timestamp>,
    /// Why the last try failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<TaskFailure>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
}

/// A delivery that was given up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DeadLetterView {
    /// The event's position.
    pub position: u64,
    /// Its topic.
    #[schema(value_type = String)]
    pub topic: Topic,
    /// Who published it.
    pub sender: String,
    /// What became of it.
    #[serde(flatten)]
    pub delivery: DeliveryView,
}

/// A topic under which something was published.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EventType {
    /// The topic.
    #[schema(value_type = String)]
    pub topic: Topic,
    /// How many events were published under it.
    pub published: u64,
    /// How many of them nobody had subscribed to.
    pub unhandled: u64,
    /// When the first was.
    #[schema(value_type = String, format = DateTime)]
    pub first_at: Timestamp,
    /// When the last was.
    #[schema(value_type = String, format = DateTime)]
    pub last_at: Timestamp,
    /// The names of the subscriptions that take it now.
    pub subscriptions: Vec<String>,
}

/// What has come of events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EventStats {
    /// How many were published.
    pub published: u64,
    /// How many nobody had subscribed to.
    pub unhandled: u64,
    /// How many wait for their time.
    pub scheduled: u64,
    /// How many deliveries have not ended.
    pub open: u64,
    /// How many bytes the events that are kept take.
    pub bytes: u64,
    /// How many events a second were published, in the last minute.
    pub published_per_second: f64,
    /// How many deliveries a second ended well, in the last minute.
    pub delivered_per_second: f64,
    /// Of each subscription, by its name.
    pub subscriptions: BTreeMap<String, SubscriptionStats>,
}

/// What has come of the events of one subscription.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SubscriptionStats {
    /// How many were routed to it.
    pub routed: u64,
    /// How many were delivered.
    pub delivered: u64,
    /// How many tries failed.
    pub failed: u64,
    /// How many became dead letters.
    pub dead: u64,
    /// How many have not ended.
    pub open: u64,
}

/// A subscription as somebody sets it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSubscription {
    /// The topics: one, or a pattern with `*` for a segment and `>` for all that follow.
    #[schema(value_type = String)]
    pub topic: TopicPattern,
    /// The agent that handles them.
    #[schema(value_type = String)]
    pub agent: AgentName,
    /// Its skill.
    #[schema(value_type = String)]
    pub skill: SkillName,
    /// The instance that handles them, with which the subscription ends; the agent alone when absent. One in a session
    /// is named by whoever the session is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub instance: Option<InstanceId>,
    /// What the skill is given.
    #[serde(default, skip_serializing_if = "EventInput::is_default")]
    pub input: EventInput,
    /// How many are handled at once, 1 to 64; those of one sender, topic and priority one after the other.
    #[serde(default = "parallel")]
    #[schema(minimum = 1, maximum = 64)]
    pub parallel: u32,
    /// How often each is tried in all, 1 to 20.
    #[serde(default = "tries")]
    #[schema(minimum = 1, maximum = 20)]
    pub tries: u32,
    /// How long each try may run, in milliseconds; the agent's own limit when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Whether what is routed to it waits for now.
    #[serde(default)]
    pub paused: bool,
}

fn parallel() -> u32 {
    limits::SUBSCRIPTION_PARALLEL_DEFAULT
}

fn tries() -> u32 {
    limits::EVENT_TRIES_DEFAULT
}

impl NewSubscription {
    /// A subscription that says nothing beside what has to be said.
    pub fn new(topic: TopicPattern, agent: AgentName, skill: SkillName) -> Self {
        Self {
            topic,
            agent,
            skill,
            instance: None,
            input: EventInput::default(),
            parallel: parallel(),
            tries: tries(),
            timeout_ms: None,
            paused: false,
        }
    }
}

/// Who said that there is a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SubscriptionOrigin {
    /// Somebody set it.
    Set,
    /// The release that serves has a trigger.
    Trigger,
}

/// A subscription as it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SubscriptionView {
    /// Its name; of a trigger `AGENT/PATTERN`.
    pub name: String,
    /// Who said that there is one.
    pub origin: SubscriptionOrigin,
    /// What was set.
    #[serde(flatten)]
    pub subscription: NewSubscription,
    /// Who set it, and asks for its tasks.
    pub principal: String,
    /// When it was set.
    #[schema(value_type = String, format = DateTime)]
    pub changed_at: Timestamp,
    /// What has come of it.
    pub stats: SubscriptionStats,
}

/// What to deliver again.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RedeliverRequest {
    /// From this position on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
    /// From what was published at this time on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub since: Option<Timestamp>,
    /// Up to this position; up to the last that there is when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<u64>,
    /// Those that fit this pattern; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub topic: Option<TopicPattern>,
    /// To this subscription; to each that takes them now when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscription: Option<String>,
}

/// What is delivered again.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Redelivered {
    /// How many deliveries were made.
    pub deliveries: u64,
    /// Ask again `from` here for the rest; absent when that was all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// Something that somebody should know of, published under `alert.SEVERITY`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EventAlert {
    /// How bad it is, which is also its priority.
    pub severity: EventPriority,
    /// One sentence on what it is.
    pub title: String,
    /// What it is about: the attribute `subject`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Facts about it.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = Object)]
    pub details: Map<String, Value>,
    /// Tells it apart from others; the same one is kept once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}
