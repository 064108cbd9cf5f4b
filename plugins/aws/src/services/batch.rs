//! Batch: the compute environments and job queues of one region, which come with their tags.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use troupe_sdk::wait;

use crate::client::{Fault, check_progress};
use crate::endpoint::regional;
use crate::found::Found;
use crate::model::Resource;
use crate::protocol::{json, rest};
use crate::services::Scope;

/// The most that the service lists in one answer.
const PAGE: u8 = 100;

/// What is listed by one operation.
trait Listed: DeserializeOwned {
    const OPERATION: &'static str;

    fn resource(self, region: &str) -> Resource;
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page<T> {
    #[serde(alias = "computeEnvironments", alias = "jobQueues")]
    listed: Vec<T>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ComputeEnvironment {
    compute_environment_name: String,
    compute_environment_arn: Option<String>,
    r#type: Option<String>,
    state: Option<String>,
    status: Option<String>,
    container_orchestration_type: Option<String>,
    service_role: Option<String>,
    ecs_cluster_arn: Option<String>,
    compute_resources: Option<ComputeResources>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct ComputeResources {
    r#type: Option<String>,
    #[serde(rename = "minvCpus")]
    min_vcpus: Option<i64>,
    #[serde(rename = "maxvCpus")]
    max_vcpus: Option<i64>,
    instance_types: Option<Vec<String>>,
    subnets: Vec<String>,
    security_group_ids: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JobQueue {
    job_queue_name: String,
    job_queue_arn: Option<String>,
    state: Option<String>,
    status: Option<String>,
    priority: Option<i64>,
    scheduling_policy_arn: Option<String>,
    #[serde(default)]
    compute_environment_order: Vec<Place>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

/// Where a queue's jobs run.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Place {
    order: Option<i64>,
    compute_environment: Option<String>,
}

/// Lists both.
pub async fn collect(scope: Scope<'_>) -> Found {
    let (environments, queues) = wait::both(list::<ComputeEnvironment>(scope), list::<JobQueue>(scope)).await;
    Found::all([environments, queues])
}

async fn list<T: Listed>(scope: Scope<'_>) -> Found {
    let url = format!("{}v1/{}", regional("batch", scope.region), T::OPERATION.to_lowercase());
    let mut found = Found::default();
    let mut token: Option<String> = None;
    loop {
        let input = match &token {
            Some(token) => json!({ "maxResults": PAGE, "nextToken": token }),
            None => json!({ "maxResults": PAGE }),
        };
        match page::<T>(scope, &url, &input, token.as_deref()).await {
            Ok(page) => {
                found.resources.extend(page.listed.into_iter().map(|one| one.resource(scope.region)));
                token = page.next_token;
            }
            Err(fault) => {
                found.note(("batch", T::OPERATION), scope.region, None, fault);
                return found;
            }
        }
        if token.is_none() {
            return found;
        }
    }
}

/// One page; the token for the next one is a new one.
async fn page<T: Listed>(scope: Scope<'_>, url: &str, input: &Value, before: Option<&str>) -> Result<Page<T>, Fault> {
    let mut page: Page<T> = json::read(&rest::post(scope.client, url, input).await?)?;
    page.next_token = page.next_token.filter(|next| !next.is_empty());
    if let Some(next) = &page.next_token {
        check_progress(before, next)?;
    }
    Ok(page)
}

impl Listed for ComputeEnvironment {
    const OPERATION: &'static str = "DescribeComputeEnvironments";

    fn resource(self, region: &str) -> Resource {
        let uses = self.compute_resources.unwrap_or_default();
        let resource = Resource::new("aws.batch.compute-environment", region, &self.compute_environment_name)
            .name(&self.compute_environment_name)
            .arn(self.compute_environment_arn)
            .tags(self.tags)
            .with("type", lower(self.r#type))
            .with("state", lower(self.state))
            .with("status", lower(self.status))
            .with("orchestration", lower(self.container_orchestration_type))
            .with("compute", lower(uses.r#type))
            .with("vcpus_min", uses.min_vcpus)
            .with("vcpus_max", uses.max_vcpus)
            .with("instance_types", uses.instance_types)
            .to("role", filled(self.service_role))
            .to("cluster", filled(self.ecs_cluster_arn));
        let subnets = uses.subnets.into_iter().fold(resource, |resource, id| resource.to("subnet", Some(id)));
        uses.security_group_ids.into_iter().fold(subnets, |resource, id| resource.to("security-group", Some(id)))
    }
}

impl Listed for JobQueue {
    const OPERATION: &'static str = "DescribeJobQueues";

    fn resource(self, region: &str) -> Resource {
        let places = self.compute_environment_order;
        let order: Value = places
            .iter()
            .map(|place| json!({ "order": place.order, "compute_environment": place.compute_environment }))
            .collect();
        let resource = Resource::new("aws.batch.job-queue", region, &self.job_queue_name)
            .name(&self.job_queue_name)
            .arn(self.job_queue_arn)
            .tags(self.tags)
            .with("state", lower(self.state))
            .with("status", lower(self.status))
            .with("priority", self.priority)
            .with("compute_environments", Some(order))
            .to("scheduling-policy", filled(self.scheduling_policy_arn));
        let environments = places.into_iter().map(|place| place.compute_environment);
        environments.fold(resource, |resource, environment| resource.to("compute-environment", environment))
    }
}

fn lower(text: Option<String>) -> Option<String> {
    text.map(|text| text.to_lowercase())
}

fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}
