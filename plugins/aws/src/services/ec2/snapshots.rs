//! Snapshots of the account's own.

use super::{Listing, PAGE, resource};
use crate::model::Resource;
use crate::protocol::xml::Element;
use crate::services::Scope;
use crate::when;

/// What stands in the place of the volume of a snapshot that was copied or imported.
const NO_VOLUME: &str = "vol-ffffffff";

pub(super) const LISTING: Listing =
    Listing { operation: "DescribeSnapshots", parameters: &[("Owner.1", "self"), PAGE], set: "snapshotSet", read };

fn read(scope: &Scope<'_>, item: Element<'_>) -> Vec<Resource> {
    let owner = item.text("ownerId");
    let snapshot = resource(scope, item, ("aws.ec2.snapshot", "snapshot"), "snapshotId", owner).map(|resource| {
        let arn = scope.arn_of_region("ec2", &format!("snapshot/{}", resource.id));
        resource
            .arn(Some(arn))
            .created(item.text("startTime").and_then(when::at))
            .with("state", item.text("status"))
            .with("size_gib", item.number("volumeSize"))
            .with("full_bytes", item.number("fullSnapshotSizeInBytes"))
            .with("encrypted", item.truth("encrypted"))
            .with("kms_key", item.text("kmsKeyId"))
            .with("description", item.verbatim("description"))
            .with("storage_tier", item.text("storageTier"))
            .to("volume", item.text("volumeId").filter(|id| *id != NO_VOLUME))
    });
    snapshot.into_iter().collect()
}
