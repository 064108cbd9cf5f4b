//! ElastiCache: replication groups and cache clusters of one region.

use troupe_sdk::wait;

use crate::client::Fault;
use crate::endpoint::regional;
use crate::found::Found;
use crate::model::Resource;
use crate::protocol::query::{Api, Paging, result};
use crate::protocol::xml::Element;
use crate::services::{Scope, each, related, texts, told_xml};

const SERVICE: &str = "elasticache";
const GROUPS: &str = "DescribeReplicationGroups";
const CLUSTERS: &str = "DescribeCacheClusters";
const TAGS: &str = "ListTagsForResource";

/// The most that the service lists in one answer.
const PAGE: (&str, &str) = ("MaxRecords", "100");

/// Lists both and asks for the tags of each.
pub async fn collect(scope: Scope<'_>) -> Found {
    let endpoint = regional(SERVICE, scope.region);
    let api = Api { client: scope.client, endpoint: &endpoint, version: "2015-02-02", paging: Paging::MARKER };
    let groups = list(scope, api, (GROUPS, "aws.elasticache.replication-group"), "ReplicationGroups", group);
    let clusters = list(scope, api, (CLUSTERS, "aws.elasticache.cluster"), "CacheClusters", cluster);
    let (groups, clusters) = wait::both(groups, clusters).await;
    Found::all([groups, clusters])
}

async fn list(
    scope: Scope<'_>,
    api: Api<'_>,
    (operation, kind): (&'static str, &'static str),
    set: &str,
    read: fn(&Scope<'_>, Element<'_>) -> Option<Resource>,
) -> Found {
    let (mut found, mut listed) = (Found::default(), Vec::new());
    let each_page = |page: Element<'_>| listed.extend(page.list(set).filter_map(|item| read(&scope, item)));
    if let Err(fault) = api.pages(operation, &[PAGE], each_page).await {
        found.note_hiding((SERVICE, operation), scope.region, None, &[kind], fault);
    }
    each(found, listed, |resource| tag(api, resource)).await
}

fn group(scope: &Scope<'_>, item: Element<'_>) -> Option<Resource> {
    let id = item.text("ReplicationGroupId")?;
    let arn = item.text("ARN").map(str::to_owned).or_else(|| scope.arn(SERVICE, &format!("replicationgroup:{id}")));
    let resource = Resource::new("aws.elasticache.replication-group", scope.region, id)
        .name(id)
        .arn(arn)
        .created(item.time("ReplicationGroupCreateTime"))
        .with("description", item.verbatim("Description"))
        .with("state", item.text("Status"))
        .with("engine", item.text("Engine"))
        .with("node_type", item.text("CacheNodeType"))
        .with("automatic_failover", item.text("AutomaticFailover"))
        .with("multi_az", item.text("MultiAZ"))
        .with("cluster_mode", item.truth("ClusterEnabled"))
        .with("snapshot_retention_days", item.number("SnapshotRetentionLimit"))
        .with("auth_token", item.truth("AuthTokenEnabled"))
        .with("encrypted", item.truth("AtRestEncryptionEnabled"))
        .with("encrypted_in_transit", item.truth("TransitEncryptionEnabled"))
        .with("transit_mode", item.text("TransitEncryptionMode"))
        .with("auto_minor_upgrade", item.truth("AutoMinorVersionUpgrade"))
        .with("user_groups", texts(item.own_texts("UserGroupIds")))
        .with("log_types", texts(item.texts("LogDeliveryConfigurations", "LogType")))
        .to("kms-key", item.text("KmsKeyId"));
    Some(related(resource, "cluster", item.own_texts("MemberClusters")))
}

fn cluster(scope: &Scope<'_>, item: Element<'_>) -> Option<Resource> {
    let id = item.text("CacheClusterId")?;
    let arn = item.text("ARN").map(str::to_owned).or_else(|| scope.arn(SERVICE, &format!("cluster:{id}")));
    let resource = Resource::new("aws.elasticache.cluster", scope.region, id)
        .name(id)
        .arn(arn)
        .created(item.time("CacheClusterCreateTime"))
        .with("state", item.text("CacheClusterStatus"))
        .with("engine", item.text("Engine"))
        .with("engine_version", item.text("EngineVersion"))
        .with("node_type", item.text("CacheNodeType"))
        .with("nodes", item.number("NumCacheNodes"))
        .with("availability_zone", item.text("PreferredAvailabilityZone"))
        .with("subnet_group", item.text("CacheSubnetGroupName"))
        .with("parameter_group", item.text("CacheParameterGroup/CacheParameterGroupName"))
        .with("port", item.number("ConfigurationEndpoint/Port"))
        .with("snapshot_retention_days", item.number("SnapshotRetentionLimit"))
        .with("auth_token", item.truth("AuthTokenEnabled"))
        .with("encrypted", item.truth("AtRestEncryptionEnabled"))
        .with("encrypted_in_transit", item.truth("TransitEncryptionEnabled"))
        .with("auto_minor_upgrade", item.truth("AutoMinorVersionUpgrade"))
        .to("replication-group", item.text("ReplicationGroupId"));
    Some(related(resource, "security-group", item.texts("SecurityGroups", "SecurityGroupId")))
}

async fn tag(api: Api<'_>, mut resource: Resource) -> Found {
    let mut found = Found::default();
    let answer = match &resource.arn {
        Some(arn) => api.ask(TAGS, &[("ResourceName", arn)]).await,
        None => Err(Fault::unreadable("it has no ARN")),
    };
    told_xml(&mut found, &mut resource, (SERVICE, TAGS), &["tags"], &answer, |resource, answer| {
        resource.tags.extend(result(answer, TAGS).tags("TagList"));
    });
    found.resources.push(resource);
    found
}
