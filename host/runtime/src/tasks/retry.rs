//! Whether a try that failed is followed by another, and when.
//!
//! The danger: what fails for good is tried again and again, or what a failure has left half done is
//! done twice. The rule: a task is tried again only where its request says so, only if its failure
//! says that another attempt may succeed, and never if it is in doubt or was cancelled. The default:
//! no retry.

use std::time::Duration;

use troupe_core::limits;
use troupe_core::view::TaskStatus;
use troupe_store::{Decided, FailedTry, TaskEnd, TaskRow};

use super::run::Last;
use crate::Runtime;

impl Runtime {
    /// What becomes of a task whose attempt came to an end: that end, or another try.
    pub(super) fn ended_or_again(&self, row: &TaskRow, end: TaskEnd) -> Last {
        self.another_try(row, &end).map_or_else(|| Last::End(Box::new(end)), Last::Retry)
    }

    /// The end of a try that is followed by another, not before the failure asks for it; none if there
    /// is no other. Where too many tasks wait for a time already, the failure is the task's end: who
    /// asks for it is to hear of it.
    fn another_try(&self, row: &TaskRow, end: &TaskEnd) -> Option<FailedTry> {
        let (retry, failure) = (row.retry?, end.failure.as_ref()?);
        if end.status != TaskStatus::Failed || !failure.retryable || !self.timed.has_room(&row.tenant) {
            return None;
        }
        let mut chance = [0; 8];
        self.entropy.fill(&mut chance);
        let pause = retry.pause(row.retries.saturating_add(1), u64::from_ne_bytes(chance))?;
        let asked = failure.details.get("retry_after_ms").and_then(serde_json::Value::as_u64).unwrap_or(0);
        let asked = Duration::from_millis(asked).min(limits::TASK_RETRY_PAUSE_MAX);
        let again_at = end.ended_at.plus(pause.max(asked));
        Some(FailedTry { failure: failure.clone(), again_at, decided: Decided::default(), used: end.used })
    }
}
