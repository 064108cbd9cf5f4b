//! How a workload is told.

use std::collections::BTreeMap;

use troupe_estate::Amount;
use troupe_sdk::prelude::*;

use super::Looked;
use super::rules::{self, NAMED_MAX, Reason};
use super::workloads::{By, Group};
use crate::catalog::services::Move;
use crate::map::Code;

/// A workload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Workload {
    /// Its name.
    pub name: String,
    /// By what its resources are one.
    pub by: By,
    /// Which way it goes.
    pub strategy: Move,
    /// Why: the rule for the whole first, then those for the parts that decided.
    pub reasons: Vec<Reason>,
    /// Its resources.
    pub members: Vec<Member>,
    /// How many resources it has of each class.
    pub classes: BTreeMap<String, u64>,
    /// Workloads that it uses.
    pub needs: Vec<String>,
    /// What is in its way, one row for each code, message and remedy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blockers: Vec<BlockerRow>,
    /// What could not be checked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unchecked: Vec<UncheckedRow>,
    /// What it costs and would cost, as far as prices are known.
    pub costs: Costs,
}

/// A resource of a workload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Member {
    /// Its id.
    pub id: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Which way it goes.
    pub way: Move,
    /// By which rule.
    pub rule: String,
    /// What to mind before it moves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What is in the way of resources of a workload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BlockerRow {
    /// What kind of thing.
    pub code: Code,
    /// Whether it must be solved before the resources move.
    pub stops: bool,
    /// What it is.
    pub message: String,
    /// What to do.
    pub remedy: String,
    /// The ids of the resources: the first ten.
    pub resources: Vec<String>,
    /// How many there are.
    pub count: u64,
}

/// What could not be checked of resources of a workload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UncheckedRow {
    /// What would have been checked.
    pub code: Code,
    /// Why it could not be.
    pub why: String,
    /// The ids of the resources: the first ten.
    pub resources: Vec<String>,
    /// How many there are.
    pub count: u64,
}

/// What resources cost and would cost for a month.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Costs {
    /// The sums now, by currency, of those that have a price on both sides: only those can be compared.
    pub now: BTreeMap<String, Amount>,
    /// The sums then, of the same.
    pub then: BTreeMap<String, Amount>,
    /// How many those are.
    pub both: u64,
    /// How many have none on one side or on both, though they cost something.
    pub unknown: u64,
}

/// Every workload.
pub fn all(looked: &Looked) -> Vec<Workload> {
    looked.groups.iter().zip(&looked.needs).map(|(group, needs)| one(looked, group, needs)).collect()
}

fn one(looked: &Looked, group: &Group, needs: &[usize]) -> Workload {
    let places = || group.members.iter().copied();
    let decided = places().filter_map(|place| Some((looked.estate.get(place)?, looked.decisions.get(place)?)));
    let (strategy, reasons) = rules::of_workload(decided.clone());
    let mut classes = BTreeMap::new();
    let members = decided
        .map(|(resource, decision)| {
            *classes.entry(resource.class.name().to_owned()).or_default() += 1;
            Member {
                id: resource.id.clone(),
                kind: resource.kind.to_string(),
                way: decision.way,
                rule: decision.rule.to_owned(),
                note: decision.note.clone(),
            }
        })
        .collect();
    Workload {
        name: group.name.clone(),
        by: group.by,
        strategy,
        reasons,
        members,
        classes,
        needs: needs.iter().filter_map(|other| looked.groups.get(*other)).map(|other| other.name.clone()).collect(),
        blockers: blockers(looked, group),
        unchecked: unchecked(looked, group),
        costs: costs(looked, group),
    }
}

fn blockers(looked: &Looked, group: &Group) -> Vec<BlockerRow> {
    let mut rows: BTreeMap<(Code, &str, &str), (Vec<String>, u64)> = BTreeMap::new();
    for row in group.members.iter().filter_map(|place| looked.rows.get(*place)) {
        for blocker in &row.blockers {
            let (named, count) = rows.entry((blocker.code, &blocker.message, &blocker.remedy)).or_default();
            if named.len() < NAMED_MAX {
                named.push(row.resource.id.clone());
            }
            *count += 1;
        }
    }
    let row = |((code, message, remedy), (resources, count)): ((Code, &str, &str), (Vec<String>, u64))| BlockerRow {
        code,
        stops: code.stops(),
        message: message.to_owned(),
        remedy: remedy.to_owned(),
        resources,
        count,
    };
    rows.into_iter().map(row).collect()
}

fn unchecked(looked: &Looked, group: &Group) -> Vec<UncheckedRow> {
    let mut rows: BTreeMap<(Code, &str), (Vec<String>, u64)> = BTreeMap::new();
    for row in group.members.iter().filter_map(|place| looked.rows.get(*place)) {
        for unchecked in &row.unchecked {
            let (named, count) = rows.entry((unchecked.code, &unchecked.why)).or_default();
            if named.len() < NAMED_MAX {
                named.push(row.resource.id.clone());
            }
            *count += 1;
        }
    }
    let row = |((code, why), (resources, count)): ((Code, &str), (Vec<String>, u64))| UncheckedRow {
        code,
        why: why.to_owned(),
        resources,
        count,
    };
    rows.into_iter().map(row).collect()
}

fn costs(looked: &Looked, group: &Group) -> Costs {
    let mut costs = Costs::default();
    for row in group.members.iter().filter_map(|place| looked.rows.get(*place)) {
        match (&row.price.now, &row.price.then) {
            (Some(now), Some(then)) => {
                costs.both += 1;
                for (sums, money) in [(&mut costs.now, now), (&mut costs.then, then)] {
                    let sum = sums.entry(money.currency.clone()).or_default();
                    *sum += money.monthly;
                }
            }
            _ if row.to.is_some() => costs.unknown += 1,
            _ => {}
        }
    }
    costs
}
