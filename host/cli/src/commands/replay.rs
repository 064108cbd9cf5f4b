//! `troupe replay`: a task once more, from its journal, with no effect.

use std::process::ExitCode;

use troupe_core::Result;
use troupe_core::view::{Repeated, ReplayView};

use crate::args::{Args, Replay};
use crate::client::{Client, segment};
use crate::human::table;
use crate::output;

/// Exit status 1 says that something differs.
pub(crate) async fn run(args: &Args, command: &Replay) -> Result<ExitCode> {
    let path = format!("/api/v1/tasks/{}/replay", segment(&command.task));
    let replay: ReplayView = Client::new(args)?.post(&path, &()).await?;
    output::answer(args.json, &replay, text)?;
    Ok(if replay.identical { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn text(replay: &ReplayView) -> String {
    let ended = replay.recorded.status.as_str();
    let mut text = match &replay.difference {
        None => format!("identical: {} calls, {ended}, on {}", replay.calls.len(), replay.release.version),
        Some(difference) => format!("different: {difference}"),
    };
    if replay.calls.is_empty() {
        return text;
    }
    let repeated = |repeated: Repeated| match repeated {
        Repeated::Same => "same",
        Repeated::Other => "another",
        Repeated::Missing => "missing",
    };
    let rows: Vec<Vec<String>> = replay
        .calls
        .iter()
        .map(|call| {
            let recorded = &call.recorded;
            let answer = recorded.answer.clone().unwrap_or_else(|| "-".to_owned());
            vec![recorded.number.to_string(), recorded.call.clone(), answer, repeated(call.repeated).to_owned()]
        })
        .collect();
    text.push_str("\n\n");
    text.push_str(&table(&["call", "what", "answer then", "now"], &rows));
    text
}
