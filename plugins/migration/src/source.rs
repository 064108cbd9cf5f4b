//! Reading resources one by one, wherever they are told.
//!
//! What is read is one piece of a file, or what one agent answered, at a time, so an estate of a million resources
//! goes through a few megabytes. What an agent could not look at comes along as a problem.

use serde::Deserialize;
use serde_json::json;
use troupe_estate::collect::Part;
use troupe_estate::{Problem, Resource};
use troupe_sdk::prelude::*;

use crate::input::{Inventory, Origin};

/// The directory that the manifest asks for.
const DIRECTORY: &str = "inventories";

/// Bytes that are read of a file at once.
const PIECE_BYTES: u32 = 1024 * 1024;

/// Longest line of a file: a resource is a few kilobytes.
const LINE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Artefacts that a refusal names.
const NAMED_MAX: usize = 5;

/// What an inventory has beside much else. Resources that are too many for an answer are artefacts, which `parts`
/// names; `resources` is absent then, or empty.
#[derive(Debug, Deserialize)]
struct Answer {
    resources: Option<Vec<Resource>>,
    #[serde(default)]
    parts: Vec<Part>,
    #[serde(default, alias = "problems")]
    errors: Vec<Problem>,
}

/// Reads every resource, and gives what could not be looked at.
///
/// # Errors
///
/// [`Failure::InvalidInput`] if nothing is named, a file is not there or a line is no resource; what an agent
/// answers in place of its inventory; what `take` refuses.
pub async fn read(
    origin: Origin,
    take: &mut dyn FnMut(Resource) -> Result<(), Failure>,
) -> Result<Vec<Problem>, Failure> {
    if origin.resources.is_empty() && origin.inventories.is_empty() && origin.files.is_empty() {
        let message = "no resources are named: give `resources`, or name `inventories` or `files` that have them";
        return Err(Failure::invalid_input(message));
    }
    let mut problems = Vec::new();
    for resource in origin.resources {
        take(resource)?;
    }
    for inventory in &origin.inventories {
        let (resources, errors) = ask(inventory).await?;
        problems.extend(errors);
        for resource in resources {
            take(resource)?;
        }
    }
    for file in &origin.files {
        lines(file, take)?;
    }
    Ok(problems)
}

async fn ask(inventory: &Inventory) -> Result<(Vec<Resource>, Vec<Problem>), Failure> {
    let agent = inventory.cloud.name();
    progress::report(0.0, format!("asking {agent} what there is"));
    let task = agents::ask(agent, "inventory").input(&inventory.input).start()?;
    let answer: Answer = task.answer().await?;
    if !answer.parts.is_empty() {
        return Err(in_artefacts(agent, &task.id(), &answer.parts));
    }
    match answer.resources {
        Some(resources) => Ok((resources, answer.errors)),
        None => Err(Failure::failed(format!("the inventory of `{agent}` has neither `resources` nor `parts`"))
            .with("task", task.id())),
    }
}

/// An agent reads no artefacts of another's task: whoever may read the task puts them where this one reads files.
fn in_artefacts(agent: &str, task: &str, parts: &[Part]) -> Failure {
    let names: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
    let shown = names.iter().take(NAMED_MAX).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let more = names.len().saturating_sub(NAMED_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let message = format!(
        "the inventory of `{agent}` is too long for an answer: its {} resources are artefacts of the task `{task}`, \
         {shown}{more}; fetch each (`troupe tasks {task} --artifact NAME -o NAME`) into the directory `{DIRECTORY}` and \
         name them under `files` in place of the inventory, or ask for less of it by `input`",
        parts.iter().map(|part| part.entries).sum::<u64>(),
    );
    Failure::failed(message).with("code", "migration.in_artefacts").with("task", task).with("artefacts", json!(names))
}

/// Reads a file line by line.
fn lines(path: &str, take: &mut dyn FnMut(Resource) -> Result<(), Failure>) -> Result<(), Failure> {
    let directory = files::directory(DIRECTORY);
    let (mut offset, mut version, mut rest, mut line) = (0, None, Vec::new(), 0_u64);
    loop {
        let piece = directory.read_piece(path, offset, PIECE_BYTES)?.ok_or_else(|| {
            Failure::invalid_input(format!("there is no file `{path}` in the directory `{DIRECTORY}`"))
                .with("file", path)
        })?;
        if version.is_some_and(|version| version != piece.version) {
            return Err(Failure::unavailable(format!("the file `{path}` was replaced while it was read")));
        }
        version = Some(piece.version);
        offset += piece.bytes.len() as u64;
        let is_last = offset >= piece.size || piece.bytes.is_empty();
        rest.extend_from_slice(&piece.bytes);
        let whole =
            if is_last { rest.len() } else { rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1) };
        let after = rest.split_off(whole);
        for text in rest.split(|byte| *byte == b'\n') {
            line += 1;
            if text.trim_ascii().is_empty() {
                continue;
            }
            let resource = serde_json::from_slice(text).map_err(|error| {
                Failure::invalid_input(format!("line {line} of the file `{path}` is no resource: {error}"))
                    .with("file", path)
            })?;
            take(resource)?;
        }
        // The text after the last line's end is the beginning of a line that was counted already.
        line = line.saturating_sub(1);
        if is_last {
            return Ok(());
        }
        if after.len() > LINE_BYTES_MAX {
            let message = format!("line {} of the file `{path}` is longer than {LINE_BYTES_MAX} bytes", line + 1);
            return Err(Failure::invalid_input(message).with("file", path));
        }
        rest = after;
    }
}
