//! BigQuery: datasets with who may read them, and tables.
//!
//! A list tells little of a dataset, so each is asked about. Tables are told as far as their list tells: to ask
//! about each would be a request for each of what may be a hundred thousand.

use serde_json::Value;
use troupe_estate::{Resource, time};

use crate::listing::{Detail, Listing};
use crate::name;
use crate::record::{Created, Id, Record, flag, has, is, path, renamed};

/// What is listed.
pub const LISTINGS: [Listing; 1] = [Listing {
    record: Some(&DATASET),
    details: &[Detail {
        operation: "bigquery.datasets.get",
        address: "https://bigquery.googleapis.com/bigquery/v2/projects/{project}/datasets/{/datasetReference/datasetId}",
        names: &["access", "public", "kms_key", "table_expiration_ms", "max_time_travel_hours", "relations"],
        put: dataset,
    }],
    below: &[Listing {
        record: Some(&TABLE),
        parent: Some("dataset"),
        ..Listing::new(
            "bigquery.tables.list",
            "https://bigquery.googleapis.com/bigquery/v2/projects/{project}/datasets/{/datasetReference/datasetId}/tables?maxResults=1000",
            "/tables",
        )
    }],
    ..Listing::new(
        "bigquery.datasets.list",
        "https://bigquery.googleapis.com/bigquery/v2/projects/{project}/datasets?all=true&maxResults=1000",
        "/datasets",
    )
}];

const DATASET: Record = Record {
    place: Some("/location"),
    created: Created::Milliseconds("/creationTime"),
    more: Some(whole_dataset),
    ..Record::new(
        "gcp.bigquery.googleapis.com/Dataset",
        Id::Form(
            "//bigquery.googleapis.com/projects/{/datasetReference/projectId}/datasets/{/datasetReference/datasetId}",
        ),
    )
};

const TABLE: Record = Record {
    created: Created::Milliseconds("/creationTime"),
    attributes: &[
        is("type", "/type"),
        is("expires_ms", "/expirationTime"),
        has("partitioned", "/timePartitioning"),
        is("partition_filter_required", "/timePartitioning/requirePartitionFilter"),
        is("clustered_by", "/clustering/fields"),
        is("kms_key", "/encryptionConfiguration/kmsKeyName"),
        flag("legacy_sql_view", "/view/useLegacySql"),
    ],
    ..Record::new(
        "gcp.bigquery.googleapis.com/Table",
        Id::Form(
            "//bigquery.googleapis.com/projects/{/tableReference/projectId}/datasets/{/tableReference/datasetId}/tables/{/tableReference/tableId}",
        ),
    )
};

/// Cloud Asset hands out the whole dataset at once.
fn whole_dataset(item: &Value, resource: &mut Resource) {
    if item.get("access").is_some() {
        dataset(resource, item.clone());
    }
}

fn dataset(resource: &mut Resource, whole: Value) {
    let item = &whole;
    let fields = [
        ("role", "/role"),
        ("user", "/userByEmail"),
        ("group", "/groupByEmail"),
        ("domain", "/domain"),
        ("special_group", "/specialGroup"),
        ("iam_member", "/iamMember"),
    ];
    let entries = path::all(item, "/access/*");
    let everybody = |entry: &&Value| {
        path::text(entry, "/specialGroup") == Some("allAuthenticatedUsers")
            || matches!(path::text(entry, "/iamMember"), Some("allUsers" | "allAuthenticatedUsers"))
    };
    resource.set("public", entries.iter().any(everybody));
    resource.set("access", entries.iter().map(|entry| renamed(entry, &fields)).collect::<Vec<_>>());
    let key = path::text(item, "/defaultEncryptionConfiguration/kmsKeyName");
    resource.set("kms_key", key.map(name::key));
    resource.set("table_expiration_ms", path::integer(item, "/defaultTableExpirationMs"));
    resource.set("max_time_travel_hours", path::integer(item, "/maxTimeTravelHours"));
    if resource.created.is_none() {
        resource.created = path::integer(item, "/creationTime").and_then(time::at_milliseconds);
    }
    if let Some(target) = key.and_then(|key| name::full("cloudkms.googleapis.com", name::key(key))) {
        resource.relate("kms_key", target);
    }
}
