//! What is said on a WebSocket, each message one JSON text.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{FeedFilter, NewTask, Problem};
use crate::{GroupId, SessionId, SwapId, TaskId};

/// What a client says. `id` is its own word for a subscription, up to 64 characters; what the host
/// says of it bears the same.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum SocketRequest {
    /// Follows something until its end.
    Subscribe {
        /// The subscription.
        id: String,
        /// What is followed.
        to: SocketTopic,
        /// Where it goes on: the `position` of the last event that was read, or `resume` of an `end`.
        #[serde(default)]
        resume: Option<String>,
    },
    /// Makes a task, and follows it.
    Run {
        /// The subscription.
        id: String,
        /// The task.
        task: Box<NewTask>,
    },
    /// Makes a task of what one that failed, was cancelled or is in doubt was asked for, and follows it. The new
    /// task names the one before as `retry_of`.
    Retry {
        /// The subscription.
        id: String,
        /// The task that has ended.
        #[schema(value_type = String)]
        task: TaskId,
        /// The same key gives the same task.
        #[serde(default)]
        idempotency_key: Option<String>,
    },
    /// Ends a subscription.
    Unsubscribe {
        /// The subscription.
        id: String,
    },
}

/// What can be followed.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SocketTopic {
    /// A task, as `/api/v1/tasks/{task}/events` tells it.
    #[schema(value_type = String)]
    Task(TaskId),
    /// A swap, as `/api/v1/deployments/{agent}/swaps/{swap}/events` tells it.
    Swap(SocketSwap),
    /// A task group, as `/api/v1/task-groups/{group}/events` tells it.
    #[schema(value_type = String)]
    Group(GroupId),
    /// A session, from its beginning, as `/api/v1/sessions/{session}/events` tells it.
    #[schema(value_type = String)]
    Session(SessionId),
    /// The feed.
    Feed(SocketFeed),
    /// Events of the bus, as `/api/v1/events/stream` tells them.
    Events(SocketEvents),
}

/// A swap that is followed.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SocketSwap {
    /// Of which agent's deployment.
    pub agent: String,
    /// The swap's id.
    #[schema(value_type = String)]
    pub swap: SwapId,
}

/// How the feed is followed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SocketFeed {
    /// From the event after this number; `resume` goes before it. 0 when absent: all there is.
    #[serde(default)]
    pub after: u64,
    /// Which events; all when absent.
    #[serde(default)]
    pub filter: FeedFilter,
}

/// Which events of the bus are followed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SocketEvents {
    /// Those of topics that fit this pattern, such as `shop.order.*` or `shop.>`; all when absent.
    #[serde(default)]
    pub topic: Option<String>,
    /// From the event after this position; `resume` goes before it. 0 when absent: all that are kept.
    #[serde(default)]
    pub after: u64,
}

/// What the host says.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum SocketMessage<'a> {
    /// Something happened to what is followed.
    Event {
        /// The subscription.
        id: &'a str,
        /// What: the name that the stream of server-sent events has for it. After `end`, whose data is a
        /// `StreamEnd`, nothing more comes, and `id` may be used again.
        event: &'a str,
        /// Where a subscription goes on that has read this.
        #[serde(skip_serializing_if = "Option::is_none")]
        position: Option<&'a str>,
        /// Its document.
        #[schema(value_type = Object)]
        data: &'a RawValue,
    },
    /// Nothing more comes, as was asked.
    Unsubscribed {
        /// The subscription.
        id: &'a str,
    },
    /// A request was refused. It changed nothing.
    Error {
        /// Whose; absent if the request could not be read.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a str>,
        /// Why.
        problem: Box<Problem>,
    },
}
