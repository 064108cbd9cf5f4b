//! Snapshots of databases and of clusters, and with whom those that people made are shared.

use troupe_sdk::wait;

use super::{SERVICE, list, resource};
use crate::found::Found;
use crate::model::Resource;
use crate::protocol::query::{Api, result};
use crate::protocol::xml::Element;
use crate::services::{Scope, each, told_xml};

/// The attribute of a snapshot that says who may restore it.
const RESTORE: &str = "restore";
/// What stands there for everybody.
const EVERYBODY: &str = "all";
/// The type of the snapshots that people made: no other may be shared.
const MANUAL: &str = "manual";

/// How a kind of snapshot is listed and asked about.
#[derive(Clone, Copy)]
struct Kind {
    list: &'static str,
    set: &'static str,
    read: fn(&Scope<'_>, Element<'_>) -> Option<Resource>,
    attributes: &'static str,
    parameter: &'static str,
    attribute_set: &'static str,
}

const OF_INSTANCES: Kind = Kind {
    list: "DescribeDBSnapshots",
    set: "DBSnapshots",
    read: of_instance,
    attributes: "DescribeDBSnapshotAttributes",
    parameter: "DBSnapshotIdentifier",
    attribute_set: "DBSnapshotAttributesResult/DBSnapshotAttributes",
};

const OF_CLUSTERS: Kind = Kind {
    list: "DescribeDBClusterSnapshots",
    set: "DBClusterSnapshots",
    read: of_cluster,
    attributes: "DescribeDBClusterSnapshotAttributes",
    parameter: "DBClusterSnapshotIdentifier",
    attribute_set: "DBClusterSnapshotAttributesResult/DBClusterSnapshotAttributes",
};

/// Lists both kinds.
pub(super) async fn collect(scope: Scope<'_>, api: Api<'_>) -> Found {
    let (one, other) = wait::both(of(scope, api, OF_INSTANCES), of(scope, api, OF_CLUSTERS)).await;
    Found::all([one, other])
}

async fn of(scope: Scope<'_>, api: Api<'_>, kind: Kind) -> Found {
    let Found { resources, problems } = list(scope, api, kind.list, kind.set, kind.read).await;
    let is_manual = |one: &Resource| one.attributes.get("snapshot_type").is_some_and(|kind| kind == MANUAL);
    let (manual, resources) = resources.into_iter().partition::<Vec<_>, _>(is_manual);
    each(Found { resources, problems }, manual, |snapshot| shared(api, kind, snapshot)).await
}

fn of_instance(scope: &Scope<'_>, item: Element<'_>) -> Option<Resource> {
    let resource = resource(scope, item, "aws.rds.snapshot", "DBSnapshotIdentifier", "DBSnapshotArn")?
        .with("encrypted", item.truth("Encrypted"))
        .with("storage_type", item.text("StorageType"))
        .to("instance", item.text("DBInstanceIdentifier"));
    Some(with_origin(resource, item))
}

fn of_cluster(scope: &Scope<'_>, item: Element<'_>) -> Option<Resource> {
    let resource =
        resource(scope, item, "aws.rds.cluster-snapshot", "DBClusterSnapshotIdentifier", "DBClusterSnapshotArn")?
            .with("encrypted", item.truth("StorageEncrypted"))
            .to("cluster", item.text("DBClusterIdentifier"));
    Some(with_origin(resource, item))
}

fn with_origin(resource: Resource, item: Element<'_>) -> Resource {
    resource
        .created(item.time("SnapshotCreateTime"))
        .with("state", item.text("Status"))
        .with("snapshot_type", item.text("SnapshotType"))
        .with("engine", item.text("Engine"))
        .with("engine_version", item.text("EngineVersion"))
        .with("size_gib", item.number("AllocatedStorage"))
        .with("kms_key", item.text("KmsKeyId"))
        .to("vpc", item.text("VpcId"))
        .to("kms-key", item.text("KmsKeyId"))
}

async fn shared(api: Api<'_>, kind: Kind, mut snapshot: Resource) -> Found {
    let mut found = Found::default();
    let answer = api.ask(kind.attributes, &[(kind.parameter, &snapshot.id)]).await;
    let operation = (SERVICE, kind.attributes);
    told_xml(&mut found, &mut snapshot, operation, &["public", "shared_with"], &answer, |snapshot, answer| {
        let mut attributes = result(answer, kind.attributes).list(kind.attribute_set);
        let restore = attributes.find(|attribute| attribute.text("AttributeName") == Some(RESTORE));
        let mut accounts: Vec<String> = restore.into_iter().flat_map(|it| it.own_texts("AttributeValues")).collect();
        let everybody = accounts.iter().any(|account| account == EVERYBODY);
        accounts.retain(|account| account != EVERYBODY);
        snapshot.set("public", everybody);
        snapshot.set("shared_with", accounts);
    });
    found.resources.push(snapshot);
    found
}
