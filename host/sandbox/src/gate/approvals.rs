//! `approvals` at the gate: its calls and answers, which of them are allowed, with which arguments, and
//! what performing one means.
//!
//! The attack: a guest, or who steers it, has somebody say yes to something harmless and does another thing,
//! buries people in questions until one is waved through, writes into their terminal, or takes up the answer
//! to what another task asked. The rule: what is shown is read, bounded and kept by the host as the text that
//! its digest is of, and the answer carries both; how much may wait is bounded by task, agent and tenant; an
//! approval is of the task that asked alone. Who decides, and that whoever the task is for does not, is the
//! tenant's policy and the machine's (`host/core/src/approval.rs`), as for tasks. The default: without a
//! grant, nothing. To ask changes nothing, so every class of skill may.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use troupe_core::approval::{ApprovalOptions, ApprovalsFull, AskedApproval, ShownAction};
use troupe_core::view::TaskApprovalStatus;
use troupe_core::{ApprovalId, Code, Digest, Effect, Grants, limits};

use super::deed::{Change, Deed};
use super::options::read_options;
use super::{Answer, Gate};
use crate::port::{ApprovalAsk, ApprovalStands};

/// A call of `approvals`, as the guest made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ApprovalsCall {
    /// `ask`
    Ask {
        /// One line for whoever decides.
        summary: String,
        /// What would be done: JSON.
        action: String,
        /// How it is asked for: JSON.
        options: String,
    },
    /// `get` of an approval
    Get {
        /// The approval.
        approval: ApprovalId,
    },
}

impl ApprovalsCall {
    /// The capability and function, as messages name them.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Ask { .. } => "approvals.ask",
            Self::Get { .. } => "approvals.get",
        }
    }

    /// What was called, for a person.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Ask { .. } => self.name().to_owned(),
            Self::Get { approval } => format!("{} {approval}", self.name()),
        }
    }
}

/// What a call of `approvals` was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ApprovalsAnswer {
    /// It is asked for.
    Asked {
        /// The approval.
        approval: ApprovalId,
        /// The digest of what is shown.
        digest: Digest,
    },
    /// Nobody has decided.
    Pending,
    /// It is approved of: who, why and what, as JSON.
    Granted(String),
    /// It is not, and will not be.
    Ended {
        /// How.
        end: ApprovalEnd,
        /// A sentence.
        message: String,
        /// Who, why and what: JSON.
        details: String,
    },
}

/// How an approval ended that was not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ApprovalEnd {
    /// Somebody rejected it.
    Rejected,
    /// Nobody decided in time.
    Expired,
    /// Nobody has to decide any more.
    Void,
}

impl ApprovalsAnswer {
    /// What came of the call, in short, for a person.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Asked { approval, digest } => format!("approval {approval} of {digest}"),
            Self::Pending => "not decided".to_owned(),
            Self::Granted(_) => "approved".to_owned(),
            Self::Ended { message, .. } => message.clone(),
        }
    }
}

impl Answer {
    /// What the guest is told of asking for approval.
    pub fn of_asked_approval(outcome: &AskedApproval) -> Self {
        match *outcome {
            AskedApproval::Made { id, digest } => Self::Approvals(ApprovalsAnswer::Asked { approval: id, digest }),
            AskedApproval::Full { which, most } => {
                let whose = match which {
                    ApprovalsFull::Task => "of this task are undecided",
                    ApprovalsFull::TaskInAll => "were asked for by this task",
                    ApprovalsFull::Agent => "of this agent are undecided, and its grant allows no more",
                    ApprovalsFull::Tenant => "of the tenant wait for somebody",
                };
                let message = format!("`approvals.ask` was refused: {most} approvals {whose}, as many as may be");
                Self::limit(Code::LimitApprovals, most, message)
            }
        }
    }

    fn of_approval(id: ApprovalId, stands: Option<ApprovalStands>) -> Self {
        let Some(ApprovalStands { status, decision }) = stands else {
            return Self::Invalid("this task has asked for no such approval".to_owned());
        };
        let said = |name: &str| decision.get(name).and_then(Value::as_str).unwrap_or_default();
        let (end, message) = match status {
            TaskApprovalStatus::Pending => return Self::Approvals(ApprovalsAnswer::Pending),
            TaskApprovalStatus::Granted => {
                return Self::Approvals(ApprovalsAnswer::Granted(Value::Object(decision).to_string()));
            }
            TaskApprovalStatus::Rejected => {
                let message = format!("`{}` rejected what was shown: {}", said("by"), said("reason"));
                (ApprovalEnd::Rejected, message)
            }
            TaskApprovalStatus::Expired => {
                (ApprovalEnd::Expired, format!("nobody had decided about approval {id} by {}", said("at")))
            }
            TaskApprovalStatus::Void | TaskApprovalStatus::Cancelled => {
                (ApprovalEnd::Void, format!("nobody has to decide about approval {id} any more"))
            }
        };
        let details = Value::Object(decision).to_string();
        Self::Approvals(ApprovalsAnswer::Ended { end, message, details })
    }
}

/// Leave to perform one call; made by [`authorize`] alone.
#[derive(Debug)]
pub(super) struct Permit(Wanted);

#[derive(Debug)]
enum Wanted {
    Ask(ApprovalAsk),
    Get(ApprovalId),
}

/// Decides whether `grants` allow `call` to a skill whose class is `ceiling`, and whether its arguments are
/// acceptable. What a task has asked for it may look at whatever is granted by then.
pub(super) fn authorize(grants: &Grants, ceiling: Effect, call: &ApprovalsCall) -> Result<Permit, Answer> {
    Ok(Permit(match call {
        ApprovalsCall::Ask { summary, action, options } => {
            let grant = grants.approvals.ok_or_else(not_granted)?;
            let shown = ShownAction::read(summary, action).map_err(|error| Answer::Invalid(error.message))?;
            let expires_after = options_of(options)?.expires_after_ms.map(Duration::from_millis);
            // What it would do reaches as far as the skill may, whatever the guest would say of it.
            Wanted::Ask(ApprovalAsk { shown, effect: ceiling, expires_after, open_max: grant.open })
        }
        ApprovalsCall::Get { approval } => Wanted::Get(*approval),
    }))
}

fn not_granted() -> Answer {
    Answer::denied(
        "`approvals.ask` was denied: this deployment has no grant of `approvals`; the manifest must ask for it and the operator grant it".to_owned(),
    )
}

fn options_of(text: &str) -> Result<ApprovalOptions, Answer> {
    let options: ApprovalOptions = read_options(text, limits::APPROVAL_OPTIONS_BYTES_MAX, "asking for approval")?;
    options.check().map_err(|error| Answer::Invalid(error.message))?;
    Ok(options)
}

impl Permit {
    /// What performing the permitted call means.
    pub(super) fn deed<'a>(self, gate: &'a Gate) -> Deed<'a> {
        match self.0 {
            Wanted::Ask(ask) => Deed::Own(Change::Approval(Box::new(ask))),
            Wanted::Get(id) => {
                Deed::Read(Box::pin(
                    async move { Ok(Answer::of_approval(id, gate.ledger().await?.approval(id).await?)) },
                ))
            }
        }
    }
}

#[cfg(test)]
#[path = "approvals_tests.rs"]
mod tests;
