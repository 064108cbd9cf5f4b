//! Running checks: each asks an agent, and is held against what is expected.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use troupe_sdk::prelude::*;
use troupe_sdk::{agents, events};

use crate::expect::Expectation;
use crate::fault::code_of;
use crate::history::{is_name, keep, usual};
use crate::settings::Settings;

/// Most checks of one suite.
const CHECKS_MAX: usize = 100;
/// How many agents are asked at once.
const AT_ONCE: usize = 8;

/// Checks to run.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckInput {
    /// What they are called together: results are held against those of the last run of the same suite.
    #[serde(default = "usual")]
    pub suite: String,
    /// The checks, at most 100; those of the configuration when absent.
    #[serde(default)]
    pub checks: Option<Vec<Check>>,
}

/// A skill that is asked for, and what is expected of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// Its name, once in a suite.
    pub name: String,
    /// The agent.
    pub agent: String,
    /// The skill.
    pub skill: String,
    /// The input; an object without fields when absent.
    #[serde(default = "nothing")]
    pub input: Value,
    /// What is expected; that it answers, when nothing is said.
    #[serde(default)]
    pub expect: Vec<Expectation>,
    /// The code that it is to fail with, such as `input.invalid`, if it is to fail.
    #[serde(default)]
    pub fails_with: Option<String>,
    /// How long it may take, in milliseconds; as long as its agent says when absent.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
}

/// What came of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckResult {
    /// Its name.
    pub name: String,
    /// Whether all that was expected holds.
    pub passed: bool,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// The task of the agent that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// What does not hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
}

/// What came of a suite.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckReport {
    /// The suite.
    pub suite: String,
    /// Which run of it this was, from 1.
    pub run: u64,
    /// Whether all passed.
    pub passed: bool,
    /// One line of it.
    pub summary: String,
    /// Checks that failed, and did not in the run before.
    pub newly_failing: Vec<String>,
    /// Checks that passed, and failed in the run before.
    pub fixed: Vec<String>,
    /// Checks that failed in both.
    pub still_failing: Vec<String>,
    /// Checks of the run before that were not run.
    pub gone: Vec<String>,
    /// Each check.
    pub results: Vec<CheckResult>,
    /// Why changes were not published, if they were not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_published: Option<String>,
}

fn nothing() -> Value {
    Value::Object(serde_json::Map::new())
}

/// Runs a suite.
///
/// # Errors
///
/// [`Failure::InvalidInput`] for what is no suite, [`Failure::Denied`] for what may not be asked for: then nobody
/// was asked.
pub async fn run(input: CheckInput, settings: &Settings) -> Result<CheckReport, Failure> {
    let checks = input.checks.unwrap_or_else(|| settings.checks.clone());
    if checks.is_empty() || checks.len() > CHECKS_MAX {
        let message = format!(
            "a suite has 1 to {CHECKS_MAX} checks, in the input or in the configuration, and this one has {}",
            checks.len()
        );
        return Err(Failure::invalid_input(message));
    }
    is_name("suite", &input.suite)?;
    let mut names = HashSet::new();
    for check in &checks {
        let reach = settings.reach(&check.agent, &check.skill)?;
        if settings.asks_before(reach) {
            return Err(Failure::denied(format!(
                "the check `{}` asks for `{}/{}`, before which somebody is to be asked, and a check asks nobody; have a plan do it, or give it a lesser `effect` in `may`",
                check.name, check.agent, check.skill
            )));
        }
        is_name("check", &check.name)?;
        if !names.insert(check.name.as_str()) {
            return Err(Failure::invalid_input(format!("the suite has two checks `{}`; name each once", check.name)));
        }
    }
    let mut results = Vec::new();
    for some in checks.chunks(AT_ONCE) {
        results.extend(wait::all(some.iter().map(one)).await);
        let done = u32::try_from(results.len()).unwrap_or(u32::MAX);
        let total = u32::try_from(checks.len()).unwrap_or(u32::MAX);
        progress::report(f64::from(done) / f64::from(total), format!("{done} of {total} checks"));
    }
    let (run, changes) = keep(&input.suite, &results)?;
    let failed: Vec<&CheckResult> = results.iter().filter(|result| !result.passed).collect();
    let not_published = [("qa.failed", &changes.newly_failing), ("qa.recovered", &changes.fixed)]
        .into_iter()
        .filter_map(|(topic, names)| publish(topic, &input.suite, run, names, &results).err())
        .next();
    let summary = format!(
        "{} of {} checks passed; {} newly failing, {} fixed, {} still failing",
        results.len() - failed.len(),
        results.len(),
        changes.newly_failing.len(),
        changes.fixed.len(),
        changes.still_failing.len()
    );
    Ok(CheckReport {
        suite: input.suite,
        run,
        passed: failed.is_empty(),
        summary,
        newly_failing: changes.newly_failing,
        fixed: changes.fixed,
        still_failing: changes.still_failing,
        gone: changes.gone,
        results,
        not_published,
    })
}

async fn one(check: &Check) -> CheckResult {
    let begun = time::now();
    let mut ask = agents::ask(check.agent.as_str(), check.skill.as_str()).input(&check.input);
    if let Some(ms) = check.timeout_ms {
        ask = ask.timeout(Duration::from_millis(ms));
    }
    let (task, answered) = match ask.start() {
        Ok(child) => (Some(child.id()), child.answer::<Value>().await),
        Err(error) => (None, Err(error)),
    };
    let took_ms = milliseconds(begun);
    let faults = match (answered, &check.fails_with) {
        (Ok(answer), None) => check.expect.iter().flat_map(|expected| expected.faults(&answer, took_ms)).collect(),
        (Ok(_), Some(code)) => vec![format!("it answered, and was to fail with `{code}`")],
        (Err(error), Some(code)) if code_of(&error).as_ref() == Some(code) => {
            let time_alone =
                |expected: &Expectation| Expectation { within_ms: expected.within_ms, ..Expectation::default() };
            check.expect.iter().flat_map(|expected| time_alone(expected).faults(&Value::Null, took_ms)).collect()
        }
        (Err(error), _) => vec![format!("it did not answer: {error}")],
    };
    CheckResult { name: check.name.clone(), passed: faults.is_empty(), took_ms, task, faults }
}

fn milliseconds(since: SystemTime) -> u64 {
    let took = time::now().duration_since(since).unwrap_or_default();
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}

/// Publishes what has changed: an event for each check. Why not, if it may not.
fn publish(topic: &str, suite: &str, run: u64, names: &[String], results: &[CheckResult]) -> Result<(), String> {
    for (number, name) in names.iter().enumerate() {
        let faults = results.iter().find(|result| &result.name == name).map(|result| &result.faults);
        let data = json!({ "suite": suite, "run": run, "check": name, "faults": faults });
        let event = events::publish(topic).data(data).subject(name).id(format!("{suite}/{run}/{number}/{topic}"));
        event.send().map_err(|error| error.to_string())?;
    }
    Ok(())
}
