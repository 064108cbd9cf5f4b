//! What an agent is to the SDK.

use serde_json::Value;

use crate::Failure;
use crate::conversation::{About, Answer, Message, Suggestion};

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

/// An agent that brings its state to the form of this release. `#[troupe_sdk::agent]`
/// implements it if a method is marked `#[migrate]`.
pub trait Migrate: Agent {
    /// Brings keys to the form that this release reads and writes, from that of the
    /// `state.version` `from`, which the release before wrote, or of another version that it
    /// could read. [`invocation::instance`](crate::invocation::instance) says whose keys: those of
    /// an instance, else those of the deployment.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from doing so: then nothing has changed, and the release before goes
    /// on.
    fn migrate(&self, from: u32) -> Result<(), Failure>;
}

/// An agent that answers in its own words. `#[troupe_sdk::agent]` implements it if a method is marked
/// `#[converse]`.
pub trait Conversation: Agent {
    /// Answers what is said to the agent in a session.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from answering: that is the reply then.
    fn converse(&self, message: Message) -> Result<Answer, Failure>;

    /// Says what could be said next. It has nothing to say unless a method is marked `#[suggest]`, and then the
    /// host suggests what it finds.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from saying so: the host suggests then, and tells why.
    fn suggest(&self, about: About) -> Result<Vec<Suggestion>, Failure> {
        let _ = about;
        Ok(Vec::new())
    }
}
