//! API Gateway: the HTTP and web socket APIs of one region and their stages, without the
//! stages' variables: people keep secrets there.

use serde_json::json;
use troupe_sdk::http::escape;

use crate::endpoint::regional;
use crate::found::Found;
use crate::model::Resource;
use crate::protocol::json::{Item, Paging};
use crate::protocol::rest;
use crate::services::{Scope, each};

const SERVICE: &str = "apigatewayv2";
const LIST: (&str, &str) = (SERVICE, "GetApis");
const STAGES: (&str, &str) = (SERVICE, "GetStages");

/// The type of a stage.
const STAGE: &str = "aws.apigatewayv2.stage";

/// How many items a page holds.
const PAGE: (&str, &str) = ("maxResults", "100");

/// Lists the APIs and the stages of each.
pub async fn collect(scope: Scope<'_>) -> Found {
    let (mut found, mut apis) = (Found::default(), Vec::new());
    let url = format!("{}v2/apis", regional("apigateway", scope.region));
    let read = |page: Item<'_>| apis.extend(page.list("items").filter_map(|item| api(&scope, item)));
    if let Err(fault) = rest::pages(scope.client, &url, &[PAGE], Paging::NEXT_TOKEN, read).await {
        found.note(LIST, scope.region, None, fault);
    }
    each(found, apis, |api| stages(scope, url.clone(), api)).await
}

fn api(scope: &Scope<'_>, item: Item<'_>) -> Option<Resource> {
    let id = item.text("apiId")?;
    let origins = item.texts("corsConfiguration/allowOrigins").collect::<Vec<_>>();
    let resource = Resource::new("aws.apigatewayv2.api", scope.region, id)
        .arn(Some(scope.arn_of_region("apigateway", &format!("/apis/{id}"))))
        .created(item.time("createdDate"))
        .tags(item.tags("tags"))
        .with("protocol", item.text("protocolType"))
        .with("endpoint", item.text("apiEndpoint"))
        .with("description", item.text("description"))
        .with("default_endpoint", item.truth("disableExecuteApiEndpoint").map(|disabled| !disabled))
        .with("cors_origins", Some(origins));
    Some(item.text("name").into_iter().fold(resource, Resource::name))
}

async fn stages(scope: Scope<'_>, apis: String, mut api: Resource) -> Found {
    let (mut found, mut listed) = (Found::default(), Vec::new());
    let url = format!("{apis}/{}/stages", escape(&api.id));
    let read = |page: Item<'_>| listed.extend(page.list("items").filter_map(|item| stage(scope, &api.id, item)));
    let answer = rest::pages(scope.client, &url, &[PAGE], Paging::NEXT_TOKEN, read).await;
    match answer {
        Ok(()) => {
            let names = listed.iter().filter_map(|stage| stage.name.clone());
            api.set("stages", names.collect::<Vec<_>>());
        }
        Err(fault) => {
            api.unread(&["stages"]);
            found.note_hiding(STAGES, scope.region, Some(&api.id), &[STAGE], fault);
        }
    }
    found.resources.push(api);
    found.resources.extend(listed);
    found
}

fn stage(scope: Scope<'_>, api: &str, item: Item<'_>) -> Option<Resource> {
    let name = item.text("stageName")?;
    let defaults = item.at("defaultRouteSettings");
    let resource = Resource::new(STAGE, scope.region, format!("{api}/{name}"))
        .name(name)
        .arn(Some(scope.arn_of_region("apigateway", &format!("/apis/{api}/stages/{name}"))))
        .created(item.time("createdDate"))
        .tags(item.tags("tags"))
        .with("access_logs", Some(item.text("accessLogSettings/destinationArn").is_some()))
        .with("auto_deploy", item.truth("autoDeploy"))
        .with("client_certificate", Some(item.text("clientCertificateId").is_some()))
        .with(
            "routes",
            defaults.exists().then(|| {
                json!({
                    "logging": defaults.text("loggingLevel"),
                    "metrics": defaults.truth("detailedMetricsEnabled"),
                    "data_trace": defaults.truth("dataTraceEnabled"),
                    "burst_limit": defaults.number("throttlingBurstLimit"),
                })
            }),
        )
        .to("api", Some(api))
        .to("log-group", item.text("accessLogSettings/destinationArn"));
    Some(resource)
}
