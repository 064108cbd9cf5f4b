//! Volumes that no instance uses, and those of a type that costs more than it has to.

use std::collections::BTreeSet;

use troupe_estate::{Money, Severity};

use super::{Facts, Judged, difference, finding, number, saving, text, value};
use crate::savings::input::Rule;
use crate::savings::prices;

const KIND: &str = "aws.ec2.volume";

/// What gp3 does without being paid for: operations and MiB in a second.
const GP3_IOPS: f64 = 3_000.0;
const GP3_MIB: f64 = 125.0;

/// Up to this size in GiB gp2 moves no more than gp3 does for nothing; a larger one may move
/// twice as much.
const GP2_SMALL_GIB: f64 = 170.0;
const GP2_MIB: f64 = 250.0;

/// gp2 does three operations in a second for each GiB, up to the most.
const GP2_IOPS_GIB: f64 = 3.0;
const GP2_IOPS_MAX: f64 = 16_000.0;

/// Volumes that are there, and that nothing is attached to.
pub fn unattached(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    for volume in facts.of(KIND) {
        if text(volume, "state") != Some("available") {
            judged.pass();
            continue;
        }
        let fix = "Take a snapshot if what is on it may be needed, then delete the volume.";
        let found = finding(Rule::VolumeUnattached, "No instance uses the volume", Severity::Low, volume, fix)
            .seen("state", value(volume, "state"))
            .seen("type", value(volume, "type"))
            .seen("size_gib", value(volume, "size_gib"))
            .seen("created", volume.created.clone());
        judged.findings.push(saving(found, prices::volume_found(volume)));
    }
    judged
}

/// Volumes of type gp2 that gp3 would do for as well, and for less. Those that are counted
/// elsewhere are passed over.
pub fn gp2(facts: &Facts<'_>, counted: &BTreeSet<String>) -> Judged {
    let mut judged = Judged::default();
    for volume in facts.of(KIND) {
        let is_used = text(volume, "state") == Some("in-use") && !counted.contains(&volume.id);
        let size = number(volume, "size_gib");
        let Some(gib) = size.filter(|_| is_used && text(volume, "type") == Some("gp2")) else {
            judged.pass();
            continue;
        };
        let iops = (gib * GP2_IOPS_GIB).clamp(GP3_IOPS, GP2_IOPS_MAX);
        let throughput = if gib > GP2_SMALL_GIB { GP2_MIB } else { GP3_MIB };
        let gp3 = prices::volume(&volume.region, "gp3", gib, Some(iops), Some(throughput));
        let price = prices::volume_found(volume).and_then(|gp2| Ok(difference(gp2, &gp3?)));
        // A volume between 170 and 250 GiB costs more as gp3 if it must move as much.
        if price.as_ref().is_ok_and(|money: &Money| money.monthly.millionths() <= 0) {
            judged.pass();
            continue;
        }
        let fix = "Change the type to gp3 with the operations and throughput seen here; it needs no pause.";
        let found = finding(Rule::VolumeGp2, "gp3 does the same for less", Severity::Low, volume, fix)
            .seen("type", "gp2")
            .seen("size_gib", value(volume, "size_gib"))
            .seen("gp3_iops", iops)
            .seen("gp3_throughput_mib", throughput);
        judged.findings.push(saving(found, price));
    }
    judged
}
