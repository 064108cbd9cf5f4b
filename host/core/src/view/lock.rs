//! Locks as clients see them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{AgentName, LockName, LockPriority, TaskId, Timestamp};

/// A lock that a task holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LockView {
    /// What it is on.
    #[schema(value_type = String)]
    pub name: LockName,
    /// Its token: the highest that was given for that name.
    pub token: u64,
    /// The task that holds it.
    #[schema(value_type = String)]
    pub task: TaskId,
    /// The agent of that task.
    #[schema(value_type = String)]
    pub agent: AgentName,
    /// With which priority the task asked for it.
    pub priority: LockPriority,
    /// Since when the task holds it.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// When its lease ends.
    #[schema(value_type = String, format = DateTime)]
    pub until: Timestamp,
    /// How many wait for it.
    pub waiting: u64,
    /// Those who wait, in the order in which they are given it; where one lock is asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub queue: Vec<LockWaitView>,
}

/// Somebody who waits for a lock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LockWaitView {
    /// The task.
    #[schema(value_type = String)]
    pub task: TaskId,
    /// Its agent.
    #[schema(value_type = String)]
    pub agent: AgentName,
    /// With which priority it asks.
    pub priority: LockPriority,
    /// Since when it waits.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// When it stops to wait; absent: with its task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
}
