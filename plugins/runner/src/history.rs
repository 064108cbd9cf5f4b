//! What a suite of checks found, kept until it is run again.

use std::collections::BTreeMap;

use troupe_sdk::prelude::*;
use troupe_sdk::state::Space;

use crate::check::CheckResult;

/// Longest name of a suite, and of a check.
const NAME_CHARS_MAX: usize = 100;

/// Which suite of checks.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SuiteInput {
    /// Its name; `default` when absent.
    #[serde(default = "usual")]
    pub suite: String,
}

/// The name of a suite where none is said.
pub fn usual() -> String {
    "default".to_owned()
}

/// How one check stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// Whether it passed.
    pub passed: bool,
    /// Since which run it stands so.
    pub since_run: u64,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
}

/// The results of the last run of a suite.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Results {
    /// How often it was run; 0 for never.
    pub run: u64,
    /// How its checks stand, by name.
    pub checks: BTreeMap<String, Outcome>,
}

/// What is otherwise than in the run before.
#[derive(Debug, Default)]
pub struct Changes {
    pub newly_failing: Vec<String>,
    pub fixed: Vec<String>,
    pub still_failing: Vec<String>,
    pub gone: Vec<String>,
}

/// The results of the last run.
///
/// # Errors
///
/// [`Failure::InvalidInput`] for what is no name; what keeps the state from being read.
pub fn results(suite: &str) -> Result<Results, Failure> {
    Ok(Space::Deployment.get_json(&key(suite)?)?.unwrap_or_default())
}

/// Keeps the results of a run, and says what they change.
///
/// # Errors
///
/// As [`results`].
pub fn keep(suite: &str, found: &[CheckResult]) -> Result<(u64, Changes), Failure> {
    let mut changes = Changes::default();
    // Two runs at once are told apart by what is kept: the later one is held against the one before.
    let now = Space::Deployment.update_json(&key(suite)?, |before| {
        let (now, since) = after(before.unwrap_or_default(), found);
        changes = since;
        Ok(now)
    })?;
    Ok((now.run, changes))
}

/// The results after a run, with what they change.
fn after(before: Results, found: &[CheckResult]) -> (Results, Changes) {
    let run = before.run + 1;
    let (mut now, mut changes) = (Results { run, checks: BTreeMap::new() }, Changes::default());
    for result in found {
        let earlier = before.checks.get(&result.name);
        let list = match (earlier.map(|earlier| earlier.passed), result.passed) {
            (Some(false), true) => Some(&mut changes.fixed),
            (Some(false), false) => Some(&mut changes.still_failing),
            (_, false) => Some(&mut changes.newly_failing),
            (_, true) => None,
        };
        list.into_iter().for_each(|list| list.push(result.name.clone()));
        let since_run =
            earlier.filter(|earlier| earlier.passed == result.passed).map_or(run, |earlier| earlier.since_run);
        let outcome = Outcome { passed: result.passed, since_run, faults: result.faults.clone() };
        now.checks.insert(result.name.clone(), outcome);
    }
    changes.gone = before.checks.into_keys().filter(|name| !now.checks.contains_key(name)).collect();
    (now, changes)
}

fn key(suite: &str) -> Result<String, Failure> {
    is_name("suite", suite)?;
    Ok(format!("suite/{suite}"))
}

/// Checks a name.
///
/// # Errors
///
/// [`Failure::InvalidInput`] with its bounds.
pub fn is_name(what: &str, name: &str) -> Result<(), Failure> {
    if (1..=NAME_CHARS_MAX).contains(&name.chars().count()) {
        return Ok(());
    }
    Err(Failure::invalid_input(format!("the name of a {what} has 1 to {NAME_CHARS_MAX} characters")))
}
