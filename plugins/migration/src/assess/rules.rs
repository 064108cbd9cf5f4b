//! Which of the six ways a resource goes, and then its workload.
//!
//! Of a resource, the first rule that fits decides:
//!
//! | rule | says |
//! |---|---|
//! | `tag` | a tag `migration` or `migration-strategy` names one of the six ways |
//! | `unattached` | a disk that no machine uses is retired |
//! | `unused-address` | an address that nothing uses is retired |
//! | `stopped` | a machine that has been stopped for `stopped_days` is retired, once its owner agrees; before, or where nobody tells since when, it moves, with a note |
//! | `idle` | a machine whose processors were below 3 % at their busiest in two weeks or more is retired, once its owner agrees |
//! | `no-region` | what would have to leave its country is retained until somebody decides |
//! | `no-engine` | a database whose engine the target does not offer is refactored to another |
//! | `table` | else it goes the way of its row in the services' table |
//!
//! Of a workload, what carries it counts: what computes, keeps data or takes requests; of one that has nothing of the
//! kind, everything. What follows something else never counts:
//!
//! | rule | says |
//! |---|---|
//! | `all-retired` | all of it is retired: so is the workload |
//! | `part-retained` | a part cannot move: the workload is retained, since one that is cut in two pays for each call between the clouds |
//! | `all-bought` | all of it is bought anew: repurchase |
//! | `hardest` | else the hardest way of a part is that of the whole: refactor before replatform before rehost |

use std::collections::BTreeMap;

use jiff::Timestamp;
use troupe_estate::time::days_since;
use troupe_estate::{Class, Resource};
use troupe_sdk::prelude::*;

use super::workloads::is_carrying;
use crate::catalog::services::Move;
use crate::facts;
use crate::input::Usage;
use crate::map::{Code, Mapped};

/// Below this a machine's processors are idle, in percent at their busiest: what an operating system does by itself.
const IDLE_PERCENT: f64 = 3.0;

/// Over how many days at least that was seen: a job of a fortnight would show.
const IDLE_DAYS: u32 = 14;

/// Resources that a reason names.
pub const NAMED_MAX: usize = 10;

/// Which way a resource goes, and by which rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The way.
    pub way: Move,
    /// The rule.
    pub rule: &'static str,
    /// Why, in a sentence.
    pub why: String,
    /// What to mind beside that.
    pub note: Option<String>,
}

fn decided(way: Move, rule: &'static str, why: impl Into<String>) -> Decision {
    Decision { way, rule, why: why.into(), note: None }
}

/// By what it is decided which machine is retired for being stopped.
#[derive(Debug, Clone, Copy)]
pub struct Stopped {
    /// For how many days it has been.
    days: u32,
    /// What time it is.
    now: Timestamp,
}

impl Stopped {
    /// Takes so many days from now on.
    ///
    /// # Errors
    ///
    /// If the host's time is none.
    pub fn for_days(days: u32) -> Result<Self, Failure> {
        let now = Timestamp::try_from(troupe_sdk::time::now()).map_err(Failure::failed)?;
        Ok(Self { days, now })
    }

    /// What is to be minded of a machine that is stopped and moves all the same.
    fn note(self, resource: &Resource) -> Option<String> {
        if resource.class != Class::ComputeInstance || !facts::is_stopped(resource) {
            return None;
        }
        let is = match self.since(resource) {
            Some(days) if days >= i64::from(self.days) => return None,
            Some(days) => format!("It has been stopped for {days} days"),
            None => "It is stopped, since when nobody tells".to_owned(),
        };
        Some(format!("{is}; a machine is retired after {}. Ask its owner whether it moves.", self.days))
    }

    /// For how many whole days it has been stopped, if that is told.
    fn since(self, resource: &Resource) -> Option<i64> {
        days_since(facts::text(resource, &["stopped_at", "last_stopped"])?, self.now)
    }

    fn decision(self, resource: &Resource) -> Option<Decision> {
        let days = self.since(resource).filter(|days| *days >= i64::from(self.days))?;
        Some(decided(Move::Retire, "stopped", format!("it has been stopped for {days} days")))
    }
}

/// Decides about a resource.
pub fn of_resource(resource: &Resource, row: &Mapped, usage: Option<&Usage>, stopped: Stopped) -> Decision {
    if let Some((tag, way)) = told(resource) {
        return decided(way, "tag", format!("its tag `{tag}` says `{}`", way.name()));
    }
    if let Some(decision) = unused(resource, usage, stopped) {
        return decision;
    }
    let has = |code: Code| row.blockers.iter().find(|blocker| blocker.code == code);
    if let Some(blocker) = has(Code::Region) {
        return decided(Move::Retain, "no-region", blocker.message.clone());
    }
    if let Some(blocker) = has(Code::Engine) {
        return decided(Move::Refactor, "no-engine", blocker.message.clone());
    }
    if let Some(blocker) = has(Code::NoTarget) {
        return decided(Move::Retain, "table", blocker.message.clone());
    }
    let becomes = row.to.as_ref().map_or_else(String::new, |to| format!(" to {}", to.service));
    let decision = decided(row.way, "table", format!("`{}` goes by `{}`{becomes}", row.service, row.way.name()));
    Decision { note: stopped.note(resource), ..decision }
}

fn told(resource: &Resource) -> Option<(&str, Move)> {
    let ways = [Move::Retire, Move::Retain, Move::Rehost, Move::Replatform, Move::Repurchase, Move::Refactor];
    resource.tags.iter().find_map(|(name, value)| {
        let is_tag = ["migration", "migration-strategy"].iter().any(|own| name.eq_ignore_ascii_case(own));
        let way = ways.into_iter().find(|way| value.trim().eq_ignore_ascii_case(way.name()));
        Some((name.as_str(), way.filter(|_| is_tag)?))
    })
}

fn unused(resource: &Resource, usage: Option<&Usage>, stopped: Stopped) -> Option<Decision> {
    match resource.class {
        Class::ComputeDisk => {
            let state =
                facts::text(resource, &["state", "disk_state", "status"]).unwrap_or_default().to_ascii_lowercase();
            let is_free = state == "available"
                || state == "unattached"
                || facts::number(resource, &["users"]) == Some(0.0)
                || facts::truth(resource, &["in_use"]) == Some(false);
            let has_user = facts::related(resource, &["instance", "machine", "user", "attached-to"]).next().is_some();
            (is_free && !has_user).then(|| decided(Move::Retire, "unattached", "no machine uses the disk"))
        }
        Class::NetworkAddress => (facts::truth(resource, &["in_use"]) == Some(false))
            .then(|| decided(Move::Retire, "unused-address", "nothing uses the address")),
        Class::ComputeInstance => {
            if facts::is_stopped(resource) {
                return stopped.decision(resource);
            }
            let usage = usage.copied().unwrap_or_else(|| facts::usage(resource));
            let (peak, days) = usage.cpu_peak_percent.zip(usage.days)?;
            (peak < IDLE_PERCENT && days >= IDLE_DAYS).then(|| {
                decided(
                    Move::Retire,
                    "idle",
                    format!("its processors were at {peak} % at their busiest in {days} days"),
                )
            })
        }
        _ => None,
    }
}

/// Why a workload goes its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reason {
    /// The rule, as README.md explains it.
    pub rule: String,
    /// What it says.
    pub says: String,
    /// The ids of resources that it is about: the first ten.
    pub resources: Vec<String>,
    /// How many there are.
    pub count: u64,
}

/// Decides about a workload of these resources.
pub fn of_workload<'a>(members: impl Iterator<Item = (&'a Resource, &'a Decision)> + Clone) -> (Move, Vec<Reason>) {
    let moving = members.clone().filter(|(_, decision)| decision.way != Move::Follows);
    let carrying = moving.clone().filter(|(resource, _)| is_carrying(resource.class));
    let counted: Vec<(&Resource, &Decision)> =
        if carrying.clone().next().is_some() { carrying.collect() } else { moving.collect() };
    let all = |way: Move| !counted.is_empty() && counted.iter().all(|(_, decision)| decision.way == way);
    let any = |way: Move| counted.iter().any(|(_, decision)| decision.way == way);
    let (way, rule) = if counted.is_empty() {
        (Move::Retain, "nothing-moves")
    } else if all(Move::Retire) {
        (Move::Retire, "all-retired")
    } else if any(Move::Retain) {
        (Move::Retain, "part-retained")
    } else if counted.iter().all(|(_, decision)| matches!(decision.way, Move::Repurchase | Move::Retire)) {
        (Move::Repurchase, "all-bought")
    } else {
        let ways = [Move::Refactor, Move::Replatform, Move::Rehost];
        (ways.into_iter().find(|way| any(*way)).unwrap_or(Move::Repurchase), "hardest")
    };
    let mut reasons = vec![reason(rule, way, &counted)];
    reasons.extend(by_rule(&counted, way));
    (way, reasons)
}

fn reason(rule: &'static str, way: Move, counted: &[(&Resource, &Decision)]) -> Reason {
    let deciding: Vec<&Resource> =
        counted.iter().filter(|(_, decision)| decision.way == way).map(|(resource, _)| *resource).collect();
    let says = match rule {
        "nothing-moves" => "all of it is made anew with what it belongs to".to_owned(),
        "all-retired" => "nothing of it is used".to_owned(),
        "part-retained" => "a part of it cannot move, and it is not cut in two".to_owned(),
        "all-bought" => "all of it is bought anew".to_owned(),
        _ => format!("`{}` is the hardest way that a part of it goes", way.name()),
    };
    because(rule, says, &deciding)
}

fn because(rule: &'static str, says: String, resources: &[&Resource]) -> Reason {
    let named = resources.iter().take(NAMED_MAX).map(|resource| resource.id.clone()).collect();
    Reason { rule: rule.to_owned(), says, resources: named, count: resources.len() as u64 }
}

/// What the rules said of the resources that decided, one reason for each rule and sentence.
fn by_rule(counted: &[(&Resource, &Decision)], way: Move) -> Vec<Reason> {
    let mut found: BTreeMap<(&'static str, &str), Vec<&Resource>> = BTreeMap::new();
    for (resource, decision) in
        counted.iter().filter(|(_, decision)| decision.way == way || decision.way == Move::Retire)
    {
        found.entry((decision.rule, &decision.why)).or_default().push(resource);
    }
    found.into_iter().map(|((rule, why), resources)| because(rule, why.to_owned(), &resources)).collect()
}
