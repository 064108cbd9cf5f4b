//! ECR: the repositories of container images in one region.

use serde_json::{Value, json};
use troupe_sdk::wait;

use crate::client::Fault;
use crate::endpoint::regional;
use crate::found::Found;
use crate::model::Resource;
use crate::protocol::json::{Api, Item, Paging};
use crate::services::{Scope, each, if_any, policy, told};

const LIST: (&str, &str) = ("ecr", "DescribeRepositories");
const POLICY: (&str, &str) = ("ecr", "GetRepositoryPolicy");
const LIFECYCLE: (&str, &str) = ("ecr", "GetLifecyclePolicy");
const TAGS: (&str, &str) = ("ecr", "ListTagsForResource");

/// Lists the repositories and asks about each.
pub async fn collect(scope: Scope<'_>) -> Found {
    let endpoint = regional("api.ecr", scope.region);
    let target = "AmazonEC2ContainerRegistry_V20150921";
    let api = Api { client: scope.client, endpoint: &endpoint, target, version: "1.1" };
    let (mut found, mut listed) = (Found::default(), Vec::new());
    let read = |page: Item<'_>| listed.extend(page.list("repositories").filter_map(|item| repository(&scope, item)));
    if let Err(fault) = api.pages(LIST.1, json!({ "maxResults": 1000 }), Paging::NEXT_TOKEN, read).await {
        found.note(LIST, scope.region, None, fault);
    }
    each(found, listed, |repository| describe(api, repository)).await
}

fn repository(scope: &Scope<'_>, item: Item<'_>) -> Option<Resource> {
    let name = item.text("repositoryName")?;
    let resource = Resource::new("aws.ecr.repository", scope.region, name)
        .name(name)
        .arn(item.text("repositoryArn").map(str::to_owned))
        .created(item.time("createdAt"))
        .with("uri", item.text("repositoryUri"))
        .with("immutable_tags", item.text("imageTagMutability").map(|text| text.starts_with("IMMUTABLE")))
        .with("scan_on_push", item.truth("imageScanningConfiguration/scanOnPush"))
        .with("encryption", item.text("encryptionConfiguration/encryptionType"))
        .to("kms-key", item.text("encryptionConfiguration/kmsKey"));
    Some(resource)
}

async fn describe(api: Api<'_>, mut repository: Resource) -> Found {
    let mut found = Found::default();
    let name = json!({ "repositoryName": repository.id });
    let texts = wait::both(
        text(api, POLICY.1, name.clone(), "policyText", "RepositoryPolicyNotFoundException"),
        text(api, LIFECYCLE.1, name, "lifecyclePolicyText", "LifecyclePolicyNotFoundException"),
    );
    let arn = repository.arn.clone();
    let tags = async {
        let arn = arn.ok_or_else(|| Fault::unreadable("the repository has no ARN"))?;
        api.ask::<Value>(TAGS.1, json!({ "resourceArn": arn })).await
    };
    let ((policy, lifecycle), tags) = wait::both(texts, tags).await;
    found.read(&mut repository, POLICY, &["public", "policy"], policy, |repository, text| {
        policy::put(repository, text.as_deref());
    });
    found.read(&mut repository, LIFECYCLE, &["lifecycle"], lifecycle, |repository, text| {
        repository.set("lifecycle", text.is_some());
    });
    told(&mut found, &mut repository, TAGS, &["tags"], &tags, |repository, tags| {
        repository.tags.extend(tags.tags("tags"));
    });
    found.resources.push(repository);
    found
}

/// Asks for a document; none if the service says that there is none.
async fn text(api: Api<'_>, operation: &str, input: Value, field: &str, absent: &str) -> Result<Option<String>, Fault> {
    let Some(answer) = if_any(api.ask::<Value>(operation, input).await, absent)? else { return Ok(None) };
    Ok(Item::new(&answer)?.text(field).map(str::to_owned))
}
