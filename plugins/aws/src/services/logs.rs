//! CloudWatch Logs: the log groups of one region, how long they are kept, and what is counted
//! in them. No line of a log is read.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use troupe_sdk::wait;

use crate::client::Fault;
use crate::endpoint::regional;
use crate::found::Found;
use crate::model::Resource;
use crate::protocol::json::{Api, Item, Paging};
use crate::services::{Scope, each, told};
use crate::when;

const SERVICE: &str = "logs";
const LIST: (&str, &str) = (SERVICE, "DescribeLogGroups");
const FILTERS: (&str, &str) = (SERVICE, "DescribeMetricFilters");
const TAGS: (&str, &str) = (SERVICE, "ListTagsForResource");

/// Lists the groups and what is counted in them, and asks for the tags of each group.
pub async fn collect(scope: Scope<'_>) -> Found {
    let endpoint = regional(SERVICE, scope.region);
    let api = Api { client: scope.client, endpoint: &endpoint, target: "Logs_20140328", version: "1.1" };
    let (mut groups, mut filters) = (Vec::new(), BTreeMap::<String, Vec<Value>>::new());
    let read = |page: Item<'_>| groups.extend(page.list("logGroups").filter_map(|item| group(&scope, item)));
    let listed = api.pages(LIST.1, json!({ "limit": 50 }), Paging::NEXT_TOKEN, read);
    let read = |page: Item<'_>| {
        for item in page.list("metricFilters") {
            if let Some(group) = item.text("logGroupName") {
                filters.entry(group.to_owned()).or_default().push(filter(item));
            }
        }
    };
    let counted = api.pages(FILTERS.1, json!({ "limit": 50 }), Paging::NEXT_TOKEN, read);
    let (listed, counted) = wait::both(listed, counted).await;
    let mut found = Found::default();
    if let Err(fault) = listed {
        found.note(LIST, scope.region, None, fault);
    }
    if let Err(fault) = &counted {
        // It hides no group, but what is counted in each.
        for group in &groups {
            found.note(FILTERS, scope.region, Some(&group.id), fault.clone());
        }
    }
    each(found, groups, |mut group| {
        match filters.get(&group.id) {
            Some(filters) => group.set("metric_filters", filters.clone()),
            None if counted.is_ok() => group.set("metric_filters", Value::Array(Vec::new())),
            None => group.unread(&["metric_filters"]),
        }
        tag(api, group)
    })
    .await
}

fn group(scope: &Scope<'_>, item: Item<'_>) -> Option<Resource> {
    let name = item.text("logGroupName")?;
    // The older field ends in `:*`, as a policy would have it.
    let arn = item.text("logGroupArn").or(item.text("arn")).map(|arn| arn.trim_end_matches(":*").to_owned());
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of this age are far below 2^53")]
    let created = item.number("creationTime").and_then(|ms| when::at_seconds(ms as f64 / 1000.0));
    let resource = Resource::new("aws.logs.log-group", scope.region, name)
        .name(name)
        .arn(arn.or_else(|| scope.arn(SERVICE, &format!("log-group:{name}"))))
        .created(created)
        .with("stored_bytes", item.number("storedBytes"))
        .with("class", item.text("logGroupClass"))
        .with("encrypted_by_own_key", Some(item.text("kmsKeyId").is_some()))
        .to("kms-key", item.text("kmsKeyId"));
    // Without a number of days the lines are kept for ever.
    let mut resource = resource;
    resource.set("retention_days", item.number("retentionInDays"));
    Some(resource)
}

fn filter(item: Item<'_>) -> Value {
    let metrics = item
        .list("metricTransformations")
        .map(|metric| json!({ "namespace": metric.text("metricNamespace"), "metric": metric.text("metricName") }));
    json!({ "name": item.text("filterName"), "pattern": item.text("filterPattern"), "metrics": metrics.collect::<Value>() })
}

async fn tag(api: Api<'_>, mut group: Resource) -> Found {
    let mut found = Found::default();
    let answer = match &group.arn {
        Some(arn) => api.ask::<Value>(TAGS.1, json!({ "resourceArn": arn })).await,
        None => Err(Fault::unreadable("the log group has no ARN")),
    };
    told(&mut found, &mut group, TAGS, &["tags"], &answer, |group, answer| group.tags.extend(answer.tags("tags")));
    found.resources.push(group);
    found
}
