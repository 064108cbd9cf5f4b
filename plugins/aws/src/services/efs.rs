//! EFS: file systems of one region with where they are mounted and who may, and access points.

use serde_json::json;
use troupe_sdk::http::escape;
use troupe_sdk::wait;

use crate::endpoint::regional;
use crate::found::Found;
use crate::model::Resource;
use crate::protocol::json::{Item, Paging};
use crate::protocol::rest;
use crate::services::{Scope, absent, each, policy, told};

const SERVICE: &str = "efs";
const LIST: (&str, &str) = (SERVICE, "DescribeFileSystems");
const POINTS: (&str, &str) = (SERVICE, "DescribeAccessPoints");
const TARGETS: (&str, &str) = (SERVICE, "DescribeMountTargets");
const POLICY: (&str, &str) = (SERVICE, "DescribeFileSystemPolicy");
const BACKUP: (&str, &str) = (SERVICE, "DescribeBackupPolicy");

/// How the older lists go on.
const PAGING: Paging = Paging { take: "NextMarker", give: "Marker" };

/// What the service says where nobody wrote a policy.
const NO_POLICY: &str = "PolicyNotFound";

/// Lists file systems and access points and asks about each file system.
pub async fn collect(scope: Scope<'_>) -> Found {
    let base = format!("{}2015-02-01/", regional("elasticfilesystem", scope.region));
    let (systems, points) = wait::both(file_systems(scope, &base), access_points(scope, &base)).await;
    Found::all([systems, points])
}

async fn file_systems(scope: Scope<'_>, base: &str) -> Found {
    let (mut found, mut listed) = (Found::default(), Vec::new());
    let read = |page: Item<'_>| listed.extend(page.list("FileSystems").filter_map(|item| file_system(&scope, item)));
    let url = format!("{base}file-systems");
    if let Err(fault) = rest::pages(scope.client, &url, &[("MaxItems", "100")], PAGING, read).await {
        found.note_hiding(LIST, scope.region, None, &["aws.efs.file-system"], fault);
    }
    each(found, listed, |system| describe(scope, base, system)).await
}

fn file_system(scope: &Scope<'_>, item: Item<'_>) -> Option<Resource> {
    let id = item.text("FileSystemId")?;
    let arn = item.text("FileSystemArn").map(str::to_owned);
    let resource = Resource::new("aws.efs.file-system", scope.region, id)
        .arn(arn.or_else(|| scope.arn("elasticfilesystem", &format!("file-system/{id}"))))
        .created(item.time("CreationTime"))
        .tags(item.tags("Tags"))
        .with("state", item.text("LifeCycleState"))
        .with("size_bytes", item.number("SizeInBytes/Value"))
        .with("performance_mode", item.text("PerformanceMode"))
        .with("throughput_mode", item.text("ThroughputMode"))
        .with("availability_zone", item.text("AvailabilityZoneName"))
        .with("encrypted", item.truth("Encrypted"))
        .to("kms-key", item.text("KmsKeyId"));
    Some(resource)
}

async fn describe(scope: Scope<'_>, base: &str, mut system: Resource) -> Found {
    let mut found = Found::default();
    let (id, at) = (system.id.clone(), format!("{base}file-systems/{}", escape(&system.id)));
    let mut subnets: Vec<String> = Vec::new();
    let read = |page: Item<'_>| subnets.extend(page.texts_of("MountTargets", "SubnetId"));
    let url = format!("{base}mount-targets");
    let query = [("FileSystemId", id.as_str()), ("MaxItems", "100")];
    let targets = rest::pages(scope.client, &url, &query, PAGING, read);
    let policies = wait::both(
        rest::get_json(scope.client, format!("{at}/policy"), &[]),
        rest::get_json(scope.client, format!("{at}/backup-policy"), &[]),
    );
    let (targets, (policy, backup)) = wait::both(targets, policies).await;
    found.read(&mut system, TARGETS, &["mount_targets"], targets, |system, ()| {
        system.set("mount_targets", subnets.len());
        subnets.into_iter().for_each(|subnet| system.relate("subnet", subnet));
    });
    let policy = absent(policy, &[NO_POLICY]);
    told(&mut found, &mut system, POLICY, &["public", "policy"], &policy, |system, answer| {
        // Whoever reaches a mount target may mount what has no policy; that is the network's to say.
        policy::put(system, answer.text("Policy"));
    });
    let backup = absent(backup, &[NO_POLICY]);
    told(&mut found, &mut system, BACKUP, &["backup"], &backup, |system, answer| {
        system.set("backup", answer.text("BackupPolicy/Status") == Some("ENABLED"));
    });
    found.resources.push(system);
    found
}

async fn access_points(scope: Scope<'_>, base: &str) -> Found {
    let mut found = Found::default();
    let mut listed = Vec::new();
    let read = |page: Item<'_>| listed.extend(page.list("AccessPoints").filter_map(|item| access_point(&scope, item)));
    let url = format!("{base}access-points");
    let page = [("MaxResults", "100")];
    if let Err(fault) = rest::pages(scope.client, &url, &page, Paging::UPPER_NEXT_TOKEN, read).await {
        found.note_hiding(POINTS, scope.region, None, &["aws.efs.access-point"], fault);
    }
    found.resources = listed;
    found
}

fn access_point(scope: &Scope<'_>, item: Item<'_>) -> Option<Resource> {
    let id = item.text("AccessPointId")?;
    let user = item.at("PosixUser");
    let user = user.exists().then(|| json!({ "uid": user.number("Uid"), "gid": user.number("Gid") }));
    let resource = Resource::new("aws.efs.access-point", scope.region, id)
        .arn(item.text("AccessPointArn").map(str::to_owned))
        .tags(item.tags("Tags"))
        .with("state", item.text("LifeCycleState"))
        .with("root", item.text("RootDirectory/Path"))
        .with("user", user)
        .to("file-system", item.text("FileSystemId"));
    Some(resource)
}
