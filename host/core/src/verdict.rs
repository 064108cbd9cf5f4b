//! Whether a rehearsal lets a candidate go on, by a policy.
//!
//! The attack is an honest mistake: a release that looks as good as the one before, and is
//! wrong for a few inputs, asks somebody new, grows or slows down. The rule: what the
//! rehearsal found is held against bounds, each told in words when it is passed. The
//! default: whatever nobody would want by accident stops, and so do answers that change for
//! more than one input in a hundred; that nothing could be tried is said, and stops nothing.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::view::{CostSpread, DifferenceKind, RehearsalReport, RehearsalResult};

/// Invocations of a skill without which their cost is not judged: one alone is dear by chance.
const COST_INVOCATIONS_MIN: u32 = 5;

/// Invocations of a skill from which on all of them are judged together.
const TOTAL_INVOCATIONS_MIN: u32 = 50;

/// Kinds that change what a caller gets, without an own bound.
const OTHER_ANSWERS: [DifferenceKind; 4] =
    [DifferenceKind::Answer, DifferenceKind::Fails, DifferenceKind::Failure, DifferenceKind::Succeeds];

/// What a candidate may do otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RehearsalPolicy {
    /// The share of invocations that may be answered otherwise, 0 to 1.
    pub different_share_max: f64,
    /// Whether it may make calls that only read and are not on record, to hosts that are.
    pub allow_new_reads: bool,
    /// Whether it may make calls that change something and are not on record.
    pub allow_new_writes: bool,
    /// Whether it may call hosts that no record calls.
    pub allow_new_hosts: bool,
    /// Whether it may make calls that its grants do not allow.
    pub allow_denied: bool,
    /// Whether it may trap, meet a limit, refuse a recorded input or break its own schema.
    pub allow_broken: bool,
    /// How many times the serving release's peak memory it may have.
    pub memory_factor_max: f64,
    /// How many times the serving release's processor time it may take.
    pub cost_factor_max: f64,
    /// Whether it may go on when nothing could be tried.
    pub allow_not_rehearsed: bool,
}

impl Default for RehearsalPolicy {
    /// One answer in a hundred may change; twice the memory and twice the processor time are
    /// more than another run of the same release takes, and less than what is a mistake.
    fn default() -> Self {
        Self {
            different_share_max: 0.01,
            allow_new_reads: true,
            allow_new_writes: false,
            allow_new_hosts: false,
            allow_denied: false,
            allow_broken: false,
            memory_factor_max: 2.0,
            cost_factor_max: 2.0,
            allow_not_rehearsed: true,
        }
    }
}

/// What a policy says of a rehearsal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Verdict {
    /// Whether the candidate may go on.
    pub passes: bool,
    /// Why not, in words; or, that nothing was rehearsed.
    pub reasons: Vec<String>,
}

/// What reasons may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// Also an example of each, which is part of what a task answered.
    Examples,
    /// Numbers and hosts alone: what may be kept when a task's journal is not.
    Numbers,
}

impl RehearsalReport {
    /// Holds what was found against a policy.
    pub fn verdict(&self, policy: &RehearsalPolicy, told: Told) -> Verdict {
        let judged = Judged { report: self, told };
        judged.by(policy)
    }
}

/// A report, as it is judged.
struct Judged<'a> {
    report: &'a RehearsalReport,
    told: Told,
}

impl std::ops::Deref for Judged<'_> {
    type Target = RehearsalReport;

    fn deref(&self) -> &RehearsalReport {
        self.report
    }
}

impl Judged<'_> {
    fn by(&self, policy: &RehearsalPolicy) -> Verdict {
        if self.result == RehearsalResult::NotRehearsed {
            let why = if self.chosen == 0 { "there is nothing that it could be tried on" } else { "there was no time" };
            return Verdict { passes: policy.allow_not_rehearsed, reasons: vec![format!("not rehearsed: {why}")] };
        }
        let mut reasons = Vec::new();
        self.judge_ends(policy, &mut reasons);
        self.judge_calls(policy, &mut reasons);
        self.judge_cost(policy, &mut reasons);
        Verdict { passes: reasons.is_empty(), reasons }
    }

    fn judge_ends(&self, policy: &RehearsalPolicy, reasons: &mut Vec<String>) {
        for (kind, what) in [
            (DifferenceKind::Trap, "it traps"),
            (DifferenceKind::Limit, "it meets a limit"),
            (DifferenceKind::InputInvalid, "it does not take the input"),
            (DifferenceKind::OutputInvalid, "its answer breaks its own schema"),
        ] {
            if let count @ 1.. = self.count(kind)
                && !policy.allow_broken
            {
                reasons.push(format!("{what} in {}{}", self.share(count), self.example(kind)));
            }
        }
        let answered: Vec<u32> = OTHER_ANSWERS.iter().map(|kind| self.count(*kind)).collect();
        // Each of these kinds is an end of its own, so no invocation has two.
        let otherwise: u32 = answered.iter().sum();
        if f64::from(otherwise) > policy.different_share_max * f64::from(self.rehearsed) {
            let first = OTHER_ANSWERS.iter().map(|kind| self.example(*kind)).find(|example| !example.is_empty());
            let most = percent(policy.different_share_max);
            let share = self.share(otherwise);
            reasons.push(format!("it answers otherwise in {share}, and may in {most}{}", first.unwrap_or_default()));
        }
    }

    fn judge_calls(&self, policy: &RehearsalPolicy, reasons: &mut Vec<String>) {
        if !self.new_hosts.is_empty() && !policy.allow_new_hosts {
            reasons.push(format!("it calls {}, which no recorded invocation called", self.new_hosts.join(", ")));
        }
        for (kind, allowed, what) in [
            (DifferenceKind::Denied, policy.allow_denied, "it makes calls that its grants do not allow"),
            (DifferenceKind::NewWrite, policy.allow_new_writes, "it makes calls that change something and are new"),
            (DifferenceKind::NewRead, policy.allow_new_reads, "it makes calls that only read and are new"),
        ] {
            if let count @ 1.. = self.count(kind)
                && !allowed
            {
                reasons.push(format!("{what}, in {}{}", self.share(count), self.example(kind)));
            }
        }
    }

    /// Each skill by itself, so that a frequent one does not hide another; if one is beyond the
    /// bound, the one that is furthest.
    fn judge_cost(&self, policy: &RehearsalPolicy, reasons: &mut Vec<String>) {
        let Some(serving) = &self.serving else { return };
        let bounds: [Bound; 2] = [
            ("peak memory", policy.memory_factor_max, |cost, _| cost.memory_bytes_peak.max, mebibytes),
            ("processor time", policy.cost_factor_max, compute, milliseconds),
        ];
        for (what, most, of, told) in bounds {
            let judged = self.skills.iter().filter(|skill| skill.cost.invocations >= COST_INVOCATIONS_MIN);
            let factors = judged.map(|skill| {
                let count = skill.cost.invocations;
                (of(&skill.cost.serving, count), of(&skill.cost.candidate, count), skill)
            });
            let further =
                |one: &(u64, u64, _), other: &(u64, u64, _)| factor(one.0, one.1).total_cmp(&factor(other.0, other.1));
            let Some((then, now, skill)) = factors.max_by(further) else { continue };
            let factor = factor(then, now);
            if factor > most {
                let (then, now) = (told(then), told(now));
                reasons.push(format!(
                    "its {what} is {factor:.1} times that of {}, and may be {most} times: {now} instead of {then} in \
                     {} invocations of `{}`",
                    serving.version, skill.cost.invocations, skill.skill
                ));
            }
        }
    }

    fn share(&self, count: u32) -> String {
        let share = f64::from(count) / f64::from(self.rehearsed.max(1));
        format!("{count} of {} invocations ({})", self.rehearsed, percent(share))
    }

    /// What the first group of a kind says.
    fn example(&self, kind: DifferenceKind) -> String {
        let first = self.groups.iter().find(|group| group.kind == kind && self.told == Told::Examples);
        first.map_or_else(String::new, |group| format!(": {}", group.says))
    }
}

/// What so many invocations took.
type Of = fn(&CostSpread, u32) -> u64;

/// What is bounded, how much of it there may be, where it stands, and how a number of it is told.
type Bound = (&'static str, f64, Of, fn(u64) -> String);

/// All of them together; of few, what half of them stay below, so that one that is dear by
/// chance does not count.
const fn compute(cost: &CostSpread, invocations: u32) -> u64 {
    if invocations >= TOTAL_INVOCATIONS_MIN { cost.compute_us.total } else { cost.compute_us.p50 }
}

fn factor(then: u64, now: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a factor of two is seen at any precision")]
    let (then, now) = (then as f64, now as f64);
    if then > 0.0 { now / then } else { 1.0 }
}

fn percent(share: f64) -> String {
    let text = format!("{:.1}", share * 100.0);
    format!("{} %", text.strip_suffix(".0").unwrap_or(&text))
}

fn mebibytes(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "it is shown with one digit behind the point")]
    let mebibytes = bytes as f64 / f64::from(1 << 20);
    format!("{mebibytes:.1} MiB")
}

fn milliseconds(us: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "it is shown with one digit behind the point")]
    let ms = us as f64 / 1000.0;
    format!("{ms:.1} ms")
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
