//! What comes of an agent's asking for approval.

use serde::{Deserialize, Serialize};

use crate::{ApprovalId, Code, Digest, Error, Result, limits};

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskedApproval {
    /// It is asked for.
    Made {
        /// Its id.
        id: ApprovalId,
        /// The digest of what is shown.
        digest: Digest,
    },
    /// As much is undecided, or was asked for, as may be.
    Full {
        /// Of whom.
        which: ApprovalsFull,
        /// How much that is.
        most: u64,
    },
}

/// What has no room for another approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApprovalsFull {
    /// The task waits for as many.
    Task,
    /// The task has asked for as many in all.
    TaskInAll,
    /// The agent waits for as many as its grant says.
    Agent,
    /// The tenant has as many that wait.
    Tenant,
}

/// How an agent asks for approval: a document, so that it can grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApprovalOptions {
    /// After how long, in milliseconds, it is void if nobody has decided.
    pub expires_after_ms: Option<u64>,
}

impl ApprovalOptions {
    /// Checks the time.
    ///
    /// # Errors
    /// [`Code::RequestInvalid`] with the bounds.
    pub fn check(&self) -> Result<()> {
        let (least, most) = (limits::APPROVAL_EXPIRY_MIN.as_millis(), limits::APPROVAL_TIME_MAX.as_millis());
        match self.expires_after_ms.map(u128::from) {
            Some(ms) if !(least..=most).contains(&ms) => {
                Err(Error::new(Code::RequestInvalid, format!("`expires_after_ms` is {least} to {most}")))
            }
            _ => Ok(()),
        }
    }
}
