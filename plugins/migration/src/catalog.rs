//! What is known of the clouds, as data with its source and date.
//!
//! | table | file | says |
//! |---|---|---|
//! | [`services`] | `data/services.json` | which service of one cloud does what which of another does, how one moves there, and what to mind |
//! | [`sizes`] | `data/instances.json` | processors, memory, local disks and GPUs of machine types |
//! | [`prices`] | `data/prices.json` | list prices of machine types in one region of each cloud |
//! | [`engines`] | `data/engines.json` | engines of databases, caches and clusters with their versions; runtimes of functions |
//! | [`storage`] | `data/storage.json` | classes of objects and disks |
//! | [`regions`] | `data/regions.json` | regions by place and country |
//!
//! To teach the agent something, add a row; the tests say what is wrong with it. A fact without its source and the
//! day from which it is does not go in: what clouds offer and charge changes.

pub mod engines;
pub mod prices;
pub mod regions;
pub mod services;
pub mod sizes;
pub mod storage;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Cloud;

/// Where facts come from, and the day from which they are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cited {
    /// The document.
    pub source: String,
    /// The day.
    pub as_of: String,
}

/// Where what is said of a target is from.
pub fn cited(target: Cloud) -> Vec<Cited> {
    let services = services::table();
    let (places, day) = regions::cited();
    let lists = services
        .sources
        .iter()
        .map(|source| (source, services.as_of.as_str()))
        .chain(places.iter().map(|source| (source, day)));
    let mut all: Vec<Cited> =
        lists.map(|(source, as_of)| Cited { source: source.clone(), as_of: as_of.to_owned() }).collect();
    let tables = [sizes::cited(target), engines::cited(target), storage::cited(target)];
    all.extend(tables.into_iter().flatten().cloned());
    all.extend(engines::runtimes_cited(target).map(|(_, cited)| cited));
    all
}
