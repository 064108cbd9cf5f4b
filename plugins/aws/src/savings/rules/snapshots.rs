//! Snapshots that are old and that no image is made of.
//!
//! A snapshot holds what changed since the one before, and only AWS knows how much that is.
//! So what is told is the most that it may cost, as `monthly_at_most`, and no saving.

use std::collections::BTreeSet;

use troupe_estate::{Finding, Severity};

use super::{Facts, Judged, finding, number, text, value};
use crate::savings::input::Rule;
use crate::savings::prices;

const GIB: f64 = 1024.0 * 1024.0 * 1024.0;

/// Tags of snapshots that AWS makes and deletes by a plan.
const PLANNED: [&str; 2] = ["aws:backup:", "aws:dlm:"];

/// The most that a snapshot may cost in a month, in what was seen.
pub const AT_MOST: &str = "monthly_at_most";

/// Snapshots older than they may be.
pub fn old(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    let used: BTreeSet<&str> = facts
        .of("aws.ec2.image")
        .flat_map(|image| image.relations.iter())
        .filter(|relation| relation.kind == "snapshot")
        .map(|relation| relation.target.as_str())
        .collect();
    let images_unlisted = facts.unlisted("DescribeImages");
    for snapshot in facts.of("aws.ec2.snapshot") {
        let age = snapshot.created.as_deref().and_then(|created| facts.days_since(created));
        let is_planned = snapshot.tags.keys().any(|key| PLANNED.iter().any(|plan| key.starts_with(plan)));
        let is_young = age.is_some_and(|age| age < facts.bounds.snapshot_days);
        if is_young || is_planned || used.contains(snapshot.id.as_str()) {
            judged.pass();
            continue;
        }
        let fix = "Delete the snapshot, or keep it in the archive if it must be kept for long.";
        let found =
            finding(Rule::SnapshotOld, "The snapshot is old and no image needs it", Severity::Low, snapshot, fix)
                .seen("created", snapshot.created.clone())
                .seen_moving("age_days", age)
                .seen("size_gib", value(snapshot, "size_gib"))
                .seen("description", value(snapshot, "description"));
        let found = match (age, &images_unlisted) {
            (None, _) => found.not_checked("when it was made was not told"),
            (_, Some(why)) => found.not_checked(why),
            (Some(_), None) => at_most(found, snapshot),
        };
        judged.findings.push(found);
    }
    judged
}

/// Says what a snapshot costs at most: as if it held all that was ever written to its volume,
/// or where nobody tells that, all of the volume.
fn at_most(finding: Finding, snapshot: &troupe_estate::Resource) -> Finding {
    let written = number(snapshot, "full_bytes").map(|bytes| bytes / GIB);
    let Some(gib) = written.or_else(|| number(snapshot, "size_gib")) else {
        return finding.seen("price", "no price known: its size was not told");
    };
    match prices::snapshot(&snapshot.region, text(snapshot, "storage_tier").unwrap_or("standard"), gib) {
        Ok(money) => finding
            .seen(AT_MOST, money.monthly.value())
            .seen("price_source", format!("{}, {}, {}", money.source, money.currency, money.as_of)),
        Err(why) => finding.seen("price", why),
    }
}
