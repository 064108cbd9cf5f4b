//! Cloud DNS: zones and policies.

use crate::listing::Listing;
use crate::record::{Created, Id, Record, flag, has, is, to};

/// What is listed.
pub const LISTINGS: [Listing; 2] = [
    Listing {
        record: Some(&ZONE),
        ..Listing::new(
            "dns.managedZones.list",
            "https://dns.googleapis.com/dns/v1/projects/{project}/managedZones?maxResults=1000",
            "/managedZones",
        )
    },
    Listing {
        record: Some(&POLICY),
        ..Listing::new(
            "dns.policies.list",
            "https://dns.googleapis.com/dns/v1/projects/{project}/policies?maxResults=1000",
            "/policies",
        )
    },
];

const ZONE: Record = Record {
    created: Created::At("/creationTime"),
    attributes: &[
        is("dns_name", "/dnsName"),
        is("visibility", "/visibility"),
        is("dnssec", "/dnssecConfig/state"),
        is("key_algorithms", "/dnssecConfig/defaultKeySpecs/*/algorithm"),
        is("name_servers", "/nameServers"),
        flag("logging", "/cloudLoggingConfig/enableLogging"),
        has("forwarding", "/forwardingConfig/targetNameServers/0"),
    ],
    relations: &[
        to("network", "/privateVisibilityConfig/networks/*/networkUrl"),
        to("peer", "/peeringConfig/targetNetwork/networkUrl"),
    ],
    ..Record::new(
        "gcp.dns.googleapis.com/ManagedZone",
        Id::Form("//dns.googleapis.com/projects/{project}/managedZones/{/name}"),
    )
};

const POLICY: Record = Record {
    created: Created::Untold,
    attributes: &[
        flag("logging", "/enableLogging"),
        flag("inbound_forwarding", "/enableInboundForwarding"),
        is("name_servers", "/alternativeNameServerConfig/targetNameServers/*/ipv4Address"),
    ],
    relations: &[to("network", "/networks/*/networkUrl")],
    ..Record::new("gcp.dns.googleapis.com/Policy", Id::Form("//dns.googleapis.com/projects/{project}/policies/{/name}"))
};
