//! Telling whether two requests are the same.

use serde_json::{Value, json};
use troupe_core::{Code, Digest, Error};

use super::TaskRow;
use crate::fault::Done;

/// The fingerprint of a task's request: of agent, skill and input. The order of an
/// object's fields and the space between them do not count.
pub(crate) fn of(task: &TaskRow) -> Done<String> {
    let input: Value = serde_json::from_str(&task.input)
        .map_err(|error| Error::new(Code::RequestInvalid, "the input is not a JSON document").with_cause(error))?;
    let mut request = json!([task.agent.as_str(), task.skill.as_str(), input]);
    request.sort_all_objects();
    Ok(Digest::of(request.to_string().as_bytes()).to_string())
}
