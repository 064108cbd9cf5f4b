//! `progress`: how far a migration is.
//!
//! Of each resource of a plan, by what the source and the target hold now:
//!
//! | status | means |
//! |---|---|
//! | `done` | its mark is in the target, and at the source it is stopped or gone, or was confirmed |
//! | `under_way` | its mark is in the target, and it still runs at the source, or could not be seen there |
//! | `left` | its mark is not in the target, and it is at the source |
//! | `drifted` | as `left`, but it is not as it was planned; `changed` says in what |
//! | `gone` | it is neither at the source nor in the target |
//! | `unknown` | it could not be seen: the source was not looked at, or not all of it or of the target could be |
//!
//! A mark is the tag or label `migration-source` that the Terraform of the plan gives to what a resource becomes. What
//! follows something else has none; it is as far as the rest of its workload. What is at the source and in no plan is
//! told as `new`. Where nobody looked at the target, nothing is in it as far as this skill knows.

mod seen;

use std::collections::{BTreeMap, BTreeSet};

use troupe_estate::Problem;
use troupe_sdk::prelude::*;

use crate::catalog::services::Move;
use crate::input::{Origin, Target};
use crate::plan::Item;
use seen::{Arrived, Source};

/// Ids of new resources that are told.
const NEW_TOLD_MAX: usize = 100;

/// Items of which so many may be asked: what a plan has at most.
const ITEMS_MAX: usize = crate::input::RESOURCES_MAX;

/// What has to hold, or the skill fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Require {
    /// Everything is at the source as it was planned.
    Unchanged,
    /// Everything is in the target.
    Moved,
}

/// What is looked at.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProgressInput {
    /// Where it goes.
    pub target: Target,
    /// `items` of a plan, all or some of them.
    pub items: Vec<Item>,
    /// What the source holds now.
    #[serde(default)]
    pub source: Option<Origin>,
    /// What the target holds now.
    #[serde(default)]
    pub arrived: Option<Origin>,
    /// Workloads of which people said that they are done, so that it does not matter whether the source still runs.
    #[serde(default)]
    pub confirmed: BTreeSet<String>,
    /// What has to hold, or the skill fails; nothing does in a dry run.
    #[serde(default)]
    pub require: Option<Require>,
    /// Whether `require` is told and not enforced.
    #[serde(default = "yes")]
    pub dry_run: bool,
}

const fn yes() -> bool {
    true
}

/// Where a resource is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It has moved.
    Done,
    /// It is in the target, and still runs at the source.
    UnderWay,
    /// It has not moved.
    Left,
    /// It has not moved, and is not as it was planned.
    Drifted,
    /// It is nowhere.
    Gone,
    /// It could not be seen.
    Unknown,
}

impl Status {
    /// The word.
    const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::UnderWay => "under_way",
            Self::Left => "left",
            Self::Drifted => "drifted",
            Self::Gone => "gone",
            Self::Unknown => "unknown",
        }
    }
}

/// How far a migration is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Progress {
    /// How many resources have each status.
    pub counts: BTreeMap<String, u64>,
    /// How many of them, from 0 to 1, are done.
    pub fraction: f64,
    /// The same of each wave.
    pub waves: BTreeMap<String, BTreeMap<String, u64>>,
    /// Every resource.
    pub items: Vec<Standing>,
    /// How many resources are at the source and in no plan, and the ids of the first hundred.
    pub new: New,
    /// What was required and does not hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fails: Option<String>,
    /// What could not be looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Problem>,
}

/// Where one resource is on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Standing {
    /// Its id.
    pub id: String,
    /// Its workload.
    pub workload: String,
    /// Its wave.
    pub wave: usize,
    /// Where it is.
    pub status: Status,
    /// What it became, by its id in the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub became: Option<String>,
    /// In what it is not as it was planned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<Changed>,
}

/// A fact that is not as it was planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Changed {
    /// The fact.
    pub fact: String,
    /// What it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned: Option<String>,
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<String>,
}

/// What is at the source and in no plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct New {
    /// How many.
    pub count: u64,
    /// The ids of the first hundred.
    pub ids: Vec<String>,
}

/// Looks.
///
/// # Errors
///
/// [`Failure::InvalidInput`] if there are too many items; as [`crate::source::read`]; [`Failure::Failed`] if what is
/// required does not hold, unless it is a dry run.
pub async fn run(input: ProgressInput) -> Result<Progress, Failure> {
    if input.items.len() > ITEMS_MAX {
        let message = format!("there are more than {ITEMS_MAX} items; ask wave by wave");
        return Err(Failure::invalid_input(message).with("code", "migration.too_large").with("maximum", ITEMS_MAX));
    }
    let source = Source::read(input.source, &input.items).await?;
    let arrived = Arrived::read(input.arrived, &input.items).await?;
    let mut standings: Vec<Standing> = input
        .items
        .iter()
        .map(|item| standing(item, &source, &arrived, input.confirmed.contains(&item.workload)))
        .collect();
    follow(&input.items, &mut standings);
    let mut told = tell(standings, &source);
    told.errors.extend(source.problems);
    told.errors.extend(arrived.problems);
    told.fails = input.require.and_then(|require| fails(require, &told.items));
    if let Some(why) = told.fails.as_ref().filter(|_| !input.dry_run) {
        let counts = &told.counts;
        return Err(Failure::failed(why).with("code", "migration.not_as_required").with("counts", counts));
    }
    Ok(told)
}

fn standing(item: &Item, source: &Source, arrived: &Arrived, is_confirmed: bool) -> Standing {
    let became = arrived.by_mark.get(&item.mark).cloned();
    let there = source.found.get(&item.mark);
    let changed = there.map(|there| changes(&item.facts, &there.facts)).unwrap_or_default();
    let status = match (&became, there) {
        (Some(_), None) if source.was_looked_at && !source.may_hide(item) => Status::Done,
        (Some(_), Some(there)) if there.is_stopped => Status::Done,
        (Some(_), _) if is_confirmed => Status::Done,
        (Some(_), _) => Status::UnderWay,
        (None, Some(_)) if !changed.is_empty() => Status::Drifted,
        (None, Some(_)) => Status::Left,
        // Nothing is gone because it could not be read.
        (None, None) if source.was_looked_at && !source.may_hide(item) && arrived.problems.is_empty() => Status::Gone,
        (None, None) => Status::Unknown,
    };
    Standing { id: item.id.clone(), workload: item.workload.clone(), wave: item.wave, status, became, changed }
}

/// What follows something else is as far as the rest of its workload is.
fn follow(items: &[Item], standings: &mut [Standing]) {
    let mut rest: BTreeMap<&str, (bool, bool)> = BTreeMap::new();
    for (item, standing) in items.iter().zip(standings.iter()).filter(|(item, _)| item.way != Move::Follows) {
        let (all, any) = rest.entry(&item.workload).or_insert((true, false));
        *all &= standing.status == Status::Done;
        *any |= matches!(standing.status, Status::Done | Status::UnderWay);
    }
    for (item, standing) in items.iter().zip(standings).filter(|(item, _)| item.way == Move::Follows) {
        match rest.get(item.workload.as_str()) {
            Some((true, _)) => standing.status = Status::Done,
            Some((false, true)) => standing.status = Status::UnderWay,
            _ => {}
        }
    }
}

fn changes(planned: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Vec<Changed> {
    let names: BTreeSet<&String> = planned.keys().chain(now.keys()).collect();
    let differing = names.into_iter().filter(|name| planned.get(*name) != now.get(*name));
    differing
        .map(|name| Changed { fact: name.clone(), planned: planned.get(name).cloned(), now: now.get(name).cloned() })
        .collect()
}

fn tell(items: Vec<Standing>, source: &Source) -> Progress {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let mut waves: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    for standing in &items {
        *counts.entry(standing.status.name().to_owned()).or_default() += 1;
        let wave = waves.entry(format!("{:03}", standing.wave)).or_default();
        *wave.entry(standing.status.name().to_owned()).or_default() += 1;
    }
    let done = counts.get(Status::Done.name()).copied().unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "some tens of thousands")]
    let fraction = if items.is_empty() { 1.0 } else { done as f64 / items.len() as f64 };
    let new = New { count: source.new_count, ids: source.new.clone() };
    Progress { counts, fraction, waves, items, new, fails: None, errors: Vec::new() }
}

fn fails(require: Require, items: &[Standing]) -> Option<String> {
    let is_well = |standing: &&Standing| match require {
        Require::Unchanged => standing.status == Status::Left,
        Require::Moved => matches!(standing.status, Status::Done | Status::UnderWay),
    };
    let ill: Vec<&Standing> = items.iter().filter(|standing| !is_well(standing)).collect();
    let first = ill.first()?;
    let what = match require {
        Require::Unchanged => "at the source as planned",
        Require::Moved => "in the target",
    };
    Some(format!(
        "{} of {} resources are not {what}; `{}` is {}",
        ill.len(),
        items.len(),
        first.id,
        first.status.name()
    ))
}
