//! NAT gateways; those that were deleted within the hour are listed too.

use super::{Listing, PAGE, resource, texts};
use crate::model::Resource;
use crate::protocol::xml::Element;
use crate::services::Scope;
use crate::when;

pub(super) const LISTING: Listing =
    Listing { operation: "DescribeNatGateways", parameters: &[PAGE], set: "natGatewaySet", read };

fn read(scope: &Scope<'_>, item: Element<'_>) -> Vec<Resource> {
    gateway(scope, item).into_iter().collect()
}

fn gateway(scope: &Scope<'_>, item: Element<'_>) -> Option<Resource> {
    let resource = resource(scope, item, ("aws.ec2.nat-gateway", "natgateway"), "natGatewayId", None)?
        .created(item.text("createTime").and_then(when::at))
        .with("state", item.text("state"))
        .with("connectivity", item.text("connectivityType"))
        .with("public_ips", texts(item.texts("natGatewayAddressSet", "publicIp")))
        .with("private_ips", texts(item.texts("natGatewayAddressSet", "privateIp")))
        .to("vpc", item.text("vpcId"))
        .to("subnet", item.text("subnetId"));
    let addresses = item.texts("natGatewayAddressSet", "allocationId");
    Some(addresses.fold(resource, |resource, id| resource.to("address", Some(id))))
}
