//! What is kept of a webhook, and of a hook: what was set, and which secret signs. The secret itself is kept nowhere.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::view::{NewHook, NewWebhook};

/// Which secret somebody signs by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookSecret {
    /// Tells whatever has it apart from all others, also from one of its name before or elsewhere.
    pub id: String,
    /// Rises by one with each rotation.
    pub generation: u32,
    /// By which a host knows whether the secret is one of its making.
    pub mark: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// Until when the one before is good as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_until: Option<Timestamp>,
}

/// A webhook as a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookRecord {
    /// What was set.
    pub webhook: NewWebhook,
    /// Which secret it signs by.
    pub secret: WebhookSecret,
}

/// A hook as a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookRecord {
    /// What was set.
    pub hook: NewHook,
    /// Which secret its sender signs by, where that is one of the host's making.
    pub secret: WebhookSecret,
}
