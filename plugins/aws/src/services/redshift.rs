//! Redshift: the clusters of one region, where their logs go and whether they demand TLS.

use serde_json::json;
use troupe_sdk::wait;

use crate::client::Fault;
use crate::endpoint::regional;
use crate::found::Found;
use crate::model::Resource;
use crate::protocol::query::{Api, Paging, result};
use crate::protocol::xml::Element;
use crate::services::{Scope, each, related, told_xml};

const SERVICE: &str = "redshift";
const LIST: &str = "DescribeClusters";
const LOGGING: &str = "DescribeLoggingStatus";
const PARAMETERS: &str = "DescribeClusterParameters";

/// The most that the service lists in one answer.
const PAGE: (&str, &str) = ("MaxRecords", "100");

/// The parameter by which a cluster refuses who comes without TLS.
const REQUIRE_TLS: &str = "require_ssl";

/// Lists the clusters and asks about each.
pub async fn collect(scope: Scope<'_>) -> Found {
    let endpoint = regional(SERVICE, scope.region);
    let api = Api { client: scope.client, endpoint: &endpoint, version: "2012-12-01", paging: Paging::MARKER };
    let (mut found, mut listed) = (Found::default(), Vec::new());
    let read = |page: Element<'_>| listed.extend(page.list("Clusters").filter_map(|item| cluster(&scope, item)));
    if let Err(fault) = api.pages(LIST, &[PAGE], read).await {
        found.note((SERVICE, LIST), scope.region, None, fault);
    }
    each(found, listed, |(cluster, group)| describe(api, cluster, group)).await
}

/// Reads a cluster, and the name of its group of parameters.
fn cluster(scope: &Scope<'_>, item: Element<'_>) -> Option<(Resource, Option<String>)> {
    let id = item.text("ClusterIdentifier")?;
    let group = item.texts("ClusterParameterGroups", "ParameterGroupName").next();
    let resource = Resource::new("aws.redshift.cluster", scope.region, id)
        .name(id)
        .arn(scope.arn(SERVICE, &format!("cluster:{id}")))
        .created(item.time("ClusterCreateTime"))
        .tags(item.tags("Tags"))
        .with("state", item.text("ClusterStatus"))
        .with("node_type", item.text("NodeType"))
        .with("nodes", item.number("NumberOfNodes"))
        .with("version", item.text("ClusterVersion"))
        .with("database", item.text("DBName"))
        .with("user", item.text("MasterUsername"))
        .with("address", item.text("Endpoint/Address"))
        .with("port", item.number("Endpoint/Port"))
        .with("public", item.truth("PubliclyAccessible"))
        .with("encrypted", item.truth("Encrypted"))
        .with("enhanced_vpc_routing", item.truth("EnhancedVpcRouting"))
        .with("auto_upgrade", item.truth("AllowVersionUpgrade"))
        .with("multi_az", item.text("MultiAZ"))
        .with("availability_zone", item.text("AvailabilityZone"))
        .with("snapshot_retention_days", item.number("AutomatedSnapshotRetentionPeriod"))
        .with("parameter_group", group.clone())
        .to("vpc", item.text("VpcId"))
        .to("kms-key", item.text("KmsKeyId"));
    let resource = related(resource, "security-group", item.texts("VpcSecurityGroups", "VpcSecurityGroupId"));
    Some((related(resource, "role", item.texts("IamRoles", "IamRoleArn")), group))
}

async fn describe(api: Api<'_>, mut cluster: Resource, group: Option<String>) -> Found {
    let mut found = Found::default();
    let id = cluster.id.clone();
    let named = [("ClusterIdentifier", id.as_str())];
    let (logging, tls) = wait::both(api.ask(LOGGING, &named), requires_tls(api, group.as_deref())).await;
    told_xml(&mut found, &mut cluster, (SERVICE, LOGGING), &["logging"], &logging, |cluster, answer| {
        let item = result(answer, LOGGING);
        let logging = json!({
            "enabled": item.truth("LoggingEnabled").unwrap_or_default(),
            "bucket": item.text("BucketName"),
            "destination": item.text("LogDestinationType"),
        });
        cluster.set("logging", logging);
    });
    found.read(&mut cluster, (SERVICE, PARAMETERS), &["require_tls"], tls, |cluster, tls| {
        cluster.set("require_tls", tls);
    });
    found.resources.push(cluster);
    found
}

async fn requires_tls(api: Api<'_>, group: Option<&str>) -> Result<Option<bool>, Fault> {
    let Some(group) = group else { return Ok(None) };
    let mut requires = None;
    let read = |page: Element<'_>| {
        let mut parameters = page.list("Parameters");
        let parameter = parameters.find(|parameter| parameter.text("ParameterName") == Some(REQUIRE_TLS));
        requires = requires.or(parameter.and_then(|parameter| parameter.truth("ParameterValue")));
    };
    api.pages(PARAMETERS, &[("ParameterGroupName", group), PAGE], read).await?;
    Ok(requires)
}
