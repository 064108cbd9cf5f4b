//! Security groups and their rules.

use serde_json::{Value, json};

use super::{Listing, PAGE, resource, texts};
use crate::model::Resource;
use crate::protocol::xml::Element;
use crate::services::{Scope, related};

pub(super) const LISTING: Listing =
    Listing { operation: "DescribeSecurityGroups", parameters: &[PAGE], set: "securityGroupInfo", read };

fn read(scope: &Scope<'_>, item: Element<'_>) -> Vec<Resource> {
    let owner = item.text("ownerId");
    let group =
        resource(scope, item, ("aws.ec2.security-group", "security-group"), "groupId", owner).map(|mut group| {
            group.name = item.verbatim("groupName").map(str::to_owned).or(group.name);
            let group = group
                .with("description", item.verbatim("groupDescription"))
                .with("ingress", rules(item, "ipPermissions"))
                .with("egress", rules(item, "ipPermissionsEgress"))
                .to("vpc", item.text("vpcId"));
            opens_to(group, item)
        });
    group.into_iter().collect()
}

/// Adds the groups that the rules name: what is in them asks what is in this one, or is asked by it.
fn opens_to(group: Resource, item: Element<'_>) -> Resource {
    let own = group.id.clone();
    let rules = item.list("ipPermissions").chain(item.list("ipPermissionsEgress"));
    let groups = rules.flat_map(|rule| rule.texts("groups", "groupId")).filter(|id| *id != own);
    related(group, "security-group", groups)
}

fn rules(item: Element<'_>, path: &str) -> Option<Value> {
    let rules = item.list(path).map(|rule| {
        let protocol = rule.text("ipProtocol").map(|protocol| if protocol == "-1" { "all" } else { protocol });
        json!({
            "protocol": protocol,
            "from_port": rule.number("fromPort"),
            "to_port": rule.number("toPort"),
            "cidrs": texts(rule.texts("ipRanges", "cidrIp")),
            "cidrs_v6": texts(rule.texts("ipv6Ranges", "cidrIpv6")),
            "groups": texts(rule.texts("groups", "groupId")),
            "prefix_lists": texts(rule.texts("prefixListIds", "prefixListId")),
        })
    });
    Some(rules.collect())
}
