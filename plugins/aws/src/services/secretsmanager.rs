//! Secrets Manager: what secrets there are in one region and who may read them. Their values
//! are never asked for.

use serde_json::{Value, json};

use crate::endpoint::regional;
use crate::found::Found;
use crate::model::Resource;
use crate::protocol::json::{Api, Item, Paging};
use crate::services::{Scope, each, policy, told};

const LIST: (&str, &str) = ("secretsmanager", "ListSecrets");
const POLICY: (&str, &str) = ("secretsmanager", "GetResourcePolicy");

/// Lists the secrets and asks for the policy of each.
pub async fn collect(scope: Scope<'_>) -> Found {
    let endpoint = regional("secretsmanager", scope.region);
    let api = Api { client: scope.client, endpoint: &endpoint, target: "secretsmanager", version: "1.1" };
    let (mut found, mut listed) = (Found::default(), Vec::new());
    let read = |page: Item<'_>| listed.extend(page.list("SecretList").filter_map(|item| secret(&scope, item)));
    if let Err(fault) = api.pages(LIST.1, json!({ "MaxResults": 100 }), Paging::UPPER_NEXT_TOKEN, read).await {
        found.note(LIST, scope.region, None, fault);
    }
    each(found, listed, |secret| describe(api, secret)).await
}

fn secret(scope: &Scope<'_>, item: Item<'_>) -> Option<Resource> {
    let name = item.text("Name")?;
    let resource = Resource::new("aws.secretsmanager.secret", scope.region, name)
        .name(name)
        .arn(item.text("ARN").map(str::to_owned))
        .created(item.time("CreatedDate"))
        .tags(item.tags("Tags"))
        .with("description", item.text("Description"))
        .with("rotation", Some(item.truth("RotationEnabled").unwrap_or_default()))
        .with("rotation_days", item.number("RotationRules/AutomaticallyAfterDays"))
        .with("last_rotated", item.time("LastRotatedDate"))
        .with("last_changed", item.time("LastChangedDate"))
        .with("last_used", item.time("LastAccessedDate"))
        .with("deletion", item.time("DeletedDate"))
        .with("owner_service", item.text("OwningService"))
        .with("kms_key", item.text("KmsKeyId"))
        .to("kms-key", item.text("KmsKeyId"))
        .to("function", item.text("RotationLambdaARN"));
    Some(resource)
}

async fn describe(api: Api<'_>, mut secret: Resource) -> Found {
    let mut found = Found::default();
    let id = secret.arn.as_deref().unwrap_or(&secret.id);
    let answer = api.ask::<Value>(POLICY.1, json!({ "SecretId": id })).await;
    told(&mut found, &mut secret, POLICY, &["public", "policy"], &answer, |secret, answer| {
        policy::put(secret, answer.text("ResourcePolicy"));
    });
    found.resources.push(secret);
    found
}
