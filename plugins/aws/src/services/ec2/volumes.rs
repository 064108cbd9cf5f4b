//! Volumes, attached or not.

use serde_json::{Value, json};

use super::{Listing, PAGE, resource};
use crate::model::Resource;
use crate::protocol::xml::Element;
use crate::services::Scope;
use crate::when;

pub(super) const LISTING: Listing =
    Listing { operation: "DescribeVolumes", parameters: &[PAGE], set: "volumeSet", read };

fn read(scope: &Scope<'_>, item: Element<'_>) -> Vec<Resource> {
    volume(scope, item).into_iter().collect()
}

fn volume(scope: &Scope<'_>, item: Element<'_>) -> Option<Resource> {
    let attached = item.list("attachmentSet").map(|attachment| {
        json!({
            "instance": attachment.text("instanceId"),
            "device": attachment.text("device"),
            "state": attachment.text("status"),
            "delete_on_termination": attachment.truth("deleteOnTermination"),
        })
    });
    let resource = resource(scope, item, ("aws.ec2.volume", "volume"), "volumeId", None)?
        .created(item.text("createTime").and_then(when::at))
        .with("size_gib", item.number("size"))
        .with("type", item.text("volumeType"))
        .with("state", item.text("status"))
        .with("encrypted", item.truth("encrypted"))
        .with("kms_key", item.text("kmsKeyId"))
        .with("iops", item.number("iops"))
        .with("throughput_mib", item.number("throughput"))
        .with("availability_zone", item.text("availabilityZone"))
        .with("multi_attach", item.truth("multiAttachEnabled"))
        .with("attached_to", Some(attached.collect::<Value>()))
        .to("snapshot", item.text("snapshotId"));
    let instances = item.texts("attachmentSet", "instanceId");
    Some(instances.fold(resource, |resource, id| resource.to("instance", Some(id))))
}
