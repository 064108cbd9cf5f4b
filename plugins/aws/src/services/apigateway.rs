//! API Gateway: the REST APIs of one region and their stages. HTTP and web socket APIs have an
//! API of their own ([`super::apigatewayv2`]) at the same host. The stages' variables are left
//! out: people keep secrets there.

use serde_json::{Value, json};
use troupe_sdk::http::escape;

use crate::endpoint::regional;
use crate::found::Found;
use crate::model::Resource;
use crate::protocol::json::{Item, Paging};
use crate::protocol::rest;
use crate::services::{Scope, each, related, texts};

const SERVICE: &str = "apigateway";
const LIST: (&str, &str) = (SERVICE, "GetRestApis");
const STAGES: (&str, &str) = (SERVICE, "GetStages");

/// The type of a stage.
const STAGE: &str = "aws.apigateway.stage";

/// The most that the service lists in one answer.
const PAGE: (&str, &str) = ("limit", "500");

/// Lists the APIs and asks for the stages of each.
pub async fn collect(scope: Scope<'_>) -> Found {
    let (mut found, mut apis) = (Found::default(), Vec::new());
    let url = format!("{}restapis", regional(SERVICE, scope.region));
    let read = |page: Item<'_>| apis.extend(page.list("item").filter_map(|item| api(&scope, item)));
    if let Err(fault) = rest::pages(scope.client, &url, &[PAGE], Paging::by("position"), read).await {
        found.note(LIST, scope.region, None, fault);
    }
    each(found, apis, |api| stages(scope, api)).await
}

fn api(scope: &Scope<'_>, item: Item<'_>) -> Option<Resource> {
    let id = item.text("id")?;
    let endpoint = item.at("endpointConfiguration");
    let resource = Resource::new("aws.apigateway.rest-api", scope.region, id)
        .arn(Some(scope.arn_of_region(SERVICE, &format!("/restapis/{id}"))))
        .created(item.time("createdDate"))
        .tags(item.tags("tags"))
        .with("description", item.text("description"))
        .with("endpoint_types", texts(endpoint.texts("types")))
        .with("private", Some(endpoint.texts("types").any(|kind| kind == "PRIVATE")))
        .with("policy", item.text("policy").map(policy))
        .with("default_endpoint", item.truth("disableExecuteApiEndpoint").map(|disabled| !disabled))
        .with("api_key_source", item.text("apiKeySource"))
        .with("tls_policy", item.text("securityPolicy"));
    let resource = item.text("name").into_iter().fold(resource, Resource::name);
    Some(related(resource, "vpc-endpoint", endpoint.texts("vpcEndpointIds")))
}

/// Reads a policy, in which the service escapes the quotes once more.
fn policy(text: &str) -> Value {
    let unescaped = serde_json::from_str::<String>(&format!("\"{text}\"")).unwrap_or_else(|_| text.to_owned());
    serde_json::from_str(&unescaped).unwrap_or_else(|_| Value::from(text))
}

/// Lists an API's stages, which come all at once.
async fn stages(scope: Scope<'_>, mut api: Resource) -> Found {
    let mut found = Found::default();
    let url = format!("{}restapis/{}/stages", regional(SERVICE, scope.region), escape(&api.id));
    let answer = rest::get_json(scope.client, url, &[]).await;
    match answer.as_ref().map_err(Clone::clone).and_then(Item::new) {
        Ok(answer) => {
            let names = answer.list("item").filter_map(|item| item.text("stageName"));
            api.set("stages", names.collect::<Vec<_>>());
            found.resources.extend(answer.list("item").filter_map(|item| stage(scope, &api.id, item)));
        }
        Err(fault) => {
            api.unread(&["stages"]);
            found.note_hiding(STAGES, scope.region, Some(&api.id), &[STAGE], fault);
        }
    }
    found.resources.push(api);
    found
}

fn stage(scope: Scope<'_>, api: &str, item: Item<'_>) -> Option<Resource> {
    let name = item.text("stageName")?;
    let all = item.at("methodSettings").at_key("*/*");
    let resource = Resource::new(STAGE, scope.region, format!("{api}/{name}"))
        .name(name)
        .arn(Some(scope.arn_of_region(SERVICE, &format!("/restapis/{api}/stages/{name}"))))
        .created(item.time("createdDate"))
        .tags(item.tags("tags"))
        .with("access_logs", Some(item.text("accessLogSettings/destinationArn").is_some()))
        .with("tracing", item.truth("tracingEnabled"))
        .with("cache", item.truth("cacheClusterEnabled"))
        .with("client_certificate", Some(item.text("clientCertificateId").is_some()))
        .with("waf", Some(item.text("webAclArn").is_some()))
        .with(
            "methods",
            all.exists().then(|| {
                json!({
                    "logging": all.text("loggingLevel"),
                    "metrics": all.truth("metricsEnabled"),
                    "data_trace": all.truth("dataTraceEnabled"),
                    "cache": all.truth("cachingEnabled"),
                    "cache_encrypted": all.truth("cacheDataEncrypted"),
                })
            }),
        )
        .to("api", Some(api))
        .to("web-acl", item.text("webAclArn"))
        .to("log-group", item.text("accessLogSettings/destinationArn"));
    Some(resource)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_read_however_it_is_escaped() {
        let told = json!({ "Version": "2012-10-17" });
        assert_eq!(policy(r#"{\"Version\":\"2012-10-17\"}"#), told);
        assert_eq!(policy(r#"{"Version":"2012-10-17"}"#), told);
        assert_eq!(policy("neither"), "neither");
    }
}
