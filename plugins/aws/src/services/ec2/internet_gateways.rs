//! Where networks meet the internet.

use super::{Listing, PAGE, resource};
use crate::model::Resource;
use crate::protocol::xml::Element;
use crate::services::{Scope, related};

pub(super) const LISTING: Listing =
    Listing { operation: "DescribeInternetGateways", parameters: &[PAGE], set: "internetGatewaySet", read };

fn read(scope: &Scope<'_>, item: Element<'_>) -> Vec<Resource> {
    let kind = ("aws.ec2.internet-gateway", "internet-gateway");
    let gateway = resource(scope, item, kind, "internetGatewayId", item.text("ownerId"));
    gateway.map(|gateway| related(gateway, "vpc", item.texts("attachmentSet", "vpcId"))).into_iter().collect()
}
