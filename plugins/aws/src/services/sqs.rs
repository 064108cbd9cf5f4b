//! SQS: the queues of one region.

use serde_json::{Value, json};
use troupe_sdk::wait;

use crate::endpoint::regional;
use crate::found::Found;
use crate::model::Resource;
use crate::protocol::json::{Api, Item, Paging};
use crate::services::{Scope, each, last, policy, told};
use crate::when;

const LIST: (&str, &str) = ("sqs", "ListQueues");
const ATTRIBUTES: (&str, &str) = ("sqs", "GetQueueAttributes");
const TAGS: (&str, &str) = ("sqs", "ListQueueTags");

/// Attributes that are numbers, which SQS tells as texts, and how they are told.
const NUMBERS: [(&str, &str); 5] = [
    ("messages", "ApproximateNumberOfMessages"),
    ("messages_in_flight", "ApproximateNumberOfMessagesNotVisible"),
    ("retention_s", "MessageRetentionPeriod"),
    ("visibility_timeout_s", "VisibilityTimeout"),
    ("message_bytes_max", "MaximumMessageSize"),
];

/// Lists the queues and asks about each.
pub async fn collect(scope: Scope<'_>) -> Found {
    let endpoint = regional("sqs", scope.region);
    let api = Api { client: scope.client, endpoint: &endpoint, target: "AmazonSQS", version: "1.0" };
    let (mut found, mut urls) = (Found::default(), Vec::new());
    let read = |page: Item<'_>| urls.extend(page.texts("QueueUrls"));
    // Unless a page is asked for, SQS lists a thousand and does not say that there are more.
    if let Err(fault) = api.pages(LIST.1, json!({ "MaxResults": 1000 }), Paging::UPPER_NEXT_TOKEN, read).await {
        found.note(LIST, scope.region, None, fault);
    }
    each(found, urls, |url| describe(scope, api, url)).await
}

async fn describe(scope: Scope<'_>, api: Api<'_>, url: String) -> Found {
    let mut found = Found::default();
    let name = last(&url, '/');
    let mut queue = Resource::new("aws.sqs.queue", scope.region, name)
        .name(name)
        .arn(scope.arn("sqs", name))
        .with("url", Some(url.as_str()));
    let attributes = api.ask::<Value>(ATTRIBUTES.1, json!({ "QueueUrl": url, "AttributeNames": ["All"] }));
    let tags = api.ask::<Value>(TAGS.1, json!({ "QueueUrl": url }));
    let (attributes, tags) = wait::both(attributes, tags).await;
    let names = ["encrypted", "public", "policy", "dead_letter"];
    told(&mut found, &mut queue, ATTRIBUTES, &names, &attributes, |queue, answer| put(queue, answer.at("Attributes")));
    told(&mut found, &mut queue, TAGS, &["tags"], &tags, |queue, answer| queue.tags.extend(answer.tags("Tags")));
    found.resources.push(queue);
    found
}

fn put(queue: &mut Resource, item: Item<'_>) {
    if let Some(arn) = item.text("QueueArn") {
        queue.arn = Some(arn.to_owned());
    }
    let number = |name| item.text(name).and_then(|text| text.parse::<i64>().ok());
    let created = item.text("CreatedTimestamp").and_then(|text| text.parse::<f64>().ok());
    queue.created = created.and_then(when::at_seconds);
    for (told, name) in NUMBERS {
        queue.set(told, number(name));
    }
    let own = item.text("SqsManagedSseEnabled") == Some("true");
    queue.set("encrypted", own || item.text("KmsMasterKeyId").is_some());
    queue.set("kms_key", item.text("KmsMasterKeyId"));
    queue.set("fifo", item.text("FifoQueue") == Some("true"));
    policy::put(queue, item.text("Policy"));
    let redrive = item.text("RedrivePolicy").and_then(|text| serde_json::from_str::<Value>(text).ok());
    let dead_letter = redrive.as_ref().and_then(|redrive| redrive.get("deadLetterTargetArn")?.as_str());
    queue.set("dead_letter", dead_letter.is_some());
    item.text("KmsMasterKeyId").into_iter().for_each(|key| queue.relate("kms-key", key));
    dead_letter.into_iter().for_each(|arn| queue.relate("dead-letter-queue", arn));
}
