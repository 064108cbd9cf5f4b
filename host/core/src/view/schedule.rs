//! Schedules as clients set and see them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{NewTask, TaskFailure};
use crate::{ScheduleName, TaskId, Timestamp};

/// A schedule as somebody sets it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSchedule {
    /// When, as five fields of cron: minute, hour, day of the month, month, day of the week (0 and 7
    /// are Sunday), or `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`.
    pub cron: String,
    /// The time zone in which that is meant, by its name in the IANA database, such as
    /// `Europe/Berlin`; UTC when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// The task that is made each time: without `idempotency_key` and `delay_ms`, and kept.
    pub task: NewTask,
    /// Whether a task is made although the one before has not ended; otherwise that time is passed
    /// over.
    #[serde(default)]
    pub overlap: bool,
    /// Whether it makes no tasks for now.
    #[serde(default)]
    pub paused: bool,
}

/// A schedule as it stands.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ScheduleView {
    /// Its name.
    #[schema(value_type = String)]
    pub name: ScheduleName,
    /// What was set.
    #[serde(flatten)]
    pub schedule: NewSchedule,
    /// Who set it, and asks for its tasks.
    pub principal: String,
    /// When it was set.
    #[schema(value_type = String, format = DateTime)]
    pub changed_at: Timestamp,
    /// When it makes the next task; absent while it is paused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_at: Option<Timestamp>,
    /// When it was last its time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_at: Option<Timestamp>,
    /// The last task that it made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub last_task: Option<TaskId>,
    /// Why it made none when it was last its time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<TaskFailure>,
}
