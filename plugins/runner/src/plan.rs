//! A plan as it is given.

use serde_json::Value;
use troupe_sdk::prelude::*;

/// Most steps of a plan.
pub const STEPS_MAX: usize = 100;

/// Steps over other agents.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The steps, at most 100.
    pub steps: Vec<Step>,
    /// In which order they are done.
    #[serde(default)]
    pub order: Order,
    /// Whether it is only told what would be done.
    #[serde(default = "yes")]
    pub dry_run: bool,
    /// Whether it goes on after a step that failed, without what depends on it.
    #[serde(default)]
    pub keep_going: bool,
}

/// In which order the steps of a plan are done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// As they are listed, each after the one before.
    #[default]
    Listed,
    /// In waves: a step is in the first wave after all that it is `after` or takes something `from`. Those of one
    /// wave are done at once, and the next begins when all of them have ended.
    Dependencies,
}

/// One skill that an agent is asked for.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// What the plan calls it, once.
    pub id: String,
    /// The agent.
    pub agent: String,
    /// The skill.
    pub skill: String,
    /// The input; an object without fields when absent.
    #[serde(default = "nothing")]
    pub input: Value,
    /// What of the input is taken from outputs of other steps.
    #[serde(default)]
    pub from: Vec<Wire>,
    /// Steps that are done before, besides those that something is taken from.
    #[serde(default)]
    pub after: Vec<String>,
    /// How long it may take, in milliseconds; as long as its agent says when absent.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
}

/// A value that goes from the output of a step into the input of another.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wire {
    /// The step whose output it is of.
    pub step: String,
    /// Where it stands there, a JSON Pointer; the whole output when absent.
    #[serde(default)]
    pub pointer: String,
    /// Where it goes, a JSON Pointer into the input.
    pub to: String,
}

fn yes() -> bool {
    true
}

fn nothing() -> Value {
    Value::Object(serde_json::Map::new())
}

impl Step {
    /// The steps that it needs, as the plan says.
    pub fn needs(&self) -> impl Iterator<Item = &str> {
        self.after.iter().map(String::as_str).chain(self.from.iter().map(|wire| wire.step.as_str()))
    }
}
