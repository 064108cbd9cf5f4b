//! What an invocation's result is to its task.

use std::sync::Arc;

use serde_json::Value;
use troupe_core::view::{TaskFailure, TaskStatus};
use troupe_core::{Code, Error, Result, SkillName};

use crate::blocking::checking;
use crate::route::Route;
use crate::sessions::{check_words, present};

/// What is kept of what the agent of a cancelled task still answered: nobody checks it against the skill's
/// schema, since it is a part, but it is a document.
pub(super) fn kept_of_cancelled(status: TaskStatus, partial: Option<String>) -> Option<String> {
    let is_document = |text: &String| serde_json::from_str::<&serde_json::value::RawValue>(text).is_ok();
    partial.filter(is_document).filter(|_| status == TaskStatus::Cancelled)
}

/// How a task ends whose invocation ended with `result`: its status, its output, and why
/// there is none.
pub(crate) async fn ended_as(
    route: &Arc<Route>,
    skill: &str,
    result: Result<String>,
) -> (TaskStatus, Option<(String, Value)>, Option<TaskFailure>) {
    let result = match result {
        Ok(output) => checked(route, skill, output).await,
        Err(error) => Err(error),
    };
    match result {
        Ok(output) => (TaskStatus::Completed, Some(output), None),
        Err(error) => {
            let status = match error.code {
                Code::Cancelled => TaskStatus::Cancelled,
                Code::InDoubt => TaskStatus::InDoubt,
                _ => TaskStatus::Failed,
            };
            if let Some(cause) = error.cause_chain() {
                tracing::debug!(code = %error.code, cause, "an invocation failed: {error}");
            }
            (status, None, Some(TaskFailure::from(&error)))
        }
    }
}

/// Checks an output against the skill's schema, or as an answer in the agent's own words.
async fn checked(route: &Arc<Route>, skill: &str, output: String) -> Result<(String, Value)> {
    let (route, skill) = (Arc::clone(route), skill.to_owned());
    checking(output.len(), move || {
        let value: Value = serde_json::from_str(&output)
            .map_err(|error| Error::new(Code::OutputInvalid, format!("the agent's output is not JSON: {error}")))?;
        let own = skill == SkillName::CONVERSE;
        let value = if own { present(value) } else { value };
        route.performed(&skill)?.check_output(&value)?;
        if own {
            check_words(&route, &value)?;
        }
        Ok((output, value))
    })
    .await
}
