//! Messages of a session, how their words were read, and what was replied.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{OwnSuggestion, RanOn, TaskFailure};
use crate::{Effect, InstanceId, ProposalId, SessionId, TaskId, Timestamp};

/// A message as it is sent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMessage {
    /// The words, at most 16 KiB; may be absent beside `input` and `confirm`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// To whom: an instance of the session by its id or name, or an agent by its name. When absent
    /// it goes to whom the last one went, or to the only instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Values for inputs of the skill that the words mean: at most 64 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Map<String, Value>>,
    /// The id of what the agent has just proposed: exactly that is run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm: Option<String>,
    /// The same key with the same message gives the same message, within the session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
}

/// Where a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MessageState {
    /// It waits until the one before, to the same agent, is answered.
    Waiting,
    /// A task answers it.
    Running,
    /// It has its reply.
    Answered,
}

impl MessageState {
    /// The word in documents and rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Answered => "answered",
        }
    }

    /// The state that `text` spells.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Waiting, Self::Running, Self::Answered].into_iter().find(|state| state.as_str() == text)
    }
}

/// What a word met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MetIn {
    /// The name of the skill.
    Name,
    /// Its description.
    Description,
    /// The name of a parameter.
    Parameter,
    /// The description of a parameter.
    ParameterDescription,
    /// A goal of the agent that shares words with the skill.
    Goal,
}

/// A word of a message that speaks for a skill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MatchedWord {
    /// The word as it was sent, in lower case.
    pub word: String,
    /// The word of the profile that it met: the same, or one of the same stem.
    pub met: String,
    /// Where that stands.
    pub met_in: MetIn,
    /// What it counts. A word that speaks for fewer skills counts more.
    pub points: u32,
}

/// A skill that a message may mean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SkillCandidate {
    /// The skill.
    pub skill: String,
    /// What it does, in one line.
    pub summary: String,
    /// How much it may change.
    pub effect: Effect,
    /// What the words count for it.
    pub score: u32,
}

/// From where a value was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TakenFrom {
    /// The message's `input`.
    Input,
    /// The words: `name=value`, a word of an enumeration, the one number, the one quoted text, or
    /// the answer to what was asked.
    Words,
    /// What an earlier message said of the same request.
    Before,
    /// The session's context.
    Context,
}

/// A value that was taken for a parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TakenValue {
    /// The parameter.
    pub name: String,
    /// From where.
    pub from: TakenFrom,
}

/// How the words of a message were read. No model reads them: the same words, profile and context
/// are read in the same way.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reading {
    /// The skill that is meant, if one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skill: Option<String>,
    /// What the words count for it.
    #[serde(default)]
    pub score: u32,
    /// The words that speak for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<MatchedWord>,
    /// The skill that comes next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runner_up: Option<SkillCandidate>,
    /// The values that were taken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<TakenValue>,
    /// Whether it goes on with what an earlier message asked for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub goes_on: bool,
}

/// What kind a reply is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReplyKind {
    /// A skill ran; `output` is what it answered.
    Result,
    /// The agent has answered in its own words.
    Answer,
    /// Inputs are missing, those in `missing`; the next message may give them.
    Asks,
    /// A skill that changes something, or that the agent itself proposes, would be run with `input`; the
    /// next message confirms that with the id in `proposal`.
    Proposal,
    /// Several skills may be meant, those in `candidates`.
    Candidates,
    /// None was found; `candidates` are what the agent can do.
    Abilities,
    /// It came to nothing; `failure` says why.
    Failed,
}

/// A parameter that has no value yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Missing {
    /// Its name.
    pub name: String,
    /// What it is for, where the profile says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its type in words of JSON Schema, such as `string`; `any` where the schema does not say.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it may be, where that is listed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<Value>,
}

/// The reply to a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Reply {
    /// What kind it is.
    pub kind: ReplyKind,
    /// What there is to say, for people.
    pub text: String,
    /// The skill that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skill: Option<String>,
    /// Of a proposal, the input that the skill is run with; of a question, what is known of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Map<String, Value>>,
    /// What is asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Missing>,
    /// The id by which a proposal is confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub proposal: Option<ProposalId>,
    /// How much a proposed skill may change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<Effect>,
    /// The skills to choose from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<SkillCandidate>,
    /// What the agent says could be said next.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suggestions: Vec<OwnSuggestion>,
    /// What the skill answered, or the agent for programs. One of more than 64 KiB is with its task alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// How long an output is that is left out, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_bytes: Option<u64>,
    /// Why it came to nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<TaskFailure>,
    /// The release that answered, or whose profile did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<RanOn>,
}

impl Reply {
    /// A reply that is its text alone.
    pub fn new(kind: ReplyKind, text: impl Into<String>) -> Self {
        Self {
            kind,
            text: text.into(),
            skill: None,
            input: None,
            missing: Vec::new(),
            proposal: None,
            effect: None,
            candidates: Vec::new(),
            suggestions: Vec::new(),
            output: None,
            output_bytes: None,
            failure: None,
            release: None,
        }
    }

    /// The reply of what came to nothing.
    pub fn failed(failure: TaskFailure) -> Self {
        Self { failure: Some(failure.clone()), ..Self::new(ReplyKind::Failed, failure.message) }
    }
}

/// A message as it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MessageView {
    /// The session.
    #[schema(value_type = String)]
    pub session: SessionId,
    /// Its number in the session, from 1.
    pub number: u64,
    /// Where it is.
    pub state: MessageState,
    /// What was sent.
    #[serde(flatten)]
    pub message: NewMessage,
    /// The agent that it is for.
    pub agent: String,
    /// The instance that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub instance: Option<InstanceId>,
    /// Who sent it.
    pub principal: String,
    /// How its words were read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reading: Option<Reading>,
    /// The task that answers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub task: Option<TaskId>,
    /// The reply, once answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<Reply>,
    /// When it was accepted.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub answered_at: Option<Timestamp>,
}
