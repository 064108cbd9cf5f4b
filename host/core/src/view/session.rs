//! Sessions as clients start and see them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{InstanceView, MessageView};
use crate::{SessionId, Timestamp};

/// A request for a session.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSession {
    /// What is known of the user, such as a name or a language: at most 16 KiB. It stays as it is.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub user: Map<String, Value>,
    /// What the conversation is about, such as a region or an account: at most 64 KiB. Inputs of
    /// skills are taken from fields of the same name.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub context: Map<String, Value>,
    /// How long it may be unused, in milliseconds: a minute to 30 days, a day when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_ms: Option<u64>,
    /// How long it lives at most, in milliseconds, however much it is used: at least `idle_ms`, at
    /// most 30 days, which it is when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetime_ms: Option<u64>,
}

/// Where a session is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionStatus {
    /// It takes messages.
    Open,
    /// Somebody ended it.
    Ended,
    /// Its time is over.
    Expired,
}

impl SessionStatus {
    /// The word in documents and rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Ended => "ended",
            Self::Expired => "expired",
        }
    }

    /// The status that `text` spells.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Open, Self::Ended, Self::Expired].into_iter().find(|status| status.as_str() == text)
    }
}

/// A session as it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SessionView {
    /// The id.
    #[schema(value_type = String)]
    pub id: SessionId,
    /// Whether it takes messages.
    pub status: SessionStatus,
    /// Who started it, and speaks in it.
    pub principal: String,
    /// What is known of the user.
    pub user: Map<String, Value>,
    /// What the conversation is about.
    pub context: Map<String, Value>,
    /// How often the context was changed.
    pub context_revision: u64,
    /// How many messages it has.
    pub messages: u64,
    /// How long it may be unused, in milliseconds.
    pub idle_ms: u64,
    /// When it was started.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was last used: by a message, an instance that joined, or a change of its context.
    #[schema(value_type = String, format = DateTime)]
    pub used_at: Timestamp,
    /// When it ends unless it is used.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// When it ends however much it is used.
    #[schema(value_type = String, format = DateTime)]
    pub lives_until: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
    /// Who ended it, if somebody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<String>,
}

/// A change of a session's context.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContextPatch {
    /// A merge patch (RFC 7396): null takes a field away, an object is merged, everything else
    /// replaces.
    pub context: Map<String, Value>,
    /// Only if the context has this revision still.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
}

/// A session as one document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SessionExport {
    /// The session.
    pub session: SessionView,
    /// Its instances, oldest first; those that are stopped too.
    pub instances: Vec<InstanceView>,
    /// Its messages, oldest first.
    pub messages: Vec<MessageView>,
}

/// Something that could be said next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Suggestion {
    /// The words to send.
    pub text: String,
    /// The agent that they are for.
    pub agent: String,
    /// To whom to send them: the instance, or the agent where none of it is in the session.
    pub to: String,
    /// The skill that they mean, if they mean one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skill: Option<String>,
    /// What they confirm: send this as `confirm`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm: Option<String>,
    /// Why they are suggested, in one sentence.
    pub why: String,
}

/// What could be said next, the best first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Suggestions {
    /// At most 10.
    pub items: Vec<Suggestion>,
    /// For which agents the host has suggested in place of the agent itself, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<SuggestionNote>,
}

/// Why an agent has not suggested itself what could be said to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SuggestionNote {
    /// The agent.
    pub agent: String,
    /// The instance, or the agent where none of it is in the session.
    pub to: String,
    /// The code of what went wrong.
    pub code: String,
    /// The reason, in one sentence.
    pub message: String,
}
