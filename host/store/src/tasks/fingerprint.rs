//! Telling whether two requests are the same.

use serde_json::{Value, json};
use troupe_core::{Code, Error, InstanceId};

use crate::fault::Done;
use crate::rows::fingerprint;

/// Stands for the fingerprint of a request that was redacted: a short input could be guessed.
pub(crate) const REDACTED: &str = "redacted";

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked<'a> {
    /// The agent.
    pub agent: &'a str,
    /// The skill.
    pub skill: &'a str,
    /// The input, as JSON.
    pub input: &'a str,
    /// The instance that it is for.
    pub instance: Option<InstanceId>,
}

/// The fingerprint of a request. The order of an object's fields and the space between them do
/// not count. One that is for no instance has that of agent, skill and input alone.
pub(crate) fn of(Asked { agent, skill, input, instance }: Asked<'_>) -> Done<String> {
    let input: Value = serde_json::from_str(input)
        .map_err(|error| Error::new(Code::RequestInvalid, "the input is not a JSON document").with_cause(error))?;
    Ok(fingerprint(match instance {
        None => json!([agent, skill, input]),
        Some(instance) => json!([agent, skill, input, instance.to_string()]),
    }))
}
