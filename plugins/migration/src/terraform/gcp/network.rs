//! Networks at Google Cloud.

use super::{block, labelled};
use crate::facts;
use crate::terraform::draft::{Draft, Subject};
use crate::terraform::hcl::{Block, Value};
use crate::terraform::names::{self, Form};
use crate::terraform::relations::{SECURITY_GROUP, VPC};
use crate::terraform::rules::{self, Rule};

const FILE: &str = "network.tf";

/// A network: its ranges are those of its subnets.
pub fn network(draft: &mut Draft<'_>, subject: &Subject<'_>) {
    let network = block(draft, subject).with("auto_create_subnetworks", false);
    draft.put(FILE, [network]);
}

/// The network of a resource, or the question for it.
pub fn of(draft: &mut Draft<'_>, subject: &Subject<'_>) -> Value {
    draft.related(subject.resource, VPC, &["google_compute_network"], "id").unwrap_or_else(|| {
        let name = draft.name(subject);
        draft.variable(
            &format!("network_of_{name}"),
            format!("The id of the network that `{}` is in.", subject.resource.id),
        )
    })
}

/// A subnet.
pub fn subnet(draft: &mut Draft<'_>, subject: &Subject<'_>) {
    let resource = subject.resource;
    let network = of(draft, subject);
    let range = facts::cidrs(resource).into_iter().find(|cidr| cidr.contains('.')).map(Value::from);
    let range = range.unwrap_or_else(|| {
        let name = draft.name(subject);
        draft.variable(&format!("cidr_{name}"), format!("The range of addresses of the subnet `{}`.", resource.id))
    });
    let region = draft.region_of(subject.row);
    let subnet = block(draft, subject)
        .with("region", region)
        .with("network", network)
        .with("ip_cidr_range", range)
        .with("private_ip_google_access", true)
        .within(
            Block::new("log_config", &[])
                .with("aggregation_interval", "INTERVAL_10_MIN")
                .with("flow_sampling", 0.5)
                .with("metadata", "INCLUDE_ALL_METADATA"),
        );
    draft.put(FILE, [subnet]);
}

/// The tag that machines of a group bear.
pub fn tag(resource: &troupe_estate::Resource) -> String {
    names::of(resource, Form::Dashes, 60)
}

/// A group of rules: one rule of the network for each, about machines that bear the group's tag.
pub fn firewall(draft: &mut Draft<'_>, subject: &Subject<'_>) {
    let resource = subject.resource;
    let network = of(draft, subject);
    let Some((rules, by_hand)) = rules::read(resource) else {
        draft.leave(
            resource,
            "its rules are not told in a form that is read here; Google's networks let nothing in by themselves",
        );
        draft.addresses.remove(&subject.place);
        return;
    };
    draft.leave_rules(resource, by_hand);
    let mut blocks = Vec::new();
    for rule in &rules {
        // Google's rules have ranges of IPv4 or of IPv6.
        for ranges in [&rule.cidrs, &rule.cidrs_v6] {
            if !ranges.is_empty() {
                blocks.push(one(draft, subject, rule, ranges, &network, blocks.len()));
            }
        }
        if !rule.groups.is_empty() {
            blocks.extend(between(draft, subject, rule, &network, blocks.len()));
        }
    }
    if blocks.is_empty() {
        draft.addresses.remove(&subject.place);
    }
    draft.put(FILE, blocks);
}

/// The beginning of a rule. The first has the group's own name, so that the group is known by it.
fn begun(draft: &Draft<'_>, subject: &Subject<'_>, rule: &Rule, network: &Value, number: usize) -> Block {
    let name = draft.name(subject);
    let block = if number == 0 {
        draft.block(subject)
    } else {
        Block::new("resource", &["google_compute_firewall", &format!("{name}_{}", number + 1)])
    };
    block
        .with("name", format!("{}-{}", names::of(subject.resource, Form::Dashes, 55), number + 1))
        .with("network", network.clone())
        .with("direction", if rule.is_ingress { "INGRESS" } else { "EGRESS" })
        .with("target_tags", Value::List(vec![tag(subject.resource).into()]))
}

fn allowed(rule: &Rule) -> Block {
    let protocol = if rule.protocol == "icmpv6" { "58" } else { &rule.protocol };
    let ports = rule.ports.map(|(from, to)| {
        let ports = if from == to { from.to_string() } else { format!("{from}-{to}") };
        Value::List(vec![ports.into()])
    });
    Block::new("allow", &[]).with("protocol", protocol).maybe("ports", ports)
}

fn one(
    draft: &Draft<'_>,
    subject: &Subject<'_>,
    rule: &Rule,
    ranges: &[String],
    network: &Value,
    number: usize,
) -> Block {
    let ranges = Value::List(ranges.iter().map(|range| range.as_str().into()).collect());
    let name = if rule.is_ingress { "source_ranges" } else { "destination_ranges" };
    begun(draft, subject, rule, network, number).with(name, ranges).within(allowed(rule))
}

/// A rule about the members of other groups: only what comes in can be told by a tag.
fn between(draft: &mut Draft<'_>, subject: &Subject<'_>, rule: &Rule, network: &Value, number: usize) -> Option<Block> {
    if !rule.is_ingress {
        draft
            .leave(subject.resource, "its rules about what goes out to other groups: Google has those by ranges alone");
        return None;
    }
    let mut tags = Vec::new();
    for group in &rule.groups {
        let found = draft
            .estate
            .find(subject.resource, SECURITY_GROUP, group)
            .and_then(|place| draft.estate.get(place))
            .map(tag);
        match found {
            Some(tag) => tags.push(Value::from(tag)),
            None => draft.leave(subject.resource, format!("its rule about the group `{group}`, which was not read")),
        }
    }
    let block = begun(draft, subject, rule, network, number);
    (!tags.is_empty()).then(|| block.with("source_tags", Value::List(tags)).within(allowed(rule)))
}

/// A public address.
pub fn address(draft: &mut Draft<'_>, subject: &Subject<'_>) {
    let region = draft.region_of(subject.row);
    let address = block(draft, subject).with("region", region);
    let address = labelled(draft, subject, address);
    draft.put(FILE, [address]);
}

/// A zone of names, without its records.
pub fn zone(draft: &mut Draft<'_>, subject: &Subject<'_>) {
    let resource = subject.resource;
    let name =
        facts::text(resource, &["dns_name", "dnsName", "domain"]).or(resource.name.as_deref()).unwrap_or(&resource.id);
    let zone = block(draft, subject).with("dns_name", format!("{}.", name.trim_end_matches('.')));
    let zone = labelled(draft, subject, zone).within(Block::new("dnssec_config", &[]).with("state", "on"));
    draft.put("names.tf", [zone]);
    draft.leave(resource, "the records of the zone: export them, and import what is not an alias");
}
