//! Services that are reached from inside a network.

use serde_json::Value;

use super::{Listing, PAGE, resource};
use crate::model::Resource;
use crate::protocol::xml::Element;
use crate::services::{Scope, related};

pub(super) const LISTING: Listing =
    Listing { operation: "DescribeVpcEndpoints", parameters: &[PAGE], set: "vpcEndpointSet", read };

fn read(scope: &Scope<'_>, item: Element<'_>) -> Vec<Resource> {
    let owner = item.text("ownerId");
    let kind = ("aws.ec2.vpc-endpoint", "vpc-endpoint");
    let endpoint = resource(scope, item, kind, "vpcEndpointId", owner).map(|endpoint| {
        // One that has no policy of its own lets through whatever the service allows.
        let policy = item.text("policyDocument").map(serde_json::from_str::<Value>).transpose();
        let mut endpoint = endpoint
            .created(item.time("creationTimestamp"))
            .with("state", item.text("state"))
            .with("type", item.text("vpcEndpointType"))
            .with("service", item.text("serviceName"))
            .with("private_dns", item.truth("privateDnsEnabled"))
            .to("vpc", item.text("vpcId"));
        match policy {
            Ok(policy) => endpoint = endpoint.with("policy", policy),
            Err(_) => endpoint.unread(&["policy"]),
        }
        let endpoint = related(endpoint, "subnet", item.own_texts("subnetIdSet"));
        let endpoint = related(endpoint, "security-group", item.texts("groupSet", "groupId"));
        related(endpoint, "route-table", item.own_texts("routeTableIdSet"))
    });
    endpoint.into_iter().collect()
}
