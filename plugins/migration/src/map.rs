//! `map`: what each resource becomes in another cloud.
//!
//! ```text
//! resource → its row of services → destination: service, type, region
//!                                → by class: size, disk, engine, storage class, runtime
//!                                → caveats, blockers, what could not be checked
//!                                → price of both sides, where it is known
//! ```
//!
//! Each resource is looked at by itself, so an estate of any length goes through: what comes of it is kept while it
//! is short, and left as artefacts (`mapping-00001.jsonl` and so on) from there on.

mod blocker;
mod data;
mod function;
mod machine;
mod mapped;
mod place;
mod price;
mod sizing;

use std::collections::BTreeMap;

use troupe_estate::{Class, Problem, Resource};
use troupe_sdk::prelude::*;

pub use blocker::{Blocker, Code, Unchecked};
pub use mapped::{Chosen, Destination, Mapped, Price};

use crate::catalog::services::{self, Move};
use crate::catalog::{self, Cited};
use crate::input::{Origin, Target, Usage, Usages};
use crate::{Cloud, facts, source};

/// Rows that the output has itself; beyond that all of them are artefacts.
const ROWS_MAX: usize = 2_000;

/// Bytes of rows that an artefact has at most, before the next is begun.
const PART_BYTES_MAX: usize = 32 * 1024 * 1024;

/// What to map.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MapInput {
    /// The resources.
    pub estate: Origin,
    /// Where they shall go.
    pub target: Target,
    /// How much of machines and databases is used, by their ids, where their own attributes do not tell.
    #[serde(default)]
    pub usage: Usages,
}

/// What resources become.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct Mapping {
    /// How many resources were looked at.
    pub resources: u64,
    /// How many go which way.
    pub ways: BTreeMap<String, u64>,
    /// How many blockers there are of each code.
    pub blockers: BTreeMap<String, u64>,
    /// How many resources have a price on both sides, on one, on none.
    pub prices: BTreeMap<String, u64>,
    /// A row for each resource, while they are few.
    pub rows: Vec<Mapped>,
    /// The artefacts that hold the rows, a row on each line, once they are many.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<String>,
    /// What could not be looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Problem>,
    /// Where what is said of services, sizes, engines, storage and regions is from. Prices name their own.
    pub sources: Vec<Cited>,
}

/// Maps.
///
/// # Errors
///
/// As [`source::read`]; [`Failure::InvalidInput`] for a region that the target does not have.
pub async fn run(input: MapInput) -> Result<Mapping, Failure> {
    check(&input.target)?;
    let mut mapping = Mapping { sources: catalog::cited(input.target.cloud), ..Mapping::default() };
    let mut left = String::new();
    let problems = source::read(input.estate, &mut |resource| {
        let row = one(&resource, &input.target, input.usage.get(&resource.id));
        mapping.count(&row);
        if mapping.parts.is_empty() && mapping.rows.len() < ROWS_MAX {
            mapping.rows.push(row);
            return Ok(());
        }
        for row in mapping.rows.drain(..).chain([row]) {
            left.push_str(&serde_json::to_string(&row)?);
            left.push('\n');
        }
        if left.len() >= PART_BYTES_MAX || mapping.parts.is_empty() {
            mapping.parts.push(leave(mapping.parts.len() + 1, &left)?);
            left.clear();
        }
        Ok(())
    })
    .await?;
    if !left.is_empty() {
        mapping.parts.push(leave(mapping.parts.len() + 1, &left)?);
    }
    mapping.errors = problems;
    Ok(mapping)
}

fn leave(number: usize, text: &str) -> Result<String, Failure> {
    use std::io::Write as _;
    let mut artefact = artifacts::create(format!("mapping-{number:05}.jsonl"), "application/jsonl")?;
    artefact.write_all(text.as_bytes())?;
    Ok(artefact.finish()?.name)
}

impl Mapping {
    fn count(&mut self, row: &Mapped) {
        self.resources += 1;
        *self.ways.entry(row.way.name().to_owned()).or_default() += 1;
        for blocker in &row.blockers {
            *self.blockers.entry(blocker.code.name().to_owned()).or_default() += 1;
        }
        let sides = match (&row.price.now, &row.price.then) {
            (Some(_), Some(_)) => "both",
            (None, None) => "none",
            _ => "one",
        };
        *self.prices.entry(sides.to_owned()).or_default() += 1;
    }
}

/// Checks that the target's region is one.
///
/// # Errors
///
/// [`Failure::InvalidInput`].
pub fn check(target: &Target) -> Result<(), Failure> {
    let Some(region) = &target.region else { return Ok(()) };
    if crate::catalog::regions::is_region(target.cloud, region) {
        return Ok(());
    }
    let message = format!("{} has no region `{region}` that is known here", target.cloud.title());
    Err(Failure::invalid_input(message).with("region", region))
}

/// What one resource becomes.
pub fn one(resource: &Resource, target: &Target, usage: Option<&Usage>) -> Mapped {
    let mut row = Mapped::of(resource);
    let Some(service) = services::of(resource) else {
        row.blockers.push(Blocker::no_target(resource, target.cloud));
        return row;
    };
    row.service.clone_from(&service.key);
    let from = Cloud::of(resource.provider);
    row.way = service.way(target.cloud);
    row.caveats = service.caveats(target.cloud).map(str::to_owned).collect();
    let (title, kind, also) = if from == Some(target.cloud) || from.is_none() {
        // The same service in another account or region, or an object of a cluster, which every cluster takes.
        if !matches!(row.way, Move::Follows | Move::Retire | Move::Retain) {
            row.way = Move::Rehost;
            row.caveats.clear();
        }
        let title = from.and_then(|from| service.offer(from)).map(|offer| offer.service.clone());
        (title.unwrap_or_else(|| service.key.clone()), resource.kind.to_string(), Vec::new())
    } else if let Some(offer) = service.offer(target.cloud) {
        let mut types = offer.types.iter().cloned();
        (offer.service.clone(), types.next().unwrap_or_default(), types.collect())
    } else {
        // What follows, is bought or is given up needs no service there.
        if !matches!(row.way, Move::Follows | Move::Retire | Move::Repurchase) {
            row.way = Move::Retain;
            row.blockers.push(Blocker::no_target(resource, target.cloud));
        }
        return row;
    };
    if resource.class == Class::Other {
        row.way = Move::Retain;
        row.blockers.push(Blocker::no_target(resource, target.cloud));
        return row;
    }
    let mut to = Destination { service: title, kind, also, ..Destination::default() };
    place::choose(resource, target, &mut to, &mut row);
    let usage = usage.copied().unwrap_or_else(|| facts::usage(resource));
    match resource.class {
        Class::ComputeInstance | Class::ContainerNodePool => {
            machine::choose(resource, target, &usage, &mut to, &mut row)
        }
        Class::ComputeDisk => data::disk(resource, target, &mut to, &mut row),
        Class::StorageBucket => data::bucket(resource, target, &mut to, &mut row),
        Class::DatabaseRelational | Class::DatabaseCache | Class::ContainerCluster => {
            data::engine(resource, target, &usage, &mut to, &mut row);
        }
        Class::ComputeFunction => function::choose(resource, target, &mut to, &mut row),
        Class::NetworkSubnet | Class::NetworkVpc => place::network(resource, target, &mut row),
        _ => {}
    }
    data::keys(resource, target, &mut row);
    price::compare(resource, target, &to, &mut row);
    row.to = Some(to);
    row
}
