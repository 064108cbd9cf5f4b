//! ECS: clusters, their services, and the task definitions that the services run, in one
//! region. Of the containers' environment the names alone are told: people keep secrets there.

mod tasks;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use troupe_sdk::wait;

use crate::endpoint::regional;
use crate::found::Found;
use crate::model::Resource;
use crate::protocol::json::{Api, Item, Paging};
use crate::services::{Scope, last, related};

const SERVICE: &str = "ecs";
const CLUSTERS: (&str, &str) = (SERVICE, "ListClusters");
const CLUSTER: (&str, &str) = (SERVICE, "DescribeClusters");
const SERVICES: (&str, &str) = (SERVICE, "ListServices");
const OF_CLUSTER: (&str, &str) = (SERVICE, "DescribeServices");

/// The type of a service.
const SERVICE_TYPE: &str = "aws.ecs.service";

/// How many clusters, and how many services, may be described at once.
const CLUSTERS_AT_ONCE: usize = 100;
const SERVICES_AT_ONCE: usize = 10;

/// Lists the clusters, then their services, then what those run.
pub async fn collect(scope: Scope<'_>) -> Found {
    let endpoint = regional("ecs", scope.region);
    let target = "AmazonEC2ContainerServiceV20141113";
    let api = Api { client: scope.client, endpoint: &endpoint, target, version: "1.1" };
    let mut found = Found::default();
    let clusters = arns(scope, api, CLUSTERS, "clusterArns", json!({ "maxResults": 100 }), &mut found).await;
    let described = wait::all(clusters.chunks(CLUSTERS_AT_ONCE).map(|batch| {
        let input = json!({ "clusters": batch, "include": ["CONFIGURATIONS", "SETTINGS", "TAGS"] });
        describe(scope, api, CLUSTER, "clusters", input, cluster)
    }));
    let services = wait::all(clusters.iter().map(|cluster| services(scope, api, cluster)));
    let (described, services) = wait::both(described, services).await;
    let run: BTreeSet<String> =
        services.iter().flat_map(|found| &found.resources).flat_map(tasks::run_by).map(str::to_owned).collect();
    let definitions = wait::all(run.into_iter().map(|arn| tasks::definition(scope, api, arn))).await;
    Found::all(std::iter::once(found).chain(described).chain(services).chain(definitions))
}

/// Lists ARNs; what went wrong is noted.
async fn arns(
    scope: Scope<'_>,
    api: Api<'_>,
    operation: (&'static str, &'static str),
    set: &str,
    input: Value,
    found: &mut Found,
) -> Vec<String> {
    let mut arns = Vec::new();
    let cluster = input.get("cluster").and_then(Value::as_str).map(str::to_owned);
    let listed = api.pages(operation.1, input, Paging::NEXT_TOKEN, |page| arns.extend(page.texts(set))).await;
    if let Err(fault) = listed {
        let hides: &[_] = if cluster.is_some() { &[SERVICE_TYPE, tasks::TYPE] } else { &[] };
        found.note_hiding(operation, scope.region, cluster.as_deref(), hides, fault);
    }
    arns
}

/// Asks about several at once.
async fn describe(
    scope: Scope<'_>,
    api: Api<'_>,
    operation: (&'static str, &'static str),
    set: &'static str,
    input: Value,
    read: fn(&Scope<'_>, Item<'_>) -> Option<Resource>,
) -> Found {
    let mut found = Found::default();
    let answer = api.ask::<Value>(operation.1, input).await;
    match answer.as_ref().map_err(Clone::clone).and_then(Item::new) {
        Ok(answer) => found.resources.extend(answer.list(set).filter_map(|item| read(&scope, item))),
        Err(fault) => found.note(operation, scope.region, None, fault),
    }
    found
}

async fn services(scope: Scope<'_>, api: Api<'_>, cluster: &str) -> Found {
    let mut found = Found::default();
    let input = json!({ "cluster": cluster, "maxResults": 100 });
    let arns = arns(scope, api, SERVICES, "serviceArns", input, &mut found).await;
    let described = wait::all(arns.chunks(SERVICES_AT_ONCE).map(|batch| {
        let input = json!({ "cluster": cluster, "services": batch, "include": ["TAGS"] });
        describe(scope, api, OF_CLUSTER, "services", input, service)
    }));
    Found::all(std::iter::once(found).chain(described.await))
}

fn cluster(scope: &Scope<'_>, item: Item<'_>) -> Option<Resource> {
    let arn = item.text("clusterArn")?;
    let name = item.text("clusterName").unwrap_or_else(|| last(arn, '/'));
    let insights = item.list("settings").find(|setting| setting.text("name") == Some("containerInsights"));
    let commands = item.at("configuration/executeCommandConfiguration");
    let resource = Resource::new("aws.ecs.cluster", scope.region, name)
        .name(name)
        .arn(Some(arn.to_owned()))
        .tags(item.tags("tags"))
        .with("state", item.text("status"))
        .with("services", item.number("activeServicesCount"))
        .with("tasks_running", item.number("runningTasksCount"))
        .with("tasks_pending", item.number("pendingTasksCount"))
        .with("container_instances", item.number("registeredContainerInstancesCount"))
        .with("capacity_providers", Some(item.texts("capacityProviders").collect::<Vec<_>>()))
        .with("container_insights", insights.and_then(|setting| setting.text("value")))
        .with("command_logging", commands.text("logging"))
        .with("command_kms_key", commands.text("kmsKeyId"))
        .with("storage_kms_key", item.text("configuration/managedStorageConfiguration/kmsKeyId"))
        .to("kms-key", commands.text("kmsKeyId"));
    Some(resource)
}

/// A service's name is its cluster's own, so its id has both.
fn service(scope: &Scope<'_>, item: Item<'_>) -> Option<Resource> {
    let (arn, name) = (item.text("serviceArn")?, item.text("serviceName")?);
    let cluster = item.text("clusterArn")?;
    let network = item.at("networkConfiguration/awsvpcConfiguration");
    let resource = Resource::new(SERVICE_TYPE, scope.region, format!("{}/{name}", last(cluster, '/')))
        .name(name)
        .arn(Some(arn.to_owned()))
        .created(item.time("createdAt"))
        .tags(item.tags("tags"))
        .with("state", item.text("status"))
        .with("launch_type", item.text("launchType"))
        .with("platform_version", item.text("platformVersion"))
        .with("tasks_desired", item.number("desiredCount"))
        .with("tasks_running", item.number("runningCount"))
        .with("scheduling", item.text("schedulingStrategy"))
        .with("public_ip", network.text("assignPublicIp").map(|text| text == "ENABLED"))
        .with("execute_command", item.truth("enableExecuteCommand"))
        .with("circuit_breaker", item.truth("deploymentConfiguration/deploymentCircuitBreaker/enable"))
        .to("cluster", Some(cluster))
        .to(tasks::RELATION, item.text("taskDefinition"))
        .to("role", item.text("roleArn"));
    // While it goes over to another task definition it runs several.
    let resource = related(resource, tasks::RELATION, item.texts_of("deployments", "taskDefinition"));
    let resource = related(resource, "subnet", network.texts("subnets"));
    let resource = related(resource, "security-group", network.texts("securityGroups"));
    let resource = related(resource, "load-balancer", item.texts_of("loadBalancers", "loadBalancerName"));
    Some(related(resource, "target-group", item.texts_of("loadBalancers", "targetGroupArn")))
}
