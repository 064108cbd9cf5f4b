//! What the code written by `#[agent]` calls. Not for authors: it changes with the macro.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
pub use serde_json::{Value, json};

use crate::{Failure, Problem};

/// The version of the profile document.
const PROFILE: u32 = 1;

/// Nothing: an object without fields.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoInput {}

/// Makes the profile document.
pub fn profile(
    summary: &str,
    goals: &[&str],
    triggers: Vec<Value>,
    skills: Vec<Value>,
    configuration: Option<Value>,
) -> Value {
    let mut profile =
        json!({ "profile": PROFILE, "summary": summary, "goals": goals, "skills": skills, "triggers": triggers });
    if let (Value::Object(fields), Some(schema)) = (&mut profile, configuration) {
        fields.insert("configuration".to_owned(), schema);
    }
    profile
}

/// Adds to a profile that the agent has a conversation of its own.
pub fn conversing(mut profile: Value, effect: &str) -> Value {
    if let Value::Object(fields) = &mut profile {
        fields.insert("conversation".to_owned(), json!({ "effect": effect }));
    }
    profile
}

/// Makes the description of one skill.
pub fn skill(name: &str, description: &str, effect: &str, input: Value, output: Value) -> Value {
    json!({ "name": name, "description": description, "effect": effect, "input": input, "output": output })
}

/// Returns the JSON Schema (2020-12) of what `T` can be read from.
pub fn input_schema<T: DeserializeOwned + JsonSchema>() -> Value {
    SchemaSettings::draft2020_12().for_deserialize().into_generator().into_root_schema_for::<T>().to_value()
}

/// Returns the JSON Schema (2020-12) of what `T` is written as.
pub fn output_schema<T: Serialize + JsonSchema>() -> Value {
    SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>().to_value()
}

/// Reads the input, performs the skill and writes its output.
pub fn call<I, O, E>(input: &str, skill: impl FnOnce(I) -> Result<O, E>) -> Result<String, Failure>
where
    I: DeserializeOwned,
    O: Serialize,
    E: Into<Failure>,
{
    let input = read(input).map_err(Failure::InvalidInput)?;
    let output = skill(input).map_err(Into::into)?;
    Ok(serde_json::to_string(&output)?)
}

/// Reads a JSON document. The problem names the place that does not fit, both in its
/// sentence and as the detail `path`.
pub fn read<T: DeserializeOwned>(text: &str) -> Result<T, Problem> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let message = match path.as_str() {
            "." => error.inner().to_string(),
            _ => format!("`{path}`: {}", error.inner()),
        };
        Problem { message, details: Some(json!({ "path": path })) }
    })?;
    reader.end().map_err(Problem::new)?;
    Ok(value)
}
