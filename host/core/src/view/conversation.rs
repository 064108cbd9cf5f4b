//! What an agent's own conversation is told and answers, as `wit/conversation.wit` says it, and the reply
//! that an answer becomes.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{Missing, Reply, ReplyKind};

/// A message as the agent is told it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Told {
    /// The words.
    pub text: String,
    /// Values that came with them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Map<String, Value>>,
    /// What surrounds it.
    #[serde(flatten)]
    pub about: About,
}

/// What surrounds a message.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct About {
    /// What is known of the session's user.
    pub user: Map<String, Value>,
    /// What the session is about.
    pub context: Map<String, Value>,
    /// What was said before, oldest first.
    pub history: Vec<Value>,
}

/// What the agent answers to a message. Fields that are not known are passed over.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct OwnWords {
    /// What there is to say, for people.
    pub text: String,
    /// The same for programs.
    #[serde(default)]
    pub output: Option<Value>,
    /// What is to be known to go on.
    #[serde(default)]
    pub questions: Vec<OwnQuestion>,
    /// A skill to run once it is confirmed.
    #[serde(default)]
    pub proposal: Option<OwnProposal>,
    /// What could be said next.
    #[serde(default)]
    pub suggestions: Vec<OwnSuggestion>,
    /// A merge patch of what the session is about.
    #[serde(default)]
    pub context: Map<String, Value>,
}

/// Something that the agent wants to know.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct OwnQuestion {
    /// What it calls it.
    pub name: String,
    /// What it is for.
    #[serde(default)]
    pub description: Option<String>,
    /// Its type in words of JSON Schema.
    #[serde(default = "any", rename = "type")]
    pub kind: String,
    /// What it may be.
    #[serde(default)]
    pub values: Vec<Value>,
}

/// A skill that the agent would run.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct OwnProposal {
    /// The skill.
    pub skill: String,
    /// Its input.
    #[serde(default)]
    pub input: Map<String, Value>,
}

/// Something that the agent says could be said next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OwnSuggestion {
    /// The words to send.
    pub text: String,
    /// Why, where the agent says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// What the agent answers when it is asked what could be said next.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct OwnSuggestions {
    /// That, the best first.
    #[serde(default)]
    pub suggestions: Vec<OwnSuggestion>,
}

fn any() -> String {
    "any".to_owned()
}

impl OwnWords {
    /// The reply that it is, but for what the host adds to a proposal, and the change of the context.
    pub fn reply(self) -> (Reply, Map<String, Value>) {
        let Self { text, output, questions, proposal, suggestions, context } = self;
        let kind = match (&proposal, questions.is_empty()) {
            (Some(_), _) => ReplyKind::Proposal,
            (None, false) => ReplyKind::Asks,
            (None, true) => ReplyKind::Answer,
        };
        let asked = |question: OwnQuestion| {
            let OwnQuestion { name, description, kind, values } = question;
            Missing { name, description, kind, values }
        };
        let (skill, input) = proposal.map(|proposal| (proposal.skill, proposal.input)).unzip();
        let missing = questions.into_iter().map(asked).collect();
        (Reply { skill, input, missing, output, suggestions, ..Reply::new(kind, text) }, context)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reply(answer: Value) -> Reply {
        serde_json::from_value::<OwnWords>(answer).unwrap().reply().0
    }

    #[test]
    fn an_answer_is_of_the_kind_that_its_fields_say() {
        assert_eq!(reply(json!({ "text": "Hello", "later": 1 })), Reply::new(ReplyKind::Answer, "Hello"));
        let asks = reply(json!({ "text": "Where?", "questions": [{ "name": "region" }] }));
        assert_eq!((asks.kind, asks.missing[0].kind.as_str()), (ReplyKind::Asks, "any"));
        let proposes = json!({ "text": "Shall I?", "questions": [{ "name": "why" }], "proposal": { "skill": "stop" } });
        let proposes = reply(proposes);
        assert_eq!((proposes.kind, proposes.skill.as_deref()), (ReplyKind::Proposal, Some("stop")));
        assert_eq!(proposes.input, Some(Map::new()));
    }
}
