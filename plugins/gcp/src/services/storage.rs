//! Cloud Storage: buckets, and who may read them.

use serde_json::{Value, json};
use troupe_estate::Resource;

use crate::listing::Listing;
use crate::record::{Created, Id, Record, flag, has, is, path, renamed, to_key, to_of};
use crate::services::policy;

/// What is listed.
pub const LISTINGS: [Listing; 1] = [Listing {
    record: Some(&BUCKET),
    details: &[policy::detail(
        "storage.buckets.getIamPolicy",
        "https://storage.googleapis.com/storage/v1/b/{/name}/iam?optionsRequestedPolicyVersion=3",
    )],
    ..Listing::new(
        "storage.buckets.list",
        "https://storage.googleapis.com/storage/v1/b?project={project}&maxResults=1000&projection=noAcl",
        "/items",
    )
}];

const BUCKET: Record = Record {
    place: Some("/location"),
    created: Created::At("/timeCreated"),
    attributes: &[
        is("storage_class", "/storageClass"),
        is("location_type", "/locationType"),
        flag("versioning", "/versioning/enabled"),
        flag("uniform_access", "/iamConfiguration/uniformBucketLevelAccess/enabled"),
        is("public_access_prevention", "/iamConfiguration/publicAccessPrevention"),
        is("kms_key", "/encryption/defaultKmsKeyName"),
        is("log_bucket", "/logging/logBucket"),
        has("website", "/website"),
        is("retention", "/retentionPolicy"),
        is("soft_delete", "/softDeletePolicy"),
        flag("requester_pays", "/billing/requesterPays"),
        is("autoclass", "/autoclass/enabled"),
        is("cors_origins", "/cors/*/origin/*"),
    ],
    relations: &[
        to_key("/encryption/defaultKmsKeyName"),
        to_of("log_bucket", "storage.googleapis.com", "/logging/logBucket"),
    ],
    more: Some(bucket),
    ..Record::new("gcp.storage.googleapis.com/Bucket", Id::Form("//storage.googleapis.com/{/name}"))
};

fn bucket(item: &Value, bucket: &mut Resource) {
    let fields =
        [("action", "/action/type"), ("storage_class", "/action/storageClass"), ("age_days", "/condition/age")];
    let rules: Vec<Value> =
        path::all(item, "/lifecycle/rule/*").into_iter().map(|rule| renamed(rule, &fields)).collect();
    bucket.set("lifecycle", json!(rules));
    // Whatever Google stores is encrypted; who keeps the key is what differs.
    bucket.set("encrypted", true);
}
