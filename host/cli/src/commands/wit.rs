//! `troupe wit`: the contract, or a component's, as text.

use std::path::Path;
use std::process::ExitCode;

use serde_json::json;
use troupe_core::{Code, Error, Result};
use wit_component::{DecodedWasm, WitPrinter};
use wit_parser::{PackageId, Resolve};

use crate::args::{Args, Wit};
use crate::output;

/// The contract this host was built with.
const CONTRACT: [(&str, &str); 18] = [
    ("agent.wit", include_str!("../../../../wit/agent.wit")),
    ("types.wit", include_str!("../../../../wit/types.wit")),
    ("skills.wit", include_str!("../../../../wit/skills.wit")),
    ("invocation.wit", include_str!("../../../../wit/invocation.wit")),
    ("log.wit", include_str!("../../../../wit/log.wit")),
    ("progress.wit", include_str!("../../../../wit/progress.wit")),
    ("secrets.wit", include_str!("../../../../wit/secrets.wit")),
    ("state.wit", include_str!("../../../../wit/state.wit")),
    ("instance-state.wit", include_str!("../../../../wit/instance-state.wit")),
    ("files.wit", include_str!("../../../../wit/files.wit")),
    ("locks.wit", include_str!("../../../../wit/locks.wit")),
    ("agents.wit", include_str!("../../../../wit/agents.wit")),
    ("approvals.wit", include_str!("../../../../wit/approvals.wit")),
    ("events.wit", include_str!("../../../../wit/events.wit")),
    ("artifacts.wit", include_str!("../../../../wit/artifacts.wit")),
    ("poll.wit", include_str!("../../../../wit/poll.wit")),
    ("conversation.wit", include_str!("../../../../wit/conversation.wit")),
    ("lifecycle.wit", include_str!("../../../../wit/lifecycle.wit")),
];

pub(crate) fn run(args: &Args, command: &Wit) -> Result<ExitCode> {
    let text = match &command.component {
        None => contract(),
        Some(path) => component(path)?,
    };
    output::answer(args.json, &json!({ "wit": text }), |_| text.clone())?;
    Ok(ExitCode::SUCCESS)
}

/// Our package in one document: the package clause and the worlds first, then each
/// interface as its file has it.
fn contract() -> String {
    CONTRACT.map(|(_, text)| text.trim_end()).join("\n\n")
}

fn component(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).map_err(|error| {
        let message = format!("`{}` cannot be read ({})", path.display(), error.kind());
        Error::new(Code::ArtifactMalformed, message).with_cause(error)
    })?;
    let malformed = |cause: String| {
        let message = format!("`{}` is not a component", path.display());
        Error::new(Code::ArtifactMalformed, message).with_cause(cause)
    };
    let decoded = wit_component::decode(&bytes).map_err(|error| malformed(error.to_string()))?;
    let (resolve, package) = match &decoded {
        DecodedWasm::Component(resolve, _) | DecodedWasm::WitPackage(resolve, _) => (resolve, decoded.package()),
    };
    print(resolve, package).map_err(malformed)
}

fn print(resolve: &Resolve, package: PackageId) -> std::result::Result<String, String> {
    let others: Vec<PackageId> = resolve.packages.iter().map(|(id, _)| id).filter(|id| *id != package).collect();
    let mut printer = WitPrinter::default();
    printer.print(resolve, package, &others).map_err(|error| error.to_string())?;
    Ok(printer.output.to_string())
}
