//! Cloud Logging: where logs go, what is counted in them, and how long they are kept.

use serde_json::Value;
use troupe_estate::Resource;

use crate::listing::Listing;
use crate::record::{Id, Record, flag, is, number, path, to_key};

/// What is listed.
pub const LISTINGS: [Listing; 3] = [
    Listing {
        record: Some(&SINK),
        ..Listing::new(
            "logging.projects.sinks.list",
            "https://logging.googleapis.com/v2/projects/{project}/sinks?pageSize=1000",
            "/sinks",
        )
    },
    Listing {
        record: Some(&METRIC),
        ..Listing::new(
            "logging.projects.metrics.list",
            "https://logging.googleapis.com/v2/projects/{project}/metrics?pageSize=1000",
            "/metrics",
        )
    },
    Listing {
        record: Some(&BUCKET),
        ..Listing::new(
            "logging.projects.locations.buckets.list",
            "https://logging.googleapis.com/v2/projects/{project}/locations/-/buckets?pageSize=1000",
            "/buckets",
        )
    },
];

const SINK: Record = Record {
    attributes: &[
        is("destination", "/destination"),
        is("filter", "/filter"),
        flag("disabled", "/disabled"),
        is("exclusions", "/exclusions/*/name"),
        is("writer", "/writerIdentity"),
        flag("include_children", "/includeChildren"),
    ],
    more: Some(sink),
    ..Record::new(
        "gcp.logging.googleapis.com/LogSink",
        Id::Form("//logging.googleapis.com/projects/{project}/sinks/{/name}"),
    )
};

const METRIC: Record = Record {
    attributes: &[
        is("filter", "/filter"),
        flag("disabled", "/disabled"),
        is("kind", "/metricDescriptor/metricKind"),
        is("value", "/metricDescriptor/valueType"),
        is("description", "/description"),
    ],
    ..Record::new(
        "gcp.logging.googleapis.com/LogMetric",
        Id::Form("//logging.googleapis.com/projects/{project}/metrics/{/name}"),
    )
};

const BUCKET: Record = Record {
    attributes: &[
        is("state", "/lifecycleState"),
        number("retention_days", "/retentionDays"),
        flag("locked", "/locked"),
        flag("analytics", "/analyticsEnabled"),
        is("kms_key", "/cmekSettings/kmsKeyName"),
    ],
    relations: &[to_key("/cmekSettings/kmsKeyName")],
    ..Record::new("gcp.logging.googleapis.com/LogBucket", Id::Told("logging.googleapis.com", "/name"))
};

fn sink(item: &Value, sink: &mut Resource) {
    // `storage.googleapis.com/BUCKET`, `pubsub.googleapis.com/projects/…`: a full name without its slashes.
    if let Some(destination) = path::text(item, "/destination") {
        sink.relate("destination", format!("//{destination}"));
    }
}
