//! What connects many networks with each other.

use super::{Listing, PAGE, resource};
use crate::model::Resource;
use crate::protocol::xml::Element;
use crate::services::Scope;

pub(super) const LISTING: Listing =
    Listing { operation: "DescribeTransitGateways", parameters: &[PAGE], set: "transitGatewaySet", read };

fn read(scope: &Scope<'_>, item: Element<'_>) -> Vec<Resource> {
    let owner = item.text("ownerId");
    let kind = ("aws.ec2.transit-gateway", "transit-gateway");
    let gateway = resource(scope, item, kind, "transitGatewayId", owner).map(|gateway| {
        let is_on = |name: &str| item.text(&format!("options/{name}")).map(|text| text == "enable");
        gateway
            .created(item.time("creationTime"))
            .with("state", item.text("state"))
            .with("description", item.verbatim("description"))
            .with("accepts_shared_attachments", is_on("autoAcceptSharedAttachments"))
            .with("associates_by_default", is_on("defaultRouteTableAssociation"))
            .with("propagates_by_default", is_on("defaultRouteTablePropagation"))
    });
    gateway.into_iter().collect()
}
