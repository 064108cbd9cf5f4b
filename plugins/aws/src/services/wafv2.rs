//! WAF: the web ACLs of one region, what they guard and where they log.
//!
//! Those of CloudFront belong to the whole account and are asked for in the partition's first
//! region; they are told with the region `global` when that is among the regions looked at.

use serde_json::{Value, json};
use troupe_sdk::wait;

use crate::endpoint::{Partition, regional};
use crate::found::Found;
use crate::model::{GLOBAL, Resource};
use crate::protocol::json::{Api, Item, Paging};
use crate::services::{Scope, absent, each, told};

const SERVICE: &str = "wafv2";
const LIST: (&str, &str) = (SERVICE, "ListWebACLs");
const ACL: (&str, &str) = (SERVICE, "GetWebACL");
const LOGGING: (&str, &str) = (SERVICE, "GetLoggingConfiguration");
const GUARDED: (&str, &str) = (SERVICE, "ListResourcesForWebACL");
const TAGS: (&str, &str) = (SERVICE, "ListTagsForResource");

/// What the service says where nothing logs.
const NO_LOGGING: &str = "WAFNonexistentItemException";

/// What an ACL of a region may guard; each kind is asked for by itself.
const GUARDABLE: [&str; 3] = ["APPLICATION_LOAD_BALANCER", "API_GATEWAY", "APPSYNC"];

/// Lists the ACLs and asks about each.
pub async fn collect(scope: Scope<'_>) -> Found {
    let of_region = list(scope, "REGIONAL", scope.region);
    if scope.region != scope.partition.first_region() || scope.partition != Partition::Aws {
        return of_region.await;
    }
    let (of_region, of_account) = wait::both(of_region, list(scope, "CLOUDFRONT", GLOBAL)).await;
    Found::all([of_region, of_account])
}

async fn list(scope: Scope<'_>, reach: &'static str, region: &str) -> Found {
    let endpoint = regional(SERVICE, scope.region);
    let api = Api { client: scope.client, endpoint: &endpoint, target: "AWSWAF_20190729", version: "1.1" };
    let (mut found, mut listed) = (Found::default(), Vec::new());
    let read = |page: Item<'_>| {
        listed.extend(page.list("WebACLs").filter_map(|item| {
            let (id, name) = (item.text("Id")?, item.text("Name")?);
            let arn = item.text("ARN").map(str::to_owned);
            let acl = Resource::new("aws.wafv2.web-acl", region, id).name(name).arn(arn);
            Some(acl.with("description", item.text("Description")).with("scope", Some(reach.to_lowercase())))
        }));
    };
    let input = json!({ "Scope": reach, "Limit": 100 });
    if let Err(fault) = api.pages(LIST.1, input, Paging::by("NextMarker"), read).await {
        found.note(LIST, region, None, fault);
    }
    each(found, listed, |acl| describe(api, reach, acl)).await
}

async fn describe(api: Api<'_>, reach: &str, mut acl: Resource) -> Found {
    let mut found = Found::default();
    let arn = acl.arn.clone().unwrap_or_default();
    let itself = json!({ "Name": acl.name, "Scope": reach, "Id": acl.id });
    let described = api.ask::<Value>(ACL.1, itself);
    let logging = api.ask::<Value>(LOGGING.1, json!({ "ResourceArn": arn }));
    let tags = api.ask::<Value>(TAGS.1, json!({ "ResourceARN": arn }));
    let (described, (logging, tags)) = wait::both(described, wait::both(logging, tags)).await;
    let tells = ["default_action", "rules"];
    told(&mut found, &mut acl, ACL, &tells, &described, |acl, answer| put(acl, answer.at("WebACL")));
    let logging = absent(logging, &[NO_LOGGING]);
    told(&mut found, &mut acl, LOGGING, &["logging"], &logging, |acl, answer| {
        let places = answer.texts("LoggingConfiguration/LogDestinationConfigs");
        let places: Vec<String> = places.collect();
        acl.set("logging", !places.is_empty());
        places.into_iter().for_each(|place| acl.relate("log-destination", place));
    });
    told(&mut found, &mut acl, TAGS, &["tags"], &tags, |acl, answer| {
        acl.tags.extend(answer.tags("TagInfoForResource/TagList"));
    });
    // Distributions name their ACL themselves.
    if reach == "REGIONAL" {
        guarded(api, &arn, &mut acl, &mut found).await;
    }
    found.resources.push(acl);
    found
}

async fn guarded(api: Api<'_>, arn: &str, acl: &mut Resource, found: &mut Found) {
    let asked =
        GUARDABLE.iter().map(|kind| api.ask::<Value>(GUARDED.1, json!({ "WebACLArn": arn, "ResourceType": kind })));
    for answer in wait::all(asked).await {
        told(found, acl, GUARDED, &["guards"], &answer, |acl, answer| {
            answer.texts("ResourceArns").for_each(|arn| acl.relate("guards", arn));
        });
    }
    // Several questions may fail alike.
    acl.unread.dedup();
}

fn put(acl: &mut Resource, item: Item<'_>) {
    let default = if item.at("DefaultAction/Block").exists() { "block" } else { "allow" };
    let rules: Value = item
        .list("Rules")
        .map(|rule| {
            let managed = rule.at("Statement/ManagedRuleGroupStatement");
            let counts = rule.at("Action/Count").exists() || rule.at("OverrideAction/Count").exists();
            json!({
                "name": rule.text("Name"),
                "priority": rule.number("Priority"),
                "managed": managed.text("Name"),
                "rate_based": rule.at("Statement/RateBasedStatement").exists(),
                "only_counts": counts,
            })
        })
        .collect();
    acl.set("default_action", default);
    acl.set("rules", rules);
    acl.set("capacity", item.number("Capacity"));
    acl.set("firewall_manager", item.truth("ManagedByFirewallManager"));
    acl.set("metrics", item.truth("VisibilityConfig/CloudWatchMetricsEnabled"));
}
