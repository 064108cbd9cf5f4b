//! Lambda: the functions of one region. Their environment is left out: people keep
//! secrets there.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use troupe_sdk::http::escape;
use troupe_sdk::wait;

use crate::client::{Fault, check_progress};
use crate::endpoint::regional;
use crate::found::Found;
use crate::model::Resource;
use crate::protocol::{json, rest};
use crate::services::{Scope, if_any, policy};
use crate::when;

const LIST: (&str, &str) = ("lambda", "ListFunctions");
const TAGS: (&str, &str) = ("lambda", "ListTags");
const POLICY: (&str, &str) = ("lambda", "GetPolicy");
const URL: (&str, &str) = ("lambda", "GetFunctionUrlConfig");

/// What Lambda answers where a function has nothing of the kind.
const ABSENT: &str = "ResourceNotFoundException";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    #[serde(default)]
    functions: Vec<Function>,
    next_marker: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Function {
    function_name: String,
    function_arn: Option<String>,
    description: Option<String>,
    runtime: Option<String>,
    handler: Option<String>,
    role: Option<String>,
    code_size: Option<i64>,
    memory_size: Option<i64>,
    timeout: Option<i64>,
    last_modified: Option<String>,
    package_type: Option<String>,
    architectures: Option<Vec<String>>,
    state: Option<String>,
    #[serde(rename = "KMSKeyArn")]
    kms_key: Option<String>,
    vpc_config: Option<VpcConfig>,
    tracing_config: Option<TracingConfig>,
    dead_letter_config: Option<DeadLetterConfig>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct VpcConfig {
    vpc_id: Option<String>,
    subnet_ids: Vec<String>,
    security_group_ids: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TracingConfig {
    mode: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DeadLetterConfig {
    target_arn: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Policy {
    policy: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Url {
    auth_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tags {
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

/// Lists the functions and asks for the tags of each.
pub async fn collect(scope: Scope<'_>) -> Found {
    let mut listed = Vec::new();
    let mut found = Found::default();
    if let Err(fault) = list(scope, &mut listed).await {
        found.note(LIST, scope.region, None, fault);
    }
    let functions = wait::all(listed.into_iter().map(|function| describe(scope, function))).await;
    Found::all(std::iter::once(found).chain(functions))
}

async fn list(scope: Scope<'_>, listed: &mut Vec<Function>) -> Result<(), Fault> {
    let url = format!("{}2015-03-31/functions", regional("lambda", scope.region));
    let mut marker: Option<String> = None;
    loop {
        let mut query = vec![("MaxItems", "50")];
        query.extend(marker.as_deref().map(|marker| ("Marker", marker)));
        let page: Page = json::read(&rest::get(scope.client, url.clone(), &query).await?)?;
        listed.extend(page.functions);
        let Some(next) = page.next_marker.filter(|next| !next.is_empty()) else { return Ok(()) };
        check_progress(marker.as_deref(), &next)?;
        marker = Some(next);
    }
}

async fn describe(scope: Scope<'_>, function: Function) -> Found {
    let mut found = Found::default();
    let arn =
        function.function_arn.clone().or_else(|| scope.arn("lambda", &format!("function:{}", function.function_name)));
    let name = escape(&function.function_name);
    let mut resource = resource(scope.region, function).arn(arn.clone());
    let tags = async {
        match arn {
            Some(arn) => tags(scope, &arn).await,
            None => Err(Fault::unreadable("the function has no ARN")),
        }
    };
    let policy = has::<Policy>(scope, format!("2015-03-31/functions/{name}/policy"));
    let url = has::<Url>(scope, format!("2021-10-31/functions/{name}/url"));
    let (tags, (policy, url)) = wait::both(tags, wait::both(policy, url)).await;
    found.read(&mut resource, POLICY, &["policy", "public"], policy, |resource, policy| {
        policy::put(resource, policy.map(|policy| policy.policy).as_deref());
    });
    found.read(&mut resource, URL, &["url_authentication"], url, |resource, url| {
        resource.set("url_authentication", json!(url.map(|url| url.auth_type)));
    });
    found.read(&mut resource, TAGS, &["tags"], tags, |resource, tags| resource.tags = tags);
    found.resources.push(resource);
    found
}

/// Asks for what a function may have; none if it has none.
async fn has<T: DeserializeOwned>(scope: Scope<'_>, path: String) -> Result<Option<T>, Fault> {
    let answer = rest::get(scope.client, format!("{}{path}", regional("lambda", scope.region)), &[]).await;
    if_any(answer, ABSENT)?.map(|text| json::read(&text)).transpose()
}

async fn tags(scope: Scope<'_>, arn: &str) -> Result<BTreeMap<String, String>, Fault> {
    let url = format!("{}2017-03-31/tags/{}", regional("lambda", scope.region), escape(arn));
    let answer: Tags = json::read(&rest::get(scope.client, url, &[]).await?)?;
    Ok(answer.tags)
}

fn resource(region: &str, function: Function) -> Resource {
    let vpc = function.vpc_config.unwrap_or_default();
    let last_modified = function.last_modified.as_deref().and_then(when::at).or(function.last_modified);
    let resource = Resource::new("aws.lambda.function", region, &function.function_name)
        .name(&function.function_name)
        .with("description", function.description.filter(|text| !text.is_empty()))
        .with("runtime", function.runtime)
        .with("handler", function.handler)
        .with("code_bytes", function.code_size)
        .with("memory_mib", function.memory_size)
        .with("timeout_s", function.timeout)
        .with("last_modified", last_modified)
        .with("package_type", function.package_type)
        .with("architectures", function.architectures.map(|names| json!(names)))
        .with("state", function.state)
        .with("kms_key", function.kms_key.filter(|key| !key.is_empty()))
        .with("tracing", function.tracing_config.and_then(|tracing| tracing.mode).map(Value::from))
        .with("dead_letter", Some(function.dead_letter_config.and_then(|config| config.target_arn).is_some()))
        .to("role", function.role)
        .to("vpc", vpc.vpc_id.filter(|id| !id.is_empty()));
    let subnets = vpc.subnet_ids.into_iter().fold(resource, |resource, id| resource.to("subnet", Some(id)));
    vpc.security_group_ids.into_iter().fold(subnets, |resource, id| resource.to("security-group", Some(id)))
}
