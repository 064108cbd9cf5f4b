//! How often a canary and a watch together are wrong, and how soon a watch is right: by summing
//! where that can be done, else by simulation from fixed seeds.

use serde_json::json;
use troupe_core::view::{Judgement, SwapPolicy};

use super::super::tests::{RUNS, Release, USUAL};
use super::super::{Judge, Observation};
use super::*;
use crate::swap::seeded::Random;

/// Calls in a second.
const RATE: u64 = 20;
const NEVER: Release = Release { errors: 0.0, ..USUAL };

/// A swap by canary and watch.
#[derive(Clone, Copy)]
struct Swap {
    old: Release,
    /// The candidate in the canary, and at the beginning of the watch.
    new: Release,
    /// After how many calls of the watch it is another, and which.
    late: (u64, Release),
    /// Calls of the old release before the candidate has any.
    before: u64,
    weight: f64,
    /// Calls of the candidate in the canary and in the watch.
    calls: (u64, u64),
    /// One call in so many is followed by a restart of the host while it watches; 0 is never.
    restarts: u64,
    alpha: f64,
}

const SAME: Swap = Swap {
    old: USUAL,
    new: USUAL,
    late: (u64::MAX, USUAL),
    before: 200,
    weight: 0.5,
    calls: (50, 600),
    restarts: 0,
    alpha: 0.01,
};

impl Swap {
    fn policy(&self) -> SwapPolicy {
        let canary = json!({ "steps": [{ "weight": 50 }] });
        let judge = json!({ "alpha": self.alpha });
        serde_json::from_value(json!({ "canary": canary, "watch": { "seconds": 60 }, "judge": judge })).unwrap()
    }

    /// In which call of the canary, or of the watch, the candidate is found worse.
    fn found(&self, seed: u64) -> Option<Result<u64, u64>> {
        let (mut random, policy) = (Random(seed), self.policy());
        let mut judge = Judge::new(&policy, None);
        judge.before(&self.old.calls(self.before, &mut random));
        let mut calls = 0;
        while calls < self.calls.0 {
            if random.share() >= self.weight {
                judge.old(self.old.call(&mut random));
                continue;
            }
            judge.new_call(self.new.call(&mut random));
            calls += 1;
            if judge.worse().is_some() {
                return Some(Err(calls));
            }
        }
        let kept = serde_json::to_string(&judge.judgement()).unwrap();
        judge.watch();
        for call in 0..self.calls.1 {
            let lasted = Duration::from_secs(call / RATE);
            if self.restarts > 0 && random.one_in(self.restarts) {
                let kept: Judgement = serde_json::from_str(&kept).unwrap();
                judge = Judge::new(&policy, Some(&kept));
                judge.watch_again(lasted);
                // What is kept of it can be read again, whenever that is.
                let kept = serde_json::to_string(&judge.judgement()).unwrap();
                assert_eq!(serde_json::from_str::<Judgement>(&kept).unwrap(), judge.judgement());
            }
            let new = if call < self.late.0 { self.new } else { self.late.1 };
            judge.new_call(new.call(&mut random));
            if judge.worse().is_some() {
                return Some(Ok(call + 1));
            }
            judge.lasted(lasted);
        }
        None
    }

    /// How many of the runs found it worse, and the median of the watch's calls that took.
    fn runs(&self) -> (u64, u64) {
        let found: Vec<_> = (0..RUNS).filter_map(|run| self.found(run * 7_919 + 1)).collect();
        let mut watched: Vec<u64> = found.iter().filter_map(|found| found.ok()).collect();
        watched.sort_unstable();
        (found.len() as u64, watched.get(watched.len() / 2).copied().unwrap_or(0))
    }
}

#[test]
fn a_release_that_is_the_same_is_found_worse_by_both_steps_together_as_seldom_as_is_said() {
    for (alpha, most, errors, before, restarts) in [
        (0.01, RUNS / 100, 0.02, 200, 0),
        (0.01, RUNS / 100, 0.3, 60, 60),
        (0.2, RUNS / 5, 0.0, 40, 0),
        (0.2, RUNS / 5, 0.3, 60, 0),
        (0.2, RUNS / 5, 0.3, 60, 20),
    ] {
        let same = Release { errors, denied: errors / 2.0, ..USUAL };
        let (worse, _) = Swap { old: same, new: same, before, restarts, alpha, ..SAME }.runs();
        println!("A/A, errors {errors}, {before} before, restarts {restarts}, alpha {alpha}: {worse} of {RUNS}");
        assert!(worse <= most, "{worse}");
    }
}

#[test]
fn a_release_that_becomes_worse_while_it_is_watched_is_found() {
    let bad = |errors| Release { errors, ..NEVER };
    let found = |what: &str, swap: Swap, most: u64| {
        let swap = Swap { old: NEVER, new: NEVER, ..swap };
        let (worse, median) = swap.runs();
        let calls = median.saturating_sub(swap.late.0);
        println!("{what}: {worse} of {RUNS}, after {calls} calls");
        assert!(worse >= RUNS * 95 / 100, "{what}: {worse}");
        assert!(calls <= most, "{what}: {calls}");
    };
    let long = Swap { calls: (50, 6_000), ..SAME };
    found("a tenth fails", Swap { late: (0, bad(0.1)), ..SAME }, 300);
    found("a tenth fails, of a weight of 99 %", Swap { late: (0, bad(0.1)), weight: 0.99, ..SAME }, 300);
    found("a tenth fails after 4,000 good calls", Swap { late: (4_000, bad(0.1)), ..long }, 600);
    found("a tenth fails, with restarts", Swap { late: (0, bad(0.1)), restarts: 1_000, ..long }, 600);
    found("3 % fail", Swap { late: (0, bad(0.03)), before: 1_000, ..long }, 800);
    found("3 x slower", Swap { late: (0, Release { latency: 3.0, ..NEVER }), ..SAME }, 100);
    found("3 x memory", Swap { late: (0, Release { memory: 6 << 20, ..NEVER }), ..SAME }, 20);
    found("a tenth denied", Swap { late: (0, Release { denied: 0.1, ..NEVER }), ..SAME }, 300);
}

#[test]
fn of_a_release_of_which_too_little_is_known_nothing_is_said() {
    let mut judge = Judge::new(&SAME.policy(), None);
    judge.watch();
    let call = Observation { failed: Some(troupe_core::Code::GuestTrap), ..NEVER.call(&mut Random(1)) };
    (0..1_000).for_each(|_| judge.new_call(call));
    assert_eq!(judge.worse(), None);
}

fn known(calls: u64, bad: u64) -> Evidence {
    Evidence { usual_calls: calls, usual_bad: bad, ..Evidence::default() }
}

#[test]
fn a_share_is_above_what_it_is_said_to_be_at_most_as_seldom_as_is_said() {
    for delta in [0.001, 0.05] {
        for calls in [1_u64, 20, 300] {
            for share in (1..100).map(|percent| f64::from(percent) / 100.0) {
                // The chance of each count of bad calls, from that of none on.
                let mut chance = (1.0 - share).powf(to_f64(calls));
                let mut wrong = 0.0;
                for bad in 0..=calls {
                    if share_max(&known(calls, bad), delta).is_some_and(|most| most < share) {
                        wrong += chance;
                    }
                    chance *= to_f64(calls - bad) / to_f64(bad + 1) * share / (1.0 - share);
                }
                assert!(wrong <= delta, "{wrong} for {share} of {calls} calls");
            }
        }
    }
    assert_eq!(share_max(&known(0, 0), 0.01), None);
    assert_eq!(share_max(&known(5, 5), 0.01), None);
}

#[test]
fn a_call_of_a_release_that_is_no_worse_adds_no_evidence_on_average() {
    for most in [0.0001, 0.03, 0.5, 0.99] {
        let [good, bad] = [false, true].map(|is_bad| {
            let mut evidence = Evidence { logs: vec![0.0; STEPS.len()], ..Evidence::default() };
            took(&mut evidence, most, is_bad, Spent::FIRST);
            evidence.logs
        });
        for share in [0.0, most / 2.0, most] {
            for (good, bad) in good.iter().zip(&bad) {
                let mean = share * bad.exp() + (1.0 - share) * good.exp();
                assert!(mean <= 1.0 + 1e-9, "{mean}");
            }
        }
    }
}

#[test]
fn all_parts_of_the_evidence_are_one_whatever_begins_when_and_what_is_lost_is_not_used_again() {
    let mut evidence = known(100, 0);
    begun(&mut evidence, Spent::FIRST);
    assert!((evidence.likelier - 1.0).abs() < 1e-9, "{}", evidence.likelier);
    let mut spent = Spent::FIRST;
    for seconds in [1, 2, 30, 86_400, 7 * 86_400] {
        let then = Spent::until(Duration::from_secs(seconds));
        passed(&mut evidence, spent, then);
        spent = then;
        assert!((evidence.likelier - 1.0).abs() < 1e-9, "{seconds}: {}", evidence.likelier);
    }
    let mut again = known(100, 0);
    begun(&mut again, Spent::until(Duration::from_secs(9)));
    assert!((again.likelier - 1.0 / 11.0).abs() < 1e-9, "{}", again.likelier);
}
