//! Disks, and what is made from them.

use serde_json::Value;
use troupe_estate::Resource;

use super::{aggregated, global};
use crate::listing::{Detail, Listing};
use crate::record::{Record, count, flag, has, is, last, number, path, to, to_key};
use crate::services::policy;

pub(super) const LISTINGS: [Listing; 4] = [
    Listing { record: Some(&DISK), ..aggregated("compute.disks.aggregatedList", url!("disks"), "disks") },
    Listing { record: Some(&SNAPSHOT), ..global("compute.snapshots.list", url!(global "snapshots")) },
    Listing { record: Some(&IMAGE), details: &[IMAGE_POLICY], ..global("compute.images.list", url!(global "images")) },
    Listing { record: Some(&MACHINE_IMAGE), ..global("compute.machineImages.list", url!(global "machineImages")) },
];

const IMAGE_POLICY: Detail = policy::detail(
    "compute.images.getIamPolicy",
    "https://compute.googleapis.com/compute/v1/projects/{project}/global/images/{/name}/getIamPolicy",
);

const DISK: Record = Record {
    elsewhere: Some(("/regions/", "gcp.compute.googleapis.com/RegionDisk")),
    attributes: &[
        is("state", "/status"),
        number("size_gib", "/sizeGb"),
        last("type", "/type"),
        number("iops", "/provisionedIops"),
        number("throughput", "/provisionedThroughput"),
        last("image", "/sourceImage"),
        is("architecture", "/architecture"),
        is("last_attached", "/lastAttachTimestamp"),
        is("last_detached", "/lastDetachTimestamp"),
        count("users", "/users/*"),
        has("snapshot_schedule", "/resourcePolicies/0"),
        has("customer_supplied_key", "/diskEncryptionKey/sha256"),
    ],
    relations: &[
        to("instance", "/users/*"),
        to("snapshot", "/sourceSnapshot"),
        to("resource_policy", "/resourcePolicies/*"),
        to_key("/diskEncryptionKey/kmsKeyName"),
    ],
    more: Some(encrypted),
    ..Record::compute("gcp.compute.googleapis.com/Disk")
};

const SNAPSHOT: Record = Record {
    attributes: &[
        is("state", "/status"),
        number("size_gib", "/diskSizeGb"),
        number("stored_bytes", "/storageBytes"),
        is("locations", "/storageLocations"),
        flag("auto_created", "/autoCreated"),
        is("type", "/snapshotType"),
    ],
    relations: &[to("disk", "/sourceDisk"), to_key("/snapshotEncryptionKey/kmsKeyName")],
    more: Some(encrypted),
    ..Record::compute("gcp.compute.googleapis.com/Snapshot")
};

const IMAGE: Record = Record {
    attributes: &[
        is("state", "/status"),
        is("family", "/family"),
        number("size_gib", "/diskSizeGb"),
        number("stored_bytes", "/archiveSizeBytes"),
        is("locations", "/storageLocations"),
        is("deprecated", "/deprecated/state"),
        is("architecture", "/architecture"),
    ],
    relations: &[to("disk", "/sourceDisk"), to_key("/imageEncryptionKey/kmsKeyName")],
    more: Some(encrypted),
    ..Record::compute("gcp.compute.googleapis.com/Image")
};

const MACHINE_IMAGE: Record = Record {
    attributes: &[
        is("state", "/status"),
        number("stored_bytes", "/totalStorageBytes"),
        is("locations", "/storageLocations"),
        last("machine_type", "/instanceProperties/machineType"),
    ],
    relations: &[to("instance", "/sourceInstance"), to_key("/machineImageEncryptionKey/kmsKeyName")],
    ..Record::compute("gcp.compute.googleapis.com/MachineImage")
};

/// Whatever Google stores is encrypted; who keeps the key is what differs.
fn encrypted(item: &Value, resource: &mut Resource) {
    let keys = ["/diskEncryptionKey", "/snapshotEncryptionKey", "/imageEncryptionKey"];
    let key = keys.iter().find_map(|path| path::text(item, &format!("{path}/kmsKeyName"))).map(crate::name::key);
    resource.set("encrypted", true);
    resource.set("kms_key", key);
}
