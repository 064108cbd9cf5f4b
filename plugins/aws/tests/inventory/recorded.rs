//! What real accounts answered, replayed: in each recorded flight that lists resources the agent
//! finds those and no others, or the difference stands in `recorded/differences.json` with its
//! reason.
//!
//! The recordings are found by `TROUPE_RECORDINGS`; `recorded/answers.py` writes them in the wire form
//! of each service once, for all flights, and `recorded/lists.json` says where in an answer ids stand.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde::Deserialize;
use serde_json::{Value, json};
use troupe_sdk::test::Answer;

use crate::aws::{account, inventory};

/// The status by which `answers.py` says that moto is not there.
const NO_MOTO: i32 = 3;

#[derive(Deserialize)]
struct Flight {
    flight: String,
    /// Status and body of each call, by action.
    answers: BTreeMap<String, Vec<(u16, String)>>,
    /// The ids that were listed, by type.
    lists: BTreeMap<String, Vec<String>>,
}

/// Where the agent finds something else than was recorded, and why.
#[derive(Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord, Clone)]
#[serde(deny_unknown_fields)]
struct Difference {
    flight: String,
    r#type: String,
    /// Recorded, and not found.
    #[serde(default)]
    missing: Vec<String>,
    /// Found, and not recorded.
    #[serde(default)]
    more: Vec<String>,
    #[serde(default)]
    why: String,
}

/// The flights; none where they cannot be had, which is said.
fn flights() -> Option<Vec<Flight>> {
    let Some(recordings) = std::env::var_os("TROUPE_RECORDINGS") else {
        eprintln!("recorded flights are not checked: TROUPE_RECORDINGS is not set");
        return None;
    };
    let here = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/inventory/recorded");
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/agent.toml");
    let mut command = Command::new("python3");
    command.arg(format!("{here}/answers.py")).arg(recordings).arg(manifest).arg(format!("{here}/lists.json"));
    let Ok(output) = command.output() else {
        eprintln!("recorded flights are not checked: there is no python3");
        return None;
    };
    let told = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(NO_MOTO) {
        eprintln!("recorded flights are not checked: {told}");
        return None;
    }
    assert!(output.status.success(), "{told}");
    let lines = String::from_utf8(output.stdout).unwrap();
    Some(lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// Takes the inventory of the account that a flight shows, of the services that it lists.
fn looked_at(flight: &Flight) -> Value {
    let answers = flight.answers.clone();
    let mut asked_for: BTreeMap<String, usize> = BTreeMap::new();
    let _host = account(move |asked| {
        // Without the account's number everything is told, whosever it is.
        let count = asked_for.entry(asked.action.clone()).or_default();
        let call = answers.get(&asked.action).and_then(|calls| calls.get(*count)).filter(|_| asked.service != "sts");
        *count += 1;
        Some(call.map_or_else(|| Answer::new(501), |(status, body)| Answer::text(*status, body.clone())))
    });
    let services: BTreeSet<&str> = flight.lists.keys().filter_map(|kind| kind.split('.').nth(1)).collect();
    inventory(json!({ "services": services }))
}

fn difference(flight: &Flight, kind: &str, recorded: &[String], found: &Value) -> Option<Difference> {
    let resources = found["resources"].as_array().unwrap();
    let of_kind = resources.iter().filter(|resource| resource["type"] == kind);
    let mut more: Vec<String> = of_kind.map(|resource| resource["id"].as_str().unwrap().to_owned()).collect();
    let mut missing = Vec::new();
    for id in recorded {
        match more.iter().position(|found| found == id) {
            Some(place) => drop(more.swap_remove(place)),
            None => missing.push(id.clone()),
        }
    }
    let difference =
        Difference { flight: flight.flight.clone(), r#type: kind.to_owned(), missing, more, why: String::new() };
    (!difference.missing.is_empty() || !difference.more.is_empty()).then_some(difference)
}

#[test]
fn what_was_recorded_is_found() {
    let Some(flights) = flights() else { return };
    let mut known: Vec<Difference> = serde_json::from_str(include_str!("recorded/differences.json")).unwrap();
    for difference in &mut known {
        assert!(!difference.why.is_empty(), "{difference:?} has no reason");
        difference.why.clear();
    }
    let (mut resources, mut differences) = (0, Vec::new());
    for flight in &flights {
        let found = looked_at(flight);
        for (kind, recorded) in &flight.lists {
            resources += recorded.len();
            differences.extend(difference(flight, kind, recorded, &found));
        }
    }
    eprintln!("{} recorded flights list {resources} resources", flights.len());
    let new: Vec<&Difference> = differences.iter().filter(|one| !known.contains(one)).collect();
    let gone: Vec<&Difference> = known.iter().filter(|one| !differences.contains(one)).collect();
    assert!(new.is_empty() && gone.is_empty(), "new: {new:#?}\nno longer: {gone:#?}");
}
