//! Rules of security groups, read of what agents tell.

use serde_json::Value;
use troupe_estate::Resource;

/// A rule: packets of a protocol to some ports, from or to some ranges or groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Whether it is about what comes in.
    pub is_ingress: bool,
    /// `tcp`, `udp`, `icmp`, … or `all`.
    pub protocol: String,
    /// The ports; all when absent.
    pub ports: Option<(u16, u16)>,
    /// Ranges of IPv4.
    pub cidrs: Vec<String>,
    /// Ranges of IPv6.
    pub cidrs_v6: Vec<String>,
    /// Ids of groups whose members are meant.
    pub groups: Vec<String>,
}

/// The rules of a group; none if they are not told in the form of AWS's agent.
pub fn read(resource: &Resource) -> Option<Vec<Rule>> {
    let mut rules = Vec::new();
    let mut is_told = false;
    for (name, is_ingress) in [("ingress", true), ("egress", false)] {
        let Some(list) = resource.attributes.get(name).and_then(Value::as_array) else { continue };
        is_told = true;
        rules.extend(list.iter().filter_map(|rule| one(rule, is_ingress)));
    }
    is_told.then_some(rules)
}

fn one(rule: &Value, is_ingress: bool) -> Option<Rule> {
    let texts = |name: &str| {
        let list = rule.get(name).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
    };
    let port = |name: &str| rule.get(name).and_then(Value::as_i64).and_then(|port| u16::try_from(port).ok());
    let protocol = match rule.get("protocol").and_then(Value::as_str)? {
        "-1" => "all",
        "1" => "icmp",
        "6" => "tcp",
        "17" => "udp",
        protocol => protocol,
    };
    let has_ports = ["tcp", "udp"].contains(&protocol);
    Some(Rule {
        is_ingress,
        protocol: protocol.to_ascii_lowercase(),
        ports: port("from_port").zip(port("to_port")).filter(|_| has_ports),
        cidrs: texts("cidrs"),
        cidrs_v6: texts("cidrs_v6"),
        groups: texts("groups"),
    })
}
