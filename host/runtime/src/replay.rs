//! Replaying a task: the same guest, answered from its journal, with no effect anywhere.
//!
//! The release, configuration, seed, times and identity are those of the journal's head. No
//! call is authorised, performed or recorded again. Whoever asks learns whether the calls and
//! the end are the same, and if not, where they parted.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use troupe_core::view::{JournalCall, JournalView, Repeated, ReplayCall, ReplayOutcome, ReplayView, TaskStatus};
use troupe_core::{
    AgentName, Caller, Code, Effect, Error, Grants, ReleaseRef, Result, Scope, TaskId, TenantId, limits,
};
use troupe_sandbox::{Answer, Call, Invocation, JournalRow, NoLedger, Outcome, Recording, Stop, Then};
use troupe_store::{DeploymentRow, JournalHead, TaskRow};

use crate::Runtime;
use crate::deploy::release_not_found;
use crate::route::Route;
use crate::tasks::{ended_as, facts, not_found, recorded};

/// The ends that come from outside: a replay compares up to them.
const CUT_SHORT: [Code; 5] =
    [Code::LimitDeadline, Code::Cancelled, Code::SwapDrained, Code::InDoubt, Code::UnavailableHost];

impl Runtime {
    /// The journal of a task's last attempt.
    ///
    /// # Errors
    /// [`Code::TaskNotFound`]; [`Code::ReplayImpossible`] if the task has no journal.
    pub async fn journal(&self, caller: &Caller, task: TaskId) -> Result<JournalView> {
        caller.require(Scope::Read)?;
        let (row, head, rows) = self.recorded(caller, task).await?;
        Ok(JournalView {
            task,
            attempt: row.attempt,
            release: head.release,
            started_at: head.started_at,
            calls: calls(&rows).collect(),
        })
    }

    /// Replays a task that has ended.
    ///
    /// # Errors
    /// [`Code::TaskNotFound`]; [`Code::ReplayImpossible`] naming what is missing;
    /// [`Code::LimitConcurrency`].
    pub async fn replay(&self, caller: &Caller, task: TaskId) -> Result<ReplayView> {
        caller.require(Scope::Run)?;
        self.require_ready()?;
        let (row, head, rows) = self.recorded(caller, task).await?;
        if !row.status.is_final() {
            return Err(impossible(format!("task {task} is {}; replay it when it has ended", row.status.as_str())));
        }
        let route = self.past_route(&row.tenant, &row.agent, &head, None, 0).await?;
        let slot = self.slot(limits::WAIT_MAX).await?;
        let invocation = Invocation {
            facts: facts(&row, &head, &route),
            grants: Grants::default(),
            ceiling: Effect::Destructive,
            ledger: Box::new(NoLedger),
            directories: None,
            observer: Arc::new(()),
            stop: Stop::default(),
            time: Duration::from_millis(row.timeout_ms),
            life: Duration::from_millis(row.timeout_ms),
            memory_bytes: route.memory_bytes,
            output_bytes: route.output_bytes,
            seed: head.seed,
            started_at: head.started_at,
            recording: Some(Recording::new(rows.clone(), Then::Stop)),
        };
        let outcome = self.sandbox.perform(&route.agent, invocation, row.skill.as_str(), &row.input).await;
        let compared = compared(&row, head, &route, &rows, outcome).await;
        drop(slot);
        Ok(compared)
    }

    async fn recorded(&self, caller: &Caller, task: TaskId) -> Result<(TaskRow, JournalHead, Vec<JournalRow>)> {
        let row = self.store.task(&caller.tenant, task).await?;
        let row = row.ok_or_else(|| not_found(task))?;
        let journal = self.store.journal(&caller.tenant, task, row.attempt).await?;
        let (head, rows) =
            journal.ok_or_else(|| impossible(format!("task {task} has not run, so it has no journal")))?;
        Ok((row, head, rows.into_iter().map(recorded).collect()))
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
            grants_revision: head.grants_revision,
            grants,
            configuration_revision: revision,
            configuration,
            state_generation,
            changed_at: head.started_at,
        };
        Ok(Arc::new(self.prepare(&release).await?.route(past)?))
    }
}

fn impossible(message: String) -> Error {
    Error::new(Code::ReplayImpossible, message)
}

/// The calls of a journal; waits are not calls of their own.
fn calls(rows: &[JournalRow]) -> impl Iterator<Item = JournalCall> {
    rows.iter().filter_map(|row| {
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
    })
}

async fn compared(
    row: &TaskRow,
    head: JournalHead,
    route: &Arc<Route>,
    rows: &[JournalRow],
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
        result => {
            let (status, output, failure) = ended_as(route, row.skill.as_str(), result).await;
            let replayed = ReplayOutcome { status, output: output.as_deref().map(document), failure };
            let difference = (replayed != recorded).then(|| told(&recorded, &replayed));
            (Some(replayed), difference)
        }
    };
    let calls: Vec<ReplayCall> = calls(rows)
        .map(|recorded| {
            let repeated = match recorded.number {
                number if parted == Some(number) => Repeated::Other,
                number if unmade.contains(&number) => Repeated::Missing,
                _ => Repeated::Same,
            };
            ReplayCall { recorded, repeated }
        })
        .collect();
    let missing = || {
        let missing = calls.iter().find(|call| call.repeated == Repeated::Missing)?;
        Some(format!("call {}, {}, was not made", missing.recorded.number, missing.recorded.call))
    };
    let difference = difference.or_else(missing);
    ReplayView {
        task: row.id,
        attempt: row.attempt,
        release: head.release,
        identical: difference.is_none(),
        difference,
        recorded,
        replayed,
        calls,
    }
}

fn document(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

/// How two ends differ.
fn told(recorded: &ReplayOutcome, replayed: &ReplayOutcome) -> String {
    let end = |outcome: &ReplayOutcome| match &outcome.failure {
        Some(failure) => format!("{} with {}", outcome.status.as_str(), failure.code),
        None => outcome.status.as_str().to_owned(),
    };
    if recorded.status == TaskStatus::Completed && replayed.status == TaskStatus::Completed {
        return "the output is another one".to_owned();
    }
    format!("it was {}, and now is {}", end(recorded), end(replayed))
}
