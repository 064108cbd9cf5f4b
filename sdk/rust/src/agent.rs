//! What an agent is to the SDK.

use serde_json::Value;

use crate::Failure;

/// An agent: what it can do, and doing it. `#[troupe_sdk::agent]` implements it.
///
/// The host makes a value by [`Default`] for each call, so nothing lasts in its fields.
pub trait Agent: Default {
    /// Returns the agent's profile: summary, goals, and skills with their JSON Schemas
    /// and effect classes. It answers the same each time.
    fn profile() -> Value;

    /// Performs a skill. `input` and the answer are JSON documents as text.
    ///
    /// # Errors
    ///
    /// The skill's own failure; [`Failure::UnknownSkill`] if there is no such skill;
    /// [`Failure::InvalidInput`] if the input is not of the skill's input type.
    fn perform(&self, skill: &str, input: &str) -> Result<String, Failure>;
}
