//! Having another agent do what is asked for.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use troupe_sdk::agents;
use troupe_sdk::conversation::Message;
use troupe_sdk::prelude::*;

use crate::settings::{Handover, Taken, filled};

/// What another agent is to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HandoverInput {
    /// The handover of the configuration.
    pub handover: String,
    /// What of its input the conversation gave.
    #[serde(default)]
    pub input: Map<String, Value>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HandedOver {
    /// What there is to say.
    pub text: String,
    /// The agent that was asked.
    pub agent: String,
    /// The skill.
    pub skill: String,
    /// What it answered.
    pub output: Value,
}

/// The inputs that the conversation gives, and the first that is missing.
pub fn taken<'a>(
    handover: &'a Handover,
    known: Map<String, Value>,
    message: &Message,
    remembered: &BTreeMap<String, String>,
) -> (Map<String, Value>, Option<&'a Taken>) {
    let (mut input, mut missing) = (Map::new(), None);
    for taken in handover.takes.iter().filter(|taken| !handover.input.contains_key(&taken.name)) {
        let name = taken.name.as_str();
        let found = known.get(name).or_else(|| message.input.get(name)).or_else(|| message.about.context.get(name));
        let found = found.filter(|value| !value.is_null()).cloned();
        match found.or_else(|| remembered.get(name).map(|value| Value::from(value.as_str()))) {
            Some(value) => _ = input.insert(name.to_owned(), value),
            None => missing = missing.or(Some(taken)),
        }
    }
    (input, missing)
}

/// Asks the agent.
///
/// # Errors
///
/// What the agent ends with.
pub async fn perform(handover: &Handover, given: &Map<String, Value>) -> Result<HandedOver, Failure> {
    // What the configuration says of the input is not for the conversation to change.
    let mut input = handover.input.clone();
    for taken in &handover.takes {
        if let Some(value) = given.get(&taken.name) {
            input.entry(taken.name.as_str()).or_insert_with(|| value.clone());
        }
    }
    let output: Value = agents::ask(handover.agent.as_str(), handover.skill.as_str()).input(&input).answer().await?;
    let text = match &handover.answer {
        Some(answer) => filled(answer, |pointer| output.pointer(pointer).map(shown)),
        None => shown(&output),
    };
    Ok(HandedOver { text, agent: handover.agent.clone(), skill: handover.skill.clone(), output })
}

fn shown(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.chars().take(2_000).collect()
}
