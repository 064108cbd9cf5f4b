//! Instances, which EC2 lists by the reservation they were started with.

use serde_json::{Value, json};

use super::{Listing, PAGE, resource};
use crate::model::Resource;
use crate::protocol::xml::Element;
use crate::services::Scope;
use crate::when;

pub(super) const LISTING: Listing =
    Listing { operation: "DescribeInstances", parameters: &[PAGE], set: "reservationSet", read };

fn read(scope: &Scope<'_>, reservation: Element<'_>) -> Vec<Resource> {
    let owner = reservation.text("ownerId");
    reservation.list("instancesSet").filter_map(|item| instance(scope, item, owner)).collect()
}

fn instance(scope: &Scope<'_>, item: Element<'_>, owner: Option<&str>) -> Option<Resource> {
    let is_stopped = item.text("instanceState/name") == Some("stopped");
    let resource = resource(scope, item, ("aws.ec2.instance", "instance"), "instanceId", owner)?
        .created(created(item))
        .with("launched", item.time("launchTime"))
        .with("state", item.text("instanceState/name"))
        .with("instance_type", item.text("instanceType"))
        .with("architecture", item.text("architecture"))
        .with("platform", Some(item.text("platformDetails").or(item.text("platform")).unwrap_or("Linux/UNIX")))
        .with("availability_zone", item.text("placement/availabilityZone"))
        .with("tenancy", item.text("placement/tenancy"))
        .with("private_ip", item.text("privateIpAddress"))
        .with("public_ip", item.text("ipAddress"))
        .with("key_name", item.text("keyName"))
        .with("lifecycle", Some(item.text("instanceLifecycle").unwrap_or("on-demand")))
        .with("monitoring", item.text("monitoring/state"))
        .with("metadata_endpoint", item.text("metadataOptions/httpEndpoint"))
        .with("metadata_tokens", item.text("metadataOptions/httpTokens"))
        .with("ebs_optimized", item.truth("ebsOptimized"))
        .with("root_device", item.text("rootDeviceName"))
        .with("stopped_because", item.text("stateReason/message"))
        .with("stopped_at", item.text("reason").filter(|_| is_stopped).and_then(stopped_at))
        .with("volumes", volumes(item))
        .to("vpc", item.text("vpcId"))
        .to("subnet", item.text("subnetId"))
        .to("image", item.text("imageId"))
        .to("instance-profile", item.text("iamInstanceProfile/arn"));
    let groups =
        item.texts("groupSet", "groupId").fold(resource, |resource, id| resource.to("security-group", Some(id)));
    let disks = item.texts("blockDeviceMapping", "ebs/volumeId");
    Some(disks.fold(groups, |resource, id| resource.to("volume", Some(id))))
}

/// When the instance was made, as near as EC2 tells: `launchTime` is that of the last start, so the earliest of it and of
/// when the disks and network interfaces that it has were attached. The primary interface comes with the instance and
/// stays.
fn created(item: Element<'_>) -> Option<String> {
    let disks = item.texts("blockDeviceMapping", "ebs/attachTime");
    let interfaces = item.texts("networkInterfaceSet", "attachment/attachTime");
    let attached = disks.chain(interfaces).filter_map(|time| when::at(&time));
    // In the one form, the earliest is the first by its letters.
    item.time("launchTime").into_iter().chain(attached).min()
}

/// Reads the time out of why an instance changed its state, the one place where EC2 tells it:
/// `User initiated (2026-01-02 03:04:05 GMT)`.
fn stopped_at(reason: &str) -> Option<String> {
    let (_, time) = reason.rsplit_once('(')?;
    let time = time.strip_suffix(" GMT)").or_else(|| time.strip_suffix(" UTC)"))?;
    when::at(&format!("{}Z", time.replacen(' ', "T", 1)))
}

fn volumes(item: Element<'_>) -> Option<Value> {
    let disks = item.list("blockDeviceMapping").map(|disk| {
        json!({
            "device": disk.text("deviceName"),
            "volume": disk.text("ebs/volumeId"),
            "delete_on_termination": disk.truth("ebs/deleteOnTermination"),
        })
    });
    Some(disks.collect())
}
