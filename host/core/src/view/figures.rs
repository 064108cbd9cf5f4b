//! How a tenant's tasks go, as clients see it: what is open, and figures of those that were asked for last.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::view::{CostView, MemoryView, TaskStatus};
use crate::{InstanceId, TaskId, Timestamp};

/// How a tenant's tasks go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RuntimeStatus {
    /// Whether the host takes work.
    pub ready: bool,
    /// Since when the tenant's runtime begins no tasks, while somebody has stopped it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub stopped_at: Option<Timestamp>,
    /// Tasks that have not ended.
    pub open: OpenTasks,
    /// How many tasks the figures are made of: the newest, up to a bound.
    pub looked_at: u64,
    /// When the oldest of them was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub since: Option<Timestamp>,
    /// The figures, by agent.
    pub agents: Vec<AgentFigures>,
}

/// How a tenant's runtime stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RuntimeState {
    /// Since when it begins no tasks; absent while it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub stopped_at: Option<Timestamp>,
    /// Tasks that have not ended: of one that is stopped, those that run go on, and those that are pending wait.
    pub open: OpenTasks,
}

/// How many tasks have not ended, by where they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct OpenTasks {
    /// They wait for approval.
    pub awaiting_approval: u64,
    /// They wait for their turn or their time.
    pub pending: u64,
    /// They run.
    pub running: u64,
    /// They wait for something, and hold nothing meanwhile.
    pub suspended: u64,
}

impl OpenTasks {
    /// Counts tasks in a status; those that have ended are not open.
    pub const fn add(&mut self, status: TaskStatus, count: u64) {
        match status {
            TaskStatus::AwaitingApproval => self.awaiting_approval += count,
            TaskStatus::Pending => self.pending += count,
            TaskStatus::Running => self.running += count,
            TaskStatus::Suspended => self.suspended += count,
            _ => {}
        }
    }
}

/// What became of an agent's newest tasks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AgentFigures {
    /// The agent.
    pub agent: String,
    /// The instance, where figures of one were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub instance: Option<InstanceId>,
    /// How many there are.
    pub tasks: u64,
    /// How many of them completed.
    pub completed: u64,
    /// How many failed.
    pub failed: u64,
    /// How many were cancelled.
    pub cancelled: u64,
    /// How many are in doubt.
    pub in_doubt: u64,
    /// How long those took that ended, from when their first attempt began; pauses between tries and what they were suspended count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took: Option<TookView>,
    /// How much memory those held that have run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<MemoryView>,
    /// What all of them cost together.
    #[serde(default)]
    pub cost: CostView,
    /// The newest one that failed or is in doubt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<FailedView>,
}

/// Milliseconds, of which so many of a hundred took no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TookView {
    /// Half of them.
    pub p50_ms: u64,
    /// 95 of a hundred.
    pub p95_ms: u64,
    /// 99 of a hundred.
    pub p99_ms: u64,
    /// The longest.
    pub most_ms: u64,
}

impl TookView {
    /// The percentiles of times, by the nearest rank; none of none.
    pub fn of(times: Vec<u64>) -> Option<Self> {
        let [p50_ms, p95_ms, p99_ms, most_ms] = ranks(times)?;
        Some(Self { p50_ms, p95_ms, p99_ms, most_ms })
    }
}

impl MemoryView {
    /// The percentiles of bytes, by the nearest rank; none of none.
    pub fn of(bytes: Vec<u64>) -> Option<Self> {
        let [p50_bytes, p95_bytes, p99_bytes, most_bytes] = ranks(bytes)?;
        Some(Self { p50_bytes, p95_bytes, p99_bytes, most_bytes })
    }
}

/// What 50, 95, 99 and 100 of a hundred are not above, by the nearest rank.
fn ranks(mut of: Vec<u64>) -> Option<[u64; 4]> {
    of.sort_unstable();
    let at = |percent: usize| {
        let rank = (of.len() * percent).div_ceil(100);
        of.get(rank.saturating_sub(1)).copied()
    };
    Some([at(50)?, at(95)?, at(99)?, at(100)?])
}

/// A task that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FailedView {
    /// The task.
    #[schema(value_type = String)]
    pub task: TaskId,
    /// The code of its failure.
    pub code: String,
    /// When it ended.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_times_that_were_taken() {
        assert_eq!(TookView::of(Vec::new()), None);
        let one = TookView { p50_ms: 7, p95_ms: 7, p99_ms: 7, most_ms: 7 };
        assert_eq!(TookView::of(vec![7]), Some(one));
        let hundred = TookView { p50_ms: 50, p95_ms: 95, p99_ms: 99, most_ms: 100 };
        assert_eq!(TookView::of((1..=100).rev().collect()), Some(hundred));
        let two = TookView { p50_ms: 1, p95_ms: 9, p99_ms: 9, most_ms: 9 };
        assert_eq!(TookView::of(vec![9, 1]), Some(two));
    }
}
