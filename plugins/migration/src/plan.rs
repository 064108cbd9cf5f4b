//! `plan`: in which order an estate moves, and how each wave is cut over.
//!
//! ```text
//! workloads that move ─ graph: who uses whom; those that use one another in a circle are one unit
//!                     ├ waves: units in topological order, each in the earliest wave that has room
//!                     ├ items: each resource with what it looked like, so that `progress` sees what changed
//!                     └ runbook: a task group of each wave, which a person hands to the host
//! ```
//!
//! Every resource is in exactly one wave, or under `left_out` with the reason.

mod graph;
pub mod items;
pub mod runbook;
mod waves;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use troupe_estate::Problem;
use troupe_sdk::prelude::*;

pub use items::Item;

use crate::assess::{self, BlockerRow, Looked, Workload};
use crate::catalog::services::Move;
use crate::input::{Origin, Target, Usages, stopped_days};
use crate::settings::Settings;
use graph::Unit;
use runbook::Order;

/// Resources of a wave where nothing is said: as many as people look after in a night.
const WAVE_RESOURCES: usize = 50;

/// Bytes that the runbooks of a plan have together in its output, but for the lines that people read in the last of
/// them; the rest are asked for by the number of their wave.
const RUNBOOK_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Relations that a circle is told by.
const RELATIONS_TOLD_MAX: usize = 10;

/// What to plan.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanInput {
    /// The resources: at most 20,000 of 64 MiB together.
    pub estate: Origin,
    /// Where they shall go.
    pub target: Target,
    /// How much of machines and databases is used, by their ids, where their own attributes do not tell.
    #[serde(default)]
    pub usage: Usages,
    /// For how many days a machine has been stopped at least to be retired; 30 if it is left out. One that was stopped
    /// later, or of which nobody tells since when, moves like the others.
    #[serde(default = "stopped_days")]
    pub stopped_days: u32,
    /// How many resources a wave has at most. What has to move at once and is more is a wave of its own.
    #[serde(default = "wave_resources")]
    #[schemars(range(min = 1, max = 1000))]
    pub wave_resources_max: usize,
    /// The waves whose runbooks are wanted, by number; all, as far as there is room, when absent.
    #[serde(default)]
    pub runbooks: Option<Vec<usize>>,
    /// Whether the runbooks only say what would be asked and done. Nothing moves by a plan itself in any case.
    #[serde(default = "yes")]
    pub dry_run: bool,
}

const fn wave_resources() -> usize {
    WAVE_RESOURCES
}

const fn yes() -> bool {
    true
}

/// In which order an estate moves.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// Where it goes.
    pub target: Target,
    /// Whether the runbooks are dry runs.
    pub dry_run: bool,
    /// How many resources were looked at.
    pub resources: u64,
    /// The waves in their order.
    pub waves: Vec<Wave>,
    /// Workloads that use one another in a circle, and so move at once.
    pub cycles: Vec<Cycle>,
    /// Who uses whom, among all workloads.
    pub edges: Vec<Edge>,
    /// Every resource that is in a wave, while they are few.
    pub items: Vec<Item>,
    /// The artefact that holds them, one on each line, once they are many.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<String>,
    /// Every resource that is in none, and why.
    pub left_out: Vec<LeftOut>,
    /// Of each wave the task group of its cut-over, as `troupe groups run` takes it.
    pub runbooks: Vec<Runbook>,
    /// The waves whose runbooks had no room here: ask for them by `runbooks`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runbooks_left: Vec<usize>,
    /// Relations that lead to resources that were not read, counted by kind: they may be dependencies that this order
    /// does not know.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub not_read: BTreeMap<String, u64>,
    /// What could not be looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Problem>,
}

/// Workloads that move at the same time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Wave {
    /// Its number, from 1.
    pub number: usize,
    /// Its workloads.
    pub workloads: Vec<String>,
    /// How many resources it has.
    pub resources: usize,
    /// The waves before it that it depends on.
    pub needs: Vec<usize>,
    /// Whether it has more resources than a wave shall have, since what it holds cannot be divided.
    #[serde(default)]
    pub oversized: bool,
    /// What has to be solved before it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blockers: Vec<BlockerRow>,
    /// Workloads that it uses and that stay behind: they are reached from the other cloud, or not at all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stays_behind: Vec<String>,
}

/// Workloads that use one another in a circle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cycle {
    /// The workloads.
    pub workloads: Vec<String>,
    /// The relations among them, the first ten: what to cut if they shall move apart.
    pub relations: Vec<Link>,
}

/// A relation from one workload into another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Link {
    /// The resource that uses the other.
    pub from: String,
    /// What the other is to it.
    pub kind: String,
    /// The other.
    pub to: String,
}

/// That a workload uses another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Edge {
    /// The one.
    pub from: String,
    /// The other, which moves first.
    pub to: String,
}

/// A resource that is in no wave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LeftOut {
    /// Its id.
    pub id: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its workload.
    pub workload: String,
    /// Why.
    pub why: String,
}

/// The cut-over of a wave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Runbook {
    /// The wave.
    pub wave: usize,
    /// The task group.
    pub group: Value,
}

/// Plans.
///
/// # Errors
///
/// As [`Looked::at`]; [`Failure::InvalidInput`] if a wave is asked for that there is not.
pub async fn run(input: PlanInput) -> Result<Plan, Failure> {
    if !(1..=1000).contains(&input.wave_resources_max) {
        return Err(Failure::invalid_input("`wave_resources_max` is 1 to 1000"));
    }
    let PlanInput { estate, target, usage, stopped_days, wave_resources_max, runbooks: wanted, dry_run } = input;
    let settings: Settings = invocation::configuration()?;
    let looked = Looked::at(estate, &target, &usage, stopped_days, &settings).await?;
    let workloads = assess::told_of(&looked);
    progress::report(0.6, format!("{} workloads", workloads.len()));
    let moves = moving(&looked, &workloads);
    let units = graph::units(&looked.needs, &moves);
    let drawn = waves::draw(&units, &moves, wave_resources_max);
    let wave_of = wave_of(&drawn, &units, looked.groups.len());
    let waves = tell(&drawn, &units, &moves, &looked.needs, &wave_of, &workloads, wave_resources_max);
    let (items, left_out) = items::all(&looked, &workloads, &wave_of);
    let order = Order { target: &target, dry_run, looked: &looked };
    let (runbooks, runbooks_left) = runbooks(&order, wanted.as_deref(), &waves, &items)?;
    let (items, parts) = items::told(items)?;
    Ok(Plan {
        dry_run,
        resources: looked.estate.all().len() as u64,
        cycles: units.iter().filter(|unit| unit.groups.len() > 1).map(|unit| cycle(&looked, unit)).collect(),
        edges: edges(&looked),
        waves,
        items,
        parts,
        left_out,
        runbooks,
        runbooks_left,
        not_read: looked.estate.dangling(),
        errors: looked.estate.problems,
        target,
    })
}

/// Of each workload how many of its resources move.
fn moving(looked: &Looked, workloads: &[Workload]) -> Vec<usize> {
    let count = |(group, workload): (&assess::workloads::Group, &Workload)| {
        let moves = group.members.iter().filter(|place| items::moves(looked, workload, **place).is_ok());
        moves.count()
    };
    looked.groups.iter().zip(workloads).map(count).collect()
}

/// Of each workload its wave, from 1; none if it does not move.
fn wave_of(drawn: &[Vec<usize>], units: &[Unit], groups: usize) -> Vec<Option<usize>> {
    let mut wave_of = vec![None; groups];
    for (number, wave) in drawn.iter().enumerate() {
        for group in wave.iter().filter_map(|unit| units.get(*unit)).flat_map(|unit| &unit.groups) {
            wave_of.get_mut(*group).into_iter().for_each(|slot| *slot = Some(number + 1));
        }
    }
    wave_of
}

fn tell(
    drawn: &[Vec<usize>],
    units: &[Unit],
    moves: &[usize],
    needs: &[Vec<usize>],
    wave_of: &[Option<usize>],
    workloads: &[Workload],
    resources_max: usize,
) -> Vec<Wave> {
    let one = |(number, wave): (usize, &Vec<usize>)| {
        let groups: BTreeSet<usize> =
            wave.iter().filter_map(|unit| units.get(*unit)).flat_map(|unit| unit.groups.iter().copied()).collect();
        let used = groups.iter().filter_map(|group| needs.get(*group)).flatten();
        let (mut before, mut behind) = (BTreeSet::new(), BTreeSet::new());
        for other in used {
            match wave_of.get(*other).copied().flatten() {
                Some(wave) if wave != number + 1 => {
                    before.insert(wave);
                }
                Some(_) => {}
                None => behind.extend(workloads.get(*other).map(|workload| workload.name.clone())),
            }
        }
        let own = groups.iter().filter_map(|group| workloads.get(*group));
        let resources = groups.iter().filter_map(|group| moves.get(*group)).sum();
        Wave {
            number: number + 1,
            workloads: own.clone().map(|workload| workload.name.clone()).collect(),
            resources,
            needs: before.into_iter().collect(),
            oversized: resources > resources_max,
            blockers: own.flat_map(|workload| workload.blockers.iter().filter(|row| row.stops).cloned()).collect(),
            stays_behind: behind.into_iter().collect(),
        }
    };
    drawn.iter().enumerate().map(one).collect()
}

fn cycle(looked: &Looked, unit: &Unit) -> Cycle {
    let groups = || unit.groups.iter().filter_map(|group| Some((*group, looked.groups.get(*group)?)));
    let members = groups().flat_map(|(own, group)| group.members.iter().map(move |place| (own, *place)));
    let resources = members.filter_map(|(own, place)| Some((own, looked.estate.get(place)?)));
    let all = resources.flat_map(|(own, resource)| resource.relations.iter().map(move |one| (own, resource, one)));
    let leads_on = all.filter(|(own, resource, relation)| {
        let other = looked.estate.find(resource, &relation.kind, &relation.target);
        let other = other.and_then(|other| looked.group_of.get(other));
        other.is_some_and(|other| other != own && unit.groups.binary_search(other).is_ok())
    });
    let links = leads_on.take(RELATIONS_TOLD_MAX).map(|(_, resource, relation)| Link {
        from: resource.id.clone(),
        kind: relation.kind.to_string(),
        to: relation.target.clone(),
    });
    let relations = links.collect();
    Cycle { workloads: groups().map(|(_, group)| group.name.clone()).collect(), relations }
}

fn edges(looked: &Looked) -> Vec<Edge> {
    let name = |group: usize| looked.groups.get(group).map(|group| group.name.clone()).unwrap_or_default();
    let all = looked.needs.iter().enumerate().flat_map(|(from, others)| others.iter().map(move |to| (from, *to)));
    all.map(|(from, to)| Edge { from: name(from), to: name(to) }).collect()
}

/// The runbooks of the waves that are wanted, as far as there is room, and the waves for which there was none.
///
/// A runbook tells each item of its wave twice, so whether there is room is known before it is written.
fn runbooks(
    order: &Order<'_>,
    wanted: Option<&[usize]>,
    waves: &[Wave],
    items: &[Item],
) -> Result<(Vec<Runbook>, Vec<usize>), Failure> {
    if let Some(none) = wanted.into_iter().flatten().find(|number| !(1..=waves.len()).contains(*number)) {
        return Err(Failure::invalid_input(format!("there is no wave {none}; the plan has {}", waves.len())));
    }
    let mut of_wave: BTreeMap<usize, Vec<&Item>> = BTreeMap::new();
    for item in items {
        of_wave.entry(item.wave).or_default().push(item);
    }
    let (mut written, mut left, mut room) = (Vec::new(), Vec::new(), RUNBOOK_BYTES_MAX);
    for wave in waves.iter().filter(|wave| wanted.is_none_or(|wanted| wanted.contains(&wave.number))) {
        let own = of_wave.get(&wave.number).map(Vec::as_slice).unwrap_or_default();
        let mut bytes = 0;
        for item in own {
            bytes += 2 * serde_json::to_vec(item)?.len();
        }
        if bytes > RUNBOOK_BYTES_MAX && wanted.is_some() {
            let message = format!(
                "the runbook of wave {} would tell {bytes} bytes of resources, which is more than {RUNBOOK_BYTES_MAX}; \
                 ask for smaller waves by `wave_resources_max`, or divide its workloads by tags",
                wave.number
            );
            return Err(Failure::invalid_input(message)
                .with("code", "migration.too_large")
                .with("maximum", RUNBOOK_BYTES_MAX));
        }
        if bytes > room {
            left.push(wave.number);
            continue;
        }
        let group = runbook::write(order, wave, own);
        room = room.saturating_sub(serde_json::to_vec(&group)?.len());
        written.push(Runbook { wave: wave.number, group });
    }
    Ok((written, left))
}

/// Whether a workload moves at all.
pub const fn is_moving(way: Move) -> bool {
    matches!(way, Move::Rehost | Move::Replatform | Move::Refactor | Move::Repurchase)
}
