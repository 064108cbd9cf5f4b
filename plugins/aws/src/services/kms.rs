//! KMS: the keys of one region, AWS's own among them. Of those AWS rotates and guards, so
//! nothing more is asked.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use troupe_sdk::wait;

use crate::client::Fault;
use crate::endpoint::regional;
use crate::found::Found;
use crate::model::Resource;
use crate::protocol::json::{Api, Item, Paging};
use crate::services::{Scope, each, policy, told};

const LIST: (&str, &str) = ("kms", "ListKeys");
const ALIASES: (&str, &str) = ("kms", "ListAliases");
const DESCRIBE: (&str, &str) = ("kms", "DescribeKey");
const ROTATION: (&str, &str) = ("kms", "GetKeyRotationStatus");
const POLICY: (&str, &str) = ("kms", "GetKeyPolicy");
const TAGS: (&str, &str) = ("kms", "ListResourceTags");

/// How the lists go on.
const PAGING: Paging = Paging { take: "NextMarker", give: "Marker" };

/// Lists keys and aliases and asks about each key.
pub async fn collect(scope: Scope<'_>) -> Found {
    let endpoint = regional("kms", scope.region);
    let api = Api { client: scope.client, endpoint: &endpoint, target: "TrentService", version: "1.1" };
    let (mut keys, mut aliases) = (Vec::new(), BTreeMap::<String, Vec<String>>::new());
    let read = |page: Item<'_>| {
        let named = page.list("Keys").filter_map(|key| Some((key.text("KeyId")?, key.text("KeyArn"))));
        keys.extend(named.map(|(id, arn)| (id.to_owned(), arn.map(str::to_owned))));
    };
    let listed = api.pages(LIST.1, json!({ "Limit": 1000 }), PAGING, read);
    let read = |page: Item<'_>| {
        for alias in page.list("Aliases") {
            if let (Some(name), Some(key)) = (alias.text("AliasName"), alias.text("TargetKeyId")) {
                aliases.entry(key.to_owned()).or_default().push(name.to_owned());
            }
        }
    };
    let named = api.pages(ALIASES.1, json!({ "Limit": 100 }), PAGING, read);
    let (listed, named) = wait::both(listed, named).await;
    let mut found = Found::default();
    for (operation, answer) in [(LIST, listed), (ALIASES, named.clone())] {
        if let Err(fault) = answer {
            found.note(operation, scope.region, None, fault);
        }
    }
    each(found, keys, |(id, arn)| {
        let arn = arn.or_else(|| scope.arn("kms", &format!("key/{id}")));
        let mut key = Resource::new("aws.kms.key", scope.region, &id).arn(arn);
        match aliases.get(&id) {
            Some(aliases) => key.set("aliases", aliases.clone()),
            None if named.is_ok() => key.set("aliases", Value::Array(Vec::new())),
            None => key.unread(&["aliases"]),
        }
        key.name = aliases.get(&id).and_then(|names| names.first()).map(|name| name.replacen("alias/", "", 1));
        describe(api, key)
    })
    .await
}

async fn describe(api: Api<'_>, mut key: Resource) -> Found {
    let mut found = Found::default();
    let answer = api.ask::<Value>(DESCRIBE.1, json!({ "KeyId": key.id })).await;
    let names = ["state", "manager", "origin", "rotation"];
    told(&mut found, &mut key, DESCRIBE, &names, &answer, |key, answer| {
        *key = put(key.clone(), answer.at("KeyMetadata"));
    });
    // Of a key that nobody could ask about it is not known to be AWS's own.
    if key.attributes.get("manager").is_none_or(|manager| manager != "AWS") {
        of_customer(api, &mut key, &mut found).await;
    }
    found.resources.push(key);
    found
}

fn put(key: Resource, item: Item<'_>) -> Resource {
    key.created(item.time("CreationDate"))
        .with("state", item.text("KeyState"))
        .with("enabled", item.truth("Enabled"))
        .with("description", item.text("Description"))
        .with("manager", item.text("KeyManager"))
        .with("usage", item.text("KeyUsage"))
        .with("spec", item.text("KeySpec").or(item.text("CustomerMasterKeySpec")))
        .with("origin", item.text("Origin"))
        .with("multi_region", item.truth("MultiRegion"))
        .with("deletion", item.time("DeletionDate"))
        .with("expires", item.time("ValidTo"))
}

/// Asks what the account itself decides about a key.
async fn of_customer(api: Api<'_>, key: &mut Resource, found: &mut Found) {
    let id = json!({ "KeyId": key.id });
    let is = |name: &str, value: &str| key.attributes.get(name).is_some_and(|its| its == value);
    // No other key can be rotated by the service, which calls it an error to be asked.
    let rotates = is("spec", "SYMMETRIC_DEFAULT") && is("origin", "AWS_KMS") && !is("state", "PendingDeletion");
    let rotation = async { if rotates { Some(api.ask::<Value>(ROTATION.1, id.clone()).await) } else { None } };
    let named = json!({ "KeyId": key.id, "PolicyName": "default" });
    let (rotation, (policy, tags)) =
        wait::both(rotation, wait::both(api.ask::<Value>(POLICY.1, named), tags(api, &id))).await;
    if let Some(rotation) = &rotation {
        told(found, key, ROTATION, &["rotation"], rotation, |key, item| {
            key.set("rotation", item.truth("KeyRotationEnabled"));
            key.set("rotation_days", item.number("RotationPeriodInDays"));
        });
    }
    told(found, key, POLICY, &["public", "policy"], &policy, |key, item| policy::put(key, item.text("Policy")));
    found.read(key, TAGS, &["tags"], tags, |key, tags| key.tags.extend(tags));
}

async fn tags(api: Api<'_>, id: &Value) -> Result<Vec<(String, String)>, Fault> {
    let mut tags = Vec::new();
    api.pages(TAGS.1, id.clone(), PAGING, |page| tags.extend(page.tags("Tags"))).await?;
    Ok(tags)
}
