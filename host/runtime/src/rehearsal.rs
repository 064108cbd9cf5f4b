//! Rehearsing a release: many recorded invocations on it, and on the release that serves
//! beside it, with no effect anywhere.
//!
//! ```text
//!  choose ──▶ a place, of the lowest priority ──▶ load a journal ──▶ serving │ candidate ──▶ tally
//!  (`choose.rs`)  for each invocation, some at once                 (`trial.rs`)  (`findings.rs`, `tally.rs`)
//! ```
//!
//! The attack: a release that is wrong for a few inputs, asks somebody new, grows or slows
//! down, and is found out by its callers. The rule: before it serves it is given what was
//! asked of the one before, answered from the same records, and whatever it does otherwise
//! is told. What the serving release does otherwise in the same way, since it is not the one
//! that was recorded or may less than then, is not held against the candidate; what they take
//! is held against each other, since both were measured in one run. The default: nothing it
//! does is performed, nothing is written, and nothing is kept but that it was made, for whom, and
//! what came of it in numbers (`record.rs`): a report holds parts of what tasks answered, and would
//! have to be forgotten with them. It can be made again as long as the journals are kept.
//!
//! Live work goes first: a rehearsal takes a place for one invocation at a time, within the
//! shares of its agent, only when nobody of its tenant waits for one.

mod choose;
mod findings;
mod record;
mod tally;
mod trial;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use troupe_core::view::{Candidate, LeftOutReason, RanOn, RehearsalProgress, RehearsalReport, RehearseRequest};
use troupe_core::{AgentName, Caller, Code, Error, ReleaseRef, Result, Scope, TaskId, TenantId, limits};
use troupe_sandbox::Record;
use troupe_store::{JournalHead, RecordedTask, ReleaseRow, TaskRow, Withheld};

use self::choose::Chosen;
use self::tally::{Tally, TriedOnBoth};
use self::trial::Recorded;
use crate::deploy::GrantPolicy;
use crate::replay::{ReplaySeat, recorded_rows};
use crate::route::Route;
use crate::tasks::{Key, Wait};
use crate::{Runtime, agents};

/// How often it is looked whether whoever asked is still let in.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The priority of a rehearsal's invocations among those that wait for a place: the lowest.
const PRIORITY: i32 = i32::MIN;

/// A rehearsal that was asked for and can begin. Whoever drops it ends it.
#[derive(Debug)]
pub struct Rehearsal {
    runtime: Runtime,
    /// Who is told; asked after while it goes on.
    caller: Option<Caller>,
    subject: Arc<Subject>,
    chosen: Chosen,
    last: u32,
    skill: Option<String>,
    time: Duration,
    counted: Wait,
}

/// What is rehearsed.
#[derive(Debug)]
struct Subject {
    tenant: TenantId,
    agent: AgentName,
    candidate: Stage,
    /// The release that serves; none if it cannot run.
    serving: Option<Stage>,
}

/// A release on which invocations are tried.
#[derive(Debug)]
struct Stage {
    release: ReleaseRow,
    /// What its operator grants now.
    grants: Option<String>,
    skills: Vec<String>,
    /// Its route under each configuration of then; none where it does not fit.
    routes: Mutex<HashMap<u64, Option<Arc<Route>>>>,
}

impl Runtime {
    /// Rehearses a release of an agent and tells how far it is.
    ///
    /// # Errors
    /// Those of [`Runtime::rehearsal`] and [`Rehearsal::run`].
    pub async fn rehearse(
        &self,
        caller: &Caller,
        agent: &str,
        request: &RehearseRequest,
        progress: &watch::Sender<RehearsalProgress>,
    ) -> Result<RehearsalReport> {
        self.rehearsal(caller, agent, request).await?.run(progress).await
    }

    /// Looks for what a release of an agent can be tried on.
    ///
    /// # Errors
    /// [`Code::ReleaseNotFound`], [`Code::DeploymentNotFound`], [`Code::SkillNotFound`],
    /// [`Code::RequestInvalid`]; [`Code::LimitConcurrency`] while as many are rehearsed as may be;
    /// whatever keeps the release from running at all.
    pub async fn rehearsal(&self, caller: &Caller, agent: &str, request: &RehearseRequest) -> Result<Rehearsal> {
        agents::permitted(caller, Scope::Operate, agent)?;
        // It tells what tasks were asked and answered.
        caller.require(Scope::Read)?;
        let mut rehearsal = self.rehearsal_of(&caller.tenant, agent, request).await?;
        rehearsal.caller = Some(caller.clone());
        Ok(rehearsal)
    }

    /// The same for the host itself, as a step of what a caller was let in for.
    ///
    /// # Errors
    /// As [`Runtime::rehearsal`].
    pub(crate) async fn rehearsal_of(
        &self,
        tenant: &TenantId,
        agent: &str,
        request: &RehearseRequest,
    ) -> Result<Rehearsal> {
        self.require_room()?;
        let last = request.last.unwrap_or(limits::REHEARSAL_LAST_DEFAULT);
        let most = limits::REHEARSAL_TIME_MAX;
        let time = request.timeout_ms.map_or(most, Duration::from_millis);
        if last == 0 || last > limits::REHEARSAL_LAST_MAX {
            let message = format!("`last` is 1 to {}", limits::REHEARSAL_LAST_MAX);
            return Err(Error::new(Code::RequestInvalid, message));
        }
        if time.is_zero() || time > most {
            return Err(Error::new(Code::RequestInvalid, format!("`timeout_ms` is 1 to {}", most.as_millis())));
        }
        let agent: AgentName = agent.parse().map_err(|_| agents::unknown(agent))?;
        let counted = self.rehearsals.enter(tenant)?;
        let subject = self.subject(tenant, &agent, request).await?;
        let skills = subject.skills();
        let skill = match &request.skill {
            None => None,
            Some(skill) if skills.contains(skill) => Some(skill.parse()?),
            Some(skill) => {
                let message = format!("neither release of agent `{agent}` has a skill `{}`", troupe_core::shown(skill));
                return Err(Error::new(Code::SkillNotFound, message));
            }
        };
        let chosen = self.choose(tenant, &agent, skill, last, &skills).await?;
        let (runtime, subject) = (self.clone(), Arc::new(subject));
        let skill = request.skill.clone();
        Ok(Rehearsal { runtime, caller: None, subject, chosen, last, skill, time, counted })
    }

    async fn subject(&self, tenant: &TenantId, agent: &AgentName, request: &RehearseRequest) -> Result<Subject> {
        let deployment = self.store.deployment(tenant, agent).await?;
        let deployment = deployment.ok_or_else(|| crate::deploy::not_deployed(agent))?;
        let reference = ReleaseRef { agent: agent.clone(), version: request.version.clone() };
        let release = self.store.release(tenant, &reference).await?;
        let release = release.ok_or_else(|| crate::deploy::release_not_found(&reference))?;
        self.may_serve(&release).await?;
        let grants = self.grants_for(&release, deployment.grants.clone()).await?;
        let candidate = self.stage(release, grants).await?;
        let reference = ReleaseRef { agent: agent.clone(), version: deployment.serving };
        let serving = match self.store.release(tenant, &reference).await? {
            None => None,
            // One that cannot be loaded serves nobody, so there is nothing to hold against it.
            Some(release) => self.stage(release, deployment.grants).await.ok(),
        };
        Ok(Subject { tenant: tenant.clone(), agent: agent.clone(), candidate, serving })
    }

    /// The operator's grants under which a release would serve.
    async fn grants_for(&self, release: &ReleaseRow, now: Option<String>) -> Result<Option<String>> {
        match self.grants {
            GrantPolicy::Approved => Ok(now),
            GrantPolicy::AsAsked => {
                let asked = self.prepare(release).await?.asked();
                serde_json::to_string(&asked).map(Some).map_err(Error::internal)
            }
        }
    }

    async fn stage(&self, release: ReleaseRow, grants: Option<String>) -> Result<Stage> {
        let skills = self.prepare(&release).await?.task_names();
        Ok(Stage { release, grants, skills, routes: Mutex::default() })
    }

    /// Tries one recorded invocation on both releases.
    ///
    /// # Errors
    /// Whatever ends the rehearsal.
    async fn try_on_both(&self, subject: &Subject, task: TaskId, serving_first: bool) -> Result<Tried> {
        // What stands in line holds no journal in memory.
        let seat = self.last_in_line(&(subject.tenant.clone(), subject.agent.clone())).await?;
        let loaded = {
            let _loading = self.journals_loading.acquire().await.map_err(Error::internal)?;
            self.store.recorded_task(&subject.tenant, task, limits::REHEARSAL_JOURNAL_BYTES_MAX).await?
        };
        let (row, head, rows) = match loaded {
            Some(RecordedTask::Whole(row, head, rows)) => (row, head, rows),
            Some(RecordedTask::TooLarge(_)) => return Ok(Tried::LeftOut(LeftOutReason::TooLarge)),
            Some(RecordedTask::Withheld(Withheld::Redacted)) => return Ok(Tried::LeftOut(LeftOutReason::Redacted)),
            Some(RecordedTask::Withheld(Withheld::Dropped)) | None => {
                return Ok(Tried::LeftOut(LeftOutReason::Dropped));
            }
        };
        let record = Record::new(&recorded_rows(rows), &head.seed)?;
        if !record.is_whole() {
            return Ok(Tried::LeftOut(LeftOutReason::Streamed));
        }
        let Some(candidate) = self.staged(&subject.candidate, &row, &head).await? else {
            return Ok(Tried::LeftOut(LeftOutReason::Configuration));
        };
        let serving = match &subject.serving {
            None => None,
            Some(stage) => self.staged(stage, &row, &head).await?,
        };
        let recorded = Recorded::new(&row, &head, &record);
        let (mut then, mut now) = (None, None);
        // They take turns in going first, since the second finds warm what the first has read.
        for is_serving in [serving_first, !serving_first] {
            match (is_serving, &serving) {
                (true, Some(route)) => then = Some(self.try_on(&seat, &recorded, route).await?),
                (true, None) => {}
                (false, _) => now = Some(self.try_on(&seat, &recorded, &candidate).await?),
            }
        }
        let candidate = now.ok_or_else(|| Error::internal("a candidate was not tried"))?;
        Ok(Tried::OnBoth(Box::new(TriedOnBoth::new(&recorded, candidate, then))))
    }

    /// A place to run in, whenever there is one that nobody else of the tenant waits for.
    async fn last_in_line(&self, key: &Key) -> Result<ReplaySeat> {
        loop {
            self.require_ready()?;
            match self.replay_seat(key, PRIORITY).await {
                Err(error) if error.code == Code::LimitConcurrency => tokio::time::sleep(limits::TICK).await,
                seat => return seat,
            }
        }
    }

    /// The route of a release under the configuration of then; none if that is gone, or is
    /// none of the release's.
    async fn staged(&self, stage: &Stage, row: &TaskRow, head: &JournalHead) -> Result<Option<Arc<Route>>> {
        let mut routes = stage.routes.lock().await;
        if let Some(route) = routes.get(&head.configuration_revision) {
            return Ok(route.clone());
        }
        let ReleaseRef { version, .. } = stage.release.release.clone();
        let ran_on = RanOn { version, digest: stage.release.digest, epoch: head.release.epoch };
        let then = JournalHead { release: ran_on, ..head.clone() };
        let route = match self.past_route(&row.tenant, &row.agent, &then, stage.grants.clone(), 0).await {
            Ok(route) => Some(route),
            Err(error) if matches!(error.code, Code::ReplayImpossible | Code::ConfigurationInvalid) => None,
            Err(error) => return Err(error),
        };
        routes.insert(head.configuration_revision, route.clone());
        Ok(route)
    }
}

/// What came of one task.
#[derive(Debug)]
enum Tried {
    OnBoth(Box<TriedOnBoth>),
    LeftOut(LeftOutReason),
}

impl Subject {
    /// The skills of both releases.
    fn skills(&self) -> Vec<String> {
        let of_serving = self.serving.iter().flat_map(|serving| &serving.skills);
        let mut skills: Vec<String> = self.candidate.skills.iter().chain(of_serving).cloned().collect();
        skills.sort_unstable();
        skills.dedup();
        skills
    }
}

impl Stage {
    fn view(&self) -> Candidate {
        Candidate { version: self.release.release.version.clone(), digest: self.release.digest }
    }
}

impl Rehearsal {
    /// Tries what was chosen, some at once, and tells how far it is. That somebody had it done is on
    /// record before anything of the report is told.
    ///
    /// # Errors
    /// [`Code::UnavailableHost`] when the host stops, [`Code::TenantDisabled`], and those of
    /// a caller who is let in no more.
    pub async fn run(self, progress: &watch::Sender<RehearsalProgress>) -> Result<RehearsalReport> {
        tokio::select! {
            biased;
            report = async {
                let report = self.tried(progress).await?;
                self.record(&report).await?;
                Ok::<_, Error>(report)
            } => report,
            () = self.counted.closed() => {
                Err(Error::new(Code::UnavailableHost, "the host is shutting down; rehearse again when it is back"))
            }
        }
    }

    async fn tried(&self, progress: &watch::Sender<RehearsalProgress>) -> Result<RehearsalReport> {
        let until = Instant::now() + self.time;
        let of = u32::try_from(self.chosen.tasks.len()).unwrap_or(u32::MAX);
        progress.send_replace(RehearsalProgress { of, ..RehearsalProgress::default() });
        let mut tally = Tally::new(self.subject.skills());
        for (reason, tasks) in &self.chosen.left_out {
            tally.leave_out(*reason, *tasks);
        }
        let mut looking = tokio::time::interval(LOOK_EVERY);
        let mut trying = JoinSet::new();
        let mut ahead = (0..).zip(self.chosen.tasks.iter().copied());
        let mut done = 0;
        self.warm_up(until).await?;
        loop {
            while trying.len() < at_once()
                && let Some((place, task)) = ahead.next()
            {
                let (runtime, subject) = (self.runtime.clone(), Arc::clone(&self.subject));
                trying.spawn(async move { (place, task, runtime.try_on_both(&subject, task, place % 2 == 0).await) });
            }
            tokio::select! {
                biased;
                () = sleep_until(until) => break,
                _ = looking.tick() => self.look().await?,
                joined = trying.join_next() => {
                    let Some(joined) = joined else { break };
                    let (place, task, tried) = joined.map_err(Error::internal)?;
                    match tried? {
                        Tried::OnBoth(tried) => tally.add(place, task, *tried),
                        Tried::LeftOut(reason) => tally.leave_out(reason, 1),
                    }
                    done += 1;
                    progress.send_replace(RehearsalProgress { done, of, different: tally.different() });
                }
            }
        }
        // What is under way is given up here; whoever was let in no more is told nothing.
        drop(trying);
        self.look().await?;
        let (candidate, serving) = (self.subject.candidate.view(), self.subject.serving.as_ref().map(Stage::view));
        Ok(tally.report(&self.subject.agent, candidate, serving, self.last, of, of.saturating_sub(done)))
    }

    /// Runs both releases once for nothing: code that runs for the first time is slow.
    async fn warm_up(&self, until: Instant) -> Result<()> {
        let Some(task) = self.chosen.tasks.first() else { return Ok(()) };
        let first = self.runtime.try_on_both(&self.subject, *task, true);
        tokio::time::timeout_at(until, first).await.map_or(Ok(()), |tried| tried.map(drop))
    }

    /// Whether whoever is told is still let in.
    async fn look(&self) -> Result<()> {
        match &self.caller {
            Some(caller) => self.runtime.check_caller(caller).await,
            None => Ok(()),
        }
    }
}

/// Invocations that are tried at once: two at least, and no more than half of what the machine
/// can compute at once, since live work has the rest.
fn at_once() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).div_ceil(2).max(2)
}
