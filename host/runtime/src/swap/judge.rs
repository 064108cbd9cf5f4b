//! Whether a candidate is worse than the release that serves: a sequential test, which may be
//! looked at after every call and says `worse` of a candidate that is not with a probability
//! of at most the policy's `alpha`, however often it is looked at.
//!
//! What is compared is always a share of calls: those that failed; those in which a capability
//! was denied; those that took longer, or needed more memory, than a multiple of what 95 of
//! 100 calls of the old release take. The multiple is fixed from calls that are not compared
//! afterwards.
//!
//! For each of the four there is an e-process for two samples of Bernoulli trials (Turner, Ly
//! and Grünwald, *Generic E-variables for exact sequential k-sample tests that allow for
//! optional stopping*, arXiv 2106.02693, 2021; the reading of such tests at any time is
//! that of Johari, Pekelis and Walsh, *Always valid inference*, arXiv 1512.04922, 2015). Calls are
//! taken in blocks of n old ones and one new one. With `a` and `b` the shares that are
//! supposed for old and new, b > a, and `m = (n a + b) / (n + 1)`, a block multiplies the
//! evidence by
//!
//! ```text
//!    Π (a/m if an old call counts, else (1-a)/(1-m))  ×  (b/m if the new one does, else (1-b)/(1-m))
//! ```
//!
//! Its expectation is at most 1 whenever the new share is at most the old one: of equal shares
//! by the inequality of the means, and a factor of an old call falls, and that of a new one
//! rises, with its true share. So by Ville's inequality the evidence reaches 1/α with a
//! probability of at most α. `a` is estimated from the blocks before, `b` lies a fixed step
//! above it; eight steps are followed beside each other, and the evidence is their mean. Since
//! there are four tests, each has to reach 4/α.
//!
//! How many old calls go into the next block is fixed when the last is closed, so that it
//! says nothing about how the next call does. Where no old call is left, new ones say nothing.
//!
//! Beside a canary there are always more. A watch has those of before alone, so its evidence is
//! another (`judge/before.rs`), and begins anew: calls beside a canary count once for the canary,
//! and once as what is known of the old release.
//!
//! `alpha` is a policy's for the whole swap. Where there are both a canary and a watch, each has a
//! half of it, so that by the union bound both together find a candidate worse that is not with a
//! probability of at most α, whatever the one learns from the calls of the other. Of what a watch
//! has, a half again is for what it supposes of the old release.
//!
//! What it supposes: that calls of both releases are alike but for the release. A canary
//! compares calls of the same time; a watch compares with those before it, so that what
//! changed around the agent meanwhile counts against the new release, and so that when a release is
//! promoted must not hang on how well the old one happens to do. A canary goes on after a restart
//! with what was kept at its last step; what came after that is lost and not looked at again, so
//! that each restart during a canary is at most one more try with the canary's part of `alpha`.
//!
//! What it does not do is compare answers: no two calls ask the same, so that two answers differ says
//! nothing of a release. Differences of answers are found by the rehearsal, which asks both
//! releases the same.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use troupe_core::Code;
use troupe_core::view::{ArmCounts, Evidence, JudgePolicy, Judgement, SwapPolicy, SwapReason};

use self::before::Spent;

mod before;

/// How a call ended, as far as releases are compared by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Observation {
    /// The code with which it failed.
    pub(crate) failed: Option<Code>,
    /// Whether a capability was denied in it.
    pub(crate) denied: bool,
    /// How long it took, in microseconds.
    pub(crate) latency_us: u64,
    /// The most memory that it held, in bytes.
    pub(crate) memory_bytes: u64,
}

/// What the candidate is held against.
#[derive(Debug, Clone)]
enum Against {
    /// Calls of the old release that come beside its own.
    Beside {
        /// Those that no block has taken.
        waiting: VecDeque<Observation>,
        /// How many of them the next block takes.
        next_block: usize,
    },
    /// What was seen of the old release before.
    Before {
        /// How much of the evidence has begun.
        spent: Spent,
        /// What the old release's share is at most, for each test of which enough is known.
        most: Vec<Option<f64>>,
    },
}

/// How far above the old share the supposed new one lies, as parts of what is left to 1.
const STEPS: [f64; 8] = [0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 0.95];
/// What there is: errors, denied, latency, memory.
const TESTS: f64 = 4.0;
/// Shares are supposed to be no closer to 0 and 1 than this, so that no call is a proof.
const SHARE_MIN: f64 = 1e-4;
/// How many of the old release's calls wait for each that goes into a block.
const WAITING_PER_BLOCK: usize = 8;
/// Old calls in one block at most.
const BLOCK_OLD_MAX: usize = 64;
/// Calls from which a multiple is fixed, at least.
const REFERENCE_MIN: usize = 20;
/// What the evidence is told to be at most, since a document holds no infinity.
const LIKELIER_MAX: f64 = 1e12;

/// What a test is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum About {
    Errors,
    Denied,
    Latency,
    Memory,
}

impl About {
    const ALL: [Self; 4] = [Self::Errors, Self::Denied, Self::Latency, Self::Memory];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Errors => "errors",
            Self::Denied => "denied",
            Self::Latency => "latency",
            Self::Memory => "memory",
        }
    }

    /// The quantity, where it is one.
    const fn of(self, call: &Observation) -> u64 {
        match self {
            Self::Latency => call.latency_us,
            Self::Memory => call.memory_bytes,
            Self::Errors | Self::Denied => 0,
        }
    }

    /// The policy's multiple, where it is a quantity.
    const fn factor(self, policy: &JudgePolicy) -> Option<f64> {
        match self {
            Self::Latency => policy.latency,
            Self::Memory => policy.memory,
            Self::Errors | Self::Denied => None,
        }
    }

    const fn is_asked(self, policy: &JudgePolicy) -> bool {
        match self {
            Self::Errors => policy.errors,
            Self::Denied => policy.denied,
            Self::Latency | Self::Memory => self.factor(policy).is_some(),
        }
    }

    fn counts(self, call: &Observation, above: Option<u64>) -> bool {
        match self {
            Self::Errors => call.failed.is_some(),
            Self::Denied => call.denied,
            Self::Latency | Self::Memory => above.is_some_and(|above| self.of(call) > above),
        }
    }
}

/// Compares two releases call by call.
#[derive(Debug, Clone)]
pub(crate) struct Judge {
    policy: JudgePolicy,
    /// How likely each of canary and watch may find a candidate worse that is not.
    alpha: f64,
    against: Against,
    tests: Vec<(About, Evidence)>,
    /// Old calls from which multiples are fixed, until there are enough.
    reference: Vec<Observation>,
    old: ArmCounts,
    new: ArmCounts,
}

impl Judge {
    /// A judge of a canary, that goes on from what was known before.
    pub(crate) fn new(policy: &SwapPolicy, known: Option<&Judgement>) -> Self {
        let judge = &policy.judge;
        let of = |about: About| known.and_then(|known| known.tests.get(about.as_str())).cloned();
        let tests = About::ALL
            .into_iter()
            .filter(|about| about.is_asked(judge))
            .map(|about| {
                let mut evidence = of(about).unwrap_or_default();
                if evidence.logs.len() != STEPS.len() {
                    evidence.logs = vec![0.0; STEPS.len()];
                    evidence.likelier = 1.0;
                }
                (about, evidence)
            })
            .collect();
        let (old, new) = known.map(|known| (known.old.clone(), known.new.clone())).unwrap_or_default();
        let parts = if policy.canary.is_some() && policy.watch.is_some() { 2.0 } else { 1.0 };
        Self {
            policy: judge.clone(),
            alpha: judge.alpha / parts,
            against: Against::Beside { waiting: VecDeque::new(), next_block: 0 },
            tests,
            reference: Vec::new(),
            old,
            new,
        }
    }

    /// Takes calls of the old release from before the candidate has any. Multiples are fixed by a
    /// half of them, the older one.
    pub(crate) fn before(&mut self, calls: &[Observation]) {
        let reference = if self.is_fixed() { 0 } else { (calls.len() / 2).max(REFERENCE_MIN).min(calls.len()) };
        let (reference, others) = calls.split_at(reference);
        reference.iter().for_each(|call| self.know(call));
        self.refer(reference);
        others.iter().for_each(|call| self.know(call));
    }

    /// Takes a call of the old release from beside the candidate.
    pub(crate) fn old(&mut self, call: Observation) {
        self.know(&call);
        if !self.is_fixed() {
            self.refer(&[call]);
        } else if let Against::Beside { waiting, next_block } = &mut self.against {
            waiting.push_back(call);
            *next_block = (*next_block).max(1);
        }
    }

    /// Takes a call of the candidate.
    pub(crate) fn new_call(&mut self, call: Observation) {
        count(&mut self.new, &call);
        match &mut self.against {
            Against::Beside { waiting, next_block } => {
                let old: Vec<Observation> = waiting.drain(..(*next_block).min(waiting.len())).collect();
                if !old.is_empty() {
                    for (about, evidence) in &mut self.tests {
                        let above = evidence.above;
                        let bad = old.iter().filter(|old| about.counts(old, above)).count();
                        close(evidence, old.len() as u64, bad as u64, about.counts(&call, above));
                    }
                }
                *next_block = (waiting.len() / WAITING_PER_BLOCK).clamp(1, BLOCK_OLD_MAX).min(waiting.len());
            }
            Against::Before { spent, most } => {
                for ((about, evidence), most) in self.tests.iter_mut().zip(most) {
                    if let Some(most) = *most {
                        before::took(evidence, most, about.counts(&call, evidence.above), *spent);
                    }
                }
            }
        }
    }

    /// The candidate has all calls from now on, and is held against what is known of the old
    /// release.
    pub(crate) fn watch(&mut self) {
        self.watch_from(Spent::FIRST);
    }

    /// The same, of a watch that has lasted so long when the host starts again.
    pub(crate) fn watch_again(&mut self, lasted: Duration) {
        self.watch_from(Spent::until(lasted));
    }

    fn watch_from(&mut self, spent: Spent) {
        let delta = self.alpha / (2.0 * TESTS);
        let most = self.tests.iter().map(|(_, evidence)| before::share_max(evidence, delta)).collect();
        self.against = Against::Before { spent, most };
        self.tests.iter_mut().for_each(|(_, evidence)| before::begun(evidence, spent));
    }

    /// Takes in that a watch has lasted so long.
    pub(crate) fn lasted(&mut self, lasted: Duration) {
        if let Against::Before { spent, .. } = &mut self.against {
            let then = Spent::until(lasted);
            if then > *spent {
                self.tests.iter_mut().for_each(|(_, evidence)| before::passed(evidence, *spent, then));
                *spent = then;
            }
        }
    }

    /// Whether every multiple is fixed that is asked for.
    fn is_fixed(&self) -> bool {
        self.tests.iter().all(|(about, evidence)| about.factor(&self.policy).is_none() || evidence.above.is_some())
    }

    /// Fixes multiples by calls of the old release, once there are enough.
    fn refer(&mut self, calls: &[Observation]) {
        if self.is_fixed() {
            return;
        }
        self.reference.extend(calls);
        if self.reference.len() < REFERENCE_MIN {
            return;
        }
        for (about, evidence) in &mut self.tests {
            if let Some(factor) = about.factor(&self.policy) {
                let usual = p95(self.reference.iter().map(|call| about.of(call)).collect());
                evidence.above = Some(times(usual, factor));
            }
        }
        self.reference = Vec::new();
    }

    /// Counts a call of the old release as known. One by which a multiple is fixed is not held
    /// against it.
    fn know(&mut self, call: &Observation) {
        count(&mut self.old, call);
        for (about, evidence) in &mut self.tests {
            if about.factor(&self.policy).is_none() || evidence.above.is_some() {
                evidence.usual_calls += 1;
                evidence.usual_bad += u64::from(about.counts(call, evidence.above));
            }
        }
    }

    /// What the evidence has to reach.
    fn needed(&self) -> f64 {
        match self.against {
            Against::Beside { .. } => TESTS / self.alpha,
            Against::Before { .. } => 2.0 * TESTS / self.alpha,
        }
    }

    /// Why the candidate is worse, once that is likely enough.
    pub(crate) fn worse(&self) -> Option<SwapReason> {
        let needed = self.needed();
        let (about, evidence) = self.tests.iter().find(|(_, evidence)| evidence.likelier >= needed)?;
        let Evidence { old_calls, old_bad, new_calls, new_bad, likelier, .. } = evidence;
        let what = match about {
            About::Errors => "failed".to_owned(),
            About::Denied => "were denied a capability".to_owned(),
            About::Latency => format!("took longer than {} ms", milliseconds(evidence.above.unwrap_or(0))),
            About::Memory => format!("needed more than {} MiB", mebibytes(evidence.above.unwrap_or(0))),
        };
        let mut message = format!(
            "{new_bad} of {new_calls} of its calls {what}, of the release before {old_bad} of {old_calls}: {likelier:.0} \
             times likelier if it is worse than if it is not"
        );
        if *about == About::Errors && !self.new.failures.is_empty() {
            let codes: Vec<String> = self.new.failures.iter().map(|(code, count)| format!("{code} {count}")).collect();
            message.push_str(&format!(" ({})", codes.join(", ")));
        }
        Some(SwapReason { code: Code::SwapUnhealthy.as_str().to_owned(), message })
    }

    /// What is known.
    pub(crate) fn judgement(&self) -> Judgement {
        let tests: BTreeMap<_, _> =
            self.tests.iter().map(|(about, evidence)| (about.as_str().to_owned(), evidence.clone())).collect();
        Judgement { old: self.old.clone(), new: self.new.clone(), tests }
    }
}

/// Closes a block of `old` calls, of which `bad` count, and a new one.
fn close(evidence: &mut Evidence, old: u64, bad: u64, new_is_bad: bool) {
    let share = (to_f64(evidence.old_bad) + 0.1) / (to_f64(evidence.old_calls) + 2.0);
    let a = within(share);
    for (log, step) in evidence.logs.iter_mut().zip(STEPS) {
        let b = within(a + step * (1.0 - a));
        let m = (to_f64(old) * a + b) / (to_f64(old) + 1.0);
        *log += to_f64(bad) * (a / m).ln() + to_f64(old - bad) * ((1.0 - a) / (1.0 - m)).ln();
        *log += if new_is_bad { (b / m).ln() } else { ((1.0 - b) / (1.0 - m)).ln() };
    }
    evidence.old_calls += old;
    evidence.old_bad += bad;
    evidence.new_calls += 1;
    evidence.new_bad += u64::from(new_is_bad);
    evidence.likelier = likelier(evidence, 0.0);
}

/// The evidence as a whole, with what of it has not begun.
fn likelier(evidence: &Evidence, left: f64) -> f64 {
    let mean = evidence.logs.iter().map(|log| log.exp()).sum::<f64>() / to_f64(STEPS.len() as u64);
    (mean + left).min(LIKELIER_MAX)
}

fn sum_of_logs(a: f64, b: f64) -> f64 {
    a.max(b) + (-(a - b).abs()).exp().ln_1p()
}

fn within(share: f64) -> f64 {
    share.clamp(SHARE_MIN, 1.0 - SHARE_MIN)
}

#[expect(clippy::cast_precision_loss, reason = "counts of calls are far below 2^52")]
fn to_f64(count: u64) -> f64 {
    count as f64
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a multiple needs no more digits, and factors are positive"
)]
fn times(value: u64, factor: f64) -> u64 {
    (value as f64 * factor) as u64
}

fn milliseconds(us: u64) -> String {
    format!("{}.{:03}", us / 1_000, us % 1_000)
}

fn mebibytes(bytes: u64) -> String {
    format!("{}.{}", bytes >> 20, ((bytes & 0xF_FFFF) * 10) >> 20)
}

/// What 95 of 100 are at most.
fn p95(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    values.get(values.len().saturating_sub(1) * 95 / 100).copied().unwrap_or(0)
}

fn count(arm: &mut ArmCounts, call: &Observation) {
    arm.calls += 1;
    arm.denied += u64::from(call.denied);
    arm.latency_us_max = arm.latency_us_max.max(call.latency_us);
    arm.memory_bytes_max = arm.memory_bytes_max.max(call.memory_bytes);
    if let Some(code) = call.failed {
        arm.failed += 1;
        *arm.failures.entry(code.as_str().to_owned()).or_default() += 1;
    }
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
