//! Asking people before something is done.
//!
//! What is asked about is shown whole: one line, and the exact action. The task is suspended while nobody has
//! decided. Whoever the task is for decides nothing of its own; who does, the tenant's policy says.
//!
//! ```
//! use serde_json::json;
//! use troupe_sdk::prelude::*;
//!
//! # fn purge(volume: &str) -> Result<(), Failure> {
//! let approved = approvals::ask("delete a volume that nothing uses")
//!     .action(json!({ "volume": volume }))
//!     .decision()
//!     .wait()?;
//! // What was approved is what is done.
//! log::info!("approved", volume = approved.action["volume"], by = approved.by);
//! # Ok(())
//! # }
//! # let host = troupe_sdk::test::Host::start().approves(|_, _| Ok("key/1".to_owned()));
//! # purge("vol-1").unwrap();
//! ```
//!
//! The manifest asks for it:
//!
//! ```toml
//! [capabilities.approvals]
//! open = 10   # undecided at once, at most
//! ```
//!
//! A task that is tried again asks again. When it ends or is cancelled, nobody has to decide any more.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{CapabilityError, Failure, Problem, backend};

/// How approval is asked for, as the host reads it.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Options {
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_after_ms: Option<u64>,
}

/// Begins to ask for approval. `summary` is one line for whoever decides.
pub fn ask(summary: impl Into<String>) -> Ask {
    Ask { summary: summary.into(), action: Ok("{}".to_owned()), options: Options::default() }
}

/// An approval that is asked for.
#[derive(Debug, Clone)]
#[must_use = "nobody is asked before `decision` or `start`"]
pub struct Ask {
    summary: String,
    /// As JSON, or why it is none.
    action: Result<String, String>,
    options: Options,
}

impl Ask {
    /// Says all of what would be done: an object; an empty one otherwise.
    pub fn action(mut self, action: impl Serialize) -> Self {
        self.action = serde_json::to_string(&action).map_err(|error| error.to_string());
        self
    }

    /// Says after how long it is over, if nobody has decided; as the policy says otherwise, and with the task's
    /// time at the latest.
    pub fn expires_after(mut self, time: Duration) -> Self {
        self.options.expires_after_ms = Some(crate::time::milliseconds(time));
        self
    }

    /// Asks, and does not wait for the decision.
    ///
    /// # Errors
    ///
    /// [`ApprovalError::Refused`].
    pub fn start(self) -> Result<Approval, ApprovalError> {
        let action = self.action.map_err(|why| {
            ApprovalError::Refused(CapabilityError::Invalid(Problem::new(format_args!(
                "the action is not JSON: {why}"
            ))))
        })?;
        backend::ask_approval(&self.summary, &action, &self.options).map(Approval)
    }

    /// Asks, and waits for the decision.
    ///
    /// # Errors
    ///
    /// Any [`ApprovalError`]: only what is returned is a yes.
    pub async fn decision(self) -> Result<Approved, ApprovalError> {
        self.start()?.decision().await
    }
}

/// An approval that was asked for. Letting go of it changes nothing about it.
#[derive(Debug)]
pub struct Approval(backend::AskedApproval);

impl Approval {
    /// Returns its id, as people see it.
    pub fn id(&self) -> String {
        self.0.id()
    }

    /// Returns the digest of what is shown.
    pub fn digest(&self) -> String {
        self.0.digest()
    }

    /// Waits for the decision.
    ///
    /// # Errors
    ///
    /// Any [`ApprovalError`].
    pub async fn decision(&self) -> Result<Approved, ApprovalError> {
        self.read(&self.0.decision().await?)
    }

    /// Returns the decision, if there is one.
    ///
    /// # Errors
    ///
    /// Any [`ApprovalError`].
    pub fn try_decision(&self) -> Result<Option<Approved>, ApprovalError> {
        self.0.try_decision()?.map(|decision| self.read(&decision)).transpose()
    }

    /// Reads a yes, which must be to what was asked.
    fn read(&self, decision: &str) -> Result<Approved, ApprovalError> {
        let unfit = |why: String| ApprovalError::Void(Problem::new(why));
        let approved: Approved = serde_json::from_str(decision)
            .map_err(|error| unfit(format!("the decision is not what was expected: {error}")))?;
        if approved.digest != self.digest() {
            return Err(unfit(format!("the decision is about {}, and not about what was asked", approved.digest)));
        }
        Ok(approved)
    }
}

/// A yes.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Approved {
    /// The approval's id.
    pub approval: String,
    /// The digest of what was shown.
    pub digest: String,
    /// The action as it was shown.
    pub action: Value,
    /// Who said the last yes that was needed.
    pub by: String,
    /// When, as text.
    pub at: String,
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
}

/// How an approval ends that was not given. `?` makes it a [`Failure`].
#[derive(Debug, Clone, PartialEq)]
pub enum ApprovalError {
    /// Nobody was asked.
    Refused(CapabilityError),
    /// Somebody said no; `by` and `reason` stand in the details.
    Rejected(Problem),
    /// Nobody decided in time.
    Expired(Problem),
    /// Nobody has to decide any more.
    Void(Problem),
}

impl fmt::Display for ApprovalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => error.fmt(f),
            Self::Rejected(problem) | Self::Expired(problem) | Self::Void(problem) => f.write_str(&problem.message),
        }
    }
}

impl std::error::Error for ApprovalError {}

impl From<ApprovalError> for Failure {
    fn from(error: ApprovalError) -> Self {
        match error {
            ApprovalError::Refused(error) => error.into(),
            ApprovalError::Rejected(problem) | ApprovalError::Expired(problem) | ApprovalError::Void(problem) => {
                Self::Failed(problem)
            }
        }
    }
}
