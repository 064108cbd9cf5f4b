//! Machine images of the account's own.

use super::{Listing, PAGE, resource};
use crate::model::Resource;
use crate::protocol::xml::Element;
use crate::services::Scope;
use crate::when;

pub(super) const LISTING: Listing = Listing {
    operation: "DescribeImages",
    parameters: &[("Owner.1", "self"), ("IncludeDisabled", "true"), PAGE],
    set: "imagesSet",
    read,
};

fn read(scope: &Scope<'_>, item: Element<'_>) -> Vec<Resource> {
    let owner = item.text("imageOwnerId");
    image(scope, item, owner).into_iter().collect()
}

fn image(scope: &Scope<'_>, item: Element<'_>, owner: Option<&str>) -> Option<Resource> {
    let size: i64 = item.list("blockDeviceMapping").filter_map(|disk| disk.number("ebs/volumeSize")).sum();
    let mut resource = resource(scope, item, ("aws.ec2.image", "image"), "imageId", owner)?;
    resource.name = item.verbatim("name").map(str::to_owned).or(resource.name);
    resource.arn = Some(scope.arn_of_region("ec2", &format!("image/{}", resource.id)));
    let resource = resource
        .created(item.text("creationDate").and_then(when::at))
        .with("state", item.text("imageState"))
        .with("architecture", item.text("architecture"))
        .with("platform", item.text("platformDetails").or(item.text("platform")))
        .with("public", item.truth("isPublic"))
        .with("description", item.verbatim("description"))
        .with("root_device_type", item.text("rootDeviceType"))
        .with("virtualization", item.text("virtualizationType"))
        .with("deprecated", item.text("deprecationTime").and_then(when::at))
        .with("size_gib", (size > 0).then_some(size))
        .to("instance", item.text("sourceInstanceId"));
    let snapshots = item.texts("blockDeviceMapping", "ebs/snapshotId");
    Some(snapshots.fold(resource, |resource, id| resource.to("snapshot", Some(id))))
}
