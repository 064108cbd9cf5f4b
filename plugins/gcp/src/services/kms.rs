//! Cloud KMS: key rings and keys, in every location that has it.

use serde_json::Value;
use troupe_estate::Resource;

use crate::listing::Listing;
use crate::record::{Id, Record, is, path};
use crate::services::policy;

/// What is listed. Versions of a key are not told one by one; the key tells its primary one.
pub const LISTINGS: [Listing; 1] = [Listing {
    below: &[Listing {
        record: Some(&RING),
        below: &[Listing {
            record: Some(&KEY),
            parent: Some("key_ring"),
            details: &[policy::detail(
                "cloudkms.projects.locations.keyRings.cryptoKeys.getIamPolicy",
                "https://cloudkms.googleapis.com/v1/{/name}:getIamPolicy",
            )],
            ..Listing::new(
                "cloudkms.projects.locations.keyRings.cryptoKeys.list",
                "https://cloudkms.googleapis.com/v1/{/name}/cryptoKeys?pageSize=1000",
                "/cryptoKeys",
            )
        }],
        ..Listing::new(
            "cloudkms.projects.locations.keyRings.list",
            "https://cloudkms.googleapis.com/v1/{/name}/keyRings?pageSize=1000",
            "/keyRings",
        )
    }],
    ..Listing::new(
        "cloudkms.projects.locations.list",
        "https://cloudkms.googleapis.com/v1/projects/{project}/locations?pageSize=1000",
        "/locations",
    )
}];

const RING: Record =
    Record { ..Record::new("gcp.cloudkms.googleapis.com/KeyRing", Id::Told("cloudkms.googleapis.com", "/name")) };

const KEY: Record = Record {
    attributes: &[
        is("purpose", "/purpose"),
        is("rotation_period", "/rotationPeriod"),
        is("next_rotation", "/nextRotationTime"),
        is("primary_state", "/primary/state"),
        is("protection", "/versionTemplate/protectionLevel"),
        is("algorithm", "/versionTemplate/algorithm"),
        is("destroy_after", "/destroyScheduledDuration"),
    ],
    more: Some(key),
    ..Record::new("gcp.cloudkms.googleapis.com/CryptoKey", Id::Told("cloudkms.googleapis.com", "/name"))
};

fn key(item: &Value, key: &mut Resource) {
    // Google writes a length of time as seconds and an `s`.
    let seconds = path::text(item, "/rotationPeriod").and_then(|time| time.strip_suffix('s')?.parse::<f64>().ok());
    key.set("rotation_days", seconds.map(|seconds| (seconds / 86_400.0).round()));
}
