//! Replaying a task: the same guest, answered from its journal, with no effect anywhere.
//!
//! The release, configuration, seed, times and identity are those of the journal's head. No
//! call is authorised, performed or recorded again. Whoever asks learns whether the calls and
//! the end are the same, and if not, where they parted. Another release is tried by
//! `rehearsal/trial.rs`.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use troupe_core::difference::differences;
use troupe_core::view::{
    JournalCall, JournalView, Repeated, ReplayCall, ReplayOutcome, ReplayRequest, ReplayView, TaskStatus,
};
use troupe_core::{AgentName, Caller, Code, Effect, Error, ReleaseRef, Result, Scope, TaskId, TenantId, limits};
use troupe_sandbox::{Answer, Call, Invocation, JournalRow, NoLedger, Outcome, Recording, Stop, Then};
use troupe_store::{DeploymentRow, JournalHead, TaskRow, Withheld, task_not_found};

use crate::Runtime;
use crate::deploy::release_not_found;
use crate::journals::dropped;
use crate::route::Route;
use crate::routes::Entry;
use crate::tasks::{Key, Place, Slot, ended_as, facts, recorded};

/// The ends that come from outside: a replay compares up to them.
pub(crate) const CUT_SHORT: [Code; 5] =
    [Code::LimitDeadline, Code::Cancelled, Code::SwapDrained, Code::InDoubt, Code::UnavailableHost];

/// Where a replay runs: one of the host's places to run in, a place among the workers, and the
/// switch that ends it. It holds them from before it reads the journal to its end.
#[derive(Debug)]
pub(crate) struct ReplaySeat {
    _slot: Slot,
    _place: Place,
    pub(crate) stop: Stop,
}

impl Runtime {
    /// Some of the journal of an attempt of a task, the last unless another is named: at most `limit`
    /// rows after the one numbered `after`.
    ///
    /// # Errors
    /// [`Code::TaskNotFound`]; [`Code::RequestInvalid`] for an attempt that there was not;
    /// [`Code::ReplayImpossible`] if there is no journal, or none any more.
    pub async fn journal(
        &self,
        caller: &Caller,
        task: TaskId,
        attempt: Option<u32>,
        after: Option<u64>,
        limit: Option<u32>,
    ) -> Result<JournalView> {
        caller.require(Scope::Read)?;
        let row = self.store.task(&caller.tenant, task).await?;
        let row = row.ok_or_else(|| task_not_found(task))?;
        let attempt = attempt.unwrap_or(row.attempt);
        if attempt > row.attempt || (attempt == 0 && row.attempt > 0) {
            let message = format!("there was no attempt {attempt} of task {task}: its last is {}", row.attempt);
            return Err(Error::new(Code::RequestInvalid, message));
        }
        let limit = limits::page(limit);
        let read = |row| told_call(&recorded(row));
        let page = self.store.journal_page(&row.tenant, row.id, attempt, (after, limit), read).await?;
        let page = page.ok_or_else(|| self.no_journal(&row))?;
        let withheld = self.store.journal_withheld(&row.tenant, row.id, attempt).await?;
        if withheld == Some(Withheld::Dropped) {
            return Err(dropped(row.id, &self.journals));
        }
        Ok(JournalView {
            task: row.id,
            attempt,
            release: page.head.release,
            started_at: page.head.started_at,
            redacted: withheld.is_some(),
            calls: page.rows.into_iter().flatten().collect(),
            next: page.next,
        })
    }

    /// Replays a task that has ended, on the release that it ran on or on another one of its
    /// agent.
    ///
    /// # Errors
    /// [`Code::TaskNotFound`]; [`Code::ReleaseNotFound`]; [`Code::ReplayImpossible`] naming
    /// what is missing; [`Code::LimitConcurrency`].
    pub async fn replay(&self, caller: &Caller, task: TaskId, request: ReplayRequest) -> Result<ReplayView> {
        // It tells what the task was asked and answered.
        caller.require(Scope::Read)?;
        let row = self.task_permitted(caller, Scope::Run, task).await?;
        self.require_ready()?;
        if !row.status.is_final() {
            return Err(impossible(format!("task {task} is {}; replay it when it has ended", row.status.as_str())));
        }
        // What stands in line holds no journal in memory.
        let seat = self.replay_seat(&(row.tenant.clone(), row.agent.clone()), row.priority).await?;
        let (head, rows) = self.recorded(&row).await?;
        self.require_whole(&caller.tenant, &row).await?;
        if let Some(release) = &request.release {
            return self.try_release(&seat, &row, head, rows, release).await;
        }
        let route = self.past_route(&row.tenant, &row.agent, &head, None, 0).await?;
        let calls = rows.iter().filter_map(told_call).collect();
        let again = self.again(&seat, &row, &head, &route, Recording::new(rows, Then::Stop)).await?;
        Ok(compared(&row, head, &route, calls, again.outcome).await)
    }

    /// Where to replay a task. It is a worker like any other, so disabling its tenant ends it
    /// and a host that stops waits for it; not under the task's id, so that any number of
    /// replays of one task go on side by side.
    pub(crate) async fn replay_seat(&self, key: &Key, priority: i32) -> Result<ReplaySeat> {
        let slot = self.slot(key, priority, limits::WAIT_MAX).await?;
        let name = TaskId::generate(&*self.clock, &*self.entropy);
        let (place, stop) = self.place(&key.0, name)?;
        Ok(ReplaySeat { _slot: slot, _place: place, stop })
    }

    /// Performs a recorded task once more, with no effect: every call is answered from the
    /// recording.
    pub(crate) async fn again(
        &self,
        seat: &ReplaySeat,
        row: &TaskRow,
        head: &JournalHead,
        route: &Arc<Route>,
        recording: Recording,
    ) -> Result<Again> {
        let invocation = Invocation {
            facts: facts(row, head, route),
            grants: route.grants.clone(),
            ceiling: route.performed(row.skill.as_str()).map_or(Effect::Read, |skill| skill.effect),
            ledger: Box::new(NoLedger),
            directories: None,
            artifacts: None,
            observer: Arc::new(()),
            stop: seat.stop.clone(),
            time: Duration::from_millis(row.timeout_ms),
            life: Duration::from_millis(row.timeout_ms),
            memory_bytes: route.memory_bytes,
            output_bytes: route.output_bytes,
            seed: head.seed,
            started_at: head.started_at,
            recording: Some(recording),
        };
        let began = tokio::time::Instant::now();
        // On the heap: it is large, and whoever replays lies deep already.
        let outcome = Box::pin(self.sandbox.perform(&route.agent, invocation, row.skill.as_str(), &row.input)).await;
        let took = began.elapsed();
        if let Some(reason) = seat.stop.reason() {
            self.disabled.check(&row.tenant)?;
            return Err(reason.error());
        }
        Ok(Again { outcome, took })
    }

    async fn recorded(&self, row: &TaskRow) -> Result<(JournalHead, Vec<JournalRow>)> {
        let _loading = self.journals_loading.acquire().await.map_err(Error::internal)?;
        let journal = self.store.journal(&row.tenant, row.id, row.attempt).await?;
        let (head, rows) = journal.ok_or_else(|| self.no_journal(row))?;
        Ok((head, recorded_rows(rows)))
    }

    fn no_journal(&self, row: &TaskRow) -> Error {
        match row.attempt {
            0 => impossible(format!("task {} has not run, so it has no journal", row.id)),
            _ => dropped(row.id, &self.journals),
        }
    }

    /// The route as it was when an attempt began, with the operator's grants and the copy of
    /// the key space that whoever runs on it shall have.
    ///
    /// # Errors
    /// [`Code::ReplayImpossible`] and [`Code::ReleaseNotFound`] naming what is gone.
    pub(crate) async fn past_route(
        &self,
        tenant: &TenantId,
        agent: &AgentName,
        head: &JournalHead,
        grants: Option<String>,
        state_generation: u64,
    ) -> Result<Arc<Route>> {
        let version = head.release.version.clone();
        let reference = ReleaseRef { agent: agent.clone(), version };
        let release = self.store.release(tenant, &reference).await?;
        let release = release.ok_or_else(|| release_not_found(&reference))?;
        if release.digest != head.release.digest {
            return Err(impossible(format!("release {reference} is not the one that the task ran on")));
        }
        let revision = head.configuration_revision;
        let configuration = self.store.configuration(tenant, agent, revision).await?;
        let configuration =
            configuration.ok_or_else(|| impossible(format!("configuration {revision} is no longer kept")))?;
        let past = DeploymentRow {
            tenant: tenant.clone(),
            agent: agent.clone(),
            epoch: head.release.epoch,
            serving: head.release.version.clone(),
            digest: head.release.digest,
            candidate: None,
            grants_revision: head.grants_revision,
            grants,
            configuration_revision: revision,
            configuration,
            state_generation,
            state_since: 1,
            state_forms: None,
            changed_at: head.started_at,
        };
        let mut route = self.prepare(&release).await?.route(past)?;
        route.hold = self.routes.hold(tenant, agent);
        if let Some(Entry::Serving(now)) = self.routes.get(tenant, agent) {
            // What an agent has used is used, whichever release it goes on with.
            route.draw_on(now.grants.budgets());
        }
        Ok(Arc::new(route))
    }
}

/// What came of performing a recorded task once more.
pub(crate) struct Again {
    pub(crate) outcome: Outcome,
    /// How long it took.
    pub(crate) took: Duration,
}

/// Rows of a journal as the sandbox reads them.
pub(crate) fn recorded_rows(rows: Vec<troupe_store::JournalRow>) -> Vec<JournalRow> {
    rows.into_iter().map(recorded).collect()
}

fn impossible(message: String) -> Error {
    Error::new(Code::ReplayImpossible, message)
}

/// The call of a journal's row; a wait is not a call of its own.
fn told_call(row: &JournalRow) -> Option<JournalCall> {
    let call = Call::decode(&row.call).ok()?;
    if call == Call::Wait {
        return None;
    }
    let answer = Answer::decode(&row.answer).ok();
    Some(JournalCall {
        number: row.number,
        at: row.at,
        call: call.describe(),
        write: row.write,
        answer: answer.map(|answer| answer.describe()),
    })
}

async fn compared(
    row: &TaskRow,
    head: JournalHead,
    route: &Arc<Route>,
    calls: Vec<JournalCall>,
    outcome: Outcome,
) -> ReplayView {
    let unmade: HashSet<u64> = outcome.unmade.iter().map(|row| row.number).collect();
    let recorded =
        ReplayOutcome { status: row.status, output: row.output.as_deref().map(document), failure: row.failure.clone() };
    let cut_short = recorded
        .failure
        .as_ref()
        .is_some_and(|failure| Code::parse(&failure.code).is_some_and(|code| CUT_SHORT.contains(&code)));
    let mut parted = None;
    let (replayed, difference) = match outcome.result {
        Err(error) if error.code == Code::ReplayEnded && cut_short => (None, None),
        Err(error) if [Code::ReplayEnded, Code::ReplayDiverged, Code::ReplayImpossible].contains(&error.code) => {
            parted = error.details.get("number").and_then(Value::as_u64);
            (None, Some(error.message))
        }
        // Whatever its agent still answered, or came to: it was cancelled, and cut off when its time was up.
        result if row.status == TaskStatus::Cancelled => {
            let output = result.ok().map(|text| document(&text)).filter(|_| recorded.output.is_some());
            let replayed = ReplayOutcome { output, ..recorded.clone() };
            let difference = (replayed != recorded).then(|| "what it still answered is another".to_owned());
            (Some(replayed), difference)
        }
        result => {
            let (status, output, failure) = ended_as(route, row.skill.as_str(), result).await;
            let replayed = ReplayOutcome { status, output: output.map(|(_, value)| value), failure };
            let difference = (replayed != recorded).then(|| told(&recorded, &replayed));
            (Some(replayed), difference)
        }
    };
    let calls: Vec<ReplayCall> = calls
        .into_iter()
        .map(|recorded| {
            let repeated = match recorded.number {
                number if parted == Some(number) => Repeated::Other,
                number if unmade.contains(&number) => Repeated::Missing,
                _ => Repeated::Same,
            };
            ReplayCall { recorded, repeated, change: None, answered_from: None }
        })
        .collect();
    let missing = || {
        let missing = calls.iter().find(|call| call.repeated == Repeated::Missing)?;
        Some(format!("call {}, {}, was not made", missing.recorded.number, missing.recorded.call))
    };
    let difference = difference.or_else(missing);
    let now = replayed.as_ref().map(|replayed| differences(recorded.output.as_ref(), replayed.output.as_ref()));
    ReplayView {
        task: row.id,
        attempt: row.attempt,
        release: head.release,
        candidate: None,
        identical: difference.is_none(),
        difference,
        differences: now.unwrap_or_default(),
        cost: None,
        recorded,
        replayed,
        calls,
    }
}

pub(crate) fn document(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

/// How two ends differ.
pub(crate) fn told(recorded: &ReplayOutcome, replayed: &ReplayOutcome) -> String {
    let end = |outcome: &ReplayOutcome| match &outcome.failure {
        Some(failure) => format!("{} with {}", outcome.status.as_str(), failure.code),
        None => outcome.status.as_str().to_owned(),
    };
    if recorded.status == TaskStatus::Completed && replayed.status == TaskStatus::Completed {
        return "the output is another one".to_owned();
    }
    format!("it was {}, and now is {}", end(recorded), end(replayed))
}
