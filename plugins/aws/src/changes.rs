//! What changed in the account since an inventory that was taken before.
//!
//! A new inventory is taken of the same regions and services, and both are compared resource by
//! resource, as every agent does it (`plugins/estate/src/diff.rs`). What changes by itself
//! ([`moves`]) is no change. What is not found is `gone` only where the new inventory looked and
//! nothing that went wrong may hide it; else it is `unknown`, and stays in what the next one is
//! compared with.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::convert::Infallible;

use troupe_cloud::json_bytes;
use troupe_estate::collect::Part;
use troupe_estate::diff::{self, Change, Counts};
use troupe_estate::{Key, Problem, Resource, Scan};
use troupe_sdk::prelude::*;

use crate::client::TOO_MANY;
use crate::found::Found;
use crate::input::{InventoryInput, Plan, Settings};
use crate::look::Looker;
use crate::regions::Heard;
use crate::services::Service;
use crate::still::{by_key, moves};

/// Most that may be there now, in bytes of JSON: an answer has 16 MiB, and tells what is there once in `next`, and
/// once more where all of it is new. What was there before has the 1 MiB of an input at most.
const NOW_BYTES_MAX: usize = 6 * 1024 * 1024;

/// What to compare with, and where to look.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangesInput {
    /// What was there before: the output of `inventory`, or `next` of the last `changes`.
    pub previous: Previous,
    /// The regions to look in, or `all` alone; those of `previous` if none are named.
    #[serde(default)]
    pub regions: Vec<String>,
    /// The services to look at; all of them if none are named. What `previous` has of others is
    /// `unknown`.
    #[serde(default)]
    pub services: Vec<Service>,
}

/// What was there before.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Previous {
    /// The account's number.
    pub account: Option<String>,
    /// The regions that were looked at.
    #[serde(default)]
    pub regions: Vec<String>,
    /// The resources; without them nothing can be compared.
    pub resources: Option<Vec<Resource>>,
    /// The artefacts that hold the resources of an inventory that is too large to be compared here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
}

/// What changed.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Changes {
    /// The account's number.
    pub account: String,
    /// The regions that were looked at.
    pub regions: Vec<String>,
    /// How many resources are `new`, `changed`, `gone`, `unknown`, and the `same`.
    pub counts: Counts,
    /// What became of each resource that is not the same, by type, region and id.
    pub changes: Vec<Change<Resource>>,
    /// What the next comparison is made with: what is there now, and what is unknown.
    pub next: Previous,
    /// What could not be looked at.
    pub errors: Vec<Problem>,
}

/// Takes a new inventory and compares.
///
/// # Errors
///
/// Input that is not acceptable; what [`Looker::account`] says; more resources than an answer tells.
pub async fn find(input: ChangesInput, settings: Settings) -> Result<Changes, Failure> {
    let ChangesInput { previous, regions, services } = input;
    let Some(resources) = previous.resources else {
        let why = match previous.parts.first() {
            None => "`previous` has no `resources` to compare with".to_owned(),
            Some(part) => format!(
                "the resources of `previous` are in artefacts such as `{}`, and not in it; `watch` compares accounts \
                 that are so large, region by region or service by service `changes` does",
                part.name
            ),
        };
        return Err(Failure::invalid_input(why));
    };
    let regions = if regions.is_empty() { previous.regions.clone() } else { regions };
    let plan = Plan::of(InventoryInput { regions, services }, settings).await?;
    let looker = Looker::begin(&plan.regions).await;
    let account = looker.account()?.to_owned();
    if let Some(before) = previous.account.as_ref().filter(|before| **before != account) {
        let why = format!("`previous` is of account {before}, and this is {account}");
        return Err(Failure::invalid_input(why).with("account", &account));
    }
    let (all, bytes) = (RefCell::new(Vec::new()), Cell::new(0));
    looker
        .each(&plan, async |_, found: Found| {
            bytes.set(bytes.get() + found.resources.iter().map(json_bytes).sum::<usize>());
            if bytes.get() > NOW_BYTES_MAX || found.problems.iter().any(|one| one.code == TOO_MANY) {
                return Err(too_many());
            }
            all.borrow_mut().push(found);
            Ok(())
        })
        .await?;
    let mut now = Found::all(all.into_inner());
    let mut heard = Heard::default();
    heard.take(&now.resources);
    now.problems = heard.settle(&looker.identity, &plan.regions, now.problems);
    Ok(compare(&plan, account, resources, now))
}

fn too_many() -> Failure {
    Failure::failed(format!(
        "there are resources of more than {} MiB, the most that an answer of `changes` tells with what the next \
         comparison needs; ask for fewer regions or services, or use `watch`, which keeps what it compares with",
        NOW_BYTES_MAX / (1024 * 1024)
    ))
}

fn compare(plan: &Plan, account: String, before: Vec<Resource>, now: Found) -> Changes {
    let scan = Scan { areas: plan.areas(&account), rules: None, problems: now.problems };
    let (before, now) = (by_key(before), by_key(now.resources));
    let (mut counts, mut changes, mut next) = (Counts::default(), Vec::new(), Vec::new());
    // Both lists are in order and can be read, so there is no error to tell.
    let read = |resources: BTreeMap<Key, Resource>| resources.into_values().map(Ok::<Resource, Infallible>);
    for change in diff::resources(read(before), read(now), &scan, moves).flatten().map(|change| plan.judge(change)) {
        counts.add(&change);
        next.extend(change.clone().kept());
        if !matches!(change, Change::Same { .. }) {
            changes.push(change);
        }
    }
    let next = Previous {
        account: Some(account.clone()),
        regions: plan.regions.clone(),
        resources: Some(next),
        parts: Vec::new(),
    };
    Changes { account, regions: plan.regions.clone(), counts, changes, next, errors: scan.problems }
}
