//! RDS: databases, their clusters, snapshots and subnet groups in one region. Aurora,
//! `DocumentDB` and Neptune have the same API: `engine` says which it is.

mod clusters;
mod instances;
mod snapshots;
mod subnet_groups;

use troupe_sdk::wait;

use crate::endpoint::regional;
use crate::found::Found;
use crate::model::Resource;
use crate::protocol::query::{Api, Paging};
use crate::protocol::xml::Element;
use crate::services::{Scope, related};

const SERVICE: &str = "rds";

/// The most that the service lists in one answer.
const PAGE: (&str, &str) = ("MaxRecords", "100");

/// Lists every kind.
pub async fn collect(scope: Scope<'_>) -> Found {
    let endpoint = regional("rds", scope.region);
    let api = Api { client: scope.client, endpoint: &endpoint, version: "2014-10-31", paging: Paging::MARKER };
    let databases = wait::both(
        list(scope, api, "DescribeDBInstances", "DBInstances", instances::read),
        list(scope, api, "DescribeDBClusters", "DBClusters", clusters::read),
    );
    let rest = wait::both(
        snapshots::collect(scope, api),
        list(scope, api, "DescribeDBSubnetGroups", "DBSubnetGroups", subnet_groups::read),
    );
    let ((instances, clusters), (snapshots, subnet_groups)) = wait::both(databases, rest).await;
    Found::all([instances, clusters, snapshots, subnet_groups])
}

async fn list(
    scope: Scope<'_>,
    api: Api<'_>,
    operation: &'static str,
    set: &str,
    read: fn(&Scope<'_>, Element<'_>) -> Option<Resource>,
) -> Found {
    let mut found = Found::default();
    let each = |page: Element<'_>| found.resources.extend(page.list(set).filter_map(|item| read(&scope, item)));
    if let Err(fault) = api.pages(operation, &[PAGE], each).await {
        found.note((SERVICE, operation), scope.region, None, fault);
    }
    found
}

/// Begins a resource whose name and ARN stand in these fields.
fn resource(scope: &Scope<'_>, item: Element<'_>, kind: &'static str, name: &str, arn: &str) -> Option<Resource> {
    let name = item.text(name)?;
    let resource = Resource::new(kind, scope.region, name).name(name).arn(item.text(arn).map(str::to_owned));
    Some(resource.tags(item.tags("TagList")))
}

/// Adds what databases and clusters have alike.
fn with_settings(resource: Resource, item: Element<'_>) -> Resource {
    let resource = resource
        .with("engine", item.text("Engine"))
        .with("engine_version", item.text("EngineVersion"))
        .with("master_user", item.text("MasterUsername"))
        .with("multi_az", item.truth("MultiAZ"))
        .with("storage_gib", item.number("AllocatedStorage"))
        .with("storage_type", item.text("StorageType"))
        .with("iops", item.number("Iops"))
        .with("encrypted", item.truth("StorageEncrypted"))
        .with("kms_key", item.text("KmsKeyId"))
        .with("public", item.truth("PubliclyAccessible"))
        .with("deletion_protection", item.truth("DeletionProtection"))
        .with("backup_retention_days", item.number("BackupRetentionPeriod"))
        .with("auto_minor_upgrade", item.truth("AutoMinorVersionUpgrade"))
        .with("copy_tags_to_snapshot", item.truth("CopyTagsToSnapshot"))
        .with("iam_authentication", item.truth("IAMDatabaseAuthenticationEnabled"))
        .with("logs_exported", Some(item.own_texts("EnabledCloudwatchLogsExports").collect::<Vec<_>>()))
        .with("performance_insights", item.truth("PerformanceInsightsEnabled"))
        .with("monitoring_interval_s", item.number("MonitoringInterval"))
        .with("managed_password", Some(item.at("MasterUserSecret").exists()))
        .to("kms-key", item.text("KmsKeyId"))
        .to("secret", item.text("MasterUserSecret/SecretArn"));
    let resource = related(resource, "role", item.texts("AssociatedRoles", "RoleArn"));
    related(resource, "security-group", item.texts("VpcSecurityGroups", "VpcSecurityGroupId"))
}
