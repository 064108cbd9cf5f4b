//! What the agent was told: its configuration.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use troupe_sdk::prelude::*;

/// The agent's configuration.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What it calls itself.
    #[serde(default = "assistant")]
    pub name: String,
    /// Questions with their answers.
    #[serde(default)]
    pub entries: Vec<Entry>,
    /// Facts by name, such as `opening hours`. `{opening hours}` in an answer becomes the fact.
    #[serde(default)]
    pub facts: BTreeMap<String, String>,
    /// What other agents do when it is asked for.
    #[serde(default)]
    pub handovers: Vec<Handover>,
    /// What it says when it does not know; a plain sentence when absent.
    #[serde(default)]
    pub unknown: Option<String>,
}

/// A question with its answer.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What it is called, once.
    pub id: String,
    /// Ways to ask it; the first is shown.
    pub ask: Vec<String>,
    /// The answer, in which `{name of a fact}` becomes the fact.
    pub answer: String,
    /// What could be asked next.
    #[serde(default)]
    pub suggest: Vec<String>,
}

/// How much another agent may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Reach {
    /// It looks, and is asked at once.
    Read,
    /// It changes something, and is asked once somebody confirms it.
    Write,
    /// The same; it may destroy something.
    Destructive,
}

/// A skill of another agent, and the words that mean it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Handover {
    /// What it is called, once.
    pub id: String,
    /// Ways to ask for it; the first is shown.
    pub ask: Vec<String>,
    /// The agent.
    pub agent: String,
    /// The skill.
    pub skill: String,
    /// How much it changes.
    #[serde(default = "most")]
    pub effect: Reach,
    /// What its input always is.
    #[serde(default)]
    pub input: Map<String, Value>,
    /// What its input takes besides: from values that come with the message, the session's context, what is
    /// remembered, or else asked for.
    #[serde(default)]
    pub takes: Vec<Taken>,
    /// What is said then; `{/pointer}` becomes what stands there in the output. The output itself when absent.
    #[serde(default)]
    pub answer: Option<String>,
}

/// An input that is taken from the conversation.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Taken {
    /// Its name.
    pub name: String,
    /// What it is, as it is asked for.
    pub description: String,
}

fn assistant() -> String {
    "the assistant".to_owned()
}

fn most() -> Reach {
    Reach::Destructive
}

impl Settings {
    /// The handover of an id.
    ///
    /// # Errors
    ///
    /// [`Failure::InvalidInput`], naming those that there are.
    pub fn handover(&self, id: &str) -> Result<&Handover, Failure> {
        self.handovers.iter().find(|handover| handover.id == id).ok_or_else(|| {
            let known: Vec<String> = self.handovers.iter().map(|handover| format!("`{}`", handover.id)).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            Failure::invalid_input(format!("there is no handover `{id}`; there is {known}"))
        })
    }

    /// A text with facts in place of their names in braces; what is no fact stays as it is written.
    pub fn filled(&self, text: &str) -> String {
        filled(text, |name| match name {
            "name" => Some(self.name.clone()),
            name => self.facts.get(name).cloned(),
        })
    }
}

/// A text with what `value` gives in place of names in braces.
pub fn filled(text: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        match after.split_once('}').and_then(|(name, after)| Some((value(name)?, after))) {
            Some((value, after)) => {
                out.push_str(&value);
                rest = after;
            }
            None => {
                out.push('{');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}
