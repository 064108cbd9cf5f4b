//! Swaps as clients ask for them and see them. What is kept of a swap are the same
//! documents: [`SwapPolicy`] and [`SwapState`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{RehearsalProgress, RehearsalSummary};
use crate::verdict::RehearsalPolicy;
use crate::{SwapId, Timestamp, limits};

/// How a swap goes about it. What is absent has the default that its field names; an empty
/// policy flips at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SwapPolicy {
    /// Repeat recorded invocations on the candidate first. Absent: not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rehearse: Option<RehearsePolicy>,
    /// Let the candidate have a part of the calls, by steps. Absent: it gets all at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canary: Option<CanaryPolicy>,
    /// What makes the candidate worse than the release that serves.
    pub judge: JudgePolicy,
    /// Look at the candidate for a while after it got all calls. Absent: not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watch: Option<WatchPolicy>,
    /// What happens when the candidate is found worse.
    pub on_failure: OnFailure,
    /// What becomes of calls on a release that no longer serves. Absent: the host's way, which
    /// is to wait for 30 s under `serve` and to expire under `dev`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drain: Option<DrainPolicy>,
    /// How long the release before stays loaded, in seconds; 900 when absent, at most 86,400.
    pub keep_previous_seconds: u64,
}

impl Default for SwapPolicy {
    fn default() -> Self {
        Self {
            rehearse: None,
            canary: None,
            judge: JudgePolicy::default(),
            watch: None,
            on_failure: OnFailure::default(),
            drain: None,
            keep_previous_seconds: 900,
        }
    }
}

impl SwapPolicy {
    /// Whether the swap is over with one change of the route.
    pub const fn is_plain(&self) -> bool {
        self.rehearse.is_none() && self.canary.is_none() && self.watch.is_none()
    }
}

/// A rehearsal before the candidate gets any call. What it finds beyond what the candidate may
/// do otherwise ends the swap.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RehearsePolicy {
    /// How many of the last recorded invocations to repeat; 500 when absent, at most 10,000.
    pub last: u32,
    /// How long it may take, in seconds; 600 when absent and at most. What was not repeated by
    /// then is said, and the rest is judged.
    pub max_seconds: u64,
    /// What the candidate may do otherwise.
    pub may: RehearsalPolicy,
    /// Whether what is beyond that is only told, and the swap goes on.
    pub only_tell: bool,
}

impl Default for RehearsePolicy {
    fn default() -> Self {
        Self {
            last: limits::REHEARSAL_LAST_DEFAULT,
            max_seconds: limits::REHEARSAL_TIME_MAX.as_secs(),
            may: RehearsalPolicy::default(),
            only_tell: false,
        }
    }
}

/// A canary. It compares how calls end, and not what they answer; `rehearse` does that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CanaryPolicy {
    /// The steps, of rising weight; at most 16.
    pub steps: Vec<CanaryStep>,
    /// What keeps calls together when they bring no affinity of their own.
    #[serde(default)]
    pub by: AffinityBy,
    /// Longest that one step lasts, in seconds; 3,600 when absent.
    #[serde(default = "an_hour")]
    pub max_seconds: u64,
    /// What happens when a step has lasted that long with fewer calls than it wants.
    #[serde(default)]
    pub undecided: Undecided,
}

const fn an_hour() -> u64 {
    3_600
}

/// One step of a canary. It is over once both of its minima are reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CanaryStep {
    /// The candidate's share of affinity keys, in percent, 1 to 100.
    pub weight: u8,
    /// Calls that the candidate must have ended in this step; 100 when absent.
    #[serde(default = "a_hundred")]
    pub min_calls: u64,
    /// How long the step lasts at least, in seconds; 30 when absent.
    #[serde(default = "half_a_minute")]
    pub min_seconds: u64,
}

const fn a_hundred() -> u64 {
    100
}

const fn half_a_minute() -> u64 {
    30
}

/// What keeps calls together in a canary that bring no affinity of their own. Those for one
/// instance go to one release whatever this says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AffinityBy {
    /// Who asks: calls under one key go to one release. The owner's token stands for nobody
    /// in particular, so its calls are told apart by their tasks.
    #[default]
    Principal,
    /// The task: each call by itself.
    Task,
}

/// What becomes of a canary of which nothing can be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Undecided {
    /// It is stopped.
    #[default]
    Stop,
    /// It goes on to its next step.
    GoOn,
}

/// What makes a candidate worse than the release that serves. Each is told by a sequential
/// test, so that a handful of calls decides nothing. That a candidate answers otherwise is not
/// among them: no two calls ask the same. The rehearsal asks both releases the same, and finds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct JudgePolicy {
    /// More calls that fail; true when absent.
    pub errors: bool,
    /// More calls in which a capability was denied; true when absent.
    pub denied: bool,
    /// More calls that take longer than this many times what 95 of 100 of the old release's
    /// take; 1.5 when absent, null for not at all.
    pub latency: Option<f64>,
    /// More calls that need more memory than this many times what 95 of 100 of the old
    /// release's need; 1.5 when absent, null for not at all.
    pub memory: Option<f64>,
    /// How likely it may be that a candidate no worse is found worse, by canary and watch
    /// together; 0.01 when absent.
    pub alpha: f64,
}

impl Default for JudgePolicy {
    fn default() -> Self {
        Self { errors: true, denied: true, latency: Some(1.5), memory: Some(1.5), alpha: 0.01 }
    }
}

/// How the candidate is watched after it got all calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WatchPolicy {
    /// For how long, in seconds.
    pub seconds: u64,
}

/// What happens to a candidate that is found worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// The old release gets all calls again.
    #[default]
    Rollback,
    /// Nothing changes until an operator decides.
    Hold,
}

/// What becomes of calls on a release that no longer serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DrainPolicy {
    /// Whether a further swap waits for them, or ends them to make room.
    pub mode: DrainMode,
    /// How long they may go on, in seconds; then they end with a retryable code. 30 when
    /// absent, at most 3,600.
    #[serde(default = "half_a_minute")]
    pub seconds: u64,
}

/// What a further swap does while a release still drains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DrainMode {
    /// It waits.
    Wait,
    /// It ends what still runs.
    Expire,
}

/// Where a swap is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SwapPhase {
    /// The release is checked.
    Verifying,
    /// It waits for somebody's approval.
    AwaitingApproval,
    /// Recorded invocations are repeated on it.
    Rehearsing,
    /// Its code is made and loaded, and it describes itself.
    Warming,
    /// New calls wait, those on the old release come to their ends, and a copy of state is
    /// brought to the form that the release reads.
    Migrating,
    /// It has a part of the calls.
    Canary,
    /// It has all calls, and is watched.
    Watching,
    /// What was decided is in force; calls on the other release come to their ends.
    Draining,
    /// Only suspended tasks still need the other release.
    Parked,
    /// It is over.
    Ended,
}

impl SwapPhase {
    /// The word in documents and rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Verifying => "verifying",
            Self::AwaitingApproval => "awaiting_approval",
            Self::Rehearsing => "rehearsing",
            Self::Warming => "warming",
            Self::Migrating => "migrating",
            Self::Canary => "canary",
            Self::Watching => "watching",
            Self::Draining => "draining",
            Self::Parked => "parked",
            Self::Ended => "ended",
        }
    }

    /// Whether the swap may still change the route, so that no other may.
    pub const fn is_in_charge(self) -> bool {
        !matches!(self, Self::Draining | Self::Parked | Self::Ended)
    }
}

/// What came of a swap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SwapOutcome {
    /// The release serves, and the one before is retired.
    Promoted,
    /// The release cannot serve.
    Refused,
    /// Somebody did not approve of it.
    Rejected,
    /// It had to be rehearsed, and there was nothing to repeat.
    NotRehearsed,
    /// It did otherwise what was asked of the one before, more than the policy lets it.
    Differs,
    /// It was found worse with a part of the calls, which it no longer has.
    Stopped,
    /// It was found worse with all calls, or an operator found so; the one before serves.
    RolledBack,
    /// An operator ended the swap before it changed who serves.
    Aborted,
    /// The deployment was changed by somebody else.
    Conflict,
}

impl SwapOutcome {
    /// The word in documents and rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Promoted => "promoted",
            Self::Refused => "refused",
            Self::Rejected => "rejected",
            Self::NotRehearsed => "not_rehearsed",
            Self::Differs => "differs",
            Self::Stopped => "stopped",
            Self::RolledBack => "rolled_back",
            Self::Aborted => "aborted",
            Self::Conflict => "conflict",
        }
    }
}

/// Why a swap did not go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SwapReason {
    /// The stable code.
    pub code: String,
    /// One sentence for a person.
    pub message: String,
}

/// Where a swap is, and what it has learnt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SwapState {
    /// The phase.
    pub phase: SwapPhase,
    /// What came of it; known before the end, once what was decided is in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<SwapOutcome>,
    /// Why it did not go on, where it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<SwapReason>,
    /// When the phase, or the step of the canary, began.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// The step of the canary, from 0.
    #[serde(default)]
    pub step: usize,
    /// The candidate's weight, in percent.
    #[serde(default)]
    pub weight: u8,
    /// Whether an operator decides what is next, and not the policy.
    #[serde(default)]
    pub held: bool,
    /// Whether state is brought to another form for the release, so that it is neither tried
    /// beside the old one nor watched.
    #[serde(default)]
    pub migrates: bool,
    /// When the release that no longer serves began to drain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub draining_since: Option<Timestamp>,
    /// What waits for somebody's approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<String>,
    /// How far the rehearsal is, while there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<RehearsalProgress>,
    /// How many stand in line before it, while it waits for its turn to be compiled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ahead: Option<usize>,
    /// What the rehearsal found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rehearsal: Option<RehearsalSummary>,
    /// How the two releases compare.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judgement: Option<Judgement>,
}

/// How two releases compare so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Judgement {
    /// The release that served before, from before the candidate as well.
    pub old: ArmCounts,
    /// The one that is tried.
    pub new: ArmCounts,
    /// The tests, by what they test: `errors`, `denied`, `latency`, `memory`.
    pub tests: BTreeMap<String, Evidence>,
}

/// What was seen of one release.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ArmCounts {
    /// Calls that have ended.
    pub calls: u64,
    /// Those that failed.
    pub failed: u64,
    /// Those in which a capability was denied.
    pub denied: u64,
    /// The longest, in microseconds.
    pub latency_us_max: u64,
    /// The largest memory of one, in bytes.
    pub memory_bytes_max: u64,
    /// How those that failed did, by code.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub failures: BTreeMap<String, u64>,
}

/// What a sequential test has seen.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Evidence {
    /// Calls of the old release that were compared.
    pub old_calls: u64,
    /// Those among them that count against it.
    pub old_bad: u64,
    /// Calls of the candidate that were compared.
    pub new_calls: u64,
    /// Those among them that count against it.
    pub new_bad: u64,
    /// Above what a call counts, in microseconds or bytes, where it is a quantity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<u64>,
    /// Calls of the old release from before the candidate and beside it, which a watch compares
    /// with.
    #[serde(default)]
    pub usual_calls: u64,
    /// Those among them that count against it.
    #[serde(default)]
    pub usual_bad: u64,
    /// How many times likelier what was seen is if the candidate is worse, at least. A canary finds
    /// the candidate worse once this reaches four divided by its part of the policy's `alpha`,
    /// which is a half where there is a watch too; a watch once it reaches twice that.
    pub likelier: f64,
    /// The same for each size of difference that is looked for, as logarithms.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logs: Vec<f64>,
}

/// A swap as it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SwapView {
    /// The id.
    #[schema(value_type = String)]
    pub id: SwapId,
    /// The agent's name.
    pub agent: String,
    /// The version that served when it began; absent for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub from: Option<semver::Version>,
    /// The version that shall serve.
    #[schema(value_type = String)]
    pub to: semver::Version,
    /// Who asked for it.
    pub by: String,
    /// The epoch of the route by the swap's last change of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
    /// Where it is.
    pub state: SwapState,
    /// How it goes about it.
    pub policy: SwapPolicy,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// When its state changed last.
    #[schema(value_type = String, format = DateTime)]
    pub changed_at: Timestamp,
    /// When it was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
}

/// A candidate's weight, set by hand.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CanaryRequest {
    /// In percent; above the one it has, to 100.
    pub weight: u8,
}

/// What is tried beside the release that serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CanaryView {
    /// The version.
    #[schema(value_type = String)]
    pub version: semver::Version,
    /// Its share of affinity keys, in percent.
    pub weight: u8,
    /// The swap that tries it.
    #[schema(value_type = String)]
    pub swap: SwapId,
}
