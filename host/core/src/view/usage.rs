//! What tasks used, as clients see it: memory, processor time, calls and bytes.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a task used, in all its attempts and in all runs of them: what was done twice counts twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct TaskUsage {
    /// The most linear memory that its agent held at once, in bytes.
    pub memory_bytes: u64,
    /// Processor time of its agent, and of what the host did in its stead, in microseconds.
    pub compute_us: u64,
    /// Calls of its agent to the host.
    pub calls: u64,
    /// Bytes of the bodies of HTTP requests that it sent.
    pub sent_bytes: u64,
    /// Bytes of the bodies of HTTP responses that came back.
    pub received_bytes: u64,
}

impl TaskUsage {
    /// Whether nothing was used: nothing of it has run.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// What both used, one after the other.
    #[must_use]
    pub fn and(self, more: Self) -> Self {
        Self { memory_bytes: self.memory_bytes.max(more.memory_bytes), ..self.cost().and(more.cost()).usage() }
    }

    /// What of it adds up.
    pub const fn cost(self) -> CostView {
        let Self { compute_us, calls, sent_bytes, received_bytes, .. } = self;
        CostView { compute_us, calls, sent_bytes, received_bytes }
    }
}

/// What tasks cost together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct CostView {
    /// Processor time, in microseconds.
    pub compute_us: u64,
    /// Calls to the host.
    pub calls: u64,
    /// Bytes of the bodies of HTTP requests.
    pub sent_bytes: u64,
    /// Bytes of the bodies of HTTP responses.
    pub received_bytes: u64,
}

impl CostView {
    /// Both together.
    #[must_use]
    pub const fn and(self, more: Self) -> Self {
        Self {
            compute_us: self.compute_us.saturating_add(more.compute_us),
            calls: self.calls.saturating_add(more.calls),
            sent_bytes: self.sent_bytes.saturating_add(more.sent_bytes),
            received_bytes: self.received_bytes.saturating_add(more.received_bytes),
        }
    }

    const fn usage(self) -> TaskUsage {
        let Self { compute_us, calls, sent_bytes, received_bytes } = self;
        TaskUsage { memory_bytes: 0, compute_us, calls, sent_bytes, received_bytes }
    }
}

/// Bytes of memory, of which so many of a hundred tasks held no more at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MemoryView {
    /// Half of them.
    pub p50_bytes: u64,
    /// 95 of a hundred.
    pub p95_bytes: u64,
    /// 99 of a hundred.
    pub p99_bytes: u64,
    /// The most.
    pub most_bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_used_adds_up_and_of_memory_the_most_counts() {
        let of = |memory_bytes, rest| TaskUsage {
            memory_bytes,
            compute_us: rest,
            calls: rest,
            sent_bytes: rest,
            received_bytes: rest,
        };
        assert_eq!(of(7, 1).and(of(5, 2)), of(7, 3));
        assert_eq!(of(5, u64::MAX).and(of(7, 2)), of(7, u64::MAX));
        assert!(TaskUsage::default().is_nothing() && !of(1, 0).is_nothing());
    }
}
