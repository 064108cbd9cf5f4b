//! Hooks, by which events come into the host, as clients set and see them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::WebhookSecretView;
use crate::{EventPriority, Timestamp, Topic};

/// How whoever sends to a hook signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum HookKind {
    /// As Standard Webhooks has it: `webhook-id`, `webhook-timestamp`, `webhook-signature`.
    Standard,
    /// As GitHub does: `X-Hub-Signature-256`, `X-GitHub-Delivery`, `X-GitHub-Event`. The signature is over the body
    /// alone, so one body is one event, under whichever delivery it comes.
    Github,
    /// By an HMAC of SHA-256 in a header, as `hmac` says.
    Hmac,
}

impl HookKind {
    /// The word in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Github => "github",
            Self::Hmac => "hmac",
        }
    }
}

/// How a signature is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum HmacEncoding {
    /// In hexadecimal digits.
    #[default]
    Hex,
    /// In Base64, with padding.
    Base64,
}

impl HmacEncoding {
    /// The word in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hex => "hex",
            Self::Base64 => "base64",
        }
    }
}

/// Where a sender puts its HMAC of SHA-256, and of what it is. Without a timestamp it is of the body alone: then two
/// messages of one body are one event, and whoever has seen a message can send it again once that is kept no longer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HookHmac {
    /// The header that bears the signature.
    pub header: String,
    /// How it is written.
    #[serde(default)]
    pub encoding: HmacEncoding,
    /// What stands before it in the header, such as `sha256=`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prefix: String,
    /// The header that says when the message was sent, in seconds since 1970. It is signed with the body, as
    /// `TIMESTAMP.BODY`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp_header: Option<String>,
}

/// A hook as somebody sets it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewHook {
    /// The topic under which all that comes is published.
    #[schema(value_type = String)]
    pub topic: Topic,
    /// How its sender signs.
    pub kind: HookKind,
    /// Where the signature of one of the kind `hmac` is; of no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hmac: Option<HookHmac>,
    /// How urgent what comes is.
    #[serde(default)]
    pub priority: EventPriority,
    /// The name of the operator's secret that its sender signs by; one of the host's making when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_name: Option<String>,
    /// Whether what comes is refused for now.
    #[serde(default)]
    pub paused: bool,
}

impl NewHook {
    /// A hook that says nothing beside what has to be said.
    pub const fn new(topic: Topic, kind: HookKind) -> Self {
        Self { topic, kind, hmac: None, priority: EventPriority::Normal, secret_name: None, paused: false }
    }
}

/// A hook as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HookView {
    /// Its name.
    pub name: String,
    /// The path at which its sender reaches it, without a token.
    pub path: String,
    /// Who its events are sent by, as those are listed.
    pub sender: String,
    /// What was set.
    #[serde(flatten)]
    pub hook: NewHook,
    /// Who set it.
    pub principal: String,
    /// When it was set.
    #[schema(value_type = String, format = DateTime)]
    pub changed_at: Timestamp,
    /// Its secret, where it is one of the host's making.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<WebhookSecretView>,
}

/// A hook that was set or whose secret was rotated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HookSet {
    /// The hook.
    #[serde(flatten)]
    pub hook: HookView,
    /// Its secret, if it was made by this: it is not shown again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_secret: Option<String>,
}
