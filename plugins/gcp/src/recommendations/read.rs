//! Reads one recommendation.
//!
//! What it would save is told by Google for a length of time, mostly thirty days, as a cost that is less than
//! nothing. It is brought to the month of 730 hours of all amounts, and dated by the day when Google last computed it.

use serde_json::Value;
use troupe_estate::{Amount, Finding, Money, Reference, Resource};

use super::severity;
use crate::name;
use crate::record::path;

/// Seconds of the month that amounts are told for: 730 hours.
const MONTH_SECONDS: f64 = 730.0 * 3_600.0;

/// Reports whether a recommendation is one that nobody has dealt with.
pub fn is_open(item: &Value) -> bool {
    matches!(path::text(item, "/stateInfo/state"), None | Some("ACTIVE" | "CLAIMED"))
}

/// The finding of an open recommendation; none of one that is dealt with, or does not say what it is about.
pub fn finding(item: &Value, project: &str, location: &str, (rule, title): (&str, &str)) -> Option<Finding> {
    if !is_open(item) {
        return None;
    }
    let severity = severity(path::text(item, "/priority"));
    // A role is taken from many members of one project.
    let parts = ["/recommenderSubtype", "/content/overview/removedRole", "/content/overview/member"];
    let what: Vec<&str> = parts.iter().filter_map(|at| path::text(item, at)).collect();
    let mut finding = Finding::new(rule, title, severity, about(item, project, location)?, &what.join(" "));
    path::text(item, "/description").unwrap_or_default().clone_into(&mut finding.fix);
    finding.saving = saving(item);
    // Google gives it another name when it computes it anew, and in another place.
    finding = finding.seen_moving("recommendation", path::text(item, "/name"));
    for (name, path) in [
        ("action", "/content/overview/recommendedAction"),
        ("current", "/content/overview/currentMachineType"),
        ("recommended", "/content/overview/recommendedMachineType"),
        ("removes_role", "/content/overview/removedRole"),
        ("member", "/content/overview/member"),
    ] {
        if let Some(value) = path::one(item, path) {
            finding = finding.seen(name, value.clone());
        }
    }
    if let Some(state) = path::text(item, "/stateInfo/state") {
        finding = finding.seen_moving("state", state);
    }
    Some(finding)
}

/// The resource that is to be changed: not one that would be made, such as a snapshot.
fn about(item: &Value, project: &str, location: &str) -> Option<Reference> {
    let operations = path::all(item, "/content/operationGroups/*/operations/*");
    let is_there = |operation: &&&Value| path::text(operation, "/action") != Some("add");
    let target = operations.iter().find(is_there).or_else(|| operations.first());
    let told = path::text(item, "/content/overview/resource").or_else(|| path::text(target?, "/resource"))?;
    let id = name::full("compute.googleapis.com", told)?;
    let of_target = |target: &&Value| path::text(target, "/resource") == Some(told);
    let kind =
        operations.iter().copied().find(of_target).or(target.copied()).and_then(|one| path::text(one, "/resourceType"));
    let kind = kind.map_or_else(|| kind_of(&id), |kind| format!("gcp.{kind}"));
    let called = name::last(&id).to_owned();
    Some(Resource::new(kind, &name::region(location), id).name(&called).account(Some(project.to_owned())).reference())
}

/// The type by the service alone, where a recommendation does not tell it.
fn kind_of(id: &str) -> String {
    let service = id.trim_start_matches('/').split('/').next().unwrap_or_default();
    format!("gcp.{service}/Resource")
}

fn saving(item: &Value) -> Option<Money> {
    let projection = path::one(item, "/primaryImpact/costProjection")?;
    let seconds: f64 = path::text(projection, "/duration")?.strip_suffix('s')?.parse().ok()?;
    let cost = path::one(projection, "/cost").map_or(0.0, path::money);
    // What would cost more saves nothing, and is told as what it is: less than nothing.
    let monthly = Amount::new(-cost * MONTH_SECONDS / seconds)?;
    Some(Money {
        monthly,
        currency: path::text(projection, "/cost/currencyCode")?.to_owned(),
        source: "Google Cloud Recommender".to_owned(),
        as_of: path::text(item, "/lastRefreshTime")?.split('T').next()?.to_owned(),
    })
}
