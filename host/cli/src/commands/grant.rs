//! `troupe grant`: both keys of a deployment.

mod text;

use std::path::Path;
use std::process::ExitCode;

use troupe_core::grant::GrantKey;
use troupe_core::view::{Authority, DiffRequest, ExplainRequest, Explanation, GrantChange, GrantsDiff, GrantsView};
use troupe_core::{Code, Error, Grants, Result, limits};
use troupe_package::Capabilities;

use crate::args::{Args, Explained, Grant, GrantVerb};
use crate::client::{Client, segment};
use crate::output;

pub(crate) async fn run(args: &Args, command: &Grant) -> Result<ExitCode> {
    let client = Client::new(args)?;
    match &command.verb {
        GrantVerb::Show(command) => {
            let view: GrantsView = client.get(&path(&command.agent)).await?;
            output::answer(args.json, &view, text::view)?;
        }
        GrantVerb::Add(command) => {
            let change = GrantChange {
                add: addresses(&command.lines)?,
                add_all: command.all,
                set: command.file.as_deref().map(read).transpose()?.unwrap_or_default(),
                epoch: command.epoch,
                ..GrantChange::default()
            };
            change_grants(args, &client, &command.agent, &change).await?;
        }
        GrantVerb::Remove(command) => {
            let mut change =
                GrantChange { remove: addresses(&command.lines)?, epoch: command.epoch, ..GrantChange::default() };
            if command.all {
                let view: GrantsView = client.get(&path(&command.agent)).await?;
                change.remove = view.granted.keys();
                // What somebody else grants meanwhile is not meant.
                change.epoch = change.epoch.or(Some(view.epoch));
            }
            change_grants(args, &client, &command.agent, &change).await?;
        }
        GrantVerb::Diff(command) => {
            let grants = command.file.as_deref().map(read).transpose()?;
            let request = DiffRequest { release: command.release.clone(), grants };
            let diff: GrantsDiff = client.post(&format!("{}/diff", path(&command.agent)), &request).await?;
            output::answer(args.json, &diff, |diff| text::diff(diff, command.release.as_ref()))?;
        }
        GrantVerb::Explain(command) => return explain(args, &client, command).await,
    }
    Ok(ExitCode::SUCCESS)
}

async fn change_grants(args: &Args, client: &Client, agent: &str, change: &GrantChange) -> Result<()> {
    let view: GrantsView = client.patch(&path(agent), change).await?;
    output::answer(args.json, &view, text::view)
}

async fn explain(args: &Args, client: &Client, command: &Explained) -> Result<ExitCode> {
    let path = format!("{}/explain", path(&command.agent));
    if command.question.is_empty() {
        let authority: Authority = client.get(&path).await?;
        output::answer(args.json, &authority, text::authority)?;
        return Ok(ExitCode::SUCCESS);
    }
    let request = ExplainRequest {
        question: command.question.join(" "),
        skill: command.skill.clone(),
        headers: command.header.iter().map(|header| split(header)).collect::<Result<_>>()?,
        body: command.body.clone(),
        credential: command.credential.clone(),
    };
    let explanation: Explanation = client.post(&path, &request).await?;
    output::answer(args.json, &explanation, text::explanation)?;
    Ok(if explanation.allowed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn path(agent: &str) -> String {
    format!("/api/v1/deployments/{}/grants", segment(agent))
}

fn addresses(lines: &[String]) -> Result<Vec<GrantKey>> {
    lines.iter().map(|line| line.parse()).collect()
}

fn split(header: &str) -> Result<(String, String)> {
    let message = || format!("`--header {header}` has no colon; write it as `NAME: VALUE`");
    let (name, value) = header.split_once(':').ok_or_else(|| Error::new(Code::RequestInvalid, message()))?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

/// Reads a file of grants: the document of the API, or the words of agent.toml.
fn read(path: &Path) -> Result<Grants> {
    let shown = path.display();
    let wrong = |why: &dyn std::fmt::Display| Error::new(Code::RequestInvalid, format!("`{shown}`: {why}"));
    let about = std::fs::metadata(path).map_err(|error| wrong(&error.kind()).with_cause(error))?;
    if about.len() > limits::MANIFEST_DOCUMENT_BYTES_MAX as u64 {
        let most = limits::bytes(limits::MANIFEST_DOCUMENT_BYTES_MAX as u64);
        return Err(wrong(&format!("it is larger than {most}, the most that a file of grants may have")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| wrong(&error.kind()).with_cause(error))?;
    if path.extension().is_some_and(|extension| extension == "json") {
        return serde_json::from_str(&text).map_err(|error| wrong(&error));
    }
    Capabilities::parse(&text)
        .map(|capabilities| capabilities.grants())
        .map_err(|error| error.context(format!("`{shown}`")))
}
