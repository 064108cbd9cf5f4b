//! Networks at Azure.

use super::{block, group, tagged};
use crate::facts;
use crate::terraform::draft::{Draft, Subject};
use crate::terraform::hcl::{Block, Value};
use crate::terraform::names::{self, Form};
use crate::terraform::relations::VPC;
use crate::terraform::rules::{self, Rule};

const FILE: &str = "network.tf";

/// The priority of the first rule of a group, and how far they are apart.
const PRIORITY_FIRST: u32 = 100;

/// The priorities of one's own rules end here.
const PRIORITY_LAST: u32 = 4096;

/// A network.
pub fn network(draft: &mut Draft<'_>, subject: &Subject<'_>) {
    let ranges = facts::cidrs(subject.resource);
    let ranges = if ranges.is_empty() {
        let name = draft.name(subject);
        vec![draft.variable(
            &format!("cidr_{name}"),
            format!("The range of addresses of the network `{}`.", subject.resource.id),
        )]
    } else {
        ranges.into_iter().map(Value::from).collect()
    };
    let network = block(draft, subject, Form::Dashes, 60).with("address_space", Value::List(ranges));
    let network = tagged(draft, subject, network);
    draft.put(FILE, [network]);
}

/// A subnet.
pub fn subnet(draft: &mut Draft<'_>, subject: &Subject<'_>) {
    let resource = subject.resource;
    let name = draft.name(subject);
    let (group, _) = group(draft, subject);
    let network = draft.related(resource, VPC, &["azurerm_virtual_network"], "name").unwrap_or_else(|| {
        draft.variable(&format!("network_of_{name}"), format!("The name of the network that `{}` is in.", resource.id))
    });
    let mut ranges: Vec<Value> = facts::cidrs(resource).into_iter().map(Value::from).collect();
    if ranges.is_empty() {
        ranges.push(
            draft.variable(&format!("cidr_{name}"), format!("The range of addresses of the subnet `{}`.", resource.id)),
        );
    }
    let subnet = draft
        .block(subject)
        .with("name", names::of(resource, Form::Dashes, 60))
        .with("resource_group_name", group)
        .with("virtual_network_name", network)
        .with("address_prefixes", Value::List(ranges));
    draft.put(FILE, [subnet]);
}

/// A group of rules, each with a priority of its own in the order of the source.
pub fn security_group(draft: &mut Draft<'_>, subject: &Subject<'_>) {
    let resource = subject.resource;
    let mut group = block(draft, subject, Form::Dashes, 60);
    group = tagged(draft, subject, group);
    match rules::read(resource) {
        Some((rules, by_hand)) => {
            draft.leave_rules(resource, by_hand);
            let mut priority = PRIORITY_FIRST;
            for rule in &rules {
                if !rule.groups.is_empty() {
                    draft.leave(resource, "its rules about other groups: make application security groups of them");
                }
                let ranges: Vec<Value> =
                    rule.cidrs.iter().chain(&rule.cidrs_v6).map(|cidr| cidr.as_str().into()).collect();
                if ranges.is_empty() {
                    continue;
                }
                if priority > PRIORITY_LAST {
                    draft.leave(resource, "its rules beyond the 3,997 that a group has at most");
                    break;
                }
                group = group.within(one(rule, priority, ranges));
                priority += 1;
            }
        }
        None => draft.leave(resource, "its rules are not told in a form that is read here; the group lets nothing in"),
    }
    draft.put(FILE, [group]);
}

fn one(rule: &Rule, priority: u32, ranges: Vec<Value>) -> Block {
    let protocol = match rule.protocol.as_str() {
        "tcp" => "Tcp",
        "udp" => "Udp",
        "icmp" | "icmpv6" => "Icmp",
        "esp" => "Esp",
        "ah" => "Ah",
        _ => "*",
    };
    let ports = match rule.ports {
        Some((from, to)) if from == to => from.to_string(),
        Some((from, to)) => format!("{from}-{to}"),
        None => "*".to_owned(),
    };
    let (direction, far, near) =
        if rule.is_ingress { ("Inbound", "source", "destination") } else { ("Outbound", "destination", "source") };
    Block::new("security_rule", &[])
        .with("name", format!("rule-{priority}"))
        .with("priority", priority)
        .with("direction", direction)
        .with("access", "Allow")
        .with("protocol", protocol)
        .with("source_port_range", "*")
        .with("destination_port_range", ports)
        .with(&format!("{far}_address_prefixes"), Value::List(ranges))
        .with(&format!("{near}_address_prefix"), "*")
}

/// A public address.
pub fn address(draft: &mut Draft<'_>, subject: &Subject<'_>) {
    let address = block(draft, subject, Form::Dashes, 60).with("allocation_method", "Static").with("sku", "Standard");
    let address = tagged(draft, subject, address);
    draft.put(FILE, [address]);
}

/// A gateway through which private machines reach out.
pub fn nat(draft: &mut Draft<'_>, subject: &Subject<'_>) {
    let nat = block(draft, subject, Form::Dashes, 60).with("sku_name", "Standard");
    let nat = tagged(draft, subject, nat);
    draft.put(FILE, [nat]);
    draft.leave(subject.resource, "the subnets and the address of the gateway: associate them");
}

/// A zone of names, without its records.
pub fn zone(draft: &mut Draft<'_>, subject: &Subject<'_>) {
    let resource = subject.resource;
    let name =
        facts::text(resource, &["dns_name", "dnsName", "domain"]).or(resource.name.as_deref()).unwrap_or(&resource.id);
    let (group, _) = group(draft, subject);
    let zone = draft.block(subject).with("name", name.trim_end_matches('.')).with("resource_group_name", group);
    let zone = tagged(draft, subject, zone);
    draft.put("names.tf", [zone]);
    draft.leave(resource, "the records of the zone: export them, and import what is not an alias");
}
