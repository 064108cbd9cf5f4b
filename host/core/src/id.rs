//! Ids the host gives out: UUID version 7 (RFC 9562, section 5.7), so that they sort by
//! the time they were made.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Clock, Code, Entropy, Error};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $code:ident, $message:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Makes an id for now.
            pub fn generate(clock: &dyn Clock, entropy: &dyn Entropy) -> Self {
                let mut random = [0; 10];
                entropy.fill(&mut random);
                let ms = u64::try_from(clock.now().as_millis()).unwrap_or(0);
                Self(uuid::Builder::from_unix_timestamp_millis(ms, &random).into_uuid())
            }

            /// The 16 bytes of the id.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = Error;

            /// Reads the hyphenated lower-case form alone, so that one id has one spelling.
            fn from_str(text: &str) -> Result<Self, Error> {
                let id = Uuid::try_parse(text).ok().filter(|id| id.hyphenated().to_string() == text);
                id.map(Self).ok_or_else(|| Error::new(Code::$code, $message))
            }
        }
    };
}

id!(
    /// The id of a task.
    TaskId,
    TaskNotFound,
    "no task has this id; a task id looks like `0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b`"
);
id!(
    /// The id of a task group.
    GroupId,
    GroupNotFound,
    "no task group has this id; a group's id looks like `0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b`"
);
id!(
    /// The id of an instance of an agent.
    InstanceId,
    InstanceNotFound,
    "no instance has this id; an instance's id looks like `0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b`"
);
id!(
    /// The id of a session.
    SessionId,
    SessionNotFound,
    "no session has this id; a session's id looks like `0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b`"
);
id!(
    /// The id by which a message confirms what an agent proposed.
    ProposalId,
    SessionProposal,
    "nothing was proposed under this id; a proposal's id looks like `0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b`"
);
id!(
    /// The id of an API key. It is no secret.
    KeyId,
    KeyNotFound,
    "no key has this id; a key id looks like `0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b`"
);
id!(
    /// The id of a swap.
    SwapId,
    SwapNotFound,
    "no swap has this id; a swap id looks like `0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b`"
);
id!(
    /// The id of a link to an approval. It is no secret.
    LinkId,
    ApprovalLink,
    "no link has this id; a link's id looks like `0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b`"
);
id!(
    /// The id of an approval.
    ApprovalId,
    ApprovalNotFound,
    "no approval has this id; an approval's id looks like `0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b`"
);
