//! What another release would have done with what an agent was asked: many recorded
//! invocations, tried at once, and what differs.

use std::collections::BTreeMap;

use semver::Version;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{Candidate, Cost};
use crate::TaskId;
use crate::verdict::{RehearsalPolicy, Told, Verdict};

/// Which release to rehearse, and on what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RehearseRequest {
    /// The version of the release that is tried.
    #[schema(value_type = String)]
    pub version: Version,
    /// How many recorded invocations, the newest first; 500 when absent, at most 10,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<u32>,
    /// Only those of this skill.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skill: Option<String>,
    /// How long it may take, in milliseconds; ten minutes when absent and at most. What was not
    /// rehearsed by then is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
}

/// How far a rehearsal is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RehearsalProgress {
    /// Invocations that were tried, or left out since they were chosen.
    pub done: u32,
    /// Invocations that were chosen.
    pub of: u32,
    /// How many of those that were tried came out otherwise.
    pub different: u32,
}

/// What came of a rehearsal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RehearsalResult {
    /// The candidate did what is recorded, each time.
    Identical,
    /// It did something else at least once.
    Different,
    /// There was nothing to try it on, or no time.
    NotRehearsed,
}

/// Why a task was not tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LeftOutReason {
    /// It has not ended: it waits, runs or is suspended.
    NotEnded,
    /// It ended before it began, so there is no journal.
    NotBegun,
    /// The host cut it short: at its deadline, by a cancel, for a swap, or since it stopped. So
    /// nobody knows how it would have ended.
    CutShort,
    /// Its journal was redacted.
    Redacted,
    /// Its journal is not kept any longer.
    Dropped,
    /// Its journal is longer than what is loaded for a rehearsal.
    TooLarge,
    /// An answer was too long to be kept.
    Streamed,
    /// Its configuration is no longer kept, or is none of the candidate's.
    Configuration,
}

/// Tasks that were not tried for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LeftOut {
    /// The reason.
    pub reason: LeftOutReason,
    /// How many.
    pub tasks: u32,
    /// The reason, in words.
    pub says: String,
}

/// A way in which a candidate can do something else than what is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    /// It traps.
    Trap,
    /// It meets a limit.
    Limit,
    /// Its schema does not take the recorded input, or it lacks the skill.
    InputInvalid,
    /// Its answer breaks its own schema.
    OutputInvalid,
    /// It fails where the record has an answer.
    Fails,
    /// It answers where the record has a failure.
    Succeeds,
    /// It fails in another way.
    Failure,
    /// It answers something else.
    Answer,
    /// It makes a call that its grants do not allow.
    Denied,
    /// It makes a call that may change something and is not on record. Nothing was performed.
    NewWrite,
    /// It makes a call that only reads and is not on record. It was told an error.
    NewRead,
    /// It makes a recorded call with other arguments.
    ChangedCall,
    /// It leaves out a recorded call.
    MissingCall,
}

/// Differences that are alike: of one skill and kind, in one place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DifferenceGroup {
    /// The kind.
    pub kind: DifferenceKind,
    /// The skill.
    pub skill: String,
    /// Where: a JSON pointer into the answer with `*` for the places of arrays, a call, or a code.
    pub at: String,
    /// In how many invocations.
    pub invocations: u32,
    /// What it is, in words.
    pub says: String,
    /// What stood there, in the first of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded: Option<Value>,
    /// What stands there now, in the first of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replayed: Option<Value>,
    /// Some of the tasks; `troupe replay TASK --release VERSION` shows one whole.
    #[schema(value_type = Vec<String>)]
    pub tasks: Vec<TaskId>,
}

/// One quantity over all invocations that both releases were given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Spread {
    /// All together.
    pub total: u64,
    /// What half of them stay below.
    pub p50: u64,
    /// What 95 of a hundred stay below.
    pub p95: u64,
    /// The most.
    pub max: u64,
}

/// What one release took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CostSpread {
    /// Processor time, in microseconds.
    pub compute_us: Spread,
    /// The most memory held at once, in bytes.
    pub memory_bytes_peak: Spread,
    /// Calls from guest to host.
    pub host_calls: Spread,
    /// HTTP requests that were sent, or would have been.
    pub http_requests: Spread,
    /// Bytes of their bodies and of those that came back.
    pub http_bytes: Spread,
}

/// What both releases took, each answered from the same records in the same run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CostComparison {
    /// Invocations that both came to the end of.
    pub invocations: u32,
    /// The serving release.
    pub serving: CostSpread,
    /// The candidate.
    pub candidate: CostSpread,
}

/// One skill in a rehearsal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SkillRehearsal {
    /// Its name.
    pub skill: String,
    /// How many invocations of it were tried; 0 says that nobody knows how it does.
    pub invocations: u32,
    /// How many came out otherwise.
    pub different: u32,
    /// What it took.
    pub cost: CostComparison,
}

/// What a rehearsal found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RehearsalReport {
    /// The agent.
    pub agent: String,
    /// The release that was tried.
    pub candidate: Candidate,
    /// The release that serves, which was given the same records; absent if it cannot run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serving: Option<Candidate>,
    /// What came of it.
    pub result: RehearsalResult,
    /// How many of the newest invocations were asked for.
    pub last: u32,
    /// How many were chosen: of the newest as many as can be tried, and a few older ones of
    /// skills and ends that are rare among them.
    pub chosen: u32,
    /// How many were tried.
    pub rehearsed: u32,
    /// How many of them came out as recorded, or as on the serving release.
    pub identical: u32,
    /// How many came out otherwise.
    pub different: u32,
    /// In how many of them each kind of difference was found.
    pub kinds: Vec<KindCount>,
    /// In how many the serving release does not do what is recorded either. What it does
    /// otherwise in the same way is not held against the candidate.
    pub serving_different: u32,
    /// How many of the chosen ones there was no time for.
    pub no_time: u32,
    /// Tasks that were not tried, by reason.
    pub left_out: Vec<LeftOut>,
    /// The skills of both releases, those nobody called among them.
    pub skills: Vec<SkillRehearsal>,
    /// Hosts that the candidate calls and no record of a rehearsed invocation does.
    pub new_hosts: Vec<String>,
    /// What differs, the most frequent first; at most a hundred groups.
    pub groups: Vec<DifferenceGroup>,
    /// Differences that are in no group, since there are so many different ones.
    pub ungrouped: u32,
    /// What it took.
    pub cost: CostComparison,
    /// What the default policy says of it.
    pub verdict: Verdict,
}

/// How many invocations differ in one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KindCount {
    /// The way.
    pub kind: DifferenceKind,
    /// How many.
    pub invocations: u32,
}

/// What a rehearsal found, in numbers of invocations: what a swap keeps of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RehearsalSummary {
    /// Those that were repeated.
    pub total: u32,
    /// Those that came out as recorded, or as on the release that serves.
    pub identical: u32,
    /// Those that were answered otherwise, or failed where they did not or not where they did.
    pub changed: u32,
    /// Those that asked for something new, or for something that is not granted.
    pub unmatched: u32,
    /// Those that trapped or met a limit.
    pub broken: u32,
    /// Those that were chosen and for which there was no time.
    pub no_time: u32,
    /// What the swap's policy says of it, without what tasks were answered.
    pub verdict: Verdict,
}

impl RehearsalReport {
    /// What is kept of it, judged by a policy.
    pub fn summary(&self, policy: &RehearsalPolicy) -> RehearsalSummary {
        use DifferenceKind as Kind;
        let most = |kinds: &[Kind]| kinds.iter().map(|kind| self.count(*kind)).max().unwrap_or(0);
        let ends = [Kind::Answer, Kind::Fails, Kind::Failure, Kind::Succeeds, Kind::OutputInvalid, Kind::InputInvalid];
        RehearsalSummary {
            total: self.rehearsed,
            identical: self.identical,
            // An invocation ends in one way only.
            changed: ends.iter().map(|kind| self.count(*kind)).sum(),
            // It may do several of these.
            unmatched: most(&[Kind::NewRead, Kind::NewWrite, Kind::ChangedCall, Kind::Denied]),
            broken: self.count(Kind::Trap) + self.count(Kind::Limit),
            no_time: self.no_time,
            verdict: self.verdict(policy, Told::Numbers),
        }
    }

    /// In how many invocations a kind of difference was found.
    pub fn count(&self, kind: DifferenceKind) -> u32 {
        self.kinds.iter().find(|count| count.kind == kind).map_or(0, |count| count.invocations)
    }
}

impl RehearsalSummary {
    /// The same as facts for the feed and the audit: numbers, and what the policy said.
    pub fn facts(&self) -> BTreeMap<String, Value> {
        let Self { total, identical, changed, unmatched, broken, no_time, verdict } = self;
        let counts = [
            ("total", total),
            ("identical", identical),
            ("changed", changed),
            ("unmatched", unmatched),
            ("broken", broken),
            ("no_time", no_time),
        ];
        let mut facts: BTreeMap<_, _> =
            counts.into_iter().map(|(name, count)| (name.to_owned(), Value::from(*count))).collect();
        facts.insert("verdict".to_owned(), Value::from(if verdict.passes { "passes" } else { "stops" }));
        if !verdict.reasons.is_empty() {
            facts.insert("reasons".to_owned(), Value::from(verdict.reasons.clone()));
        }
        facts
    }
}

impl CostSpread {
    /// Of invocations that took this each.
    pub fn of(costs: &[Cost]) -> Self {
        let spread = |of: fn(&Cost) -> u64| Spread::of(costs.iter().map(of).collect());
        Self {
            compute_us: spread(|cost| cost.compute_us),
            memory_bytes_peak: spread(|cost| cost.memory_bytes_peak),
            host_calls: spread(|cost| cost.host_calls),
            http_requests: spread(|cost| cost.http_requests),
            http_bytes: spread(|cost| cost.http_bytes_sent.saturating_add(cost.http_bytes_received)),
        }
    }
}

impl Spread {
    /// Quantiles are those of the nearest rank: the least value that so many do not exceed.
    pub fn of(mut values: Vec<u64>) -> Self {
        values.sort_unstable();
        let rank = |percent: usize| (values.len() * percent).div_ceil(100).saturating_sub(1);
        let at = |percent: usize| values.get(rank(percent)).copied().unwrap_or(0);
        let total = values.iter().fold(0, |total: u64, value| total.saturating_add(*value));
        Self { total, p50: at(50), p95: at(95), max: at(100) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_the_nearest_rank() {
        assert_eq!(Spread::of((1..=100).rev().collect()), Spread { total: 5050, p50: 50, p95: 95, max: 100 });
        assert_eq!(Spread::of(vec![7]), Spread { total: 7, p50: 7, p95: 7, max: 7 });
        assert_eq!(Spread::of(Vec::new()), Spread::default());
        assert_eq!(Spread::of(vec![u64::MAX, 1]).total, u64::MAX);
    }
}
