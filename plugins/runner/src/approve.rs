//! Asking somebody before a step is done.

use serde_json::{Value, json};
use troupe_sdk::approvals;
use troupe_sdk::prelude::*;

use crate::report::{StepReport, StepStatus};

/// Asks for approval of exactly this step, and notes who gave it or why not. What is returned is the input that was
/// approved; nothing if it is not to be done.
pub async fn approved(step: &mut StepReport, input: &Value) -> Result<Option<Value>, Failure> {
    let summary = format!("run `{}` of the agent `{}` as the step `{}` of a plan", step.skill, step.agent, step.id);
    let action = json!({ "agent": step.agent, "skill": step.skill, "input": input });
    match approvals::ask(summary).action(action).decision().await {
        Ok(approved) => {
            step.approved_by = Some(approved.by.clone());
            Ok(approved.action.get("input").cloned())
        }
        Err(error) => {
            step.status = StepStatus::Refused;
            step.why = Some(error.to_string());
            Ok(None)
        }
    }
}
