//! Networks that reach each other, of this account or of two.

use serde_json::{Value, json};

use super::{Listing, PAGE, resource};
use crate::model::Resource;
use crate::protocol::xml::Element;
use crate::services::Scope;

pub(super) const LISTING: Listing =
    Listing { operation: "DescribeVpcPeeringConnections", parameters: &[PAGE], set: "vpcPeeringConnectionSet", read };

/// A connection belongs to the accounts of both ends.
fn read(scope: &Scope<'_>, item: Element<'_>) -> Vec<Resource> {
    let kind = ("aws.ec2.vpc-peering-connection", "vpc-peering-connection");
    let peering = resource(scope, item, kind, "vpcPeeringConnectionId", None).map(|peering| {
        peering
            .with("state", item.text("status/code"))
            .with("requester", Some(end(item.at("requesterVpcInfo"))))
            .with("accepter", Some(end(item.at("accepterVpcInfo"))))
            .to("vpc", item.text("requesterVpcInfo/vpcId"))
            .to("vpc", item.text("accepterVpcInfo/vpcId"))
    });
    peering.into_iter().collect()
}

fn end(info: Element<'_>) -> Value {
    json!({
        "account": info.text("ownerId"),
        "region": info.text("region"),
        "vpc": info.text("vpcId"),
        "cidr": info.text("cidrBlock"),
    })
}
