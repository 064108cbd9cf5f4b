//! CloudWatch: the alarms of one region, those about other alarms among them.

use serde_json::{Value, json};

use crate::client::Fault;
use crate::endpoint::regional;
use crate::found::Found;
use crate::model::Resource;
use crate::protocol::json::{Api, Item, Paging};
use crate::services::{Scope, each, related, told};

const SERVICE: &str = "cloudwatch";
const LIST: (&str, &str) = (SERVICE, "DescribeAlarms");
const TAGS: (&str, &str) = (SERVICE, "ListTagsForResource");

/// Lists the alarms and asks for the tags of each.
pub async fn collect(scope: Scope<'_>) -> Found {
    let endpoint = regional("monitoring", scope.region);
    let target = "GraniteServiceVersion20100801";
    let api = Api { client: scope.client, endpoint: &endpoint, target, version: "1.0" };
    let (mut found, mut listed) = (Found::default(), Vec::new());
    let read = |page: Item<'_>| {
        let alarms = page.list("MetricAlarms").map(|item| (item, "metric"));
        let alarms = alarms.chain(page.list("CompositeAlarms").map(|item| (item, "composite")));
        listed.extend(alarms.filter_map(|(item, kind)| alarm(&scope, item, kind)));
    };
    // Alarms about alarms are told to those alone who ask for them.
    let input = json!({ "AlarmTypes": ["MetricAlarm", "CompositeAlarm"], "MaxRecords": 100 });
    if let Err(fault) = api.pages(LIST.1, input, Paging::UPPER_NEXT_TOKEN, read).await {
        found.note(LIST, scope.region, None, fault);
    }
    each(found, listed, |alarm| tag(api, alarm)).await
}

fn alarm(scope: &Scope<'_>, item: Item<'_>, kind: &str) -> Option<Resource> {
    let name = item.text("AlarmName")?;
    let arn = item.text("AlarmArn").map(str::to_owned);
    let dimensions = item.list("Dimensions").filter_map(|one| Some((one.text("Name")?, one.text("Value")?)));
    let dimensions: serde_json::Map<String, Value> =
        dimensions.map(|(name, value)| (name.to_owned(), json!(value))).collect();
    let resource = Resource::new("aws.cloudwatch.alarm", scope.region, name)
        .name(name)
        .arn(arn.or_else(|| scope.arn(SERVICE, &format!("alarm:{name}"))))
        .with("kind", Some(kind))
        .with("description", item.text("AlarmDescription"))
        .with("state", item.text("StateValue"))
        .with("actions_enabled", item.truth("ActionsEnabled"))
        .with("namespace", item.text("Namespace"))
        .with("metric", item.text("MetricName"))
        .with("statistic", item.text("Statistic").or(item.text("ExtendedStatistic")))
        .with("dimensions", (kind == "metric").then_some(dimensions))
        .with("period_s", item.number("Period"))
        .with("periods", item.number("EvaluationPeriods"))
        .with("comparison", item.text("ComparisonOperator"))
        .with("threshold", item.decimal("Threshold"))
        .with("missing_data", item.text("TreatMissingData"))
        .with("rule", item.text("AlarmRule"));
    Some(related(resource, "action", item.texts("AlarmActions")))
}

async fn tag(api: Api<'_>, mut alarm: Resource) -> Found {
    let mut found = Found::default();
    let answer = match &alarm.arn {
        Some(arn) => api.ask::<Value>(TAGS.1, json!({ "ResourceARN": arn })).await,
        None => Err(Fault::unreadable("the alarm has no ARN")),
    };
    told(&mut found, &mut alarm, TAGS, &["tags"], &answer, |alarm, answer| alarm.tags.extend(answer.tags("Tags")));
    found.resources.push(alarm);
    found
}
