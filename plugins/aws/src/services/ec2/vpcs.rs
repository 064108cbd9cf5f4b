//! Virtual networks.

use super::{Listing, PAGE, resource, texts};
use crate::model::Resource;
use crate::protocol::xml::Element;
use crate::services::Scope;

pub(super) const LISTING: Listing = Listing { operation: "DescribeVpcs", parameters: &[PAGE], set: "vpcSet", read };

fn read(scope: &Scope<'_>, item: Element<'_>) -> Vec<Resource> {
    let owner = item.text("ownerId");
    let vpc = resource(scope, item, ("aws.ec2.vpc", "vpc"), "vpcId", owner).map(|resource| {
        resource
            .with("state", item.text("state"))
            .with("cidr", item.text("cidrBlock"))
            .with("cidrs", texts(item.texts("cidrBlockAssociationSet", "cidrBlock")))
            .with("cidrs_v6", texts(item.texts("ipv6CidrBlockAssociationSet", "ipv6CidrBlock")))
            .with("default", item.truth("isDefault"))
            .with("tenancy", item.text("instanceTenancy"))
    });
    vpc.into_iter().collect()
}
