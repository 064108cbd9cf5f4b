//! CloudTrail: the trails that write what is done in the regions, wherever their home is: whether they write, and what of.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use troupe_sdk::wait;

use crate::client::Fault;
use crate::endpoint::{is_region, regional};
use crate::found::Found;
use crate::model::{GLOBAL, Resource};
use crate::protocol::json::{Api, Item};
use crate::services::{Scope, each, told};

const SERVICE: &str = "cloudtrail";
const LIST: (&str, &str) = (SERVICE, "DescribeTrails");
const STATUS: (&str, &str) = (SERVICE, "GetTrailStatus");
const EVENTS: (&str, &str) = (SERVICE, "GetEventSelectors");
const TAGS: (&str, &str) = (SERVICE, "ListTags");

const TRAIL: &str = "aws.cloudtrail.trail";

/// The attribute that says whether a trail writes what is done in every region.
const EVERYWHERE: &str = "multi_region";

const TARGET: &str = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101";

/// The operations, asked in a region.
const fn api<'a>(scope: &Scope<'a>, endpoint: &'a str) -> Api<'a> {
    Api { client: scope.client, endpoint, target: TARGET, version: "1.1" }
}

/// Lists the trails of each region and asks about each at its home. A trail of every region, or of the organisation, shows
/// in each of them, and is told once. The list has no pages.
pub async fn collect(scope: Scope<'_>) -> Found {
    let lists = wait::all(scope.regions.iter().map(|region| list(scope, region))).await;
    let answered = lists.iter().any(Result::is_ok);
    let (mut found, mut trails) = (Found::default(), BTreeMap::new());
    for (region, list) in scope.regions.iter().zip(lists) {
        match list {
            Ok(list) => trails.extend(list.into_iter().map(|trail| (trail.key(), trail))),
            // While one region answers, the others hide no more than what shows in them alone.
            Err(fault) => found.note(LIST, if answered { region.as_str() } else { GLOBAL }, None, fault),
        }
    }
    each(found, trails.into_values(), |trail| describe(scope, trail)).await
}

async fn list(scope: Scope<'_>, region: &str) -> Result<Vec<Resource>, Fault> {
    let endpoint = regional(SERVICE, region);
    let answer = api(&scope, &endpoint).ask::<Value>(LIST.1, json!({ "includeShadowTrails": true })).await?;
    let scope = Scope { region, ..scope };
    Ok(Item::new(&answer)?.list("trailList").filter_map(|item| trail(&scope, item)).collect())
}

/// Reports whether something would show wherever its service was asked: a trail of a single region shows in that alone.
pub fn shows_everywhere(resource: &Resource) -> bool {
    resource.kind != TRAIL || resource.attributes.get(EVERYWHERE) == Some(&Value::Bool(true))
}

fn trail(scope: &Scope<'_>, item: Item<'_>) -> Option<Resource> {
    let name = item.text("Name")?;
    // What is no region cannot be asked.
    let home = item.text("HomeRegion").filter(|home| is_region(home)).unwrap_or(scope.region);
    let arn = item.text("TrailARN").map(str::to_owned);
    let resource = Resource::new(TRAIL, home, name)
        .name(name)
        .arn(arn.or_else(|| scope.arn(SERVICE, &format!("trail/{name}"))))
        .with(EVERYWHERE, item.truth("IsMultiRegionTrail"))
        .with("organization", item.truth("IsOrganizationTrail"))
        .with("global_events", item.truth("IncludeGlobalServiceEvents"))
        .with("log_validation", item.truth("LogFileValidationEnabled"))
        .with("bucket_prefix", item.text("S3KeyPrefix"))
        .with("insights", item.truth("HasInsightSelectors"))
        .with("encrypted_by_own_key", Some(item.text("KmsKeyId").is_some()))
        .to("bucket", item.text("S3BucketName"))
        .to("topic", item.text("SnsTopicARN"))
        .to("log-group", item.text("CloudWatchLogsLogGroupArn"))
        .to("role", item.text("CloudWatchLogsRoleArn"))
        .to("kms-key", item.text("KmsKeyId"));
    Some(resource)
}

async fn describe(scope: Scope<'_>, mut trail: Resource) -> Found {
    let endpoint = regional(SERVICE, &trail.region);
    let api = api(&scope, &endpoint);
    let mut found = Found::default();
    let name = trail.arn.clone().unwrap_or_else(|| trail.id.clone());
    let status = api.ask::<Value>(STATUS.1, json!({ "Name": name }));
    let events = api.ask::<Value>(EVENTS.1, json!({ "TrailName": name }));
    let tags = api.ask::<Value>(TAGS.1, json!({ "ResourceIdList": [name] }));
    let (status, (events, tags)) = wait::both(status, wait::both(events, tags)).await;
    told(&mut found, &mut trail, STATUS, &["logging"], &status, |trail, answer| {
        trail.set("logging", answer.truth("IsLogging"));
        trail.set("last_delivery", answer.time("LatestDeliveryTime"));
        trail.set("delivery_error", answer.text("LatestDeliveryError"));
        trail.set("log_group_error", answer.text("LatestCloudWatchLogsDeliveryError"));
    });
    let tells = ["management_events", "data_events"];
    told(&mut found, &mut trail, EVENTS, &tells, &events, put_events);
    told(&mut found, &mut trail, TAGS, &["tags"], &tags, |trail, answer| {
        trail.tags.extend(answer.list("ResourceTagList").flat_map(|one| one.tags("TagsList")));
    });
    found.resources.push(trail);
    found
}

/// Says which events are written: of the account's own doings `All`, `ReadOnly`, `WriteOnly` or
/// none, and of data which types.
fn put_events(trail: &mut Resource, answer: Item<'_>) {
    let simple: Vec<Item<'_>> = answer.list("EventSelectors").collect();
    let managing = simple.iter().filter(|one| one.truth("IncludeManagementEvents") == Some(true));
    let mut management = managing.filter_map(|one| one.text("ReadWriteType")).next().map(str::to_owned);
    let mut data: Vec<String> = simple.iter().flat_map(|one| one.texts_of("DataResources", "Type")).collect();
    for selector in answer.list("AdvancedEventSelectors") {
        let fields: Vec<Item<'_>> = selector.list("FieldSelectors").collect();
        let equals = |name: &str| {
            let field = fields.iter().find(|field| field.text("Field") == Some(name));
            field.map(|field| field.texts("Equals").collect::<Vec<String>>()).unwrap_or_default()
        };
        if equals("eventCategory").iter().any(|category| category == "Management") {
            let kind = match equals("readOnly").first().map(String::as_str) {
                Some("true") => "ReadOnly",
                Some("false") => "WriteOnly",
                _ => "All",
            };
            management = Some(kind.to_owned());
        }
        data.extend(equals("resources.type"));
    }
    data.sort_unstable();
    data.dedup();
    trail.set("management_events", management);
    trail.set("data_events", data);
}
