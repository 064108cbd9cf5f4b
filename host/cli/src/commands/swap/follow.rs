//! Following a swap: a line for each state, and on a terminal one that shows how the releases
//! do.

use std::io::IsTerminal as _;
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use console::Term;
use futures::StreamExt as _;
use indicatif::{ProgressBar, ProgressStyle};
use owo_colors::OwoColorize as _;
use tokio::signal::unix::{SignalKind, signal};
use troupe_core::view::{RehearsalSummary, SwapOutcome, SwapPhase, SwapState, SwapView};
use troupe_core::{Clock as _, Error, Result, SystemClock};

use super::seen;
use crate::args::Args;
use crate::client::{Client, segment};
use crate::output;

/// Columns of a terminal that stand before the changing line: something that turns, and a space.
const BESIDE_COLUMNS: usize = 2;

/// How far a swap is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// It is known what comes of it.
    Decided,
    /// The release that no longer serves has drained, and nothing needs it.
    Ended,
    /// The same, of a swap by which the release before serves again.
    Back,
}

impl Until {
    fn is_reached(self, state: &SwapState) -> bool {
        match self {
            Self::Decided => state.outcome.is_some(),
            Self::Ended | Self::Back => state.phase == SwapPhase::Ended,
        }
    }

    /// Whether what came of a swap is what was asked for.
    fn is_good(self, state: &SwapState) -> bool {
        match self {
            Self::Decided | Self::Ended => state.outcome == Some(SwapOutcome::Promoted),
            Self::Back => state.outcome.is_some(),
        }
    }
}

/// Follows a swap as far as is said, and prints it then. Ctrl-C leaves it going.
pub(super) async fn run(args: &Args, client: &Client, swap: SwapView, until: Until) -> Result<ExitCode> {
    let mut interrupts = signal(SignalKind::interrupt()).map_err(Error::internal)?;
    let (agent, id) = (swap.agent.clone(), swap.id);
    let followed = tokio::select! {
        followed = follow(args.json, client, swap, until) => followed,
        _ = interrupts.recv() => {
            output::note(&format!(
                "the swap goes on; `troupe swaps {agent} {id} --follow` shows it, `troupe swaps {agent} {id} --abort` ends it"
            ));
            return Ok(ExitCode::from(output::INTERRUPTED));
        }
    };
    let swap = followed.map_err(|error| {
        error.context(format!("lost sight of swap {id}, which goes on; `troupe swaps {agent} {id} --follow` shows it"))
    })?;
    output::answer(args.json, &swap, |swap| {
        let release = format!("{agent}@{}", swap.to);
        match swap.state.outcome {
            Some(_) if until == Until::Back => super::serves(swap),
            Some(SwapOutcome::Promoted) => {
                let epoch = swap.epoch.map(|epoch| format!("; epoch {epoch}")).unwrap_or_default();
                format!("{release} serves{epoch}")
            }
            _ => format!("{release} does not serve: {}", end(&swap.state)),
        }
    })?;
    Ok(if until.is_good(&swap.state) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn follow(json: bool, client: &Client, mut swap: SwapView, until: Until) -> Result<SwapView> {
    let bar = bar(json);
    let say = |line: &str| {
        if !json {
            bar.suspend(|| output::note(line));
        }
    };
    let path = format!("/api/v1/deployments/{}/swaps/{}", segment(&swap.agent), swap.id);
    let events_path = format!("{path}/events");
    let mut events = pin!(client.follow(&events_path, say));
    let (mut told, mut is_rehearsed, mut is_decided) = (None, false, false);
    // Time goes on also while nothing is told.
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            _ = ticks.tick() => {
                bar.set_message(seen::within(&swap, SystemClock.now(), columns()));
                continue;
            }
        };
        let Some(event) = event else { break };
        let event = event?;
        if event.name != "swap" {
            continue;
        }
        swap = serde_json::from_str(&event.data).map_err(Error::internal)?;
        let state = &swap.state;
        if !is_rehearsed && let Some(rehearsal) = &state.rehearsal {
            is_rehearsed = true;
            say(&format!("{:>12} {}", "", tried(rehearsal)));
        }
        let now = (state.phase, state.weight, state.held);
        if told.replace(now) != Some(now) {
            say(&line(&swap, is_decided));
        }
        is_decided = state.outcome.is_some();
        bar.set_message(seen::within(&swap, SystemClock.now(), columns()));
        if until.is_reached(state) {
            bar.finish_and_clear();
            return Ok(swap);
        }
    }
    bar.finish_and_clear();
    // All was told before, to whoever read its last event.
    client.get(&path).await
}

/// How wide the changing line may be.
fn columns() -> usize {
    let (_, columns) = Term::stderr().size();
    usize::from(columns).saturating_sub(BESIDE_COLUMNS)
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

/// A state as a line; what came of the swap may be known from the line before.
fn line(swap: &SwapView, is_decided: bool) -> String {
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
        SwapPhase::Draining => match (&state.reason, &swap.from) {
            (None, Some(from)) => format!("{}; calls on {}@{from} come to their ends", end(state), swap.agent),
            _ => end(state),
        },
        SwapPhase::Parked => "only suspended tasks need the other release".to_owned(),
        SwapPhase::Ended if is_decided => "the swap is over".to_owned(),
        SwapPhase::Ended => end(state),
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
