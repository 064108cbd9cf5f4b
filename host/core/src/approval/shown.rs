//! What an agent shows of the action that it asks approval of.
//!
//! *The attack:* what people read is not what was asked, or the agent takes a yes to one thing for a yes to
//! another. *The rule:* what is shown is one document, kept as the text that the digest is made of; whoever
//! decides is shown that text and no other, and the agent is told its digest with the decision. *The default:*
//! a text that cannot be shown as it is (control characters, marks that turn the direction of writing) is
//! refused.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{Code, Digest, Error, Result, is_hidden, json, limits};

/// What an approval is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalKind {
    /// A task, before it runs.
    #[default]
    Task,
    /// An action that the agent of a running task is about to take, and shows.
    Action,
}

impl ApprovalKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Task, Self::Action];

    /// The word in documents and rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Action => "action",
        }
    }

    /// The kind that `text` spells.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// An action as an agent shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShownAction {
    /// One line for whoever decides.
    pub summary: String,
    /// All of what would be done.
    pub action: Map<String, Value>,
}

impl ShownAction {
    /// Reads what an agent shows.
    ///
    /// # Errors
    /// [`Code::RequestInvalid`] telling what cannot be shown.
    pub fn read(summary: &str, action: &str) -> Result<Self> {
        let refused = |why: String| Error::new(Code::RequestInvalid, why);
        let most = limits::APPROVAL_SUMMARY_CHARS_MAX;
        if summary.trim().is_empty() || summary.chars().count() > most {
            return Err(refused(format!("the summary of an action is one line of 1 to {most} characters")));
        }
        if summary.chars().any(is_hidden) {
            return Err(refused(
                "the summary of an action is plain text: it has a character that is not seen".to_owned(),
            ));
        }
        let (most, length) = (limits::APPROVAL_ACTION_BYTES_MAX, action.len());
        if length > most {
            return Err(refused(format!("an action that is shown has at most {most} bytes; this one has {length}")));
        }
        if json::depth(action.as_bytes()) > limits::JSON_DEPTH_MAX {
            let most = limits::JSON_DEPTH_MAX;
            return Err(refused(format!("the action is nested deeper than {most} levels")));
        }
        let action = serde_json::from_str(action)
            .map_err(|error| refused(format!("the action that is shown is no JSON object: {error}")))?;
        Ok(Self { summary: summary.to_owned(), action })
    }

    /// The text that is kept and shown, and that the digest is made of.
    ///
    /// # Errors
    /// [`Code::Internal`] if it cannot be written.
    pub fn text(&self) -> Result<String> {
        serde_json::to_string(self).map_err(Error::internal)
    }

    /// The digest of such a text.
    pub fn digest(text: &str) -> Digest {
        Digest::of(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_shown_as_it_is_is_refused() {
        let read = |summary: &str, action: &str| ShownAction::read(summary, action).map(drop).map_err(|e| e.message);
        assert_eq!(read("delete vol-1", r#"{"volume":"vol-1"}"#), Ok(()));
        for summary in ["", "  ", "a\nb", "a\u{1b}[31m", "safe\u{202e}evas", "a\u{200b}b", &"x".repeat(301)] {
            assert!(read(summary, "{}").is_err(), "{summary:?}");
        }
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(80), "]".repeat(80));
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(limits::APPROVAL_ACTION_BYTES_MAX));
        for action in ["", "[]", "1", "{", &deep, &long] {
            assert!(read("delete", action).is_err(), "{action:.20}");
        }
    }

    #[test]
    fn the_digest_is_of_what_is_shown_and_of_nothing_else() {
        let digest = |summary: &str, action: &str| {
            ShownAction::digest(&ShownAction::read(summary, action).unwrap().text().unwrap())
        };
        assert_eq!(digest("a", r#"{"x":1,"y":2}"#), digest("a", r#" { "x" : 1 , "y" : 2 } "#));
        assert_ne!(digest("a", r#"{"x":1}"#), digest("a", r#"{"x":2}"#));
        assert_ne!(digest("a", "{}"), digest("b", "{}"));
    }
}
