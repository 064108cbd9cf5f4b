//! By which code it is known why an agent did not answer.

use troupe_sdk::CapabilityError;
use troupe_sdk::agents::AskError;

/// The code: that of the task's failure, or of the refusal if there was no task.
pub fn code_of(error: &AskError) -> Option<String> {
    let refused = match error {
        AskError::Refused(CapabilityError::Invalid(problem)) => Some((problem, "input.invalid")),
        AskError::Refused(CapabilityError::Denied(problem)) => Some((problem, "denied.capability")),
        _ => None,
    };
    let refused = refused.map(|(problem, usual)| problem.code().unwrap_or(usual));
    error.code().or(refused).map(str::to_owned)
}
