//! How often the test is wrong, and how soon it is right: by simulation, from fixed seeds.

use super::*;
use crate::swap::seeded::Random;

/// Runs of each simulation.
pub(super) const RUNS: u64 = 400;
/// Calls of the candidate in one run.
const CALLS: u64 = 1_200;

/// What calls of a release are like.
#[derive(Clone, Copy)]
pub(super) struct Release {
    pub(super) errors: f64,
    pub(super) denied: f64,
    pub(super) latency: f64,
    pub(super) memory: u64,
}

pub(super) const USUAL: Release = Release { errors: 0.005, denied: 0.0, latency: 1.0, memory: 2 << 20 };

impl Release {
    /// A call, whose latency is log-uniform over a factor of 20.
    pub(super) fn call(&self, random: &mut Random) -> Observation {
        Observation {
            failed: (random.share() < self.errors).then_some(Code::GuestFailed),
            denied: random.share() < self.denied,
            latency_us: times(1_000, self.latency * 20f64.powf(random.share())),
            memory_bytes: self.memory + (random.next() & 0xFFFF),
        }
    }

    pub(super) fn calls(&self, count: u64, random: &mut Random) -> Vec<Observation> {
        (0..count).map(|_| self.call(random)).collect()
    }
}

/// After how many of the candidate's calls it was found worse, if it was.
fn found(old: Release, new: Release, weight: f64, seed: u64) -> Option<u64> {
    let mut random = Random(seed);
    let mut judge = Judge::new(&SwapPolicy::default(), None);
    judge.before(&old.calls(200, &mut random));
    let mut calls = 0;
    while calls < CALLS {
        if random.share() >= weight {
            judge.old(old.call(&mut random));
            continue;
        }
        judge.new_call(new.call(&mut random));
        calls += 1;
        if judge.worse().is_some() {
            return Some(calls);
        }
    }
    None
}

/// How many of the runs found it worse, and the median of the calls that took.
fn of_runs(old: Release, new: Release, weight: f64) -> (u64, u64) {
    let mut found: Vec<u64> = (0..RUNS).filter_map(|run| self::found(old, new, weight, run * 7_919 + 1)).collect();
    found.sort_unstable();
    (found.len() as u64, found.get(found.len() / 2).copied().unwrap_or(0))
}

#[test]
fn a_release_that_is_the_same_is_found_worse_in_less_than_one_run_of_a_hundred() {
    for errors in [0.0, 0.005, 0.05, 0.3] {
        for weight in [0.1, 0.5] {
            let same = Release { errors, denied: errors / 2.0, ..USUAL };
            let (worse, _) = of_runs(same, same, weight);
            println!("A/A, errors {errors}, weight {weight}: {worse} of {RUNS}");
            assert!(worse <= RUNS / 100, "{worse}");
        }
    }
}

#[test]
fn a_release_that_is_better_is_never_found_worse() {
    let better = Release { errors: 0.0, denied: 0.0, latency: 0.5, memory: 1 << 20 };
    assert_eq!(of_runs(Release { errors: 0.1, denied: 0.1, ..USUAL }, better, 0.25).0, 0);
}

#[test]
fn what_is_worse_is_found() {
    let never = Release { errors: 0.0, ..USUAL };
    let cases = [
        ("2 % fail", Release { errors: 0.02, ..never }, 600),
        ("always fails", Release { errors: 1.0, ..never }, 10),
        ("3 x slower", Release { latency: 3.0, ..never }, 60),
        ("3 x memory", Release { memory: 6 << 20, ..never }, 10),
        ("5 % denied", Release { denied: 0.05, ..never }, 400),
    ];
    for (what, new, most) in cases {
        for weight in [0.05, 0.5] {
            let (worse, median) = of_runs(never, new, weight);
            println!("{what}, weight {weight}: {worse} of {RUNS}, after {median} calls");
            assert!(worse >= RUNS * 95 / 100, "{what}: {worse}");
            assert!(median <= most, "{what}: {median}");
        }
    }
}

#[test]
fn a_few_calls_decide_nothing() {
    let mut random = Random(3);
    let mut judge = Judge::new(&SwapPolicy::default(), None);
    judge.before(&USUAL.calls(50, &mut random));
    for _ in 0..20 {
        judge.old(Release { errors: 0.0, ..USUAL }.call(&mut random));
    }
    let bad = Observation { failed: Some(Code::GuestTrap), ..USUAL.call(&mut random) };
    judge.new_call(bad);
    assert_eq!(judge.worse(), None);
    let judgement = judge.judgement();
    assert_eq!((judgement.new.calls, judgement.new.failures["guest.trap"]), (1, 1));
}

#[test]
fn a_judge_goes_on_from_what_was_known() {
    let (mut random, new) = (Random(5), Release { errors: 0.5, ..USUAL });
    let mut whole = Judge::new(&SwapPolicy::default(), None);
    whole.before(&USUAL.calls(50, &mut random));
    let calls: Vec<_> = (0..40).map(|_| (USUAL.call(&mut random), new.call(&mut random))).collect();
    let mut parts = whole.clone();
    for (number, (old, new)) in calls.iter().enumerate() {
        if number == 17 {
            let kept = serde_json::to_string(&parts.judgement()).unwrap();
            parts = Judge::new(&SwapPolicy::default(), Some(&serde_json::from_str(&kept).unwrap()));
        }
        for judge in [&mut whole, &mut parts] {
            judge.old(*old);
            judge.new_call(*new);
        }
    }
    assert_eq!(whole.judgement(), parts.judgement());
    assert!(whole.worse().is_some());
    let message = whole.worse().unwrap().message;
    assert!(message.contains("of its calls failed, of the release before"), "{message}");
    assert!(message.contains("guest.failed"), "{message}");
}
