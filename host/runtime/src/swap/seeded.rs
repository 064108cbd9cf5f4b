//! Randomness that can be had again, for simulations: SplitMix64 (Steele, Lea and Flood, *Fast
//! splittable pseudorandom number generators*, 2014).

use troupe_core::verdict::Verdict;
use troupe_core::view::{
    AffinityBy, CanaryPolicy, CanaryStep, DrainMode, DrainPolicy, OnFailure, RehearsalSummary, RehearsePolicy,
    SwapPolicy, Undecided, WatchPolicy,
};

#[derive(Debug, Clone)]
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `bound`.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// Whether one of `of` equal chances comes to pass.
    pub(super) fn one_in(&mut self, of: u64) -> bool {
        self.below(of) == 0
    }

    /// From 0 to 1.
    pub(super) fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// What a rehearsal found whose policy wants all of them the same, and at least one.
pub(super) fn rehearsed(total: u32, identical: u32) -> RehearsalSummary {
    let verdict = Verdict { passes: total > 0 && identical == total, reasons: vec!["it differs".to_owned()] };
    let changed = total - identical;
    RehearsalSummary { total, identical, changed, unmatched: 0, broken: 0, no_time: 0, verdict }
}

/// A policy of any kind.
pub(super) fn policy(random: &mut Random) -> SwapPolicy {
    let weights = [vec![5, 25, 50], vec![10], vec![1, 100], vec![50, 60, 70, 99]];
    let steps = weights[random.below(4) as usize].iter();
    let steps = steps.map(|weight| CanaryStep { weight: *weight, min_calls: 3, min_seconds: 10 }).collect();
    let undecided = if random.one_in(2) { Undecided::Stop } else { Undecided::GoOn };
    SwapPolicy {
        rehearse: random.one_in(4).then_some(RehearsePolicy::default()),
        canary: (!random.one_in(3)).then_some(CanaryPolicy { steps, by: AffinityBy::Task, max_seconds: 60, undecided }),
        watch: (!random.one_in(3)).then_some(WatchPolicy { seconds: 30 }),
        on_failure: if random.one_in(4) { OnFailure::Hold } else { OnFailure::Rollback },
        drain: Some(DrainPolicy {
            mode: if random.one_in(3) { DrainMode::Expire } else { DrainMode::Wait },
            seconds: 20,
        }),
        ..SwapPolicy::default()
    }
}
