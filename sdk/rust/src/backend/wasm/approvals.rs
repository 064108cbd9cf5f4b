//! Approvals that people are asked for, served by the host.

use crate::approvals::{ApprovalError, Options};
use crate::bindings::troupe::agent as wit;
use crate::{CapabilityError, Problem};

use super::reactor::Delivered;

/// An approval that the host keeps.
#[derive(Debug)]
pub struct AskedApproval(wit::approvals::Approval);

impl AskedApproval {
    pub fn id(&self) -> String {
        self.0.id()
    }

    pub fn digest(&self) -> String {
        self.0.digest()
    }

    pub async fn decision(&self) -> Result<String, ApprovalError> {
        loop {
            if let Some(decision) = self.0.get()? {
                return Ok(decision);
            }
            Delivered::new(self.0.subscribe()).await;
        }
    }

    pub fn try_decision(&self) -> Result<Option<String>, ApprovalError> {
        Ok(self.0.get()?)
    }
}

pub fn ask_approval(summary: &str, action: &str, options: &Options) -> Result<AskedApproval, ApprovalError> {
    let options = serde_json::to_string(options)
        .map_err(|error| ApprovalError::Refused(CapabilityError::Invalid(Problem::new(error))))?;
    Ok(AskedApproval(wit::approvals::ask(summary, action, &options)?))
}

impl From<wit::approvals::ApprovalError> for ApprovalError {
    fn from(error: wit::approvals::ApprovalError) -> Self {
        match error {
            wit::approvals::ApprovalError::Refused(error) => Self::Refused(error.into()),
            wit::approvals::ApprovalError::Rejected(problem) => Self::Rejected(problem.into()),
            wit::approvals::ApprovalError::Expired(problem) => Self::Expired(problem.into()),
            wit::approvals::ApprovalError::Void(problem) => Self::Void(problem.into()),
        }
    }
}
