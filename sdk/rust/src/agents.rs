//! Asking other agents of the tenant.
//!
//! What is asked for is a task like any other, for whoever this task is for; a task that only waits for it is
//! suspended meanwhile. It ends, as cancelled, when this task ends, unless it was asked to [outlive](Ask::outlives)
//! it, and in any case when somebody cancels this task.
//!
//! ```
//! use troupe_sdk::prelude::*;
//!
//! # fn bill() -> Result<(), Failure> {
//! let invoice: String = agents::ask("billing", "invoice").input(["i-17"]).answer().wait()?;
//! let report = agents::ask("reports", "write").input(&invoice).outlives().start()?;
//! log::info!("asked for", task = report.id());
//! # Ok(())
//! # }
//! # let host = troupe_sdk::test::Host::start()
//! #     .agent("billing", "invoice", |_| Ok("17.00".into()))
//! #     .agent("reports", "write", |_| Ok(().into()));
//! # bill().unwrap();
//! ```
//!
//! The manifest asks for the skills by their agents and names:
//!
//! ```toml
//! [[capabilities.agents]]
//! ask = "billing/*"
//! ```
//!
//! A task that is tried again asks again: each attempt has children of its own, but for those under an
//! [idempotency key](Ask::idempotency_key), which are found again.

use std::fmt;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{CapabilityError, Failure, Problem, backend, time};

/// How a skill is asked for, as the host reads it.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Options {
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lifetime_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<String>,
    outlives: bool,
}

/// Begins to ask an agent for a skill.
pub fn ask(agent: impl Into<String>, skill: impl Into<String>) -> Ask {
    Ask { agent: agent.into(), skill: skill.into(), input: Ok("{}".to_owned()), options: Options::default() }
}

/// A skill that is asked for.
#[derive(Debug, Clone)]
#[must_use = "nothing is asked for before `answer` or `start`"]
pub struct Ask {
    agent: String,
    skill: String,
    /// As JSON, or why it is none.
    input: Result<String, String>,
    options: Options,
}

impl Ask {
    /// Says what the skill is given; an empty object otherwise.
    pub fn input(mut self, input: impl Serialize) -> Self {
        self.input = serde_json::to_string(&input).map_err(|error| error.to_string());
        self
    }

    /// Says how much of a hurry there is: higher runs first; as much as this task's otherwise.
    pub const fn priority(mut self, priority: i32) -> Self {
        self.options.priority = Some(priority);
        self
    }

    /// Says how long one attempt may run; as the agent says otherwise, and never longer than what is left of this
    /// task's time.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.options.timeout_ms = Some(time::milliseconds(time));
        self
    }

    /// Says how long it may take in all, suspended or not; what is left of this task's time otherwise, and at most.
    pub fn lifetime(mut self, time: Duration) -> Self {
        self.options.lifetime_ms = Some(time::milliseconds(time));
        self
    }

    /// Has the same request under this key be one task, in whichever attempt of this task it is made.
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.options.idempotency_key = Some(key.into());
        self
    }

    /// Has it go on when this task ends.
    pub const fn outlives(mut self) -> Self {
        self.options.outlives = true;
        self
    }

    /// Asks, and does not wait for the answer.
    ///
    /// # Errors
    ///
    /// [`AskError::Refused`].
    pub fn start(self) -> Result<Child, AskError> {
        let input = self.input.map_err(|why| {
            AskError::Refused(CapabilityError::Invalid(Problem::new(format_args!("the input is not JSON: {why}"))))
        })?;
        backend::ask_agent(&self.agent, &self.skill, &input, &self.options).map(Child)
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    ///
    /// Any [`AskError`].
    pub async fn answer<T: DeserializeOwned>(self) -> Result<T, AskError> {
        self.start()?.answer().await
    }
}

/// A task that this one has asked for. Letting go of it changes nothing about the task.
#[derive(Debug)]
pub struct Child(backend::AskedTask);

impl Child {
    /// Returns its id, by which [`find`] has it again.
    pub fn id(&self) -> String {
        self.0.id()
    }

    /// Waits for its answer.
    ///
    /// # Errors
    ///
    /// Any [`AskError`].
    pub async fn answer<T: DeserializeOwned>(&self) -> Result<T, AskError> {
        read(&self.0.answer().await?)
    }

    /// Returns its answer, if it has ended.
    ///
    /// # Errors
    ///
    /// Any [`AskError`].
    pub fn try_answer<T: DeserializeOwned>(&self) -> Result<Option<T>, AskError> {
        self.0.try_answer()?.as_deref().map(read).transpose()
    }

    /// Asks for its end. Of one that has ended nothing changes.
    ///
    /// # Errors
    ///
    /// [`AskError::Refused`].
    pub fn cancel(&self) -> Result<(), AskError> {
        self.0.cancel()
    }
}

fn read<T: DeserializeOwned>(output: &str) -> Result<T, AskError> {
    serde_json::from_str(output)
        .map_err(|error| AskError::Unfit(Problem::new(format_args!("the answer is not what was expected: {error}"))))
}

/// Returns the child with this id, also of an attempt before.
///
/// # Errors
///
/// [`AskError::Refused`].
pub fn find(id: &str) -> Result<Child, AskError> {
    backend::find_child(id).map(Child)
}

/// A task that this one has asked for, as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Asked {
    /// Its id.
    pub task: String,
    /// The agent.
    pub agent: String,
    /// The skill.
    pub skill: String,
    /// Where it is in its life, such as `running`.
    pub status: String,
}

/// Returns the newest tasks that this one has asked for, up to 100.
///
/// # Errors
///
/// [`AskError::Refused`].
pub fn children() -> Result<Vec<Asked>, AskError> {
    read(&backend::children()?)
}

/// How a call about another agent ends when it does not succeed. `?` makes it a [`Failure`].
#[derive(Debug, Clone, PartialEq)]
pub enum AskError {
    /// It was not performed.
    Refused(CapabilityError),
    /// The task did not complete; `status` in the details says how it ended, `code` why.
    Ended(Problem),
    /// What it answered is not what was expected.
    Unfit(Problem),
}

impl AskError {
    /// Returns the code of the failure that the task ended with, if that is what happened.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Ended(Problem { details: Some(details), .. }) => details.get("code").and_then(Value::as_str),
            _ => None,
        }
    }

    /// Returns whether asking again may help, as far as the other agent knows.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Refused(error) => matches!(error, CapabilityError::Unavailable(_)),
            Self::Ended(Problem { details: Some(details), .. }) => {
                details.get("retryable").and_then(Value::as_bool).unwrap_or(false)
            }
            _ => false,
        }
    }
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => error.fmt(f),
            Self::Ended(problem) | Self::Unfit(problem) => f.write_str(&problem.message),
        }
    }
}

impl std::error::Error for AskError {}

impl From<AskError> for Failure {
    /// What may pass for the other agent may pass for this one.
    fn from(error: AskError) -> Self {
        if error.is_retryable() {
            return Self::unavailable(error);
        }
        match error {
            AskError::Refused(error) => error.into(),
            AskError::Ended(problem) | AskError::Unfit(problem) => Self::Failed(problem),
        }
    }
}
