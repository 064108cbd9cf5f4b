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
use troupe_core::view::{
    ArmCounts, Judgement, RehearsalProgress, RehearsalSummary, SwapOutcome, SwapPhase, SwapState, SwapView,
};
use troupe_core::{Clock as _, Error, Result, SystemClock, Timestamp, limits};

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
    // Time goes on also while nothing is told.
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            _ = ticks.tick() => {
                bar.set_message(seen(&swap, SystemClock.now()));
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
        bar.set_message(seen(&swap, SystemClock.now()));
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

/// How much time there is, and how the rehearsal or the releases do, in a line. What matters most is
/// first, since a terminal cuts off the rest.
pub(super) fn seen(swap: &SwapView, now: Timestamp) -> String {
    let state = &swap.state;
    let does = match (&state.progress, state.ahead, &state.judgement) {
        (Some(RehearsalProgress { done, of, different }), ..) => {
            format!("{done} of {of} repeated, {different} different")
        }
        (_, Some(ahead), _) => format!("waits for its turn to be compiled; {ahead} before it"),
        (.., Some(judgement)) => compared(judgement, swap.policy.judge.alpha),
        _ => String::new(),
    };
    let left = left(swap, now).map(|left| match left.as_secs() {
        seconds @ 0..120 => format!("{seconds} s left"),
        seconds => format!("{} min left", seconds / 60),
    });
    [left, Some(does).filter(|does| !does.is_empty())].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// How two releases compare, and how far the test is that is furthest from calling one worse.
fn compared(judgement: &Judgement, alpha: f64) -> String {
    let arm = |name: &str, arm: &ArmCounts| {
        let (ms, mib) = (arm.latency_us_max.div_ceil(1_000), arm.memory_bytes_max.div_ceil(1 << 20));
        format!(
            "{name} {} calls, {} failed, {} denied, {ms} ms and {mib} MiB at most",
            arm.calls, arm.failed, arm.denied
        )
    };
    // It is worse from four divided by alpha on; in between the logarithm tells how far it is.
    let far = |likelier: f64| (likelier.ln() / (4.0 / alpha).ln() * 100.0).clamp(0.0, 100.0);
    let tests = judgement.tests.iter().map(|(name, evidence)| (name, far(evidence.likelier)));
    let furthest = tests.filter(|(_, far)| *far >= 1.0).max_by(|(_, one), (_, other)| one.total_cmp(other));
    let evidence = match furthest {
        Some((name, far)) => format!("the test of {name} is at {far:.0} % of calling it worse"),
        None => "no test speaks against it".to_owned(),
    };
    format!("{evidence}; {}; {}", arm("new", &judgement.new), arm("old", &judgement.old))
}

/// What is left of the longest that a step may last.
fn left(swap: &SwapView, now: Timestamp) -> Option<Duration> {
    let (state, policy) = (&swap.state, &swap.policy);
    let most = match state.phase {
        // An operator decides, or it waits for others.
        _ if state.held || state.ahead.is_some() => return None,
        SwapPhase::Verifying | SwapPhase::Warming => limits::SWAP_STEP_TIME_MAX,
        SwapPhase::Rehearsing => Duration::from_secs(policy.rehearse?.max_seconds).min(limits::REHEARSAL_TIME_MAX),
        SwapPhase::Migrating => limits::SWAP_MIGRATION_TIME_MAX,
        SwapPhase::Canary => Duration::from_secs(policy.canary.as_ref()?.max_seconds),
        SwapPhase::Watching => Duration::from_secs(policy.watch.as_ref()?.seconds),
        SwapPhase::AwaitingApproval | SwapPhase::Draining | SwapPhase::Parked | SwapPhase::Ended => return None,
    };
    Some(most.saturating_sub(now.since(state.since)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn canary(likelier: f64) -> SwapView {
        let arm = |calls: u64, mib: u64| {
            json!({
                "calls": calls, "failed": 2, "denied": 0, "latency_us_max": 1_500, "memory_bytes_max": mib << 20,
            })
        };
        let test = json!({ "old_calls": 0, "old_bad": 0, "new_calls": 0, "new_bad": 0, "likelier": likelier });
        let judgement = json!({ "old": arm(70, 3), "new": arm(30, 4), "tests": { "errors": test } });
        let time = "2026-01-02T03:04:05.000Z";
        let swap = json!({
            "id": "0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b", "agent": "echo", "to": "2.0.0", "by": "owner",
            "state": { "phase": "canary", "since": time, "weight": 30, "judgement": judgement },
            "policy": { "canary": { "steps": [{ "weight": 30 }], "max_seconds": 600 } },
            "started_at": time, "changed_at": time,
        });
        serde_json::from_value(swap).unwrap()
    }

    #[test]
    fn a_line_says_how_the_releases_do_how_far_the_test_is_and_what_time_is_left() {
        let swap = canary(20.0);
        let at = |seconds: u64| swap.state.since.plus(Duration::from_secs(seconds));
        insta::assert_snapshot!(seen(&swap, at(60)), @"9 min left; the test of errors is at 50 % of calling it worse; new 30 calls, 2 failed, 0 denied, 2 ms and 4 MiB at most; old 70 calls, 2 failed, 0 denied, 2 ms and 3 MiB at most");
        assert!(seen(&swap, at(590)).starts_with("10 s left; ") && seen(&swap, at(900)).starts_with("0 s left; "));
        assert!(seen(&canary(1.0), at(0)).contains("no test speaks against it"));
        let mut held = swap.clone();
        held.state.held = true;
        assert!(!seen(&held, at(0)).contains("left"));
    }
}
