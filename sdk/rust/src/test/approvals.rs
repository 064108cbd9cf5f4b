//! People in memory: what the test has them decide, and what they were asked.

use std::fmt;
use std::rc::Rc;

use serde_json::{Value, json};

use super::world::with;
use crate::approvals::{ApprovalError, Options};
use crate::{CapabilityError, Problem};

/// What somebody of the test says to a line and an action: who says yes, or why nobody does.
pub type Decides = Rc<dyn Fn(&str, &Value) -> Result<String, String>>;

#[derive(Default)]
pub struct Approvals {
    /// Who decides; nobody may be asked where there is none.
    pub decides: Option<Decides>,
    /// What was asked, in order, and what was said.
    asked: Vec<Asked>,
}

struct Asked {
    summary: String,
    action: Value,
    said: Result<String, String>,
}

impl Approvals {
    /// What was asked about: the line and the action.
    pub fn asked(&self) -> Vec<(String, Value)> {
        self.asked.iter().map(|asked| (asked.summary.clone(), asked.action.clone())).collect()
    }
}

impl fmt::Debug for Approvals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Approvals").field(&self.asked.len()).finish()
    }
}

/// An approval of the test host.
#[derive(Debug)]
pub struct AskedApproval(usize);

impl AskedApproval {
    pub fn id(&self) -> String {
        format!("approval-{}", self.0)
    }

    pub fn digest(&self) -> String {
        format!("sha256:{:064x}", self.0)
    }

    #[expect(clippy::unused_async, reason = "a host would have it wait")]
    pub async fn decision(&self) -> Result<String, ApprovalError> {
        self.said()
    }

    pub fn try_decision(&self) -> Result<Option<String>, ApprovalError> {
        self.said().map(Some)
    }

    fn said(&self) -> Result<String, ApprovalError> {
        let asked =
            with(|world| world.approvals.asked.get(self.0).map(|asked| (asked.said.clone(), asked.action.clone())));
        let (said, action) = asked.ok_or_else(|| ApprovalError::Void(Problem::new("nobody was asked")))?;
        let (approval, digest) = (self.id(), self.digest());
        match said {
            Ok(by) => {
                let at = "2100-01-01T00:00:00Z";
                let told = json!({ "approval": approval, "digest": digest, "action": action, "by": by, "at": at });
                Ok(told.to_string())
            }
            Err(reason) => {
                let mut problem = Problem::new(format_args!("`somebody` rejected what was shown: {reason}"));
                problem.details = Some(json!({ "approval": approval, "digest": digest, "action": action }));
                Err(ApprovalError::Rejected(problem))
            }
        }
    }
}

pub fn ask_approval(summary: &str, action: &str, _options: &Options) -> Result<AskedApproval, ApprovalError> {
    let action: Value = serde_json::from_str(action)
        .map_err(|error| ApprovalError::Refused(CapabilityError::Invalid(Problem::new(error))))?;
    let Some(decides) = with(|world| world.approvals.decides.clone()) else {
        let problem = Problem::new("nobody may be asked here; `Host::approves` says what somebody decides");
        return Err(ApprovalError::Refused(CapabilityError::Denied(problem)));
    };
    // It may look at the test host itself.
    let said = decides(summary, &action);
    Ok(with(|world| {
        world.approvals.asked.push(Asked { summary: summary.to_owned(), action, said });
        AskedApproval(world.approvals.asked.len() - 1)
    }))
}
