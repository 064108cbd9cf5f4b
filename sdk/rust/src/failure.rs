//! How a skill ends when it does not succeed.
//!
//! The caller of a skill decides by the variant: `Unavailable` may be tried again, the
//! others will fail again until the input, the grant or the agent is changed. The
//! sentence is for a person, the details are for a program.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::CapabilityError;

/// Why something did not work, for a person and for a program.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Problem {
    /// One sentence for a person: what, which limit, what to do next.
    pub message: String,
    /// Facts for a program, where there are any.
    pub details: Option<Value>,
}

/// Something that may work later.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Unavailable {
    /// One sentence for a person, naming what could not be reached.
    pub message: String,
    /// How long to wait before trying again, where it is known; whole milliseconds.
    pub retry_after: Option<Duration>,
}

/// How a skill ends when it does not succeed.
#[derive(Debug, Clone, PartialEq)]
pub enum Failure {
    /// The agent has no skill of this name.
    UnknownSkill(String),
    /// The input is not what the skill needs.
    InvalidInput(Problem),
    /// A grant that the skill needs is missing.
    Denied(Problem),
    /// Something outside could not be reached; trying again may help.
    Unavailable(Unavailable),
    /// Anything else; trying again is not expected to help.
    Failed(Problem),
}

impl Failure {
    /// Says that the agent has no skill of this name.
    pub fn unknown_skill(name: impl Into<String>) -> Self {
        Self::UnknownSkill(name.into())
    }

    /// Says that the input is not what the skill needs.
    pub fn invalid_input(message: impl fmt::Display) -> Self {
        Self::InvalidInput(Problem::new(message))
    }

    /// Says that a grant is missing.
    pub fn denied(message: impl fmt::Display) -> Self {
        Self::Denied(Problem::new(message))
    }

    /// Says that something could not be reached and that trying again may help.
    pub fn unavailable(message: impl fmt::Display) -> Self {
        Self::Unavailable(Unavailable { message: message.to_string(), retry_after: None })
    }

    /// Says that it did not work; takes any error, as in `.map_err(Failure::failed)?`.
    pub fn failed(message: impl fmt::Display) -> Self {
        Self::Failed(Problem::new(message))
    }

    /// Adds a fact for a program, where the variant carries details; a value that cannot
    /// be written as JSON is left out.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Serialize) -> Self {
        if let Self::InvalidInput(problem) | Self::Denied(problem) | Self::Failed(problem) = &mut self
            && let Ok(value) = serde_json::to_value(value)
        {
            problem.add(name, value);
        }
        self
    }

    /// Says how long to wait before trying again, where the variant is `Unavailable`.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        if let Self::Unavailable(unavailable) = &mut self {
            unavailable.retry_after = Some(wait);
        }
        self
    }
}

impl Problem {
    /// Makes a problem of one sentence.
    pub fn new(message: impl fmt::Display) -> Self {
        Self { message: message.to_string(), details: None }
    }

    /// Returns the code in the details, if there is one.
    pub fn code(&self) -> Option<&str> {
        self.details.as_ref()?.get("code")?.as_str()
    }

    /// Adds a field to the details, which become an object if they were none.
    fn add(&mut self, name: &str, value: Value) {
        let details = self.details.get_or_insert_default();
        if !details.is_object() {
            *details = Value::Object(Map::new());
        }
        if let Value::Object(fields) = details {
            fields.insert(name.to_owned(), value);
        }
    }
}

impl From<CapabilityError> for Failure {
    /// Passes on to the caller what the host said. Another write that came first is
    /// worth another try; a limit or a wrong argument is not.
    fn from(error: CapabilityError) -> Self {
        match error {
            CapabilityError::Denied(problem) => Self::Denied(problem),
            CapabilityError::Limit(limit) => {
                Self::failed(limit.message).with("code", limit.code).with("maximum", limit.maximum)
            }
            CapabilityError::Invalid(problem) | CapabilityError::Cancelled(problem) => Self::Failed(problem),
            CapabilityError::Conflict(_) => Self::unavailable(error),
            CapabilityError::Unavailable(unavailable) => Self::Unavailable(unavailable),
        }
    }
}

impl From<serde_json::Error> for Failure {
    /// A document that was written to an artefact, and was refused there, says so.
    fn from(error: serde_json::Error) -> Self {
        if error.is_io() { Self::from(std::io::Error::from(error)) } else { Self::failed(error) }
    }
}

impl From<std::io::Error> for Failure {
    /// What the host said, if it was the host that refused.
    fn from(error: std::io::Error) -> Self {
        match error.downcast::<CapabilityError>() {
            Ok(error) => error.into(),
            Err(error) => Self::failed(error),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownSkill(name) => write!(f, "the agent has no skill `{name}`"),
            Self::InvalidInput(problem) | Self::Denied(problem) | Self::Failed(problem) => {
                f.write_str(&problem.message)
            }
            Self::Unavailable(unavailable) => f.write_str(&unavailable.message),
        }
    }
}

impl std::error::Error for Failure {}
