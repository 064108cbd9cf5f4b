//! Where an estate is told: by agents that are asked for their inventory, and in files.
//!
//! What is read of a file is one entry at a time, however many there are. What an agent could not look at comes along
//! as a problem, and what it did look at as an area.

mod entries;
mod pieces;

use serde_json::{Value, json};
use troupe_estate::collect::Part;
use troupe_estate::{Area, Problem, Resource};
use troupe_sdk::agents::{AskError, Child};
use troupe_sdk::prelude::*;

use crate::Cloud;

pub use entries::{Listed, read};

/// Artefacts that a refusal names.
const NAMED_MAX: usize = 5;

/// An agent that is asked for what there is.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Inventory {
    /// The cloud, which is the agent's name.
    pub cloud: Cloud,
    /// What its skill `inventory` is given.
    #[serde(default = "nothing")]
    pub input: Value,
}

fn nothing() -> Value {
    Value::Object(serde_json::Map::new())
}

/// Where an agent reads files, in the words of its manifest and of its callers.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// The agent, which is also the first word of its codes.
    pub agent: &'static str,
    /// The directory that its manifest asks for.
    pub directory: &'static str,
    /// The field of its input that names files there.
    pub field: &'static str,
}

/// What an inventory says beside its resources.
#[derive(Debug, Default)]
pub struct Beside {
    /// What it could not look at.
    pub problems: Vec<Problem>,
    /// What it looked at, where it says so.
    pub areas: Vec<Area>,
}

impl Beside {
    /// Takes what another one says, too.
    pub fn extend(&mut self, other: Self) {
        self.problems.extend(other.problems);
        self.areas.extend(other.areas);
    }
}

/// What an inventory has beside much else. Resources that are too many for an answer are artefacts, which `parts`
/// names; `resources` is absent then, or empty.
#[derive(Debug, Deserialize)]
struct Answer {
    resources: Option<Vec<Resource>>,
    #[serde(default)]
    parts: Vec<Part>,
    #[serde(default, alias = "problems")]
    errors: Vec<Problem>,
    #[serde(default)]
    areas: Vec<Area>,
}

/// Asks agents for their inventories, all of them at once, and takes what they answer in turn. `place` is where whoever
/// asks may put one that is too long for an answer.
///
/// # Errors
///
/// What an agent answers in place of its inventory; [`Failure::Denied`], with the line to grant, if one may not be
/// asked; [`Failure::Failed`] with the code `AGENT.in_artefacts` if resources are in artefacts; what `take` refuses.
pub async fn ask(
    inventories: &[Inventory],
    place: Place,
    take: &mut dyn FnMut(Resource) -> Result<(), Failure>,
) -> Result<Beside, Failure> {
    let tasks = inventories.iter().map(|inventory| start(inventory, place)).collect::<Result<Vec<_>, _>>()?;
    let mut beside = Beside::default();
    for (inventory, task) in inventories.iter().zip(tasks) {
        beside.extend(answered(inventory.cloud.name(), &task, place, take).await?);
    }
    Ok(beside)
}

fn start(inventory: &Inventory, place: Place) -> Result<Child, Failure> {
    let agent = inventory.cloud.name();
    progress::report(0.0, format!("asking {agent} what there is"));
    agents::ask(agent, "inventory").input(&inventory.input).start().map_err(|error| match error {
        AskError::Refused(CapabilityError::Denied(problem)) => {
            place.not_granted(&problem.message, &format!("agents/{agent}/inventory"))
        }
        error => error.into(),
    })
}

async fn answered(
    agent: &str,
    task: &Child,
    place: Place,
    take: &mut dyn FnMut(Resource) -> Result<(), Failure>,
) -> Result<Beside, Failure> {
    let answer: Answer = task.answer().await?;
    if !answer.parts.is_empty() {
        return Err(in_artefacts(agent, place, &task.id(), &answer.parts));
    }
    let Some(resources) = answer.resources else {
        let message = format!("the inventory of `{agent}` has neither `resources` nor `parts`");
        return Err(Failure::failed(message).with("task", task.id()));
    };
    resources.into_iter().try_for_each(take)?;
    Ok(Beside { problems: answer.errors, areas: answer.areas })
}

/// An agent reads no artefacts of another's task: whoever may read the task puts them where this one reads files.
fn in_artefacts(agent: &str, place: Place, task: &str, parts: &[Part]) -> Failure {
    let names: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
    let shown = names.iter().take(NAMED_MAX).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let more = names.len().saturating_sub(NAMED_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let Place { agent: asking, directory, field } = place;
    let message = format!(
        "the inventory of `{agent}` is too long for an answer: its {} resources are artefacts of the task `{task}`, \
         {shown}{more}; fetch each (`troupe tasks {task} --artifact NAME -o {task}/NAME`) into a directory of its own in \
         `{directory}` and name them under `{field}` in place of the inventory, or ask for less of it by `input`",
        parts.iter().map(|part| part.entries).sum::<u64>(),
    );
    let code = format!("{asking}.in_artefacts");
    Failure::failed(message).with("code", code).with("task", task).with("artefacts", json!(names))
}

impl Place {
    /// What an error of the directory means for whoever named a path there.
    pub fn refused(self, path: &str, error: CapabilityError) -> Failure {
        match error {
            CapabilityError::Denied(problem) if problem.code() == Some("denied.path") => {
                Failure::invalid_input(problem.message).with("code", "denied.path").with("file", path)
            }
            CapabilityError::Denied(problem) => {
                self.not_granted(&problem.message, &format!("files/{}", self.directory)).with("file", path)
            }
            CapabilityError::Invalid(problem) => Failure::InvalidInput(problem).with("file", path),
            error => error.into(),
        }
    }

    /// What is not there.
    pub fn absent(self, path: &str) -> Failure {
        let message = format!("there is no file `{path}` in the directory `{}`", self.directory);
        Failure::invalid_input(message).with("file", path)
    }

    fn not_granted(self, said: &str, line: &str) -> Failure {
        let agent = self.agent;
        let message = format!("{said}; `troupe grant add {agent} {line}` grants it");
        Failure::denied(message).with("code", format!("{agent}.not_granted")).with("grant", line)
    }
}
