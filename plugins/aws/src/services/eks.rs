//! EKS: the Kubernetes clusters of one region, their node groups and Fargate profiles.

use serde_json::{Value, json};
use troupe_sdk::http::escape;
use troupe_sdk::wait;

use crate::endpoint::regional;
use crate::found::Found;
use crate::model::Resource;
use crate::protocol::json::{Item, Paging};
use crate::protocol::rest;
use crate::services::{Scope, each, related, texts, told};

const SERVICE: &str = "eks";
const LIST: (&str, &str) = (SERVICE, "ListClusters");
const CLUSTER: (&str, &str) = (SERVICE, "DescribeCluster");

/// The most that the service lists in one answer.
const PAGE: (&str, &str) = ("maxResults", "100");

/// What a cluster has of its own: how it is listed and asked about.
#[derive(Clone, Copy)]
struct Part {
    kind: &'static str,
    list: (&'static str, &'static str),
    describe: (&'static str, &'static str),
    path: &'static str,
    names: &'static str,
    field: &'static str,
    put: fn(Resource, Item<'_>) -> Resource,
}

const NODE_GROUPS: Part = Part {
    kind: "aws.eks.nodegroup",
    list: (SERVICE, "ListNodegroups"),
    describe: (SERVICE, "DescribeNodegroup"),
    path: "node-groups",
    names: "nodegroups",
    field: "nodegroup",
    put: node_group,
};

const FARGATE_PROFILES: Part = Part {
    kind: "aws.eks.fargate-profile",
    list: (SERVICE, "ListFargateProfiles"),
    describe: (SERVICE, "DescribeFargateProfile"),
    path: "fargate-profiles",
    names: "fargateProfileNames",
    field: "fargateProfile",
    put: fargate_profile,
};

/// Lists the clusters and asks about each.
pub async fn collect(scope: Scope<'_>) -> Found {
    let (mut found, mut names) = (Found::default(), Vec::new());
    let url = format!("{}clusters", regional(SERVICE, scope.region));
    let read = |page: Item<'_>| names.extend(page.texts("clusters"));
    if let Err(fault) = rest::pages(scope.client, &url, &[PAGE], Paging::NEXT_TOKEN, read).await {
        found.note(LIST, scope.region, None, fault);
    }
    each(found, names, |name| cluster(scope, name)).await
}

async fn cluster(scope: Scope<'_>, name: String) -> Found {
    let parts = wait::both(parts(scope, &name, NODE_GROUPS), parts(scope, &name, FARGATE_PROFILES));
    let arn = scope.arn(SERVICE, &format!("cluster/{name}"));
    let resource = Resource::new("aws.eks.cluster", scope.region, &name).name(&name).arn(arn);
    let url = format!("{}clusters/{}", regional(SERVICE, scope.region), escape(&name));
    let described = describe(scope, resource, CLUSTER, url, "cluster", put_cluster);
    let (described, (groups, profiles)) = wait::both(described, parts).await;
    Found::all([described, groups, profiles])
}

async fn parts(scope: Scope<'_>, cluster: &str, part: Part) -> Found {
    let (mut found, mut names) = (Found::default(), Vec::new());
    let url = format!("{}clusters/{}/{}", regional(SERVICE, scope.region), escape(cluster), part.path);
    let read = |page: Item<'_>| names.extend(page.texts(part.names));
    if let Err(fault) = rest::pages(scope.client, &url, &[PAGE], Paging::NEXT_TOKEN, read).await {
        found.note_hiding(part.list, scope.region, Some(cluster), &[part.kind], fault);
    }
    each(found, names, |name| {
        let resource = Resource::new(part.kind, scope.region, format!("{cluster}/{name}"));
        let resource = resource.name(&name).to("cluster", Some(cluster));
        describe(scope, resource, part.describe, format!("{url}/{}", escape(&name)), part.field, part.put)
    })
    .await
}

async fn describe(
    scope: Scope<'_>,
    mut resource: Resource,
    operation: (&'static str, &'static str),
    url: String,
    field: &str,
    put: fn(Resource, Item<'_>) -> Resource,
) -> Found {
    let mut found = Found::default();
    let answer = rest::get_json(scope.client, url, &[]).await;
    told(&mut found, &mut resource, operation, &["state", "tags"], &answer, |resource, answer| {
        *resource = put(resource.clone(), answer.at(field)).tags(answer.at(field).tags("tags"));
    });
    found.resources.push(resource);
    found
}

fn put_cluster(resource: Resource, item: Item<'_>) -> Resource {
    let network = item.at("resourcesVpcConfig");
    let logs = item.list("logging/clusterLogging").filter(|one| one.truth("enabled") == Some(true));
    let secrets = item.list("encryptionConfig").filter(|one| one.texts("resources").any(|name| name == "secrets"));
    let keys: Vec<String> = secrets.filter_map(|one| one.text("provider/keyArn")).map(str::to_owned).collect();
    let resource = resource
        .arn(item.text("arn").map(str::to_owned))
        .created(item.time("createdAt"))
        .with("state", item.text("status"))
        .with("version", item.text("version"))
        .with("platform_version", item.text("platformVersion"))
        .with("support", item.text("upgradePolicy/supportType"))
        .with("public_endpoint", network.truth("endpointPublicAccess"))
        .with("private_endpoint", network.truth("endpointPrivateAccess"))
        .with("public_cidrs", texts(network.texts("publicAccessCidrs")))
        .with("logs", texts(logs.flat_map(|one| one.texts("types"))))
        .with("secrets_encrypted", Some(!keys.is_empty()))
        .with("authentication", item.text("accessConfig/authenticationMode"))
        .with("deletion_protection", item.truth("deletionProtection"))
        .with("oidc_issuer", item.text("identity/oidc/issuer"))
        .with("service_cidr", item.text("kubernetesNetworkConfig/serviceIpv4Cidr"))
        .with("auto_mode", item.truth("computeConfig/enabled"))
        .to("vpc", network.text("vpcId"))
        .to("role", item.text("roleArn"))
        .to("security-group", network.text("clusterSecurityGroupId"));
    let resource = related(resource, "kms-key", keys.into_iter());
    let resource = related(resource, "security-group", network.texts("securityGroupIds"));
    related(resource, "subnet", network.texts("subnetIds"))
}

fn node_group(resource: Resource, item: Item<'_>) -> Resource {
    let access = item.at("remoteAccess");
    // With a key and no groups the whole world may come in by SSH.
    let open = access.text("ec2SshKey").is_some() && access.texts("sourceSecurityGroups").next().is_none();
    let resource = resource
        .arn(item.text("nodegroupArn").map(str::to_owned))
        .created(item.time("createdAt"))
        .with("state", item.text("status"))
        .with("version", item.text("version"))
        .with("release", item.text("releaseVersion"))
        .with("image_type", item.text("amiType"))
        .with("capacity", item.text("capacityType"))
        .with("instance_types", texts(item.texts("instanceTypes")))
        .with("disk_gib", item.number("diskSize"))
        .with("size_min", item.number("scalingConfig/minSize"))
        .with("size_max", item.number("scalingConfig/maxSize"))
        .with("size_desired", item.number("scalingConfig/desiredSize"))
        .with("ssh_key", access.text("ec2SshKey"))
        .with("ssh_open", Some(open))
        .with("issues", texts(item.texts_of("health/issues", "code")))
        .to("role", item.text("nodeRole"))
        .to("launch-template", item.text("launchTemplate/id"))
        .to("security-group", item.text("resources/remoteAccessSecurityGroup"));
    let resource = related(resource, "auto-scaling-group", item.texts_of("resources/autoScalingGroups", "name"));
    let resource = related(resource, "security-group", access.texts("sourceSecurityGroups"));
    related(resource, "subnet", item.texts("subnets"))
}

fn fargate_profile(resource: Resource, item: Item<'_>) -> Resource {
    let selectors = item.list("selectors").map(|one| json!({ "namespace": one.text("namespace") }));
    let resource = resource
        .arn(item.text("fargateProfileArn").map(str::to_owned))
        .created(item.time("createdAt"))
        .with("state", item.text("status"))
        .with("selectors", Some(selectors.collect::<Value>()))
        .to("role", item.text("podExecutionRoleArn"));
    related(resource, "subnet", item.texts("subnets"))
}
