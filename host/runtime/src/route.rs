//! A route in memory: everything an invocation needs of its deployment, fixed at one
//! epoch. An invocation holds the route it began on until it ends, so a swap cannot
//! change anything under it. One thing reaches it: a grant that is taken away.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use jsonschema::{PatternOptions, Validator};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use tokio::sync::Notify;
use troupe_core::view::{AffinityBy, CanaryView, DeploymentView, RanOn};
use troupe_core::{Code, Effect, Error, Grants, Result, SwapId, TaskId, limits, shown};
use troupe_package::{Manifest, Profile, StateVersion};
use troupe_sandbox::{Agent, Budgets, LiveGrants, Stop, StopReason};
use troupe_store::{DeploymentRow, ReleaseRow, TaskRow};

use crate::agents;
use crate::hold::Hold;
use crate::quarantine::{Pass, Quarantine};
use crate::sessions::Vocabulary;
use crate::swap::{Tally, affinity};

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
    /// Whether new work is held back; shared by all routes of the deployment.
    pub(crate) hold: Hold,
    skills: HashMap<String, Skill>,
    profile: Profile,
    vocabulary: OnceLock<Vocabulary>,
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

/// A skill, with its schemas compiled.
pub(crate) struct Skill {
    pub(crate) effect: Effect,
    input: Validator,
    /// Whether what its schema wants of one place may depend on another.
    is_conditional: bool,
    output: Validator,
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
}

/// Checks that this host can check documents against every schema of a profile.
pub(crate) fn check_schemas(profile: &Profile) -> Result<()> {
    profile.configuration.as_ref().map(configuration_schema).transpose()?;
    skills_of(profile).map(drop)
}

fn skills_of(profile: &Profile) -> Result<HashMap<String, Skill>> {
    let mut skills = HashMap::new();
    for skill in &profile.skills {
        let compile = |schema: &Value, which: &str| {
            compiled(schema).map_err(|error| error.context(format!("skill `{}`: its {which} schema", skill.name)))
        };
        let input = compile(&skill.input, "input")?;
        let output = compile(&skill.output, "output")?;
        let text = skill.input.to_string();
        let is_conditional = CONDITIONS.iter().any(|word| text.contains(word));
        skills.insert(skill.name.to_string(), Skill { effect: skill.effect, input, is_conditional, output });
    }
    Ok(skills)
}

fn configuration_schema(schema: &Value) -> Result<Validator> {
    compiled(schema).map_err(|error| error.context("the configuration's schema"))
}

impl Prepared {
    /// Prepares a release whose component is loaded.
    pub(crate) fn new(release: &ReleaseRow, agent: Agent) -> Result<Self> {
        let (manifest, profile) = (agents::manifest(release)?, agents::profile(release)?);
        let skills = skills_of(&profile)?;
        Ok(Self { agent, manifest, profile, skills })
    }

    /// What the manifest asks for, as grants.
    pub(crate) fn asked(&self) -> Grants {
        self.manifest.capabilities.grants()
    }

    /// The names of its skills.
    pub(crate) fn skill_names(&self) -> Vec<String> {
        self.skills.keys().cloned().collect()
    }

    /// The configuration in force: the release's defaults with the operator's values
    /// over them, objects merged, checked against the profile's schema.
    pub(crate) fn configuration(&self, operator: &str) -> Result<Value> {
        let operator: Value = serde_json::from_str(operator).map_err(Error::internal)?;
        let mut merged = Value::Object(self.manifest.configuration.clone());
        merge(&mut merged, operator);
        if let Some(schema) = &self.profile.configuration {
            check(&configuration_schema(schema)?, &merged, Code::ConfigurationInvalid, "the configuration")?;
        }
        Ok(merged)
    }

    /// Makes the route of `row`.
    pub(crate) fn route(self, row: DeploymentRow) -> Result<Route> {
        let configuration = self.configuration(&row.configuration)?;
        let configuration = serde_json::value::to_raw_value(&configuration).map_err(Error::internal)?;
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
            agent: self.agent,
            quarantine: Quarantine::default(),
            tally: Tally::default(),
            tried: None,
            state: self.manifest.state,
            hold: Hold::default(),
            skills: self.skills,
            profile: self.profile,
            vocabulary: OnceLock::new(),
            row,
            running: Mutex::default(),
            drained: Notify::new(),
        })
    }
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

    /// What its release can be asked for in words.
    pub(crate) fn vocabulary(&self) -> &Vocabulary {
        self.vocabulary.get_or_init(|| Vocabulary::of(&self.profile))
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

impl Skill {
    /// Checks a skill's input.
    pub(crate) fn check_input(&self, input: &Value) -> Result<()> {
        check(&self.input, input, Code::InputInvalid, "the input")
    }

    /// Checks what is known of a skill's input some places of which are filled later, each a JSON
    /// Pointer. A fault that what is filled there could mend is none.
    pub(crate) fn check_known(&self, input: &Value, open: &[String]) -> Result<()> {
        if open.is_empty() {
            return self.check_input(input);
        }
        if self.is_conditional {
            return Ok(());
        }
        // What is added to an array changes the array.
        let open: Vec<&str> = open.iter().map(|place| place.split("/-").next().unwrap_or(place)).collect();
        let is_within = |inner: &str, outer: &str| {
            inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let stays = |path: &str| !open.iter().any(|place| is_within(path, place) || is_within(place, path));
        check_where(&self.input, input, Code::InputInvalid, "the input", stays)
    }

    /// Checks a skill's output.
    pub(crate) fn check_output(&self, output: &Value) -> Result<()> {
        check(&self.output, output, Code::OutputInvalid, "the agent's output")
    }
}

/// Keywords of JSON Schema by which one place decides what is wanted of another.
const CONDITIONS: [&str; 3] = ["\"if\"", "\"dependent", "\"dependencies\""];

/// Compiles a schema of a profile. Its patterns run on an engine whose time is linear in
/// the text, since author and guest choose pattern and text: one that backtracks could be
/// made to take hours. What that engine cannot do, such as looking around, is refused.
fn compiled(schema: &Value) -> Result<Validator> {
    let options = jsonschema::draft202012::options().with_pattern_options(PatternOptions::regex());
    options.build(schema).map_err(|error| {
        let text: String = error.to_string().chars().take(300).collect();
        Error::new(
            Code::ProfileInvalid,
            format!(
                "not a schema that this host can check: {text}; a `pattern` has no look-around and no back-reference"
            ),
        )
    })
}

/// How many faults one message names.
const FAULTS_SHOWN: usize = 5;

fn check(validator: &Validator, document: &Value, code: Code, what: &str) -> Result<()> {
    check_where(validator, document, code, what, |_| true)
}

/// Checks a document, in which a fault counts where `counts` says so of its place.
fn check_where(
    validator: &Validator,
    document: &Value,
    code: Code,
    what: &str,
    counts: impl Fn(&str) -> bool,
) -> Result<()> {
    if validator.is_valid(document) {
        return Ok(());
    }
    let faults: Vec<(String, String)> = validator
        .iter_errors(document)
        .map(|error| (error.instance_path().to_string(), error))
        .filter(|(path, _)| counts(path))
        .take(FAULTS_SHOWN)
        .map(|(path, error)| (path, error.to_string().chars().take(300).collect()))
        .collect();
    let Some((path, text)) = faults.first().cloned() else { return Ok(()) };
    let at = if path.is_empty() { String::new() } else { format!(" at `{path}`") };
    let details: Vec<Value> =
        faults.iter().map(|(path, text)| serde_json::json!({ "path": path, "message": text })).collect();
    Err(Error::new(code, format!("{what} breaks the schema{at}: {text}")).with("faults", details))
}

fn list(names: &[&str]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use serde_json::json;

    use super::*;

    #[test]
    fn a_pattern_made_to_backtrack_takes_no_longer_than_another() {
        let schema = compiled(&json!({ "type": "string", "pattern": "^(a+)+$" })).unwrap();
        let started = Instant::now();
        let text = json!("a".repeat(1_000_000) + "b");
        assert_eq!(check(&schema, &text, Code::InputInvalid, "the input").unwrap_err().code, Code::InputInvalid);
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    }

    #[test]
    fn of_an_input_that_is_filled_later_what_stands_for_good_is_checked() {
        let skill = |schema: Value| Skill {
            effect: Effect::Read,
            is_conditional: CONDITIONS.iter().any(|word| schema.to_string().contains(word)),
            input: compiled(&schema).unwrap(),
            output: compiled(&json!(true)).unwrap(),
        };
        let schema = json!({
            "type": "object", "required": ["text", "limit"],
            "properties": { "text": { "type": "string" }, "limit": { "type": "integer" }, "list": { "maxItems": 1 } },
        });
        let check = |input: Value, open: &str| skill(schema.clone()).check_known(&input, &[open.to_owned()]).is_ok();
        assert!(check(json!({ "limit": 1 }), "/text"));
        assert!(!check(json!({ "limit": "many" }), "/text"));
        assert!(check(json!({ "limit": "many" }), ""));
        assert!(check(json!({ "limit": 1, "list": [1, 2] }), "/list/-"));
        assert!(!check(json!({ "limit": "many", "list": [1] }), "/list/-"));
        let conditional = json!({ "if": { "required": ["text"] }, "else": { "properties": { "limit": false } } });
        assert!(skill(conditional).check_known(&json!({ "limit": 1 }), &["/text".to_owned()]).is_ok());
    }

    #[test]
    fn a_pattern_that_only_backtracking_can_match_is_refused_with_the_reason() {
        for pattern in ["(?=a)b", r"(a)\1"] {
            let error = compiled(&json!({ "type": "string", "pattern": pattern })).unwrap_err();
            assert_eq!(error.code, Code::ProfileInvalid);
            assert!(error.message.contains("no look-around"), "{error}");
        }
    }
}
