//! Whether a try that failed is followed by another, and when.
//!
//! The danger: what fails for good is tried again and again, or what a failure has left half done is
//! done twice. The rule: a task is tried again only where its request says so, only if its failure
//! says that another attempt may succeed, and never if it is in doubt or was cancelled. The default:
//! no retry.

use std::time::Duration;

use troupe_core::view::TaskStatus;
use troupe_core::{Timestamp, limits};
use troupe_store::{Decided, FailedTry, TaskEnd, TaskRow};

use super::run::Last;
use crate::Runtime;

impl Runtime {
    /// What becomes of a task whose attempt came to an end: that end, or another try.
    pub(super) fn ended_or_again(&self, row: &TaskRow, end: TaskEnd) -> Last {
        match (self.again_at(row, &end), end.failure.clone()) {
            (Some(again_at), Some(failure)) => {
                Last::Retry(FailedTry { failure, again_at, decided: Decided::default() })
            }
            _ => Last::End(end),
        }
    }

    /// When the next try may begin, which is not before the failure asks for; none if there is none. Where too many tasks wait for a time
    /// already, the failure is the task's end: what asks for it is to hear of it.
    fn again_at(&self, row: &TaskRow, end: &TaskEnd) -> Option<Timestamp> {
        let retry = row.retry?;
        let may_succeed = end.failure.as_ref().is_some_and(|failure| failure.retryable);
        if end.status != TaskStatus::Failed || !may_succeed || !self.timed.has_room(&row.tenant) {
            return None;
        }
        let mut chance = [0; 8];
        self.entropy.fill(&mut chance);
        let pause = retry.pause(row.retries.saturating_add(1), u64::from_ne_bytes(chance))?;
        let asked = end.failure.as_ref().and_then(|failure| failure.details.get("retry_after_ms")?.as_u64());
        let asked = Duration::from_millis(asked.unwrap_or(0)).min(limits::TASK_RETRY_PAUSE_MAX);
        Some(end.ended_at.plus(pause.max(asked)))
    }
}
