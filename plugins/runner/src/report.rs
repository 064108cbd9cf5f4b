//! What came of a plan.

use serde_json::Value;
use troupe_sdk::prelude::*;

use crate::settings::Reach;

/// Largest input, and output, that is told with its step, in bytes of JSON; a longer one is with its task alone.
pub const DOCUMENT_BYTES_MAX: usize = 64 * 1024;

/// What came of a plan, or would.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlanReport {
    /// Whether nothing was done, and it is told what would be.
    pub dry_run: bool,
    /// Whether every step was completed.
    pub completed: bool,
    /// One line of it.
    pub summary: String,
    /// The steps in the order in which they are done.
    pub steps: Vec<StepReport>,
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StepStatus {
    /// It would be done.
    Planned,
    /// It was done.
    Completed,
    /// It failed.
    Failed,
    /// Somebody said no, or nobody could be asked.
    Refused,
    /// It was not begun, since one before did not complete.
    Skipped,
}

/// What came of a step, or would.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StepReport {
    /// What the plan calls it.
    pub id: String,
    /// The agent.
    pub agent: String,
    /// The skill.
    pub skill: String,
    /// How much it may change, as this agent is configured.
    pub effect: Reach,
    /// Whether somebody is asked first.
    pub needs_approval: bool,
    /// In which wave it is done, from 1: what is in one wave is done at once.
    pub wave: usize,
    /// How it ended.
    pub status: StepStatus,
    /// The input, if that is not too long; in a dry run without what is taken from other steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
    /// How long an input is that is left out, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_bytes: Option<usize>,
    /// What it answered, if that is not too long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// How long an output is that is left out, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_bytes: Option<usize>,
    /// The task of the agent that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// Who approved of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<String>,
    /// Why it did not complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The code of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

impl StepReport {
    /// With what it is asked for, as far as there is room for it.
    pub fn with_input(&mut self, input: &Value) {
        (self.input, self.input_bytes) = told(input);
    }

    /// With what it answered, as far as there is room for it.
    pub fn with_output(&mut self, output: &Value) {
        (self.output, self.output_bytes) = told(output);
    }
}

/// A document that there is room for, or how long it is.
fn told(document: &Value) -> (Option<Value>, Option<usize>) {
    let bytes = document.to_string().len();
    if bytes <= DOCUMENT_BYTES_MAX { (Some(document.clone()), None) } else { (None, Some(bytes)) }
}

/// Makes the report of steps.
pub fn report(dry_run: bool, steps: Vec<StepReport>) -> PlanReport {
    let count = |status: StepStatus| steps.iter().filter(|step| step.status == status).count();
    let done = count(StepStatus::Completed);
    let completed = done == steps.len();
    let summary = if dry_run {
        let waits = steps.iter().filter(|step| step.needs_approval).count();
        format!("{} steps would be done, {waits} of them after somebody's approval; nothing was", steps.len())
    } else {
        let (failed, refused, skipped) =
            (count(StepStatus::Failed), count(StepStatus::Refused), count(StepStatus::Skipped));
        format!("{done} of {} steps completed, {failed} failed, {refused} refused, {skipped} skipped", steps.len())
    };
    PlanReport { dry_run, completed, summary, steps }
}
