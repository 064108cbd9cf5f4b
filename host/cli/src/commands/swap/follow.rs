//! Following a swap: a line for each state, and on a terminal one that shows how the releases
//! do.

use std::io::IsTerminal as _;
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use futures::StreamExt as _;
use indicatif::{ProgressBar, ProgressStyle};
use owo_colors::OwoColorize as _;
use tokio::signal::unix::{SignalKind, signal};
use troupe_core::view::{ArmCounts, RehearsalProgress, RehearsalSummary, SwapOutcome, SwapPhase, SwapState, SwapView};
use troupe_core::{Error, Result};

use crate::args::Args;
use crate::client::{Client, segment};
use crate::output;

/// Follows a swap to where it is decided, and prints it then. Ctrl-C leaves it going.
pub(super) async fn run(args: &Args, client: &Client, swap: SwapView) -> Result<ExitCode> {
    let mut interrupts = signal(SignalKind::interrupt()).map_err(Error::internal)?;
    let (agent, id) = (swap.agent.clone(), swap.id);
    let followed = tokio::select! {
        followed = decided(args.json, client, swap) => followed,
        _ = interrupts.recv() => {
            output::note(&format!(
                "the swap goes on; `troupe swaps {agent} {id} --follow` shows it, `troupe swaps {agent} {id} --abort` ends it"
            ));
            return Ok(ExitCode::from(output::INTERRUPTED));
        }
    };
    let swap = followed.map_err(|error| {
        error.context(format!("lost sight of swap {id}, which goes on; see `troupe swaps {agent} {id}`"))
    })?;
    output::answer(args.json, &swap, |swap| {
        let release = format!("{agent}@{}", swap.to);
        match swap.state.outcome {
            Some(SwapOutcome::Promoted) => {
                let epoch = swap.epoch.map(|epoch| format!("; epoch {epoch}")).unwrap_or_default();
                format!("{release} serves{epoch}")
            }
            _ => format!("{release} does not serve: {}", end(&swap.state)),
        }
    })?;
    let is_promoted = swap.state.outcome == Some(SwapOutcome::Promoted);
    Ok(if is_promoted { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn decided(json: bool, client: &Client, mut swap: SwapView) -> Result<SwapView> {
    let bar = bar(json);
    let path = format!("/api/v1/deployments/{}/swaps/{}", segment(&swap.agent), swap.id);
    let mut events = pin!(client.events(&format!("{path}/events")).await?);
    let (mut told, mut is_rehearsed) = (None, false);
    while let Some(event) = events.next().await {
        let event = event?;
        if event.name != "swap" {
            continue;
        }
        swap = serde_json::from_str(&event.data).map_err(Error::internal)?;
        let state = &swap.state;
        if !is_rehearsed
            && !json
            && let Some(rehearsal) = &state.rehearsal
        {
            is_rehearsed = true;
            let line = tried(rehearsal);
            bar.suspend(|| output::note(&format!("{:>12} {line}", "")));
        }
        let now = (state.phase, state.weight, state.held);
        if told.replace(now) != Some(now) && !json {
            let line = line(&swap);
            bar.suspend(|| output::note(&line));
        }
        bar.set_message(seen(state));
        if state.outcome.is_some() {
            bar.finish_and_clear();
            return Ok(swap);
        }
    }
    bar.finish_and_clear();
    // The stream ended before the swap, as when the host stops.
    client.get(&path).await
}

fn bar(json: bool) -> ProgressBar {
    if json || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

/// A state as a line.
fn line(swap: &SwapView) -> String {
    let state = &swap.state;
    let what = match state.phase {
        SwapPhase::Verifying => format!("checks {}@{}", swap.agent, swap.to),
        SwapPhase::AwaitingApproval => {
            let release = format!("{}@{}", swap.agent, swap.to);
            format!("waits for `troupe release approve {release}`; `troupe release diff {release}` shows of what")
        }
        SwapPhase::Rehearsing => "repeats recorded invocations on it".to_owned(),
        SwapPhase::Warming => "makes it ready".to_owned(),
        SwapPhase::Migrating => "brings state to its form".to_owned(),
        SwapPhase::Canary => format!("it has {} % of the calls", state.weight),
        SwapPhase::Watching => "it has all calls, and is watched".to_owned(),
        SwapPhase::Draining | SwapPhase::Parked | SwapPhase::Ended => end(state),
    };
    let held = match (&state.reason, state.held) {
        (Some(reason), true) => format!("; held, since {}; promote it or roll it back", reason.message),
        (None, true) => "; an operator decides what is next".to_owned(),
        _ => String::new(),
    };
    format!("{:>12} {what}{held}", state.phase.as_str().bold())
}

fn end(state: &SwapState) -> String {
    let outcome = state.outcome.map_or("undecided", SwapOutcome::as_str).replace('_', " ");
    match &state.reason {
        Some(reason) => format!("{outcome}, since {} [{}]", reason.message, reason.code),
        None => outcome,
    }
}

/// What the rehearsal found, in a line.
pub(super) fn tried(found: &RehearsalSummary) -> String {
    let RehearsalSummary { total, identical, changed, unmatched, broken, no_time, verdict } = found;
    let mut line = format!(
        "{identical} of {total} recorded invocations came out the same; {changed} otherwise, {broken} broke, {unmatched} \
         asked for something new"
    );
    if *no_time > 0 {
        line.push_str(&format!(", and there was no time for {no_time}"));
    }
    if *total == 0 {
        line = verdict.reasons.join("; ");
    }
    line
}

/// How the rehearsal or the releases do, in a line.
pub(super) fn seen(state: &SwapState) -> String {
    if let Some(RehearsalProgress { done, of, different }) = state.progress {
        return format!("{done} of {of} repeated, {different} different");
    }
    if let Some(ahead) = state.ahead {
        return format!("waits for its turn to be compiled; {ahead} before it");
    }
    let Some(judgement) = &state.judgement else { return String::new() };
    let arm = |name: &str, arm: &ArmCounts| {
        let ms = arm.latency_us_max.div_ceil(1_000);
        format!("{name} {} calls, {} failed, {} denied, {ms} ms at most", arm.calls, arm.failed, arm.denied)
    };
    format!("{}; {}", arm("new", &judgement.new), arm("old", &judgement.old))
}
