//! Answering in the agent's own words what is said to it in a session.
//!
//! An agent whose `#[agent]` block has a method marked `#[converse]` answers messages by it; for any other the
//! host finds out which skill is meant. With a method marked `#[suggest]` it says besides what could be said
//! next.
//!
//! ```
//! use troupe_sdk::conversation::{About, Answer, Message, Suggestion};
//! use troupe_sdk::prelude::*;
//!
//! #[derive(Default)]
//! struct Porter;
//!
//! #[troupe_sdk::agent]
//! impl Porter {
//!     /// Opens a door.
//!     #[skill(effect = "write")]
//!     fn open(&self, door: Door) -> Result<String, Failure> {
//!         Ok(format!("door {} is open", door.number))
//!     }
//!
//!     #[converse]
//!     fn talk(&self, message: Message) -> Result<Answer, Failure> {
//!         let number = message.text.split_whitespace().find_map(|word| word.parse().ok());
//!         match number {
//!             Some(number) => Answer::text("Shall I open it?").proposing("open", &Door { number }),
//!             None => Ok(Answer::text("Which door?").asking("number", "the door to open")),
//!         }
//!     }
//!
//!     #[suggest]
//!     fn hints(&self, about: About) -> Result<Vec<Suggestion>, Failure> {
//!         Ok(if about.history.is_empty() { vec![Suggestion::new("open 7")] } else { Vec::new() })
//!     }
//! }
//!
//! #[derive(Serialize, Deserialize, JsonSchema)]
//! struct Door {
//!     number: u32,
//! }
//!
//! use troupe_sdk::test;
//! let answer = test::converse::<Porter>(&Message::text("the third, 3"))?;
//! assert_eq!(answer.proposal.unwrap().skill, "open");
//! # Ok::<(), Failure>(())
//! ```

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Failure, Problem};

/// What is said to the agent, and what surrounds it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// The words, which may be empty beside `input`.
    #[serde(default)]
    pub text: String,
    /// Values that came with them.
    #[serde(default)]
    pub input: Map<String, Value>,
    /// What surrounds it.
    #[serde(flatten)]
    pub about: About,
}

/// What surrounds a message: told by the host, never by who speaks.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// What is known of the session's user.
    #[serde(default)]
    pub user: Map<String, Value>,
    /// What the session is about.
    #[serde(default)]
    pub context: Map<String, Value>,
    /// What was said before, oldest first: as much as there is room for.
    #[serde(default)]
    pub history: Vec<Turn>,
}

/// A message before, with its reply.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Turn {
    /// Its number in the session.
    #[serde(default)]
    pub number: u64,
    /// Its words.
    #[serde(default)]
    pub text: String,
    /// Values that came with them.
    #[serde(default)]
    pub input: Map<String, Value>,
    /// What was replied.
    #[serde(default)]
    pub reply: Option<Reply>,
}

/// What was replied to a message before.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// What kind it was: `answer`, `asks` and `proposal` are the agent's own words, `result` is what a skill has
    /// answered, `failed` is what came to nothing.
    #[serde(default)]
    pub kind: String,
    /// What was said, for people.
    #[serde(default)]
    pub text: String,
    /// The skill that it was about.
    #[serde(default)]
    pub skill: Option<String>,
    /// The input of a skill that was proposed.
    #[serde(default)]
    pub input: Option<Value>,
    /// What the skill answered, or the agent for programs.
    #[serde(default)]
    pub output: Option<Value>,
}

/// What the agent answers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// What there is to say, for people.
    pub text: String,
    /// The same for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// What is to be known to go on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub questions: Vec<Question>,
    /// A skill of the agent to run with an input once somebody confirms it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposal: Option<Proposal>,
    /// What could be said next.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suggestions: Vec<Suggestion>,
    /// A merge patch (RFC 7396) of what the session is about.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub context: Map<String, Value>,
}

/// Something that the agent wants to know.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// What it calls it.
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its type in words of JSON Schema, such as `string`.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// What it may be, where there is a choice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<Value>,
}

/// A skill of the agent to run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Proposal {
    /// The skill.
    pub skill: String,
    /// Its input, which satisfies its schema.
    pub input: Value,
}

/// Something that could be said next.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suggestion {
    /// The words to send.
    pub text: String,
    /// Why, in one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl Message {
    /// A message that is its words alone, for tests.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// What was replied last, if something was.
    pub fn last_reply(&self) -> Option<&Reply> {
        self.about.history.last().and_then(|turn| turn.reply.as_ref())
    }
}

impl Answer {
    /// An answer that is its text alone.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// Says the same for programs.
    ///
    /// # Errors
    ///
    /// [`Failure::Failed`] if it cannot be written as JSON.
    pub fn with(mut self, output: &impl Serialize) -> Result<Self, Failure> {
        self.output = Some(serde_json::to_value(output)?);
        Ok(self)
    }

    /// Asks for something, to go on with the next message.
    #[must_use]
    pub fn asking(mut self, name: impl Into<String>, description: impl Into<String>) -> Self {
        let description = Some(description.into());
        self.questions.push(Question { name: name.into(), description, ..Question::default() });
        self
    }

    /// Proposes to run a skill of the agent.
    ///
    /// # Errors
    ///
    /// [`Failure::Failed`] if the input cannot be written as JSON.
    pub fn proposing(mut self, skill: impl Into<String>, input: &impl Serialize) -> Result<Self, Failure> {
        self.proposal = Some(Proposal { skill: skill.into(), input: serde_json::to_value(input)? });
        Ok(self)
    }

    /// Suggests what could be said next.
    #[must_use]
    pub fn suggesting(mut self, text: impl Into<String>) -> Self {
        self.suggestions.push(Suggestion::new(text));
        self
    }

    /// Changes one field of what the session is about; null takes it away.
    #[must_use]
    pub fn noting(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.context.insert(name.into(), value.into());
        self
    }
}

impl Suggestion {
    /// Words that could be said next.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), why: None }
    }

    /// Says why.
    #[must_use]
    pub fn because(mut self, why: impl Into<String>) -> Self {
        self.why = Some(why.into());
        self
    }
}

/// Reads a document of the host's.
pub(crate) fn read<T: DeserializeOwned>(text: &str) -> Result<T, Failure> {
    serde_json::from_str(text).map_err(|error| Failure::InvalidInput(Problem::new(error)))
}
