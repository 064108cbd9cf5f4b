//! A route in memory: everything an invocation needs of its deployment, fixed at one
//! epoch. An invocation holds the route it began on until it ends, so a swap cannot
//! change anything under it. One thing reaches it: a grant that is taken away.

mod skill;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use serde_json::value::RawValue;
use serde_json::{Map, Value};
use tokio::sync::Notify;
use troupe_core::view::{AffinityBy, ApprovedConfiguration, CanaryView, DeploymentView, RanOn};
use troupe_core::{Code, Error, Grants, Result, SkillName, SwapId, TaskId, limits, shown};
use troupe_package::{HealthCheck, Manifest, Profile, StateVersion};
use troupe_sandbox::{Agent, Budgets, LiveGrants, Stop, StopReason};
use troupe_store::{DeploymentRow, ReleaseRow, TaskRow};

use crate::agents;
use crate::hold::Hold;
use crate::quarantine::{Pass, Quarantine};
use crate::sessions::{Conversing, Vocabulary};
use crate::swap::{Tally, affinity};
use crate::tasks::Meters;
pub(crate) use skill::{Skill, check, check_schemas, compiled};
use skill::{configuration_schema, skills_of};

/// What a swap does when a release before the last one still drains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drain {
    /// Waits until it has drained.
    Wait,
    /// Ends what still runs on it.
    Expire,
}

/// One epoch of a deployment.
pub(crate) struct Route {
    pub(crate) row: DeploymentRow,
    pub(crate) agent: Agent,
    /// What the operator grants, whatever the release asks for.
    pub(crate) operator: Grants,
    /// What is in force for what runs here.
    pub(crate) grants: LiveGrants,
    pub(crate) configuration: Arc<RawValue>,
    /// The same, as something that is approved of.
    pub(crate) approvable: ApprovedConfiguration,
    pub(crate) memory_bytes: usize,
    pub(crate) output_bytes: usize,
    pub(crate) time: Duration,
    /// Whether its release may be asked; shared by the routes of one release in force.
    pub(crate) quarantine: Quarantine,
    /// How its release did; shared in the same way.
    pub(crate) tally: Tally,
    /// What is tried beside it, under the same epoch.
    pub(crate) tried: Option<Tried>,
    /// The form of state that its release writes, and those that it reads.
    pub(crate) state: StateVersion,
    /// How the health of the agent's instances is checked, if it is.
    pub(crate) health: Option<Arc<HealthCheck>>,
    /// Whether new work is held back; shared by all routes of the deployment.
    pub(crate) hold: Hold,
    skills: HashMap<String, Skill>,
    /// Its own conversation, if it has one.
    conversing: Option<Conversing>,
    profile: Profile,
    vocabulary: OnceLock<Vocabulary>,
    meters: OnceLock<Meters>,
    running: Mutex<Running>,
    drained: Notify,
}

/// A release that is tried beside the one that serves.
#[derive(Debug)]
pub(crate) struct Tried {
    pub(crate) route: Arc<Route>,
    /// Its share of affinity keys, in percent.
    pub(crate) weight: u8,
    pub(crate) swap: SwapId,
    pub(crate) by: AffinityBy,
}

/// What runs on a route.
#[derive(Default)]
struct Running {
    tasks: HashMap<TaskId, Stop>,
    /// Whether another route is in force, so that nothing begins here any more.
    retired: bool,
}

/// Why nothing enters a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shut {
    /// Another one is in force.
    Retired,
    /// New work is held back.
    Held,
}

impl std::fmt::Debug for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Route").field("row", &self.row).finish_non_exhaustive()
    }
}

/// What a release fixes for a route, checked before any row changes.
pub(crate) struct Prepared {
    pub(crate) agent: Agent,
    pub(crate) manifest: Manifest,
    profile: Profile,
    skills: HashMap<String, Skill>,
    conversing: Option<Conversing>,
}

impl Prepared {
    /// Prepares a release whose component is loaded.
    pub(crate) fn new(release: &ReleaseRow, agent: Agent) -> Result<Self> {
        let (manifest, profile) = agents::offer(release)?;
        let skills = skills_of(&profile)?;
        profile.check_conversation(agent.converses())?;
        let conversing = profile.conversation.map(|own| Conversing::of(own.effect)).transpose()?;
        Ok(Self { agent, manifest, profile, skills, conversing })
    }

    /// What the manifest asks for, as grants.
    pub(crate) fn asked(&self) -> Grants {
        self.manifest.capabilities.grants()
    }

    /// The names of what tasks of it may be for: its skills, and its own conversation.
    pub(crate) fn task_names(&self) -> Vec<String> {
        let own = self.conversing.as_ref().map(|_| SkillName::CONVERSE.to_owned());
        self.skills.keys().cloned().chain(own).collect()
    }

    /// The configuration in force: the release's defaults with the operator's values
    /// over them, objects merged, checked against the profile's schema.
    pub(crate) fn configuration(&self, operator: &str) -> Result<Value> {
        let merged = in_force(&self.manifest, operator)?;
        if let Some(schema) = &self.profile.configuration {
            check(&configuration_schema(schema)?, &merged, Code::ConfigurationInvalid, "the configuration")?;
        }
        Ok(merged)
    }

    /// Makes the route of `row`.
    pub(crate) fn route(self, row: DeploymentRow) -> Result<Route> {
        let merged = self.configuration(&row.configuration)?;
        let configuration = serde_json::value::to_raw_value(&merged).map_err(Error::internal)?;
        let operator: Grants = match &row.grants {
            Some(text) => serde_json::from_str(text).map_err(Error::internal)?,
            None => Grants::default(),
        };
        let asked = &self.manifest.limits;
        let bytes = |asked: Option<u64>, default: usize| asked.and_then(|b| usize::try_from(b).ok()).unwrap_or(default);
        Ok(Route {
            grants: LiveGrants::new(self.asked().intersect(&operator)),
            operator,
            memory_bytes: bytes(asked.memory_bytes, limits::GUEST_MEMORY_BYTES_DEFAULT)
                .min(limits::GUEST_MEMORY_BYTES_MAX),
            output_bytes: bytes(asked.output_bytes, limits::OUTPUT_BYTES_MAX).min(limits::OUTPUT_BYTES_MAX),
            time: asked.time_ms.map_or(limits::INVOCATION_TIME_DEFAULT, Duration::from_millis),
            configuration: Arc::from(configuration),
            approvable: ApprovedConfiguration::of(row.configuration_revision, merged),
            agent: self.agent,
            quarantine: Quarantine::default(),
            tally: Tally::default(),
            tried: None,
            state: self.manifest.state,
            health: self.manifest.health.map(Arc::new),
            hold: Hold::default(),
            skills: self.skills,
            conversing: self.conversing,
            profile: self.profile,
            vocabulary: OnceLock::new(),
            meters: OnceLock::new(),
            row,
            running: Mutex::default(),
            drained: Notify::new(),
        })
    }
}

/// A release's defaults with the operator's values over them, objects merged.
pub(crate) fn in_force(manifest: &Manifest, operator: &str) -> Result<Value> {
    let operator: Value = serde_json::from_str(operator).map_err(Error::internal)?;
    let mut merged = Value::Object(manifest.configuration.clone());
    merge(&mut merged, operator);
    Ok(merged)
}

/// JSON Merge Patch (RFC 7396) without its deletion by null: a null is a value here.
fn merge(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => merge_objects(base, over),
        (base, over) => *base = over,
    }
}

fn merge_objects(base: &mut Map<String, Value>, over: Map<String, Value>) {
    for (name, value) in over {
        match base.get_mut(&name) {
            Some(slot) => merge(slot, value),
            None => {
                base.insert(name, value);
            }
        }
    }
}

impl Route {
    /// Has what will run here draw on what is left of the agent's budgets.
    pub(crate) fn draw_on(&mut self, budgets: &Budgets) {
        self.grants = LiveGrants::drawing_on(self.grants.begun().clone(), budgets.clone());
    }

    /// The route for a task: that of the candidate, if the task is among those it gets.
    pub(crate) fn for_task(self: &Arc<Self>, task: &TaskRow) -> Arc<Self> {
        let tried = self.tried.as_ref().filter(|tried| affinity::is_tried(task, tried.swap, tried.by, tried.weight));
        Arc::clone(tried.map_or(self, |tried| &tried.route))
    }

    /// This route and that of its candidate.
    pub(crate) fn both(self: &Arc<Self>) -> impl Iterator<Item = &Arc<Self>> {
        std::iter::once(self).chain(self.tried.as_ref().map(|tried| &tried.route))
    }

    /// Goes on with what is known of a release, as a route that was in force knows it.
    pub(crate) fn goes_on(&mut self, before: &Self) {
        self.quarantine = before.quarantine.clone();
        self.tally = before.tally.clone();
    }

    /// The release, for people.
    pub(crate) fn release(&self) -> String {
        format!("{}@{}", self.row.agent, self.row.serving)
    }

    /// The release and epoch, as answers carry them.
    pub(crate) fn ran_on(&self) -> RanOn {
        RanOn { version: self.row.serving.clone(), digest: self.row.digest, epoch: self.row.epoch }
    }

    pub(crate) fn view(&self) -> DeploymentView {
        DeploymentView {
            agent: self.row.agent.to_string(),
            epoch: self.row.epoch,
            serving: self.row.serving.clone(),
            digest: self.row.digest,
            configuration: serde_json::from_str(self.configuration.get()).unwrap_or_default(),
            grants: self.grants.begun().clone(),
            changed_at: self.row.changed_at,
            fault: None,
            quarantine: self.quarantine.view(),
            canary: self.tried.as_ref().map(|tried| CanaryView {
                version: tried.route.row.serving.clone(),
                weight: tried.weight,
                swap: tried.swap,
            }),
        }
    }

    /// The skill of this name.
    pub(crate) fn skill(&self, name: &str) -> Result<&Skill> {
        self.skills.get(name).ok_or_else(|| {
            let mut known: Vec<_> = self.skills.keys().map(String::as_str).collect();
            known.sort_unstable();
            Error::new(
                Code::SkillNotFound,
                format!("agent `{}` has no skill `{}`; it has {}", self.row.agent, shown(name), list(&known)),
            )
        })
    }

    /// What a task of this name is for: a skill, or a call of the agent's own conversation, which is asked for
    /// by messages alone.
    pub(crate) fn performed(&self, name: &str) -> Result<&Skill> {
        self.conversing.as_ref().and_then(|own| own.call(name)).map_or_else(|| self.skill(name), Ok)
    }

    /// Whether its release answers messages in its own words.
    pub(crate) const fn converses(&self) -> bool {
        self.conversing.is_some()
    }

    /// What its release can be asked for in words.
    pub(crate) fn vocabulary(&self) -> &Vocabulary {
        self.vocabulary.get_or_init(|| Vocabulary::of(&self.profile))
    }

    /// Where what runs here is counted.
    pub(crate) fn meters(&self) -> &Meters {
        self.meters.get_or_init(|| Meters::of(&self.row.agent))
    }

    /// Notes that a task with leave to run runs here; the guard's end notes that it no longer
    /// does.
    ///
    /// # Errors
    /// Why it does not.
    pub(crate) fn enter(self: &Arc<Self>, task: TaskId, stop: Stop, pass: Pass) -> Result<Entered, Shut> {
        let mut running = self.lock();
        if running.retired {
            return Err(Shut::Retired);
        }
        // Whoever holds work back does so before looking what runs, and one of the two sees the
        // other, since both take the lock in between.
        if self.hold.is_on() {
            return Err(Shut::Held);
        }
        running.tasks.insert(task, stop);
        Ok(Entered { route: Arc::clone(self), task, pass: Some(pass) })
    }

    /// Lets nothing begin here any more.
    pub(crate) fn retire(&self) {
        self.lock().retired = true;
    }

    /// How many tasks run here.
    pub(crate) fn running(&self) -> usize {
        self.lock().tasks.len()
    }

    /// Ends what runs here.
    pub(crate) fn expire(&self) {
        for stop in self.lock().tasks.values() {
            stop.now(StopReason::Drained);
        }
    }

    /// Waits until nothing runs here.
    pub(crate) async fn drained(&self) {
        loop {
            let emptied = self.drained.notified();
            if self.running() == 0 {
                return;
            }
            emptied.await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A task's stay on a route.
#[derive(Debug)]
pub(crate) struct Entered {
    pub(crate) route: Arc<Route>,
    task: TaskId,
    /// Until its end is told.
    pub(crate) pass: Option<Pass>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut running = self.route.lock();
        running.tasks.remove(&self.task);
        if running.tasks.is_empty() {
            self.route.drained.notify_waiters();
        }
    }
}

fn list(names: &[&str]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}
