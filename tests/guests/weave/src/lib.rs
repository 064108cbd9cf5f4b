//! Does a random mixture of everything an agent can do, and tells all that it saw. What is
//! random comes from the host, so that a repetition does the same and must see the same.

#[cfg(target_family = "wasm")]
mod keeping;
#[cfg(target_family = "wasm")]
mod steps;

use troupe_sdk::prelude::*;

#[derive(Default)]
struct Weave;

#[derive(Debug, Deserialize, JsonSchema)]
struct Asked {
    /// The service that answers requests.
    authority: String,
    /// How many steps to take.
    steps: u32,
    /// Whether the service is asked without TLS.
    #[serde(default)]
    plain: bool,
    /// Takes other steps than without.
    #[serde(default)]
    other: bool,
    /// Draws from all the steps there are, files, secrets and keys with an end among them;
    /// else from those of the first journals that are kept, which must stay as they are.
    #[serde(default)]
    all: bool,
    /// Takes steps with the keys of the instance, too, which the task has to be for.
    #[serde(default)]
    instance: bool,
    /// Takes steps with locks, besides all others.
    #[serde(default)]
    locks: bool,
}

#[troupe_sdk::agent]
impl Weave {
    /// Takes random steps and returns what each saw.
    #[skill(effect = "destructive")]
    fn weave(&self, input: Asked) -> Result<Vec<String>, Failure> {
        Ok(weave(&input))
    }
}

#[cfg(target_family = "wasm")]
fn weave(input: &Asked) -> Vec<String> {
    steps::take(input)
}

#[cfg(not(target_family = "wasm"))]
fn weave(input: &Asked) -> Vec<String> {
    vec![format!("{input:?}")]
}
