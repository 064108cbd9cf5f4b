//! The skill `savings`: what is paid for and not used, and what Azure itself advises.
//!
//! | rule | fires when |
//! |---|---|
//! | `azure.disk.unattached` | a managed disk has the state `Unattached` |
//! | `azure.public-ip.unused` | a public address is on no interface, load balancer or NAT gateway |
//! | `azure.vm.stopped` | a machine is stopped but not deallocated, so its size is paid on |
//! | `azure.plan.empty` | a plan that is paid for has no app |
//! | `azure.snapshot.old` | a snapshot is older than so many days |
//! | `azure.advisor.cost` | Advisor has a recommendation of the category `Cost` |
//!
//! Each finding has its evidence. An amount stands there only where Azure says it: Advisor's own, of the day when
//! Advisor made it. What a rule needs and could not be read is a finding `not_checked`.

use std::cell::RefCell;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;
use troupe_cloud::Kept;
use troupe_estate::collect::Part;
use troupe_estate::time::days_since;
use troupe_estate::{Amount, Finding, Money, Problem, Resource, Severity};
use troupe_sdk::prelude::*;

use crate::input::{InventoryInput, Plan, Settings};
use crate::inventory;

/// The types that the rules are about.
const TYPES: [&str; 6] = [
    "Microsoft.Compute/disks",
    "Microsoft.Compute/snapshots",
    "Microsoft.Compute/virtualMachines",
    "Microsoft.Network/publicIPAddresses",
    "Microsoft.Web/serverfarms",
    "Microsoft.Advisor/recommendations",
];

/// Where to look for savings.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SavingsInput {
    /// The ids of the subscriptions to look at; those of the configuration if none are named, else all.
    #[serde(default)]
    pub subscriptions: Vec<String>,
    /// From which age on a snapshot is old, in days.
    #[serde(default = "snapshot_days")]
    #[schemars(range(min = 1, max = 3650))]
    pub snapshot_days: u32,
}

const fn snapshot_days() -> u32 {
    90
}

/// What can be saved.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Savings {
    /// The ids of the subscriptions that were looked at.
    pub subscriptions: Vec<String>,
    /// How many findings there are of each severity, or `not_checked`.
    pub counts: BTreeMap<String, u64>,
    /// The findings; none if they are too many to be told here.
    pub findings: Vec<Finding>,
    /// The artefacts of the task that hold the findings, if they are too many.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
    /// What could not be looked at: there may be more to save in it.
    pub errors: Vec<Problem>,
}

/// Looks for savings.
pub async fn look(input: SavingsInput, settings: Settings) -> Result<Savings, Failure> {
    let types = TYPES.iter().map(|name| (*name).to_owned()).collect();
    let asked = InventoryInput { subscriptions: input.subscriptions, types, ..InventoryInput::default() };
    let plan = Plan::new(asked, settings)?;
    let findings = RefCell::new(Kept::new("findings"));
    let now = Timestamp::try_from(time::now()).map_err(Failure::failed)?;
    // Resources are judged as they come and not kept, so memory holds the findings alone.
    let judge = |resource: &Resource| {
        if let Some(finding) = judge(resource, now, input.snapshot_days) {
            findings.borrow_mut().take(finding);
        }
    };
    let seen = inventory::see(&plan, Some(&judge)).await?;
    let kept = findings.into_inner().finish()?;
    Ok(Savings {
        subscriptions: seen.subscriptions,
        counts: kept.counts,
        findings: kept.entries,
        parts: kept.parts,
        errors: seen.errors,
    })
}

fn judge(resource: &Resource, now: Timestamp, snapshot_days: u32) -> Option<Finding> {
    match resource.kind.strip_prefix("azure.")? {
        "microsoft.compute/disks" => disk(resource),
        "microsoft.compute/snapshots" => snapshot(resource, now, snapshot_days),
        "microsoft.compute/virtualmachines" => machine(resource),
        "microsoft.network/publicipaddresses" => address(resource),
        "microsoft.web/serverfarms" => plan(resource),
        "microsoft.advisor/recommendations" => advice(resource),
        _ => None,
    }
}

fn text<'a>(resource: &'a Resource, name: &str) -> Option<&'a str> {
    resource.attributes.get(name)?.as_str()
}

fn found(rule: &str, title: &str, severity: Severity, resource: &Resource, fix: &str) -> Finding {
    let mut finding = Finding::new(rule, title, severity, resource.reference(), "");
    fix.clone_into(&mut finding.fix);
    finding
}

/// Adds what is known of these attributes as evidence.
fn with(finding: Finding, resource: &Resource, names: &[&str]) -> Finding {
    let known = names.iter().filter_map(|name| Some((*name, resource.attributes.get(*name)?.clone())));
    known.fold(finding, |finding, (name, value)| finding.seen(name, value))
}

fn disk(resource: &Resource) -> Option<Finding> {
    let title = "A disk is attached to no machine";
    let fix = "Delete the disk, after a snapshot if its data may be needed.";
    let finding = || found("azure.disk.unattached", title, Severity::Medium, resource, fix);
    match text(resource, "disk_state") {
        Some("Unattached") => {
            Some(with(finding(), resource, &["disk_state", "size_gib", "sku", "performance_tier", "ownership_changed"]))
        }
        Some(_) => None,
        None => Some(finding().not_checked("Azure does not tell the state of the disk")),
    }
}

fn snapshot(resource: &Resource, now: Timestamp, days: u32) -> Option<Finding> {
    let title = "A snapshot is old";
    let fix = "Delete the snapshot if nobody restores from it.";
    let finding = || found("azure.snapshot.old", title, Severity::Low, resource, fix);
    let Some(age) = resource.created.as_deref().and_then(|created| days_since(created, now)) else {
        return Some(finding().not_checked("Azure does not tell when the snapshot was made"));
    };
    if age < i64::from(days) {
        return None;
    }
    let old = with(finding(), resource, &["size_gib", "sku", "incremental"]);
    Some(old.seen_moving("age_days", age).seen("created", resource.created.clone()))
}

fn machine(resource: &Resource) -> Option<Finding> {
    let title = "A machine is stopped and still paid for";
    let fix = "Deallocate the machine (`az vm deallocate`), or delete it with its disks.";
    let finding = || found("azure.vm.stopped", title, Severity::Medium, resource, fix);
    match text(resource, "power_state") {
        Some("PowerState/stopped") => Some(with(finding(), resource, &["power_state", "size"])),
        Some(_) => None,
        None => Some(finding().not_checked("the power state of the machine could not be read")),
    }
}

fn address(resource: &Resource) -> Option<Finding> {
    let is_used = text(resource, "used_by").is_some() || resource.relations.iter().any(|one| one.kind == "nat-gateway");
    let title = "A public address is used by nothing";
    let fix = "Delete the address.";
    let finding = || found("azure.public-ip.unused", title, Severity::Low, resource, fix);
    (!is_used).then(|| with(finding(), resource, &["ip_address", "allocation", "sku"]).seen("used_by", Value::Null))
}

fn plan(resource: &Resource) -> Option<Finding> {
    let tier = resource.attributes.get("sku").and_then(|sku| sku.get("tier")?.as_str()).unwrap_or_default();
    // These are paid by use, or not at all.
    if ["Free", "Shared", "Dynamic", "FlexConsumption"].contains(&tier) {
        return None;
    }
    let title = "A plan that is paid for has no app";
    let fix = "Delete the plan, or move apps of other plans into it.";
    let finding = || found("azure.plan.empty", title, Severity::Medium, resource, fix);
    match resource.attributes.get("sites").and_then(Value::as_u64) {
        Some(0) => Some(with(finding(), resource, &["sites", "sku", "workers"])),
        Some(_) => None,
        None => Some(finding().not_checked("Azure does not tell how many apps the plan has")),
    }
}

fn advice(resource: &Resource) -> Option<Finding> {
    if text(resource, "category")? != "Cost" {
        return None;
    }
    let title = text(resource, "problem").unwrap_or("Advisor sees what can be saved");
    let severity = match text(resource, "impact") {
        Some("High") => Severity::High,
        Some("Medium") => Severity::Medium,
        _ => Severity::Low,
    };
    let fix = text(resource, "solution").unwrap_or_default();
    let mut finding = found("azure.advisor.cost", title, severity, resource, fix);
    finding.saving = saving(resource);
    let evidence = ["impacted_type", "impacted", "resource", "current_sku", "recommended_sku", "term", "lookback_days"];
    Some(with(finding, resource, &evidence))
}

/// What Advisor says that is saved in a month: `savingsAmount`, else a twelfth of `annualSavingsAmount`.
fn saving(resource: &Resource) -> Option<Money> {
    let number = |name: &str| {
        let value = resource.attributes.get(name)?;
        value.as_f64().or_else(|| value.as_str()?.parse().ok())
    };
    let monthly = number("savings").or_else(|| Some(number("annual_savings")? / 12.0))?;
    let currency = text(resource, "savings_currency")?;
    let day = resource.created.as_deref()?.get(..10)?;
    Some(Money {
        monthly: Amount::new(monthly)?,
        currency: currency.to_owned(),
        source: "Azure Advisor".to_owned(),
        as_of: day.to_owned(),
    })
}
