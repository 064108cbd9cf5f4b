//! `assess`: which of the six ways each workload goes, and why.
//!
//! ```text
//! estate ─ workloads: what belongs together, by tags and relations
//!        ├ map::one of each resource: its way, its blockers
//!        └ rules: the way of each resource, then that of its workload, with reasons
//! ```

pub mod rules;
mod told;
pub mod workloads;

use std::collections::{BTreeMap, BTreeSet};

use troupe_estate::Problem;
use troupe_sdk::prelude::*;

pub use told::{BlockerRow, Workload, all as told_of};

use crate::estate::Estate;
use crate::input::{Origin, Target, Usages, stopped_days};
use crate::map::{self, Mapped};
use crate::settings::Settings;
use rules::{Decision, Stopped};
use workloads::Group;

/// What to assess.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AssessInput {
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
}

/// Which way workloads go.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Assessment {
    /// Where it all shall go.
    pub target: Target,
    /// How many resources were looked at.
    pub resources: u64,
    /// How many workloads go which way.
    pub strategies: BTreeMap<String, u64>,
    /// The workloads, by name.
    pub workloads: Vec<Workload>,
    /// Relations that lead to resources that were not read, counted by kind: what they mean for the order is not
    /// known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub not_read: BTreeMap<String, u64>,
    /// What could not be looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Problem>,
}

/// An estate that was looked at: its resources, what becomes of each, and what belongs together.
pub struct Looked {
    /// The resources.
    pub estate: Estate,
    /// Of each resource what it becomes.
    pub rows: Vec<Mapped>,
    /// Of each resource which way it goes, and by which rule.
    pub decisions: Vec<Decision>,
    /// The workloads, by name.
    pub groups: Vec<Group>,
    /// Of each resource its workload.
    pub group_of: Vec<usize>,
    /// Of each workload those that it uses, in order.
    pub needs: Vec<Vec<usize>>,
}

impl Looked {
    /// Looks at an estate.
    ///
    /// # Errors
    ///
    /// As [`Estate::read`]; [`Failure::InvalidInput`] for a region that the target does not have.
    pub async fn at(
        origin: Origin,
        target: &Target,
        usage: &Usages,
        stopped_days: u32,
        settings: &Settings,
    ) -> Result<Self, Failure> {
        map::check(target)?;
        let stopped = Stopped::for_days(stopped_days)?;
        let estate = Estate::read(origin).await?;
        progress::report(0.3, format!("{} resources are read", estate.all().len()));
        let uses = estate.uses();
        let (groups, group_of) = workloads::of(&estate, &uses, settings);
        let mut rows = Vec::with_capacity(estate.all().len());
        let mut decisions = Vec::with_capacity(estate.all().len());
        for resource in estate.all() {
            let usage = usage.get(&resource.id);
            let row = map::one(resource, target, usage);
            decisions.push(rules::of_resource(resource, &row, usage, stopped));
            rows.push(row);
        }
        let needs = needs(&uses, &group_of, groups.len());
        Ok(Self { estate, rows, decisions, groups, group_of, needs })
    }
}

/// Of each workload those that its resources use.
fn needs(uses: &[Vec<usize>], group_of: &[usize], groups: usize) -> Vec<Vec<usize>> {
    let mut needs: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); groups];
    for (own, others) in group_of.iter().zip(uses) {
        let others = others.iter().filter_map(|other| group_of.get(*other)).filter(|other| *other != own);
        needs.get_mut(*own).into_iter().for_each(|needs| needs.extend(others.clone()));
    }
    needs.into_iter().map(|needs| needs.into_iter().collect()).collect()
}

/// Assesses.
///
/// # Errors
///
/// As [`Looked::at`].
pub async fn run(input: AssessInput) -> Result<Assessment, Failure> {
    let settings: Settings = invocation::configuration()?;
    let looked = Looked::at(input.estate, &input.target, &input.usage, input.stopped_days, &settings).await?;
    let workloads = told::all(&looked);
    let mut strategies = BTreeMap::new();
    for workload in &workloads {
        *strategies.entry(workload.strategy.name().to_owned()).or_default() += 1;
    }
    Ok(Assessment {
        target: input.target,
        resources: looked.estate.all().len() as u64,
        strategies,
        workloads,
        not_read: looked.estate.dangling(),
        errors: looked.estate.problems,
    })
}
