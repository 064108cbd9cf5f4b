//! Telling whether two requests are the same.

use serde_json::{Value, json};
use troupe_core::{Code, Digest, Error};

use crate::fault::Done;

/// Stands for the fingerprint of a request that was redacted: a short input could be guessed.
pub(crate) const REDACTED: &str = "redacted";

/// The fingerprint of a request: of agent, skill and input. The order of an object's fields
/// and the space between them do not count.
pub(crate) fn of(agent: &str, skill: &str, input: &str) -> Done<String> {
    let input: Value = serde_json::from_str(input)
        .map_err(|error| Error::new(Code::RequestInvalid, "the input is not a JSON document").with_cause(error))?;
    let mut request = json!([agent, skill, input]);
    request.sort_all_objects();
    Ok(Digest::of(request.to_string().as_bytes()).to_string())
}
