//! Where packets of subnets go.

use serde_json::{Value, json};

use super::{Listing, resource};
use crate::model::Resource;
use crate::protocol::xml::Element;
use crate::services::{Scope, related};

pub(super) const LISTING: Listing = Listing {
    operation: "DescribeRouteTables",
    // EC2 gives no more of these in a page.
    parameters: &[("MaxResults", "100")],
    set: "routeTableSet",
    read,
};

/// What a route may lead to, and what it is; a gateway's id says which one it is.
const TARGETS: [(&str, &str); 10] = [
    ("natGatewayId", "nat-gateway"),
    ("transitGatewayId", "transit-gateway"),
    ("vpcPeeringConnectionId", "peering"),
    ("egressOnlyInternetGatewayId", "gateway"),
    ("gatewayId", "gateway"),
    ("instanceId", "instance"),
    ("networkInterfaceId", "interface"),
    ("localGatewayId", "gateway"),
    ("carrierGatewayId", "gateway"),
    ("coreNetworkArn", "core-network"),
];

/// Stands for the network itself.
const LOCAL: &str = "local";

fn read(scope: &Scope<'_>, item: Element<'_>) -> Vec<Resource> {
    let owner = item.text("ownerId");
    let table = resource(scope, item, ("aws.ec2.route-table", "route-table"), "routeTableId", owner).map(|table| {
        let is_main = item.list("associationSet").any(|one| one.truth("main") == Some(true));
        let table = table
            .with("main", Some(is_main))
            .with("routes", Some(item.list("routeSet").map(route).collect::<Value>()))
            .to("vpc", item.text("vpcId"));
        let table = related(table, "subnet", item.texts("associationSet", "subnetId"));
        let ends = item.list("routeSet").filter_map(target).filter(|(_, id)| *id != LOCAL);
        ends.fold(table, |table, (kind, id)| table.to(kind, Some(id)))
    });
    table.into_iter().collect()
}

/// What a route leads to.
fn target(route: Element<'_>) -> Option<(&'static str, &str)> {
    let (kind, id) = TARGETS.into_iter().find_map(|(name, kind)| Some((kind, route.text(name)?)))?;
    // An endpoint stands where a gateway does.
    Some((if id.starts_with("vpce-") { "endpoint" } else { kind }, id))
}

fn route(route: Element<'_>) -> Value {
    let to = ["destinationCidrBlock", "destinationIpv6CidrBlock", "destinationPrefixListId"];
    json!({
        "to": to.into_iter().find_map(|name| route.text(name)),
        "target": target(route).map(|(_, id)| id),
        "state": route.text("state"),
    })
}
