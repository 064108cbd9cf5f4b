//! Pub/Sub: topics, subscriptions and snapshots.

use serde_json::Value;
use troupe_estate::Resource;

use crate::listing::Listing;
use crate::record::{Created, Id, Record, flag, has, is, number, path, to_key, to_of};
use crate::services::policy;

/// What is listed.
pub const LISTINGS: [Listing; 3] = [
    Listing {
        record: Some(&TOPIC),
        details: &[policy::detail(
            "pubsub.projects.topics.getIamPolicy",
            "https://pubsub.googleapis.com/v1/{/name}:getIamPolicy",
        )],
        ..Listing::new(
            "pubsub.projects.topics.list",
            "https://pubsub.googleapis.com/v1/projects/{project}/topics?pageSize=1000",
            "/topics",
        )
    },
    Listing {
        record: Some(&SUBSCRIPTION),
        ..Listing::new(
            "pubsub.projects.subscriptions.list",
            "https://pubsub.googleapis.com/v1/projects/{project}/subscriptions?pageSize=1000",
            "/subscriptions",
        )
    },
    Listing {
        record: Some(&SNAPSHOT),
        ..Listing::new(
            "pubsub.projects.snapshots.list",
            "https://pubsub.googleapis.com/v1/projects/{project}/snapshots?pageSize=1000",
            "/snapshots",
        )
    },
];

const TOPIC: Record = Record {
    created: Created::Untold,
    attributes: &[
        is("kms_key", "/kmsKeyName"),
        is("retention", "/messageRetentionDuration"),
        is("regions", "/messageStoragePolicy/allowedPersistenceRegions"),
        is("schema", "/schemaSettings/schema"),
        is("state", "/state"),
    ],
    relations: &[to_key("/kmsKeyName")],
    ..Record::new("gcp.pubsub.googleapis.com/Topic", Id::Told("pubsub.googleapis.com", "/name"))
};

const SUBSCRIPTION: Record = Record {
    created: Created::Untold,
    attributes: &[
        is("state", "/state"),
        number("ack_deadline_seconds", "/ackDeadlineSeconds"),
        is("retention", "/messageRetentionDuration"),
        flag("retain_acked", "/retainAckedMessages"),
        is("expires_after", "/expirationPolicy/ttl"),
        is("filter", "/filter"),
        flag("ordered", "/enableMessageOrdering"),
        flag("exactly_once", "/enableExactlyOnceDelivery"),
        is("push_account", "/pushConfig/oidcToken/serviceAccountEmail"),
        has("dead_letter", "/deadLetterPolicy/deadLetterTopic"),
    ],
    relations: &[
        to_of("topic", "pubsub.googleapis.com", "/topic"),
        to_of("dead_letter_topic", "pubsub.googleapis.com", "/deadLetterPolicy/deadLetterTopic"),
    ],
    more: Some(subscription),
    ..Record::new("gcp.pubsub.googleapis.com/Subscription", Id::Told("pubsub.googleapis.com", "/name"))
};

const SNAPSHOT: Record = Record {
    created: Created::Untold,
    attributes: &[is("expires", "/expireTime")],
    relations: &[to_of("topic", "pubsub.googleapis.com", "/topic")],
    ..Record::new("gcp.pubsub.googleapis.com/Snapshot", Id::Told("pubsub.googleapis.com", "/name"))
};

fn subscription(item: &Value, subscription: &mut Resource) {
    // Behind the `?` people keep tokens.
    let endpoint = path::text(item, "/pushConfig/pushEndpoint").map(|url| url.split('?').next().unwrap_or(url));
    subscription.set("push_endpoint", endpoint);
}
