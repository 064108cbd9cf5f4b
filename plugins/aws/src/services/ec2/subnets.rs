//! Parts of virtual networks.

use super::{Listing, PAGE, resource};
use crate::model::Resource;
use crate::protocol::xml::Element;
use crate::services::Scope;

pub(super) const LISTING: Listing =
    Listing { operation: "DescribeSubnets", parameters: &[PAGE], set: "subnetSet", read };

fn read(scope: &Scope<'_>, item: Element<'_>) -> Vec<Resource> {
    let owner = item.text("ownerId");
    let subnet = resource(scope, item, ("aws.ec2.subnet", "subnet"), "subnetId", owner).map(|resource| {
        resource
            .with("state", item.text("state"))
            .with("cidr", item.text("cidrBlock"))
            .with("availability_zone", item.text("availabilityZone"))
            .with("free_addresses", item.number("availableIpAddressCount"))
            .with("default", item.truth("defaultForAz"))
            .with("public_by_default", item.truth("mapPublicIpOnLaunch"))
            .to("vpc", item.text("vpcId"))
    });
    subnet.into_iter().collect()
}
