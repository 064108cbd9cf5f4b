//! A recorded invocation on another release, with no effect anywhere.
//!
//! The candidate gets the input, seed, times and configuration of then, and the grants it
//! would have now. Its calls are answered from the journal by what they mean
//! (`host/sandbox/src/gate/matching.rs` says how, and what becomes of those that are not on
//! record). What differs is told: the end, each call, and what it took. So that the cost can
//! be held against something, the release of then is replayed beside it.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use troupe_core::difference::differences;
use troupe_core::view::{
    AnsweredFrom, Candidate, Cost, CostChange, JournalCall, RanOn, Repeated, ReplayCall, ReplayOutcome, ReplayView,
    TaskFailure, TaskStatus,
};
use troupe_core::{Code, Error, ReleaseRef, Result};
use troupe_sandbox::{
    Answer, Call, HttpBody, JournalRow, MadeCall, Matched, Matching, Record, RecordedCall, Recording, Source, Usage,
};
use troupe_store::{JournalHead, TaskRow};

use crate::Runtime;
use crate::deploy::release_not_found;
use crate::replay::{Again, ReplaySeat, document, told};
use crate::route::Route;
use crate::tasks::ended_as;

/// A recorded invocation, read once for however many releases are tried on it.
#[derive(Debug)]
pub(super) struct Recorded<'a> {
    pub(super) row: &'a TaskRow,
    pub(super) head: &'a JournalHead,
    pub(super) record: &'a Record,
    input: Value,
    /// How it ended.
    pub(super) outcome: ReplayOutcome,
}

impl<'a> Recorded<'a> {
    pub(super) fn new(row: &'a TaskRow, head: &'a JournalHead, record: &'a Record) -> Self {
        let output = row.output.as_deref().map(document);
        let outcome = ReplayOutcome { status: row.status, output, failure: row.failure.clone() };
        Self { row, head, record, input: document(&row.input), outcome }
    }
}

/// What came of trying a release.
#[derive(Debug)]
pub(super) struct Trial {
    pub(super) outcome: ReplayOutcome,
    pub(super) matched: Matched,
    usage: Usage,
    took: Duration,
    matching: Arc<Matching>,
}

/// A call of the record with what became of it, or one that is new.
#[derive(Debug)]
pub(super) enum OnRecord<'a> {
    Recorded {
        recorded: &'a RecordedCall,
        repeated: Repeated,
        made: Option<&'a MadeCall>,
        /// How it was made otherwise.
        change: Option<String>,
    },
    New(&'a MadeCall),
}

impl Runtime {
    /// Tries another release on what a task did.
    ///
    /// # Errors
    /// [`Code::ReleaseNotFound`], and whatever keeps the release from running under the
    /// configuration of then.
    pub(crate) async fn try_release(
        &self,
        seat: &ReplaySeat,
        row: &TaskRow,
        head: JournalHead,
        rows: Vec<JournalRow>,
        release: &str,
    ) -> Result<ReplayView> {
        let reference = reference(row, release)?;
        let found = self.store.release(&row.tenant, &reference).await?;
        let found = found.ok_or_else(|| release_not_found(&reference))?;
        self.may_serve(&found).await?;
        let version = reference.version.clone();
        let ran_on = RanOn { version: version.clone(), digest: found.digest, epoch: head.release.epoch };
        let candidate = Candidate { version, digest: found.digest };
        let then = JournalHead { release: ran_on, ..head.clone() };
        let deployment = self.store.deployment(&row.tenant, &row.agent).await?;
        let grants = self.grants_for(&found, deployment.and_then(|deployment| deployment.grants)).await?;
        let route = self.past_route(&row.tenant, &row.agent, &then, grants, 0).await?;

        let record = Record::new(&rows, &head.seed)?;
        let recorded = Recorded::new(row, &head, &record);
        let trial = self.try_on(seat, &recorded, &route).await?;
        let before = match self.past_route(&row.tenant, &row.agent, &head, None, 0).await {
            Ok(route) => {
                let recording = Recording::new(rows, troupe_sandbox::Then::Stop);
                Some(self.again(seat, row, &head, &route, recording).await?)
            }
            Err(error) if error.code == Code::ReleaseNotFound => None,
            Err(error) => return Err(error),
        };
        Ok(report(&recorded, candidate, trial, before.map(|again| (again.outcome.usage, again.took))))
    }

    /// Runs a release; one that does not take the input ends as it would.
    pub(super) async fn try_on(&self, seat: &ReplaySeat, recorded: &Recorded<'_>, route: &Arc<Route>) -> Result<Trial> {
        let Recorded { row, head, record, input, .. } = recorded;
        let matching = Arc::new(Matching::new(record));
        let taken = route.performed(row.skill.as_str()).and_then(|skill| skill.check_input(input));
        if let Err(error) = taken {
            let failure = Some(TaskFailure::from(&error));
            let outcome = ReplayOutcome { status: TaskStatus::Failed, output: None, failure };
            let (usage, took, matched) = (Usage::default(), Duration::ZERO, matching.matched());
            return Ok(Trial { outcome, usage, took, matched, matching });
        }
        let recording = Recording::matching(Arc::clone(&matching));
        let Again { outcome, took } = self.again(seat, row, head, route, recording).await?;
        let usage = outcome.usage;
        let (status, output, failure) = ended_as(route, row.skill.as_str(), outcome.result).await;
        let outcome = ReplayOutcome { status, output: output.map(|(_, value)| value), failure };
        Ok(Trial { outcome, usage, took, matched: matching.matched(), matching })
    }
}

impl Trial {
    /// The recorded calls in their order, each with what became of it, and those that are new.
    pub(super) fn calls(&self) -> Vec<OnRecord<'_>> {
        let Matched { made, recorded, missing } = &self.matched;
        let unmade: HashSet<u64> = missing.iter().copied().collect();
        let mut left: HashMap<String, VecDeque<&RecordedCall>> = HashMap::new();
        for recorded in recorded.iter().filter(|recorded| unmade.contains(&recorded.number)) {
            left.entry(Matching::target(&recorded.call)).or_default().push_back(recorded);
        }
        let mut by_recorded: BTreeMap<u64, (Repeated, &MadeCall, Option<String>)> = BTreeMap::new();
        let mut new = Vec::new();
        for made in made {
            if let Some(number) = made.recorded {
                by_recorded.insert(number, (Repeated::Same, made, None));
                continue;
            }
            let before = left.get_mut(&Matching::target(&made.call));
            let first = before.as_ref().and_then(|before| before.front().copied());
            match first.and_then(|recorded| Some((recorded.number, self.matching.changed(recorded, made)?))) {
                Some((number, change)) => {
                    before.map(VecDeque::pop_front);
                    let change = Some(change).filter(|change| !change.is_empty());
                    by_recorded.insert(number, (Repeated::Changed, made, change));
                }
                None => new.push(OnRecord::New(made)),
            }
        }
        let of_record = recorded.iter().map(|recorded| match by_recorded.remove(&recorded.number) {
            Some((repeated, made, change)) => OnRecord::Recorded { recorded, repeated, made: Some(made), change },
            None => OnRecord::Recorded { recorded, repeated: Repeated::Missing, made: None, change: None },
        });
        let of_record: Vec<OnRecord<'_>> = of_record.collect();
        of_record.into_iter().chain(new).collect()
    }

    /// What it took.
    pub(super) fn cost(&self) -> Cost {
        let made = self.matched.made.iter();
        let calls = made.map(|call| (&call.call, call.answer.as_ref(), call.source == Source::Unmatched));
        cost(self.usage, self.took, calls)
    }
}

impl OnRecord<'_> {
    fn view(self) -> ReplayCall {
        match self {
            Self::Recorded { recorded, repeated, made, change } => {
                ReplayCall { recorded: shown(recorded), repeated, change, answered_from: made.map(answered_from) }
            }
            Self::New(made) => ReplayCall {
                recorded: JournalCall {
                    number: made.number,
                    at: troupe_core::Timestamp::from_millis(0),
                    call: made.call.describe(),
                    write: made.write,
                    answer: made.answer.as_ref().map(Answer::describe),
                },
                repeated: Repeated::New,
                change: None,
                answered_from: Some(answered_from(made)),
            },
        }
    }
}

/// The release that is asked for, which is one of the task's agent.
fn reference(row: &TaskRow, release: &str) -> Result<ReleaseRef> {
    let whole = if release.contains('@') { release.to_owned() } else { format!("{}@{release}", row.agent) };
    let reference: ReleaseRef = whole.parse()?;
    if reference.agent == row.agent {
        return Ok(reference);
    }
    let message = format!("task {} is one of `{}`; name another release of that agent", row.id, row.agent);
    Err(Error::new(Code::RequestInvalid, message))
}

fn report(
    recorded: &Recorded<'_>,
    candidate: Candidate,
    trial: Trial,
    before: Option<(Usage, Duration)>,
) -> ReplayView {
    let Recorded { row, head, record, .. } = recorded;
    let recorded = recorded.outcome.clone();
    let of_record = record.calls().iter().map(|call| (&call.call, call.answer.as_ref(), false));
    let cost =
        CostChange { recorded: before.map(|(usage, took)| cost(usage, took, of_record)), candidate: trial.cost() };
    let calls: Vec<ReplayCall> = trial.calls().into_iter().map(OnRecord::view).collect();
    let replayed = trial.outcome;
    let difference = (replayed != recorded).then(|| told(&recorded, &replayed)).or_else(|| other_calls(&calls));
    ReplayView {
        task: row.id,
        attempt: row.attempt,
        release: head.release.clone(),
        candidate: Some(candidate),
        identical: difference.is_none(),
        difference,
        differences: differences(recorded.output.as_ref(), replayed.output.as_ref()),
        recorded,
        replayed: Some(replayed),
        cost: Some(cost),
        calls,
    }
}

fn shown(recorded: &RecordedCall) -> JournalCall {
    JournalCall {
        number: recorded.number,
        at: recorded.at,
        call: recorded.call.describe(),
        write: recorded.write,
        answer: recorded.answer.as_ref().map(Answer::describe),
    }
}

fn answered_from(made: &MadeCall) -> AnsweredFrom {
    match made.source {
        Source::Record => AnsweredFrom::Record,
        Source::Picture => AnsweredFrom::Picture,
        Source::Seed => AnsweredFrom::Seed,
        Source::Denied => AnsweredFrom::Grants,
        Source::Unmatched => AnsweredFrom::Nothing,
    }
}

/// How the calls differ, in a sentence; nothing if they are the same.
fn other_calls(calls: &[ReplayCall]) -> Option<String> {
    let count = |wanted: Repeated| calls.iter().filter(|call| call.repeated == wanted).count();
    let kinds = [(Repeated::Changed, "changed"), (Repeated::New, "new"), (Repeated::Missing, "not made")];
    let parts: Vec<String> = kinds
        .into_iter()
        .filter_map(|(kind, word)| match count(kind) {
            0 => None,
            1 => Some(format!("1 call is {word}")),
            many => Some(format!("{many} calls are {word}")),
        })
        .collect();
    (!parts.is_empty()).then(|| format!("the end is the same, and {}", parts.join(", ")))
}

/// What an invocation took. What a tried release would have sent counts as sent.
fn cost<'a>(usage: Usage, took: Duration, calls: impl Iterator<Item = (&'a Call, Option<&'a Answer>, bool)>) -> Cost {
    let mut cost = Cost {
        host_calls: usage.host_calls,
        memory_bytes_peak: usage.memory_bytes_peak,
        time_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        compute_us: u64::try_from(usage.compute.as_micros()).unwrap_or(u64::MAX),
        ..Cost::default()
    };
    for (call, answer, unsent) in calls {
        let Call::Http(call) = call else { continue };
        let sent = match answer {
            Some(Answer::HttpFailed(failure)) => failure.sent || unsent,
            _ => true,
        };
        if !sent {
            continue;
        }
        cost.http_requests += 1;
        cost.http_bytes_sent += match &call.body {
            HttpBody::Whole(bytes) => bytes.len() as u64,
            HttpBody::Digest(_, length) => *length,
        };
        if let Some(Answer::Http(answer)) = answer {
            cost.http_bytes_received += answer.body.len() as u64;
        }
    }
    cost
}
