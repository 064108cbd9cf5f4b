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

/// The rules of a group, and how many are not told in a way that can be written whole, which are written by hand:
/// half of a rule may let in what the whole did not. None if they are not told in the form of AWS's agent.
pub fn read(resource: &Resource) -> Option<(Vec<Rule>, usize)> {
    let (mut rules, mut by_hand) = (Vec::new(), 0);
    let mut is_told = false;
    for (name, is_ingress) in [("ingress", true), ("egress", false)] {
        let Some(list) = resource.attributes.get(name).and_then(Value::as_array) else { continue };
        is_told = true;
        for rule in list {
            match one(rule, is_ingress) {
                Some(rule) => rules.push(rule),
                None => by_hand += 1,
            }
        }
    }
    is_told.then_some((rules, by_hand))
}

fn one(rule: &Value, is_ingress: bool) -> Option<Rule> {
    let texts = |name: &str| {
        let list = rule.get(name).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
    };
    let told = |name: &str| rule.get(name).filter(|value| !value.is_null() && value.as_i64() != Some(-1));
    let is_about_nothing = ["cidrs", "cidrs_v6", "groups"].iter().all(|name| texts(name).is_empty());
    if is_about_nothing || !texts("prefix_lists").is_empty() {
        return None;
    }
    let protocol = match rule.get("protocol").and_then(Value::as_str)? {
        "-1" => "all",
        "1" => "icmp",
        "6" => "tcp",
        "17" => "udp",
        protocol => protocol,
    };
    let has_ports = ["tcp", "udp"].contains(&protocol);
    let port = |value: &Value| u16::try_from(value.as_u64()?).ok();
    let ports = match (told("from_port"), told("to_port")) {
        _ if !has_ports => None,
        (None, None) => None,
        (from, to) => Some((port(from?)?, port(to?)?)),
    };
    Some(Rule {
        is_ingress,
        protocol: protocol.to_ascii_lowercase(),
        ports,
        cidrs: texts("cidrs"),
        cidrs_v6: texts("cidrs_v6"),
        groups: texts("groups"),
    })
}
