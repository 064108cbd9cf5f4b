//! `terraform`: Terraform for the target, of an estate.
//!
//! ```text
//! estate ─ map::one of each ─ addresses: which type and name each resource becomes
//!                           ─ aws, azure, gcp: a block of each, related by those addresses
//!                           ─ files: blocks by area, providers, variables, what is left by hand
//! ```
//!
//! What is written is a beginning: it makes what was there, closed to the world unless it was open, encrypted, and
//! with nothing in it that is secret. What is not known is a variable with a description; what cannot be written is
//! under `by_hand`. A resource has the same name whenever it is written, so writing again changes what changed alone.

mod aws;
mod azure;
mod draft;
mod gcp;
mod hcl;
mod names;
mod providers;
mod relations;
mod rules;

use std::collections::{BTreeMap, BTreeSet};

use troupe_estate::Problem;
use troupe_sdk::prelude::*;

pub use draft::{ByHand, Variable};

use crate::Cloud;
use crate::assess::rules::{Stopped, of_resource};
use crate::catalog::services::Move;
use crate::estate::Estate;
use crate::input::{Origin, Target, Usages, stopped_days};
use crate::map;
use crate::plan::items;
use draft::{Draft, Subject};

/// Bytes of files that the output has itself; beyond that they are artefacts.
const INLINE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// What to write.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TerraformInput {
    /// The resources: at most 20,000 of 64 MiB together.
    pub estate: Origin,
    /// Where they shall go.
    pub target: Target,
    /// How much of machines and databases is used, by their ids.
    #[serde(default)]
    pub usage: Usages,
    /// For how many days a machine has been stopped at least to be retired; 30 if it is left out. One that was stopped
    /// later, or of which nobody tells since when, moves like the others.
    #[serde(default = "stopped_days")]
    pub stopped_days: u32,
    /// The ids of those that are wanted, such as those of a wave; all when absent. What they are related to and is
    /// not among them is a variable.
    #[serde(default)]
    pub only: Option<BTreeSet<String>>,
}

/// Terraform.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Terraform {
    /// The files.
    pub files: Vec<File>,
    /// What is asked of whoever applies.
    pub variables: Vec<Variable>,
    /// How many resources of each type of Terraform's are written.
    pub counts: BTreeMap<String, u64>,
    /// Which resource became what.
    pub made: Vec<Made>,
    /// What is left to write by hand.
    pub by_hand: Vec<ByHand>,
    /// What could not be looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Problem>,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct File {
    /// Its name.
    pub name: String,
    /// What is in it; absent where it is an artefact of that name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// What a resource became.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Made {
    /// Its id.
    pub id: String,
    /// The address in Terraform.
    pub address: String,
    /// The value of its tag or label `migration-source`.
    pub mark: String,
}

/// Writes.
///
/// # Errors
///
/// As [`Estate::read`]; [`Failure::InvalidInput`] for a region that the target does not have.
pub async fn run(input: TerraformInput) -> Result<Terraform, Failure> {
    map::check(&input.target)?;
    let stopped = Stopped::for_days(input.stopped_days)?;
    let estate = Estate::read(input.estate).await?;
    let cloud = input.target.cloud;
    let mut rows = Vec::with_capacity(estate.all().len());
    for resource in estate.all() {
        let usage = input.usage.get(&resource.id);
        let row = map::one(resource, &input.target, usage);
        let decision = of_resource(resource, &row, usage, stopped);
        rows.push((row, decision));
    }
    let subjects: Vec<Subject<'_>> = estate
        .all()
        .iter()
        .zip(&rows)
        .enumerate()
        .filter(|(_, (resource, _))| input.only.as_ref().is_none_or(|only| only.contains(&resource.id)))
        .map(|(place, (resource, (row, decision)))| Subject { place, resource, row, decision })
        .collect();
    let mut draft = Draft {
        estate: &estate,
        cloud,
        region: region(&input.target, &subjects),
        addresses: BTreeMap::new(),
        files: BTreeMap::new(),
        variables: BTreeMap::new(),
        by_hand: Vec::new(),
        others: BTreeSet::new(),
        once: BTreeSet::new(),
        attached: BTreeMap::new(),
    };
    let mut written = Vec::new();
    for subject in &subjects {
        if draft::starts_machine(&estate, subject.resource) {
            draft.leave(subject.resource, "a machine starts from it: it comes with the image that is made of it");
            continue;
        }
        match kind_of(cloud, subject) {
            Ok(kind) => {
                let name = draft.name(subject);
                draft.addresses.insert(subject.place, (kind, name));
                written.push(subject);
            }
            Err(Some(why)) => draft.leave(subject.resource, why),
            Err(None) => {}
        }
    }
    for subject in written {
        match cloud {
            Cloud::Aws => aws::write(&mut draft, subject),
            Cloud::Azure => azure::write(&mut draft, subject),
            Cloud::Gcp => gcp::write(&mut draft, subject),
        }
    }
    finish(draft, estate.problems.clone())
}

/// The type of Terraform's that a resource becomes, or why it becomes none; nothing is to be said of what is made with
/// something else or is given up.
fn kind_of(cloud: Cloud, subject: &Subject<'_>) -> Result<&'static str, Option<String>> {
    let Subject { row, decision, .. } = subject;
    match decision.way {
        Move::Retire => return Err(Some(format!("it is retired: {}", decision.why))),
        Move::Retain => return Err(Some(format!("it stays where it is: {}", decision.why))),
        Move::Repurchase => return Err(Some(format!("it is bought anew: {}", decision.why))),
        Move::Follows => return Err(None),
        _ => {}
    }
    let kind = match cloud {
        Cloud::Aws => aws::kind(subject),
        Cloud::Azure => azure::kind(subject),
        Cloud::Gcp => gcp::kind(subject),
    };
    let service = row.to.as_ref().map_or("the target", |to| to.service.as_str());
    kind.ok_or_else(|| {
        Some(format!("{service} is written by hand: what it does is in code, rules or data that nobody translates"))
    })
}

/// The region of most resources.
fn region(target: &Target, subjects: &[Subject<'_>]) -> String {
    if let Some(region) = &target.region {
        return region.clone();
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for subject in subjects {
        let region = subject.row.to.as_ref().and_then(|to| to.region.as_deref());
        if let Some(region) = region.filter(|region| *region != troupe_estate::GLOBAL) {
            *counts.entry(region).or_default() += 1;
        }
    }
    let most = counts.into_iter().max_by_key(|(region, count)| (*count, std::cmp::Reverse(*region)));
    let usual = crate::catalog::prices::region(target.cloud).unwrap_or_default();
    most.map_or(usual, |(region, _)| region).to_owned()
}

fn finish(mut draft: Draft<'_>, errors: Vec<Problem>) -> Result<Terraform, Failure> {
    let providers = providers::write(&mut draft);
    let variables: Vec<Variable> = draft.variables.values().cloned().collect();
    let mut texts = vec![("providers.tf".to_owned(), hcl::write(&providers))];
    if !variables.is_empty() {
        texts.push((
            "variables.tf".to_owned(),
            hcl::write(&variables.iter().map(providers::variable).collect::<Vec<_>>()),
        ));
    }
    texts.extend(draft.files.iter().map(|(name, blocks)| ((*name).to_owned(), hcl::write(blocks))));
    let mut counts = BTreeMap::new();
    for (kind, _) in draft.addresses.values() {
        *counts.entry((*kind).to_owned()).or_default() += 1;
    }
    let made = draft.addresses.iter().filter_map(|(place, (kind, name))| {
        let resource = draft.estate.get(*place)?;
        Some(Made { id: resource.id.clone(), address: format!("{kind}.{name}"), mark: items::mark(resource) })
    });
    let made = made.collect();
    let bytes: usize = texts.iter().map(|(_, text)| text.len()).sum();
    let files = texts.into_iter().map(|(name, text)| {
        if bytes <= INLINE_BYTES_MAX {
            return Ok(File { name, text: Some(text) });
        }
        use std::io::Write as _;
        let mut artefact = artifacts::create(&name, "text/plain")?;
        artefact.write_all(text.as_bytes())?;
        artefact.finish()?;
        Ok(File { name, text: None })
    });
    let files = files.collect::<Result<Vec<_>, Failure>>()?;
    Ok(Terraform { files, variables, counts, made, by_hand: draft.by_hand, errors })
}
