//! What a task may cost together with all that follows from it, as clients say it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Code, Error, Result};

/// The most that a task and everything below it may cost, by the names that `usage` has. What is absent is not bounded
/// by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskBudget {
    /// Tasks below it, those that events of its agents lead to among them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tasks: Option<u64>,
    /// Processor time of agents, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub compute_ms: Option<u64>,
    /// Bytes of the bodies of HTTP requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub sent_bytes: Option<u64>,
    /// Bytes of the bodies of HTTP responses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub received_bytes: Option<u64>,
}

/// A part of a budget that is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetSpent {
    /// The part's name.
    pub part: &'static str,
    /// How much it is.
    pub most: u64,
}

impl TaskBudget {
    /// Checks the numbers.
    ///
    /// # Errors
    /// [`Code::RequestInvalid`] for a budget that bounds nothing, or of which nothing could be used.
    pub fn check(&self) -> Result<()> {
        let Self { tasks, compute_ms, sent_bytes, received_bytes } = *self;
        let parts = [("compute_ms", compute_ms), ("sent_bytes", sent_bytes), ("received_bytes", received_bytes)];
        if tasks.is_none() && parts.iter().all(|(_, most)| most.is_none()) {
            let message = "`budget` bounds nothing; say `tasks`, `compute_ms`, `sent_bytes` or `received_bytes`";
            return Err(Error::new(Code::RequestInvalid, message));
        }
        let unusable =
            |(_, most): &&(&str, Option<u64>)| most.is_some_and(|most| most == 0 || i64::try_from(most).is_err());
        match parts.iter().find(unusable) {
            Some((part, _)) => {
                let message = format!("`budget.{part}` is 1 to {}; leave it out to bound it no further", i64::MAX);
                Err(Error::new(Code::RequestInvalid, message))
            }
            None => Ok(()),
        }
    }

    /// The part that counts tasks.
    pub const TASKS: &str = "tasks";

    /// The first part that is used up, where so many tasks are below and so much was used by all together.
    pub fn spent(&self, tasks: u64, compute_us: u64, sent_bytes: u64, received_bytes: u64) -> Option<BudgetSpent> {
        let over = |part, most: Option<u64>, used: u64| {
            most.filter(|most| used >= *most).map(|most| BudgetSpent { part, most })
        };
        let tasks = self.tasks.filter(|most| tasks > *most).map(|most| BudgetSpent { part: Self::TASKS, most });
        tasks
            .or_else(|| over("compute_ms", self.compute_ms, compute_us / 1_000))
            .or_else(|| over("sent_bytes", self.sent_bytes, sent_bytes))
            .or_else(|| over("received_bytes", self.received_bytes, received_bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_spent_when_nothing_is_left_of_a_part_and_tasks_when_there_are_more() {
        let budget = TaskBudget { tasks: Some(2), compute_ms: Some(5), ..TaskBudget::default() };
        assert_eq!(budget.spent(2, 4_999, u64::MAX, u64::MAX), None);
        assert_eq!(budget.spent(3, 0, 0, 0), Some(BudgetSpent { part: "tasks", most: 2 }));
        assert_eq!(budget.spent(0, 5_000, 0, 0), Some(BudgetSpent { part: "compute_ms", most: 5 }));
        let bytes = TaskBudget { sent_bytes: Some(1), received_bytes: Some(9), ..TaskBudget::default() };
        assert_eq!(bytes.spent(0, 0, 1, 0).map(|spent| spent.part), Some("sent_bytes"));
        assert_eq!(bytes.spent(0, 0, 0, 9).map(|spent| spent.part), Some("received_bytes"));
        assert!(bytes.check().is_ok() && budget.check().is_ok());
        assert!(TaskBudget::default().check().is_err());
        assert!(TaskBudget { compute_ms: Some(0), ..TaskBudget::default() }.check().is_err());
        assert!(TaskBudget { tasks: Some(0), ..TaskBudget::default() }.check().is_ok(), "it may ask nobody");
    }
}
