//! `troupe replay`: a task once more, from its journal, with no effect, on the release that it
//! ran on or on another.

use std::process::ExitCode;

use troupe_core::Result;
use troupe_core::view::{AnsweredFrom, CostChange, Difference, Repeated, ReplayCall, ReplayRequest, ReplayView};

use crate::args::{Args, Replay};
use crate::client::{Client, segment};
use crate::human::table;
use crate::output;

/// Differences of the outputs that a person is shown; the rest is in `--json`.
const DIFFERENCES_SHOWN: usize = 20;

/// Exit status 1 says that something differs.
pub(crate) async fn run(args: &Args, command: &Replay) -> Result<ExitCode> {
    let path = format!("/api/v1/tasks/{}/replay", segment(&command.task));
    let request = ReplayRequest { release: command.release.clone() };
    let replay: ReplayView = Client::new(args)?.post(&path, &request).await?;
    output::answer(args.json, &replay, text)?;
    Ok(if replay.identical { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn text(replay: &ReplayView) -> String {
    let (ended, then) = (replay.recorded.status.as_str(), &replay.release.version);
    let on = match &replay.candidate {
        None => format!("on {then}"),
        Some(candidate) => format!("on {then} then and on {} now", candidate.version),
    };
    let mut text = match &replay.difference {
        None => format!("identical: {} calls, {ended}, {on}\n", replay.calls.len()),
        Some(difference) => format!("different: {difference}; {on}\n"),
    };
    for part in
        [differences(&replay.differences), calls(&replay.calls), replay.cost.as_ref().map(cost).unwrap_or_default()]
    {
        if !part.is_empty() {
            text.push_str(&format!("\n{part}"));
        }
    }
    text.trim_end().to_owned()
}

fn differences(differences: &[Difference]) -> String {
    if differences.is_empty() {
        return String::new();
    }
    let value = |value: &Option<serde_json::Value>| value.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
    let row = |difference: &Difference| {
        let path = if difference.path.is_empty() { "(all)".to_owned() } else { difference.path.clone() };
        vec![path, value(&difference.recorded), value(&difference.replayed)]
    };
    let rows: Vec<Vec<String>> = differences.iter().take(DIFFERENCES_SHOWN).map(row).collect();
    let mut text = table(&["output at", "then", "now"], &rows);
    if let more @ 1.. = differences.len().saturating_sub(DIFFERENCES_SHOWN) {
        text.push_str(&format!("and {more} more\n"));
    }
    text
}

fn calls(calls: &[ReplayCall]) -> String {
    if calls.is_empty() {
        return String::new();
    }
    let row = |call: &ReplayCall| {
        let (recorded, is_new) = (&call.recorded, call.repeated == Repeated::New);
        let answer = recorded.answer.clone().filter(|_| !is_new).unwrap_or_else(|| "-".to_owned());
        vec![
            if is_new { "-".to_owned() } else { recorded.number.to_string() },
            recorded.call.clone(),
            answer,
            now(call),
        ]
    };
    table(&["call", "what", "answer then", "now"], &calls.iter().map(row).collect::<Vec<_>>())
}

fn now(call: &ReplayCall) -> String {
    let word = match call.repeated {
        Repeated::Same => "same",
        Repeated::Other => "another",
        Repeated::Missing => "missing",
        Repeated::Changed => "changed",
        Repeated::New => "new",
    };
    let from = match call.answered_from {
        Some(AnsweredFrom::Picture) => Some("answered from what the state was"),
        Some(AnsweredFrom::Seed) => Some("made anew from the seed"),
        Some(AnsweredFrom::Grants) => Some("not granted"),
        Some(AnsweredFrom::Nothing) => Some("not performed"),
        Some(AnsweredFrom::Record) | None => None,
    };
    let details: Vec<&str> = call.change.as_deref().into_iter().chain(from).collect();
    if details.is_empty() { word.to_owned() } else { format!("{word}: {}", details.join("; ")) }
}

fn cost(cost: &CostChange) -> String {
    let then = |of: fn(&troupe_core::view::Cost) -> u64| {
        cost.recorded.as_ref().map_or_else(|| "-".to_owned(), |cost| of(cost).to_string())
    };
    let row = |name: &str, of: fn(&troupe_core::view::Cost) -> u64| {
        vec![name.to_owned(), then(of), of(&cost.candidate).to_string()]
    };
    let rows = [
        row("host calls", |cost| cost.host_calls),
        row("requests", |cost| cost.http_requests),
        row("bytes sent", |cost| cost.http_bytes_sent),
        row("bytes received", |cost| cost.http_bytes_received),
        row("memory, bytes", |cost| cost.memory_bytes_peak),
        row("processor time, us", |cost| cost.compute_us),
        row("time, ms", |cost| cost.time_ms),
    ];
    table(&["what it took", "then", "now"], &rows)
}
