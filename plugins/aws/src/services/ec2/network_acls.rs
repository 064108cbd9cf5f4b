//! Lists of what may pass the edge of a subnet, with their rules in the order in which they count.

use serde_json::{Value, json};

use super::{Listing, PAGE, resource};
use crate::model::Resource;
use crate::protocol::xml::Element;
use crate::services::{Scope, related};

pub(super) const LISTING: Listing =
    Listing { operation: "DescribeNetworkAcls", parameters: &[PAGE], set: "networkAclSet", read };

fn read(scope: &Scope<'_>, item: Element<'_>) -> Vec<Resource> {
    let owner = item.text("ownerId");
    let acl = resource(scope, item, ("aws.ec2.network-acl", "network-acl"), "networkAclId", owner).map(|acl| {
        let acl = acl
            .with("default", item.truth("default"))
            .with("ingress", Some(rules(item, false)))
            .with("egress", Some(rules(item, true)))
            .to("vpc", item.text("vpcId"));
        related(acl, "subnet", item.texts("associationSet", "subnetId"))
    });
    acl.into_iter().collect()
}

/// The rules of one direction. The lowest number that fits decides; the last, which has none of its own, denies the
/// rest.
fn rules(item: Element<'_>, egress: bool) -> Value {
    let mut entries: Vec<Element<'_>> =
        item.list("entrySet").filter(|entry| entry.truth("egress") == Some(egress)).collect();
    entries.sort_by_key(|entry| entry.number("ruleNumber"));
    let rules = entries.into_iter().map(|entry| {
        json!({
            "number": entry.number("ruleNumber"),
            "action": entry.text("ruleAction"),
            "protocol": entry.text("protocol").map(protocol),
            "from_port": entry.number("portRange/from"),
            "to_port": entry.number("portRange/to"),
            "icmp_type": entry.number("icmpTypeCode/type"),
            "icmp_code": entry.number("icmpTypeCode/code"),
            "cidr": entry.text("cidrBlock").or_else(|| entry.text("ipv6CidrBlock")),
        })
    });
    rules.collect()
}

/// Protocols stand in these lists as numbers of IANA.
fn protocol(number: &str) -> &str {
    match number {
        "-1" => "all",
        "1" => "icmp",
        "6" => "tcp",
        "17" => "udp",
        "58" => "icmpv6",
        other => other,
    }
}
