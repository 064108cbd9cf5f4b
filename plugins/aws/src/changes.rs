//! What changed in the account since an inventory that was taken before.
//!
//! A new inventory is taken of the same regions and services, and both are compared resource by
//! resource, as every agent does it (`plugins/estate/src/diff.rs`). What changes by itself
//! ([`MOVING`]) is no change. What is not found is `gone` only where the new inventory looked and
//! nothing that went wrong may hide it; else it is `unknown`, and stays in what the next one is
//! compared with.

use std::collections::BTreeMap;
use std::convert::Infallible;

use serde_json::Value;
use troupe_estate::diff::{self, Change, Counts};
use troupe_estate::{Area, Key, Problem, Provider, Resource, Scan};
use troupe_sdk::prelude::*;

use crate::input::{InventoryInput, Plan, Settings};
use crate::inventory;
use crate::model::{GLOBAL, Inventory};
use crate::services::{Reach, Service};

/// Attributes that change by themselves, by type; of a list of objects, the field that does.
const MOVING: [(&str, &str, Option<&str>); 24] = [
    ("aws.autoscaling.group", "instances", None),
    ("aws.autoscaling.group", "unhealthy", None),
    ("aws.backup.plan", "last_run", None),
    ("aws.backup.vault", "recovery_points", None),
    ("aws.cloudtrail.trail", "last_delivery", None),
    ("aws.cloudwatch.alarm", "state", None),
    ("aws.config.recorder", "last_status", None),
    ("aws.dynamodb.table", "items", None),
    ("aws.dynamodb.table", "size_bytes", None),
    ("aws.ec2.subnet", "free_addresses", None),
    ("aws.ecs.cluster", "tasks_pending", None),
    ("aws.ecs.cluster", "tasks_running", None),
    ("aws.ecs.service", "tasks_pending", None),
    ("aws.ecs.service", "tasks_running", None),
    ("aws.efs.file-system", "size_bytes", None),
    ("aws.elbv2.target-group", "targets", None),
    ("aws.iam.account", "summary", None),
    ("aws.iam.role", "last_used", None),
    ("aws.iam.user", "access_keys", Some("age_days")),
    ("aws.iam.user", "password_last_used", None),
    ("aws.logs.log-group", "stored_bytes", None),
    ("aws.secretsmanager.secret", "last_used", None),
    ("aws.sqs.queue", "messages", None),
    ("aws.sqs.queue", "messages_in_flight", None),
];

/// What to compare with, and where to look.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangesInput {
    /// What was there before: the output of `inventory`, or `next` of the last `changes`.
    pub previous: Previous,
    /// The regions to look in; those of `previous` if none are named.
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
    /// The resources.
    pub resources: Vec<Resource>,
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
pub async fn find(input: ChangesInput, settings: Settings) -> Result<Changes, Failure> {
    let ChangesInput { previous, regions, services } = input;
    let regions = if regions.is_empty() { previous.regions.clone() } else { regions };
    let plan = Plan::new(InventoryInput { regions, services }, settings)?;
    let now = inventory::take(&plan).await;
    let Some(account) = now.account.clone() else {
        return Err(Failure::unavailable("whose account it is could not be asked, so nothing can be compared"));
    };
    if let Some(before) = previous.account.as_ref().filter(|before| **before != account) {
        let why = format!("`previous` is of account {before}, and this is {account}");
        return Err(Failure::invalid_input(why).with("account", &account));
    }
    Ok(compare(&plan, account, previous, now))
}

fn compare(plan: &Plan, account: String, previous: Previous, now: Inventory) -> Changes {
    let scan = Scan { areas: areas(plan, &account), rules: None, problems: now.errors };
    let (before, now) = (kept(previous.resources), kept(now.resources));
    let (mut counts, mut changes, mut next) = (Counts::default(), Vec::new(), Vec::new());
    let sorted = |resources: &BTreeMap<Key, Resource>| {
        resources.values().map(|resource| Ok(still(resource))).collect::<Vec<Result<Resource, Infallible>>>()
    };
    // Both lists are in order and can be read, so there is no error to tell.
    for change in diff::resources(sorted(&before), sorted(&now), &scan, |_, _| false).flatten() {
        let change = whole(change, &before, &now);
        counts.add(&change);
        next.extend(change.clone().kept());
        if !matches!(change, Change::Same { .. }) {
            changes.push(change);
        }
    }
    let next = Previous { account: Some(account.clone()), regions: plan.regions.clone(), resources: next };
    Changes { account, regions: plan.regions.clone(), counts, changes, next, errors: scan.problems }
}

/// Where the inventory looked. What belongs to the whole account is found wherever it is.
fn areas(plan: &Plan, account: &str) -> Vec<Area> {
    let area = |reach: Reach, regions: Vec<String>| Area {
        provider: Provider::Aws,
        accounts: vec![account.to_owned()],
        regions,
        services: plan.services.iter().filter(|one| one.reach() == reach).map(|one| one.name().to_owned()).collect(),
    };
    let mut regions = plan.regions.clone();
    // What WAF has for CloudFront is asked for in the first region, and told as the account's.
    if regions.iter().any(|region| region == plan.partition.first_region()) {
        regions.push(GLOBAL.to_owned());
    }
    let areas = [area(Reach::Regional, regions), area(Reach::Global, Vec::new())];
    // An empty list of services would bound nothing.
    areas.into_iter().filter(|area| !area.services.is_empty()).collect()
}

/// Resources by their keys, which is their order.
fn kept(resources: Vec<Resource>) -> BTreeMap<Key, Resource> {
    resources.into_iter().map(|resource| (resource.key(), resource)).collect()
}

/// A resource without what changes by itself.
fn still(resource: &Resource) -> Resource {
    let mut still = resource.clone();
    for (_, name, field) in MOVING.iter().filter(|(kind, ..)| *kind == resource.kind) {
        match (field, still.attributes.get_mut(*name)) {
            (Some(field), Some(Value::Array(items))) => {
                for item in items.iter_mut().filter_map(Value::as_object_mut) {
                    item.remove(*field);
                }
            }
            _ => {
                still.attributes.remove(*name);
            }
        }
    }
    still
}

/// A change with the resources as they were told.
fn whole(
    change: Change<Resource>,
    before: &BTreeMap<Key, Resource>,
    now: &BTreeMap<Key, Resource>,
) -> Change<Resource> {
    let told =
        |list: &BTreeMap<Key, Resource>, resource: Resource| list.get(&resource.key()).cloned().unwrap_or(resource);
    match change {
        Change::New { now: it } => Change::New { now: told(now, it) },
        Change::Same { now: it } => Change::Same { now: told(now, it) },
        Change::Changed { before: was, now: it, fields } => {
            Change::Changed { before: told(before, was), now: told(now, it), fields }
        }
        Change::Fixed { before: was } => Change::Fixed { before: told(before, was) },
        Change::Gone { before: was } => Change::Gone { before: told(before, was) },
        Change::Unknown { before: was, why } => Change::Unknown { before: told(before, was), why },
    }
}
