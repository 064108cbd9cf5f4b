//! SNS: the topics of one region, and who has subscribed to them.

use troupe_sdk::wait;

use crate::endpoint::regional;
use crate::found::Found;
use crate::model::Resource;
use crate::protocol::query::{Api, Paging, result};
use crate::protocol::xml::Element;
use crate::services::{Scope, each, last, policy, told_xml};

const TOPICS: (&str, &str) = ("sns", "ListTopics");
const ATTRIBUTES: (&str, &str) = ("sns", "GetTopicAttributes");
const TAGS: (&str, &str) = ("sns", "ListTagsForResource");
const SUBSCRIPTIONS: (&str, &str) = ("sns", "ListSubscriptions");

/// Where the region stands in an ARN, and the account: `arn:aws:sns:REGION:ACCOUNT:TOPIC`.
const ARN_PARTS: usize = 6;

/// Lists topics and subscriptions, and asks about each topic.
pub async fn collect(scope: Scope<'_>) -> Found {
    let endpoint = regional("sns", scope.region);
    let api = Api { client: scope.client, endpoint: &endpoint, version: "2010-03-31", paging: Paging::NEXT_TOKEN };
    let (topics, subscriptions) = wait::both(topics(scope, api), subscriptions(scope, api)).await;
    Found::all([topics, subscriptions])
}

async fn topics(scope: Scope<'_>, api: Api<'_>) -> Found {
    let (mut found, mut arns) = (Found::default(), Vec::new());
    let read = |page: Element<'_>| arns.extend(page.texts("Topics", "TopicArn"));
    if let Err(fault) = api.pages(TOPICS.1, &[], read).await {
        found.note(TOPICS, scope.region, None, fault);
    }
    each(found, arns, |arn| describe(scope, api, arn)).await
}

async fn describe(scope: Scope<'_>, api: Api<'_>, arn: String) -> Found {
    let mut found = Found::default();
    let name = last(&arn, ':');
    let mut topic = Resource::new("aws.sns.topic", scope.region, name).name(name).arn(Some(arn.clone()));
    let topic_arn = [("TopicArn", arn.as_str())];
    let resource_arn = [("ResourceArn", arn.as_str())];
    let (attributes, tags) = wait::both(api.ask(ATTRIBUTES.1, &topic_arn), api.ask(TAGS.1, &resource_arn)).await;
    let names = ["encrypted", "public", "policy"];
    told_xml(&mut found, &mut topic, ATTRIBUTES, &names, &attributes, |topic, answer| {
        put(topic, result(answer, ATTRIBUTES.1));
    });
    told_xml(&mut found, &mut topic, TAGS, &["tags"], &tags, |topic, answer| {
        topic.tags.extend(result(answer, TAGS.1).tags("Tags"));
    });
    found.resources.push(topic);
    found
}

fn put(topic: &mut Resource, item: Element<'_>) {
    let attributes: Vec<(String, String)> = item.tags("Attributes").collect();
    let get = |name: &str| {
        let found = attributes.iter().find(|(its, value)| its == name && !value.is_empty());
        found.map(|(_, value)| value.as_str())
    };
    let number = |name| get(name).and_then(|text| text.parse::<i64>().ok());
    topic.set("encrypted", get("KmsMasterKeyId").is_some());
    topic.set("kms_key", get("KmsMasterKeyId"));
    topic.set("fifo", get("FifoTopic") == Some("true"));
    topic.set("subscriptions", number("SubscriptionsConfirmed"));
    topic.set("subscriptions_pending", number("SubscriptionsPending"));
    topic.set("signature_version", get("SignatureVersion"));
    policy::put(topic, get("Policy"));
    get("KmsMasterKeyId").into_iter().for_each(|key| topic.relate("kms-key", key));
}

async fn subscriptions(scope: Scope<'_>, api: Api<'_>) -> Found {
    let mut found = Found::default();
    let read = |page: Element<'_>| {
        let subscriptions = page.list("Subscriptions").filter_map(|item| subscription(&scope, item));
        found.resources.extend(subscriptions);
    };
    if let Err(fault) = api.pages(SUBSCRIPTIONS.1, &[], read).await {
        found.note(SUBSCRIPTIONS, scope.region, None, fault);
    }
    found
}

/// A subscription that nobody has confirmed has no ARN, so it is known by what it would
/// connect.
fn subscription(scope: &Scope<'_>, item: Element<'_>) -> Option<Resource> {
    let topic = item.text("TopicArn")?;
    let (protocol, endpoint) = (item.text("Protocol"), item.text("Endpoint"));
    let arn = item.text("SubscriptionArn").filter(|arn| arn.split(':').count() > ARN_PARTS);
    let id = arn.map_or_else(
        || format!("{}:{}:{}", last(topic, ':'), protocol.unwrap_or_default(), endpoint.unwrap_or_default()),
        |arn| arn.split(':').skip(ARN_PARTS - 1).collect::<Vec<_>>().join(":"),
    );
    let is_arn = |text: &&str| text.starts_with("arn:");
    let resource = Resource::new("aws.sns.subscription", scope.region, id)
        .arn(arn.map(str::to_owned))
        .with("confirmed", Some(arn.is_some()))
        .with("protocol", protocol)
        .with("endpoint", endpoint)
        .to("topic", Some(topic))
        .to("endpoint", endpoint.filter(is_arn));
    Some(resource)
}
