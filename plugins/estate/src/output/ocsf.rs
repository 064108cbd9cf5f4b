//! OCSF 1.3.0, for security lakes: one event to a line.
//!
//! | rows | class | activity |
//! |---|---|---|
//! | findings | Compliance Finding, 2003 | Create |
//! | changes of findings | Compliance Finding, 2003 | Create (new), Update (changed, same, unknown), Close (fixed) |
//! | resources | Cloud Resources Inventory Info, 5023 | Collect |
//!
//! | in a finding | in OCSF |
//! |---|---|
//! | `fingerprint` | `finding_info.uid` |
//! | `rule`, `title`, evidence | `compliance.control`, `finding_info.title`, `finding_info.desc` |
//! | `status` | `compliance.status_id`: Pass 1, Warning 2 (it could not be checked), Fail 3 |
//! | suppressed, fixed | `status_id`: New 1, In Progress 2, Suppressed 3, Resolved 4 |
//! | `frameworks` | `compliance.standards`, `compliance.requirements` |
//! | `fix` | `remediation.desc` |
//! | discriminator, evidence, amount, class | `unmapped` |
//!
//! `compliance.standards` is required; for a rule of no framework it is the product's own name.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::io::Write;

use serde_json::{Map, Value, json};

use super::{About, OutputError, PRODUCT, evidence};
use crate::diff::Change;
use crate::{Finding, Provider, Resource, Severity, Status};

/// The version of OCSF that events follow.
const VERSION: &str = "1.3.0";

/// Writes findings, one event to a line.
///
/// # Errors
///
/// If a row cannot be read or written.
pub fn findings<E: Display>(
    out: &mut impl Write,
    about: About<'_>,
    rows: impl IntoIterator<Item = Result<Finding, E>>,
) -> Result<(), OutputError<E>> {
    for row in rows {
        event(out, &finding(&row.map_err(OutputError::Row)?, &CREATE, about))?;
    }
    Ok(())
}

/// Writes what became of findings, one event to a line.
///
/// # Errors
///
/// If a row cannot be read or written.
pub fn changes<E: Display>(
    out: &mut impl Write,
    about: About<'_>,
    rows: impl IntoIterator<Item = Result<Change<Finding>, E>>,
) -> Result<(), OutputError<E>> {
    for row in rows {
        let told = match row.map_err(OutputError::Row)? {
            Change::New { now } => finding(&now, &CREATE, about),
            Change::Changed { now, .. } | Change::Same { now } => finding(&now, &UPDATE, about),
            Change::Unknown { before, why } => finding(&before.not_checked(&why.reason), &UPDATE, about),
            Change::Fixed { before } | Change::Gone { before } => finding(&before.passed(), &CLOSE, about),
        };
        event(out, &told)?;
    }
    Ok(())
}

/// Writes resources, one event to a line.
///
/// # Errors
///
/// If a row cannot be read or written.
pub fn resources<E: Display>(
    out: &mut impl Write,
    about: About<'_>,
    rows: impl IntoIterator<Item = Result<Resource, E>>,
) -> Result<(), OutputError<E>> {
    for row in rows {
        event(out, &inventory(&row.map_err(OutputError::Row)?, about))?;
    }
    Ok(())
}

fn event<E: Display>(out: &mut impl Write, event: &Value) -> Result<(), OutputError<E>> {
    serde_json::to_writer(&mut *out, event)?;
    out.write_all(b"\n")?;
    Ok(())
}

/// An activity, and the status of the finding after it.
struct Activity {
    id: u8,
    name: &'static str,
    status_id: u8,
    status: &'static str,
}

const CREATE: Activity = Activity { id: 1, name: "Create", status_id: 1, status: "New" };
const UPDATE: Activity = Activity { id: 2, name: "Update", status_id: 2, status: "In Progress" };
const CLOSE: Activity = Activity { id: 3, name: "Close", status_id: 4, status: "Resolved" };

fn finding(finding: &Finding, activity: &Activity, about: About<'_>) -> Value {
    let (severity_id, severity) = match finding.severity {
        Severity::Informational => (1, "Informational"),
        Severity::Low => (2, "Low"),
        Severity::Medium => (3, "Medium"),
        Severity::High => (4, "High"),
        Severity::Critical => (5, "Critical"),
    };
    let (outcome_id, outcome) = match finding.status {
        Status::Pass => (1, "Pass"),
        Status::NotChecked => (2, "Warning"),
        Status::Fail => (3, "Fail"),
    };
    let is_suppressed = activity.id != CLOSE.id && finding.is_suppressed(about.at);
    let (status_id, status) = if is_suppressed { (3, "Suppressed") } else { (activity.status_id, activity.status) };
    let names: BTreeSet<&str> = finding.frameworks.iter().map(|one| one.framework.as_str()).collect();
    let standards: Vec<&str> = if names.is_empty() { vec![PRODUCT] } else { names.into_iter().collect() };
    let requirements: Vec<String> =
        finding.frameworks.iter().map(|one| format!("{} {}", one.framework, one.control)).collect();
    let time = about.at.as_millisecond();
    let resource = &finding.resource;
    let description = if finding.evidence.is_empty() { finding.title.clone() } else { evidence(finding) };
    let mut compliance = json!({
        "control": finding.rule,
        "standards": standards,
        "requirements": requirements,
        "status_id": outcome_id,
        "status": outcome,
    });
    insert(&mut compliance, "status_detail", finding.reason.as_deref());
    let mut about_it = json!({ "uid": resource.full_name(), "type": resource.kind, "region": resource.region });
    insert(&mut about_it, "name", resource.name.as_deref());
    let mut event = json!({
        "activity_id": activity.id,
        "activity_name": activity.name,
        "category_uid": 2,
        "category_name": "Findings",
        "class_uid": 2003,
        "class_name": "Compliance Finding",
        "type_uid": 200_300 + u32::from(activity.id),
        "time": time,
        "severity_id": severity_id,
        "severity": severity,
        "status_id": status_id,
        "status": status,
        "message": finding.title,
        "metadata": metadata(about),
        "cloud": cloud(resource.provider, resource.account.as_deref(), &resource.region),
        "finding_info": {
            "uid": finding.fingerprint,
            "title": finding.title,
            "desc": description,
            "last_seen_time": time,
            "types": [finding.class.field()],
        },
        "compliance": compliance,
        "resources": [about_it],
        "unmapped": {
            "class": finding.class,
            "discriminator": finding.discriminator,
            "evidence": finding.evidence,
            "saving": finding.saving,
            "suppressed": finding.suppressed,
        },
    });
    if let (false, Some(members)) = (finding.fix.is_empty(), event.as_object_mut()) {
        members.insert("remediation".to_owned(), json!({ "desc": finding.fix }));
    }
    event
}

fn inventory(resource: &Resource, about: About<'_>) -> Value {
    let labels: Vec<String> = resource.tags.iter().map(|(name, value)| format!("{name}:{value}")).collect();
    let mut told = json!({
        "uid": resource.arn.as_deref().unwrap_or(&resource.id),
        "type": resource.kind,
        "region": resource.region,
        "labels": labels,
        "data": resource.attributes,
    });
    insert(&mut told, "name", resource.name.as_deref());
    json!({
        "activity_id": 2,
        "activity_name": "Collect",
        "category_uid": 5,
        "category_name": "Discovery",
        "class_uid": 5023,
        "class_name": "Cloud Resources Inventory Info",
        "type_uid": 502_302,
        "time": about.at.as_millisecond(),
        "severity_id": 1,
        "severity": "Informational",
        "metadata": metadata(about),
        "cloud": cloud(resource.provider, resource.account.as_deref(), &resource.region),
        "region": resource.region,
        "resources": [told],
        "unmapped": {
            "class": resource.class,
            "created": resource.created,
            "cost": resource.cost,
            "relations": resource.relations,
            "unread": resource.unread,
        },
    })
}

fn metadata(about: About<'_>) -> Value {
    json!({
        "version": VERSION,
        "profiles": ["cloud"],
        "product": { "name": format!("{PRODUCT} {}", about.agent), "vendor_name": PRODUCT, "version": about.version },
    })
}

fn cloud(provider: Provider, account: Option<&str>, region: &str) -> Value {
    let mut cloud = json!({ "provider": provider.title(), "region": region });
    if let (Some(account), Some(members)) = (account, cloud.as_object_mut()) {
        members.insert("account".to_owned(), json!({ "uid": account }));
    }
    cloud
}

fn insert(object: &mut Value, name: &str, value: Option<&str>) {
    if let (Some(value), Some(members)) = (value, object.as_object_mut()) {
        let members: &mut Map<String, Value> = members;
        members.insert(name.to_owned(), value.into());
    }
}
