//! AWS Config: recorders of one region, whether they record and where to, and rules.

use serde_json::{Value, json};
use troupe_sdk::wait;

use crate::endpoint::regional;
use crate::found::Found;
use crate::model::Resource;
use crate::protocol::json::{Api, Item, Paging};
use crate::services::{Scope, texts, told};

const SERVICE: &str = "config";
const RECORDERS: (&str, &str) = (SERVICE, "DescribeConfigurationRecorders");
const STATUS: (&str, &str) = (SERVICE, "DescribeConfigurationRecorderStatus");
const CHANNELS: (&str, &str) = (SERVICE, "DescribeDeliveryChannels");
const RULES: (&str, &str) = (SERVICE, "DescribeConfigRules");

/// Lists recorders and rules. A region has one or two recorders, and their lists no pages.
pub async fn collect(scope: Scope<'_>) -> Found {
    let endpoint = regional(SERVICE, scope.region);
    let api = Api { client: scope.client, endpoint: &endpoint, target: "StarlingDoveService", version: "1.1" };
    let (recorders, rules) = wait::both(recorders(scope, api), rules(scope, api)).await;
    Found::all([recorders, rules])
}

async fn recorders(scope: Scope<'_>, api: Api<'_>) -> Found {
    let mut found = Found::default();
    let ask = |operation: (&'static str, &'static str)| api.ask::<Value>(operation.1, json!({}));
    let (listed, (status, channels)) = wait::both(ask(RECORDERS), wait::both(ask(STATUS), ask(CHANNELS))).await;
    let listed = match listed.as_ref().map_err(Clone::clone).and_then(Item::new) {
        Ok(page) => page.list("ConfigurationRecorders").filter_map(|item| recorder(&scope, item)).collect(),
        Err(fault) => {
            found.note_hiding(RECORDERS, scope.region, None, &["aws.config.recorder"], fault);
            Vec::new()
        }
    };
    for mut recorder in listed {
        told(&mut found, &mut recorder, STATUS, &["recording"], &status, |recorder, answer| {
            let mut all = answer.list("ConfigurationRecordersStatus");
            if let Some(status) = all.find(|one| one.text("name") == Some(&recorder.id)) {
                recorder.set("recording", status.truth("recording"));
                recorder.set("last_status", status.text("lastStatus"));
            }
        });
        told(&mut found, &mut recorder, CHANNELS, &["delivers"], &channels, |recorder, answer| {
            let mut delivers = false;
            for channel in answer.list("DeliveryChannels") {
                delivers = true;
                for (kind, field) in [("bucket", "s3BucketName"), ("topic", "snsTopicARN"), ("kms-key", "s3KmsKeyArn")]
                {
                    channel.text(field).into_iter().for_each(|target| recorder.relate(kind, target));
                }
            }
            recorder.set("delivers", delivers);
        });
        found.resources.push(recorder);
    }
    found
}

fn recorder(scope: &Scope<'_>, item: Item<'_>) -> Option<Resource> {
    let name = item.text("name")?;
    let group = item.at("recordingGroup");
    let resource = Resource::new("aws.config.recorder", scope.region, name)
        .name(name)
        .arn(item.text("arn").map(str::to_owned))
        .with("all_types", item.truth("recordingGroup/allSupported"))
        .with("global_types", item.truth("recordingGroup/includeGlobalResourceTypes"))
        .with("types", texts(group.texts("resourceTypes")))
        .with("excluded_types", texts(group.texts("exclusionByResourceTypes/resourceTypes")))
        .with("frequency", item.text("recordingMode/recordingFrequency"))
        .to("role", item.text("roleARN"));
    Some(resource)
}

async fn rules(scope: Scope<'_>, api: Api<'_>) -> Found {
    let (mut found, mut listed) = (Found::default(), Vec::new());
    let read = |page: Item<'_>| listed.extend(page.list("ConfigRules").filter_map(|item| rule(&scope, item)));
    if let Err(fault) = api.pages(RULES.1, json!({}), Paging::UPPER_NEXT_TOKEN, read).await {
        found.note_hiding(RULES, scope.region, None, &["aws.config.rule"], fault);
    }
    found.resources = listed;
    found
}

fn rule(scope: &Scope<'_>, item: Item<'_>) -> Option<Resource> {
    let name = item.text("ConfigRuleName")?;
    let resource = Resource::new("aws.config.rule", scope.region, name)
        .name(name)
        .arn(item.text("ConfigRuleArn").map(str::to_owned))
        .with("state", item.text("ConfigRuleState"))
        .with("owner", item.text("Source/Owner"))
        .with("source", item.text("Source/SourceIdentifier"))
        .with("frequency", item.text("MaximumExecutionFrequency"))
        .with("types", texts(item.texts("Scope/ComplianceResourceTypes")))
        .with("created_by", item.text("CreatedBy"));
    Some(resource)
}
