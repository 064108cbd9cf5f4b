//! Every [`Agent`] is what `wit/` asks a component to export; one that can [`Migrate`], and one that has a
//! [`Conversation`], is what it may export besides.

use std::time::Duration;

use crate::bindings::conversing::exports::troupe::agent::conversation as own_words;
use crate::bindings::exports::troupe::agent::skills::{self, Guest};
use crate::bindings::migrating::exports::troupe::agent::lifecycle;
use crate::bindings::troupe::agent::types;
use crate::{Agent, Conversation, Failure, Migrate, Problem, Unavailable, conversation};

impl<A: Agent> Guest for A {
    fn describe() -> String {
        A::profile().to_string()
    }

    fn perform(skill: String, input: String) -> Result<String, skills::Failure> {
        Ok(Agent::perform(&A::default(), &skill, &input)?)
    }
}

impl<A: Migrate> lifecycle::Guest for A {
    fn migrate(from_version: u32) -> Result<(), lifecycle::Failure> {
        Ok(Migrate::migrate(&A::default(), from_version)?)
    }
}

impl<A: Conversation> own_words::Guest for A {
    fn converse(message: String) -> Result<String, own_words::Failure> {
        Ok(converse::<A>(&message)?)
    }

    fn suggest(context: String) -> Result<String, own_words::Failure> {
        Ok(suggest::<A>(&context)?)
    }
}

fn converse<A: Conversation>(message: &str) -> Result<String, Failure> {
    let answer = A::default().converse(conversation::read(message)?)?;
    Ok(serde_json::to_string(&answer)?)
}

fn suggest<A: Conversation>(about: &str) -> Result<String, Failure> {
    let suggestions = A::default().suggest(conversation::read(about)?)?;
    Ok(serde_json::json!({ "suggestions": suggestions }).to_string())
}

impl From<Failure> for types::Failure {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::UnknownSkill(name) => Self::UnknownSkill(name),
            Failure::InvalidInput(problem) => Self::InvalidInput(problem.into()),
            Failure::Denied(problem) => Self::Denied(problem.into()),
            Failure::Unavailable(unavailable) => Self::Unavailable(unavailable.into()),
            Failure::Failed(problem) => Self::Failed(problem.into()),
        }
    }
}

impl From<Problem> for types::Problem {
    fn from(problem: Problem) -> Self {
        Self { message: problem.message, details: problem.details.map(|details| details.to_string()) }
    }
}

impl From<Unavailable> for types::Unavailable {
    fn from(unavailable: Unavailable) -> Self {
        let milliseconds = |wait: Duration| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        Self { message: unavailable.message, retry_after_ms: unavailable.retry_after.map(milliseconds) }
    }
}
