//! Rules about who may connect to whom, and how.

use serde_json::{Value, json};
use troupe_estate::Resource;

use super::{aggregated, global};
use crate::listing::Listing;
use crate::name;
use crate::record::{Record, count, flag, has, is, number, path, renamed, to, to_account, with};

pub(super) const LISTINGS: [Listing; 5] = [
    Listing { record: Some(&FIREWALL), ..global("compute.firewalls.list", url!(global "firewalls")) },
    Listing {
        record: Some(&FIREWALL_POLICY),
        ..aggregated("compute.networkFirewallPolicies.aggregatedList", url!("firewallPolicies"), "firewallPolicies")
    },
    Listing {
        record: Some(&SECURITY_POLICY),
        ..aggregated("compute.securityPolicies.aggregatedList", url!("securityPolicies"), "securityPolicies")
    },
    Listing {
        record: Some(&SSL_POLICY),
        ..aggregated("compute.sslPolicies.aggregatedList", url!("sslPolicies"), "sslPolicies")
    },
    Listing {
        record: Some(&SSL_CERTIFICATE),
        ..aggregated("compute.sslCertificates.aggregatedList", url!("sslCertificates"), "sslCertificates")
    },
];

const FIREWALL: Record = Record {
    attributes: &[
        is("direction", "/direction"),
        number("priority", "/priority"),
        flag("disabled", "/disabled"),
        is("source_ranges", "/sourceRanges"),
        is("destination_ranges", "/destinationRanges"),
        is("source_tags", "/sourceTags"),
        is("target_tags", "/targetTags"),
        is("source_service_accounts", "/sourceServiceAccounts"),
        is("target_service_accounts", "/targetServiceAccounts"),
        flag("logging", "/logConfig/enable"),
    ],
    relations: &[to("network", "/network"), to_account("/targetServiceAccounts/*")],
    more: Some(firewall),
    ..Record::compute("gcp.compute.googleapis.com/Firewall")
};

const FIREWALL_POLICY: Record = Record {
    attributes: &[count("rules", "/rules/*"), is("description", "/description")],
    relations: &[to("network", "/associations/*/attachmentTarget")],
    more: Some(firewall_rules),
    ..Record::compute("gcp.compute.googleapis.com/FirewallPolicy")
};

const SECURITY_POLICY: Record = Record {
    attributes: &[
        is("type", "/type"),
        flag("adaptive_protection", "/adaptiveProtectionConfig/layer7DdosDefenseConfig/enable"),
        is("log_level", "/advancedOptionsConfig/logLevel"),
    ],
    more: Some(security_rules),
    ..Record::compute("gcp.compute.googleapis.com/SecurityPolicy")
};

const SSL_POLICY: Record = Record {
    attributes: &[
        is("profile", "/profile"),
        is("least_version", "/minTlsVersion"),
        is("features", "/enabledFeatures"),
        is("custom_features", "/customFeatures"),
    ],
    ..Record::compute("gcp.compute.googleapis.com/SslPolicy")
};

const SSL_CERTIFICATE: Record = Record {
    attributes: &[
        is("type", "/type"),
        is("expires", "/expireTime"),
        is("names", "/subjectAlternativeNames"),
        is("domains", "/managed/domains"),
        is("state", "/managed/status"),
        has("managed", "/managed"),
    ],
    ..Record::compute("gcp.compute.googleapis.com/SslCertificate")
};

fn firewall(item: &Value, firewall: &mut Resource) {
    for (name, path) in [("allowed", "/allowed/*"), ("denied", "/denied/*")] {
        let rules = path::all(item, path).into_iter().map(protocol);
        firewall.set(name, rules.collect::<Vec<_>>());
    }
    // A rule of ingress that says nothing about its source is for every source.
    let ranges = path::all(item, "/sourceRanges/*");
    let names_source = ["/sourceTags/0", "/sourceServiceAccounts/0"].iter().any(|path| path::one(item, path).is_some());
    let everywhere = |range: &&Value| matches!(range.as_str(), Some("0.0.0.0/0" | "::/0" | "0::0/0"));
    let open = ranges.iter().any(everywhere) || (ranges.is_empty() && !names_source);
    firewall.set("from_everywhere", path::text(item, "/direction") != Some("EGRESS") && open);
}

/// A protocol by its name or number, and the ports; all of them, if none are named.
fn protocol(rule: &Value) -> Value {
    json!({ "protocol": path::text(rule, "/IPProtocol"), "ports": path::one(rule, "/ports").cloned().unwrap_or_else(|| json!([])) })
}

fn firewall_rules(item: &Value, policy: &mut Resource) {
    let rules = path::all(item, "/rules/*").into_iter().map(|rule| {
        let fields = [
            ("priority", "/priority"),
            ("direction", "/direction"),
            ("action", "/action"),
            ("disabled", "/disabled"),
            ("logging", "/enableLogging"),
            ("source_ranges", "/match/srcIpRanges"),
            // The versions of the interface call it otherwise.
            ("source_network", "/match/srcNetworkScope"),
            ("source_network", "/match/srcNetworkType"),
            ("source_network", "/match/srcNetworkContext"),
            ("destination_ranges", "/match/destIpRanges"),
        ];
        let layers = path::all(rule, "/match/layer4Configs/*").into_iter();
        let protocols = layers.map(|layer| renamed(layer, &[("protocol", "/ipProtocol"), ("ports", "/ports")]));
        with(renamed(rule, &fields), "protocols", protocols.collect::<Vec<_>>())
    });
    policy.set("firewall_rules", rules.collect::<Vec<_>>());
}

fn security_rules(item: &Value, policy: &mut Resource) {
    let fields = [
        ("priority", "/priority"),
        ("action", "/action"),
        ("preview", "/preview"),
        ("expression", "/match/expr/expression"),
        ("source_ranges", "/match/config/srcIpRanges"),
    ];
    let rules: Vec<Value> = path::all(item, "/rules/*").into_iter().map(|rule| renamed(rule, &fields)).collect();
    policy.set("rules", rules);
    if let Some(region) = path::text(item, "/region") {
        policy.set("regional", name::last(region));
    }
}
