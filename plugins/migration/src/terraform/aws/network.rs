//! Networks at AWS.

use super::block;
use crate::facts;
use crate::terraform::draft::{Draft, Subject};
use crate::terraform::hcl::{Block, Value};
use crate::terraform::relations::{SECURITY_GROUP, VPC};
use crate::terraform::rules::{self, Rule};

const FILE: &str = "network.tf";

/// A network. Its range is the first of the source's; of Google's, which have none, it is asked.
pub fn vpc(draft: &mut Draft<'_>, subject: &Subject<'_>) {
    let all = facts::cidrs(subject.resource);
    let v4 = all.iter().find(|cidr| cidr.contains('.')).cloned();
    let name = draft.name(subject);
    let cidr = v4.map_or_else(
        || {
            draft.variable(
                &format!("cidr_{name}"),
                format!("The range of addresses of the network `{}`.", subject.resource.id),
            )
        },
        Value::from,
    );
    let tags = draft.tags(subject.resource);
    let vpc = block(draft, subject)
        .with("cidr_block", cidr)
        .with("enable_dns_support", true)
        .with("enable_dns_hostnames", true)
        .with("tags", tags);
    draft.put(FILE, [vpc]);
}

/// A subnet.
pub fn subnet(draft: &mut Draft<'_>, subject: &Subject<'_>) {
    let resource = subject.resource;
    let name = draft.name(subject);
    let vpc = network(draft, subject);
    let cidr = facts::cidrs(resource).into_iter().find(|cidr| cidr.contains('.')).map(Value::from);
    let cidr = cidr.unwrap_or_else(|| {
        draft.variable(&format!("cidr_{name}"), format!("The range of addresses of the subnet `{}`.", resource.id))
    });
    let tags = draft.tags(resource);
    let subnet = block(draft, subject)
        .with("vpc_id", vpc)
        .with("cidr_block", cidr)
        .with("map_public_ip_on_launch", false)
        .with("tags", tags);
    draft.put(FILE, [subnet]);
}

/// The network of a resource, or the question for it.
fn network(draft: &mut Draft<'_>, subject: &Subject<'_>) -> Value {
    draft.related(subject.resource, VPC, &["aws_vpc"], "id").unwrap_or_else(|| {
        let name = draft.name(subject);
        draft
            .variable(&format!("vpc_of_{name}"), format!("The id of the network that `{}` is in.", subject.resource.id))
    })
}

/// A security group with its rules.
pub fn security_group(draft: &mut Draft<'_>, subject: &Subject<'_>) {
    let resource = subject.resource;
    let vpc = network(draft, subject);
    let tags = draft.tags(resource);
    let id = draft.own(subject, "id");
    let mut blocks = vec![
        block(draft, subject)
            .with("name", draft.name(subject))
            .with("description", format!("from {}", crate::plan::items::mark(resource)))
            .with("vpc_id", vpc)
            .with("tags", tags),
    ];
    let Some((rules, by_hand)) = rules::read(resource) else {
        draft.leave(resource, "its rules are not told in a form that is read here; the group lets nothing in");
        draft.put(FILE, blocks);
        return;
    };
    draft.leave_rules(resource, by_hand);
    let mut number = 0;
    for rule in &rules {
        for end in ends(draft, subject, rule) {
            number += 1;
            let kind = if rule.is_ingress {
                "aws_vpc_security_group_ingress_rule"
            } else {
                "aws_vpc_security_group_egress_rule"
            };
            let protocol = if rule.protocol == "all" { "-1" } else { &rule.protocol };
            let mut written = Block::new("resource", &[kind, &format!("{}_{number}", draft.name(subject))]);
            written = super::placed(draft, subject, written);
            written = written.with("security_group_id", id.clone()).with("ip_protocol", protocol);
            if let Some((from, to)) = rule.ports {
                written = written.with("from_port", u32::from(from)).with("to_port", u32::from(to));
            } else if ["tcp", "udp"].contains(&protocol) {
                written = written.with("from_port", 0_u32).with("to_port", 65_535_u32);
            } else if ["icmp", "icmpv6"].contains(&protocol) {
                written = written.with("from_port", -1.0).with("to_port", -1.0);
            }
            blocks.push(written.with(end.0, end.1));
        }
    }
    draft.put(FILE, blocks);
}

/// The ends of a rule: its ranges and groups, each of which is a rule of its own at AWS.
fn ends(draft: &mut Draft<'_>, subject: &Subject<'_>, rule: &Rule) -> Vec<(&'static str, Value)> {
    let mut ends: Vec<(&'static str, Value)> =
        rule.cidrs.iter().map(|cidr| ("cidr_ipv4", cidr.as_str().into())).collect();
    ends.extend(rule.cidrs_v6.iter().map(|cidr| ("cidr_ipv6", cidr.as_str().into())));
    for group in &rule.groups {
        let place = draft.estate.find(subject.resource, SECURITY_GROUP, group);
        match place.and_then(|place| draft.addresses.get(&place)).filter(|(kind, _)| *kind == "aws_security_group") {
            Some((kind, name)) => {
                ends.push(("referenced_security_group_id", Value::Reference(format!("{kind}.{name}.id"))));
            }
            None => {
                draft.leave(subject.resource, format!("its rule about the group `{group}`, which is not written here"))
            }
        }
    }
    ends
}

/// A public address.
pub fn address(draft: &mut Draft<'_>, subject: &Subject<'_>) {
    let tags = draft.tags(subject.resource);
    let instance = draft.related(subject.resource, &["instance"], &["aws_instance"], "id");
    let address = block(draft, subject).with("domain", "vpc").maybe("instance", instance).with("tags", tags);
    draft.put(FILE, [address]);
}

/// A zone of names, without its records.
pub fn zone(draft: &mut Draft<'_>, subject: &Subject<'_>) {
    let resource = subject.resource;
    let name =
        facts::text(resource, &["dns_name", "dnsName", "domain"]).or(resource.name.as_deref()).unwrap_or(&resource.id);
    let tags = draft.tags(resource);
    let zone = draft.block(subject).with("name", name.trim_end_matches('.')).with("tags", tags);
    draft.put("names.tf", [zone]);
    draft.leave(resource, "the records of the zone: export them, and import what is not an alias");
}
