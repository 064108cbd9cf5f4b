//! The evidence of a watch: the candidate has all calls, and what it is held against is what was
//! seen of the old release until then.
//!
//! Of the old release `n` calls are known, of which `x` count against it. Its true share is at most
//!
//! ```text
//!    u = the largest u ≥ x/n with  n × KL(x/n ‖ u) ≤ ln(1/δ)
//! ```
//!
//! but for a probability of δ (Chernoff; for x = 0 this is the exact bound). A candidate that is no
//! worse has a share of at most u too, so with any supposed share b > u each of its calls
//! multiplies the evidence by `b/u` if it counts and by `(1-b)/(1-u)` if not, of which the
//! expectation is at most 1. Two counts say all of the old release, so they are kept with the
//! swap's row and last for as many calls as come.
//!
//! A release can become worse at any time, and evidence that good calls have used up would be slow
//! to see it. So the evidence is a sum over the seconds in which it may have begun: a part of
//! `1/((k+1)(k+2))` of it begins in second k of the watch, and all parts together are 1. A sum of
//! such parts is evidence as a whole is.
//!
//! A host that dies loses the parts that have begun. They count for nothing from then on, and those
//! of later seconds, which nobody has used yet, begin as they would have. So a restart needs no more
//! than to know when the watch began, adds nothing to how likely a false alarm is, and costs some
//! more calls until a bad release is found.

use std::time::Duration;

use troupe_core::view::Evidence;

use super::{SHARE_MIN, STEPS, likelier, sum_of_logs, to_f64};

/// The logarithm of nothing, since a document holds no infinity.
const NOTHING: f64 = -1e9;

/// The seconds of a watch whose parts of the evidence have begun, or are lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub(super) struct Spent(u64);

impl Spent {
    /// A watch that begins.
    pub(super) const FIRST: Self = Self(1);

    /// A watch that went on for so long when the host stopped.
    pub(super) const fn until(lasted: Duration) -> Self {
        Self(lasted.as_secs() + 1)
    }

    /// What has not begun.
    fn left(self) -> f64 {
        1.0 / to_f64(self.0 + 1)
    }

    /// What begins meanwhile.
    fn begins(self, then: Self) -> f64 {
        to_f64(then.0.saturating_sub(self.0)) / (to_f64(self.0 + 1) * to_f64(then.0 + 1))
    }
}

/// Evidence of which nothing is known but how the old release did.
pub(super) fn begun(evidence: &mut Evidence, spent: Spent) {
    let first = if spent == Spent::FIRST { Spent(0).begins(spent).ln() } else { NOTHING };
    (evidence.old_calls, evidence.old_bad) = (evidence.usual_calls, evidence.usual_bad);
    (evidence.new_calls, evidence.new_bad) = (0, 0);
    evidence.logs = vec![first; STEPS.len()];
    evidence.likelier = likelier(evidence, spent.left());
}

/// Has the parts of the seconds until `then` begin.
pub(super) fn passed(evidence: &mut Evidence, spent: Spent, then: Spent) {
    let begins = spent.begins(then).ln();
    for log in &mut evidence.logs {
        *log = sum_of_logs(*log, begins);
    }
    evidence.likelier = likelier(evidence, then.left());
}

/// Takes a call of the candidate, whose old release has a share of at most `most`.
pub(super) fn took(evidence: &mut Evidence, most: f64, is_bad: bool, spent: Spent) {
    for (log, step) in evidence.logs.iter_mut().zip(STEPS) {
        let b = most + step * (1.0 - most);
        *log += if is_bad { (b / most).ln() } else { ((1.0 - b) / (1.0 - most)).ln() };
    }
    evidence.new_calls += 1;
    evidence.new_bad += u64::from(is_bad);
    evidence.likelier = likelier(evidence, spent.left());
}

/// What the share of the old release is at most, but for a probability of `delta`; nothing if too
/// little is known of it.
pub(super) fn share_max(evidence: &Evidence, delta: f64) -> Option<f64> {
    let calls = to_f64(evidence.usual_calls);
    if calls == 0.0 {
        return None;
    }
    let share = to_f64(evidence.usual_bad) / calls;
    let far = (1.0 / delta).ln() / calls;
    let (mut low, mut high) = (share, 1.0);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if divergence(share, middle) <= far { low = middle } else { high = middle }
    }
    Some(high.max(SHARE_MIN)).filter(|most| *most <= 1.0 - SHARE_MIN)
}

/// How far the share `of` is from `to`, which is greater (Kullback and Leibler).
fn divergence(of: f64, to: f64) -> f64 {
    let part = |of: f64, to: f64| if of > 0.0 { of * (of / to).ln() } else { 0.0 };
    part(of, to) + part(1.0 - of, 1.0 - to)
}

#[cfg(test)]
#[path = "before_tests.rs"]
mod tests;
