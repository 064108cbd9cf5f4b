//! Following a group to its end: each step as it begins and ends, and how far its tasks are.

use std::collections::HashMap;
use std::io::IsTerminal as _;
use std::pin::pin;

use futures::StreamExt as _;
use indicatif::ProgressBar;
use owo_colors::OwoColorize as _;
use troupe_core::view::{GroupReport, GroupView, Progress, StepStatus, StepView};
use troupe_core::{Error, Result, StepName};

use super::of;
use crate::client::Client;
use crate::commands::run::{bar, show};
use crate::human::escaped;
use crate::output;

/// What was said of each step: its status, and how much of it was undone.
type Said = HashMap<StepName, (StepStatus, Vec<StepStatus>)>;

/// Follows a group, and returns it as it ended, with its outputs.
pub(super) async fn to_its_end(json: bool, client: &Client, group: GroupView) -> Result<GroupView> {
    let bar = if json { ProgressBar::hidden() } else { bar() };
    let say = |line: &str| {
        if !json {
            bar.suspend(|| output::note(line));
        }
    };
    let path = of(&group.summary.id.to_string());
    let events_path = format!("{path}/events");
    let mut events = pin!(client.follow(&events_path, say));
    let mut said = Said::new();
    while let Some(event) = events.next().await {
        let event = event?;
        match event.name.as_str() {
            "group" => {
                let group: GroupView = serde_json::from_str(&event.data).map_err(Error::internal)?;
                group.all_steps().into_iter().flat_map(|step| news(step, &mut said)).for_each(|line| say(&line));
                set(&bar, &group);
                if group.summary.status.is_final() {
                    break;
                }
            }
            "progress" if !json => {
                let report: GroupReport = serde_json::from_str(&event.data).map_err(Error::internal)?;
                let message = format!("{}: {}", report.member.step, escaped(&report.progress.message));
                match std::io::stderr().is_terminal() {
                    true => bar.set_message(message),
                    false => show(&bar, Progress { message, ..report.progress }),
                }
            }
            _ => {}
        }
    }
    bar.finish_and_clear();
    client.get(&path).await
}

fn set(bar: &ProgressBar, group: &GroupView) {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a fraction is between 0 and 1")]
    bar.set_position((group.summary.progress.fraction.clamp(0.0, 1.0) * 1000.0) as u64);
    let running: Vec<&str> = group
        .all_steps()
        .into_iter()
        .filter(|step| step.status.is_under_way())
        .map(|step| step.name.as_str())
        .collect();
    bar.set_message(running.join(", "));
}

/// What is to be said of a step that was not said before.
fn news(step: &StepView, said: &mut Said) -> Vec<String> {
    let (before, undone) = said.entry(step.name.clone()).or_insert((StepStatus::Waiting, Vec::new()));
    let mut lines = Vec::new();
    if std::mem::replace(before, step.status) != step.status {
        let many = step.items.map(|items| format!(" ({} of {})", items.completed, items.all)).unwrap_or_default();
        let failure = step.failure.as_ref().filter(|_| step.status.is_final());
        let why =
            failure.map(|failure| format!(": {} [{}]", escaped(&failure.message), failure.code)).unwrap_or_default();
        lines.push(line(step.status.as_str(), &format!("{}{many}{why}", step.name)));
    }
    undone.resize(step.compensations.len(), StepStatus::Waiting);
    for (before, undo) in undone.iter_mut().zip(&step.compensations) {
        if std::mem::replace(before, undo.status) == undo.status {
            continue;
        }
        let item = step.items.map(|_| format!(" item {}", undo.item)).unwrap_or_default();
        let (word, why) = match (undo.status, &undo.failure) {
            (StepStatus::Completed, _) => ("undone", String::new()),
            (StepStatus::Failed, Some(failure)) => {
                ("not undone", format!(": {} [{}]", escaped(&failure.message), failure.code))
            }
            _ => ("undoing", String::new()),
        };
        lines.push(line(word, &format!("{}{item}{why}", step.name)));
    }
    lines
}

fn line(word: &str, rest: &str) -> String {
    format!("{:>12} {rest}", word.bold())
}
