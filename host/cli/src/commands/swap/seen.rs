//! How much time a swap has, and how its rehearsal or its releases do, in a line: whole where there is
//! room, and on a terminal within its columns.

use std::time::Duration;

use troupe_core::view::{ArmCounts, Judgement, RehearsalProgress, SwapPhase, SwapView};
use troupe_core::{Timestamp, limits};

/// The whole line; empty if nothing is to be said. What matters most is first.
pub(super) fn whole(swap: &SwapView, now: Timestamp) -> String {
    let state = &swap.state;
    let does = match (&state.progress, state.ahead, &state.judgement) {
        (Some(RehearsalProgress { done, of, different }), ..) => {
            format!("{done} of {of} repeated, {different} different")
        }
        (_, Some(ahead), _) => format!("waits for its turn to be compiled; {ahead} before it"),
        (.., Some(judgement)) => compared(judgement, swap.policy.judge.alpha),
        _ => String::new(),
    };
    let left = left(swap, now).map(|left| format!("{} left", time(left)));
    [left, Some(does).filter(|does| !does.is_empty())].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// The line for a terminal that has so many columns for it. Where the whole one is longer it says in
/// fewer words how the releases compare, and leaves out what matters least.
pub(super) fn within(swap: &SwapView, now: Timestamp, columns: usize) -> String {
    let (whole, state) = (whole(swap, now), &swap.state);
    match &state.judgement {
        Some(judgement) if state.progress.is_none() && state.ahead.is_none() && whole.chars().count() > columns => {
            let left = left(swap, now).map(|left| format!("{}; ", time(left))).unwrap_or_default();
            format!("{left}{}", compared_within(judgement, swap.policy.judge.alpha, columns.saturating_sub(left.len())))
        }
        _ => whole,
    }
}

fn time(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds => format!("{} min", seconds / 60),
    }
}

/// How two releases compare, and how far the test is that is furthest from calling one worse.
fn compared(judgement: &Judgement, alpha: f64) -> String {
    let arm = |name: &str, arm: &ArmCounts| {
        format!(
            "{name} {} calls, {} failed, {} denied, {} ms and {} MiB at most",
            arm.calls,
            arm.failed,
            arm.denied,
            ms(arm),
            mib(arm)
        )
    };
    let evidence = match furthest(judgement, alpha) {
        Some((name, far)) => format!("the test of {name} is at {far:.0} % of calling it worse"),
        None => "no test speaks against it".to_owned(),
    };
    format!("{evidence}; {}; {}", arm("new", &judgement.new), arm("old", &judgement.old))
}

/// The same in few words: of each figure that of the new release and that of the old, as many of
/// them as there is room for.
fn compared_within(judgement: &Judgement, alpha: f64, columns: usize) -> String {
    let Judgement { new, old, .. } = judgement;
    let mut line = match furthest(judgement, alpha) {
        Some((name, far)) => format!("{name} {far:.0} % to worse"),
        None => "not worse so far".to_owned(),
    };
    let pair = |of: fn(&ArmCounts) -> u64| format!("{}/{}", rounded(of(new)), rounded(of(old)));
    line.push_str(&format!("; new/old {} calls", pair(|arm| arm.calls)));
    let mut figures = vec![format!(", {} failed", pair(|arm| arm.failed))];
    if new.denied + old.denied > 0 {
        figures.push(format!(", {} denied", pair(|arm| arm.denied)));
    }
    figures.extend([format!(", {} ms", pair(ms)), format!(", {} MiB", pair(mib))]);
    for figure in figures {
        if line.len() + figure.len() > columns {
            break;
        }
        line.push_str(&figure);
    }
    line
}

/// The test that is furthest from calling the new release worse, and how far that is, in percent.
fn furthest(judgement: &Judgement, alpha: f64) -> Option<(&str, f64)> {
    // It is worse from four divided by alpha on; in between the logarithm tells how far it is.
    let far = |likelier: f64| (likelier.ln() / (4.0 / alpha).ln() * 100.0).clamp(0.0, 100.0);
    let tests = judgement.tests.iter().map(|(name, evidence)| (name.as_str(), far(evidence.likelier)));
    tests.filter(|(_, far)| *far >= 1.0).max_by(|(_, one), (_, other)| one.total_cmp(other))
}

fn ms(arm: &ArmCounts) -> u64 {
    arm.latency_us_max.div_ceil(1_000)
}

fn mib(arm: &ArmCounts) -> u64 {
    arm.memory_bytes_max.div_ceil(1 << 20)
}

/// A number in four digits at most, and what they count.
fn rounded(number: u64) -> String {
    match number {
        0..10_000 => number.to_string(),
        10_000..10_000_000 => format!("{}k", number / 1_000),
        _ => format!("{}M", number / 1_000_000),
    }
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
        SwapPhase::Draining => {
            let most = policy.drain.as_ref().map_or(limits::DRAIN_TIME_MAX, |drain| Duration::from_secs(drain.seconds));
            return Some(most.saturating_sub(now.since(state.draining_since.unwrap_or(state.since))));
        }
        SwapPhase::AwaitingApproval | SwapPhase::Parked | SwapPhase::Ended => return None,
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
        insta::assert_snapshot!(whole(&swap, at(60)), @"9 min left; the test of errors is at 50 % of calling it worse; new 30 calls, 2 failed, 0 denied, 2 ms and 4 MiB at most; old 70 calls, 2 failed, 0 denied, 2 ms and 3 MiB at most");
        assert!(whole(&swap, at(590)).starts_with("10 s left; ") && whole(&swap, at(900)).starts_with("0 s left; "));
        assert!(whole(&canary(1.0), at(0)).contains("no test speaks against it"));
        let mut held = swap.clone();
        held.state.held = true;
        assert!(!whole(&held, at(0)).contains("left"));
    }

    #[test]
    fn a_line_of_eighty_columns_says_the_essential_of_both_releases() {
        let at = |swap: &SwapView| swap.state.since.plus(Duration::from_secs(60));
        let swap = canary(20.0);
        let fits = within(&swap, at(&swap), 78);
        insta::assert_snapshot!(fits, @"9 min; errors 50 % to worse; new/old 30/70 calls, 2/2 failed, 2/2 ms, 4/3 MiB");
        assert_eq!(within(&swap, at(&swap), 218), whole(&swap, at(&swap)));

        let mut busy = swap.clone();
        let judgement = busy.state.judgement.as_mut().unwrap();
        for arm in [&mut judgement.new, &mut judgement.old] {
            (arm.calls, arm.failed, arm.denied, arm.latency_us_max) = (12_345_678, 9_999, 123_456, 59_999_000);
        }
        let line = within(&busy, at(&busy), 78);
        insta::assert_snapshot!(line, @"9 min; errors 50 % to worse; new/old 12M/12M calls, 9999/9999 failed");
        for columns in 70..200 {
            assert!(within(&busy, at(&busy), columns).len() <= columns, "{columns}");
        }
        assert!(within(&canary(1.0), at(&swap), 78).starts_with("9 min; not worse so far; new/old 30/70 calls, "));
    }

    #[test]
    fn a_drain_has_its_own_time() {
        let mut swap = canary(1.0);
        (swap.state.phase, swap.state.draining_since) = (SwapPhase::Draining, Some(swap.state.since));
        assert!(whole(&swap, swap.state.since.plus(Duration::from_secs(20))).starts_with("10 s left; "));
    }
}
