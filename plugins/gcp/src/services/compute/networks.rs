//! Networks, their parts, and what connects them.

use serde_json::Value;
use troupe_estate::Resource;

use super::{aggregated, global};
use crate::listing::Listing;
use crate::record::{Record, count, flag, has, is, last, number, path, renamed, to};

pub(super) const LISTINGS: [Listing; 8] = [
    Listing { record: Some(&NETWORK), ..global("compute.networks.list", url!(global "networks")) },
    Listing {
        record: Some(&SUBNETWORK),
        ..aggregated("compute.subnetworks.aggregatedList", url!("subnetworks"), "subnetworks")
    },
    Listing { record: Some(&ROUTE), ..global("compute.routes.list", url!(global "routes")) },
    Listing { record: Some(&ROUTER), ..aggregated("compute.routers.aggregatedList", url!("routers"), "routers") },
    Listing {
        record: Some(&ADDRESS),
        ..aggregated("compute.addresses.aggregatedList", url!("addresses"), "addresses")
    },
    Listing {
        record: Some(&VPN_GATEWAY),
        ..aggregated("compute.vpnGateways.aggregatedList", url!("vpnGateways"), "vpnGateways")
    },
    Listing {
        record: Some(&VPN_TUNNEL),
        ..aggregated("compute.vpnTunnels.aggregatedList", url!("vpnTunnels"), "vpnTunnels")
    },
    Listing { record: Some(&INTERCONNECT), ..global("compute.interconnects.list", url!(global "interconnects")) },
];

const NETWORK: Record = Record {
    attributes: &[
        flag("auto_subnetworks", "/autoCreateSubnetworks"),
        is("routing_mode", "/routingConfig/routingMode"),
        number("mtu", "/mtu"),
        // What has a range of its own is of before there were subnetworks.
        is("range", "/IPv4Range"),
        has("legacy", "/IPv4Range"),
        is("firewall_order", "/networkFirewallPolicyEnforcementOrder"),
        count("subnetworks", "/subnetworks/*"),
    ],
    relations: &[to("peer", "/peerings/*/network")],
    more: Some(peerings),
    ..Record::compute("gcp.compute.googleapis.com/Network")
};

const SUBNETWORK: Record = Record {
    attributes: &[
        is("range", "/ipCidrRange"),
        is("secondary_ranges", "/secondaryIpRanges/*/ipCidrRange"),
        is("gateway", "/gatewayAddress"),
        flag("private_google_access", "/privateIpGoogleAccess"),
        flag("flow_logs", "/logConfig/enable"),
        is("flow_sampling", "/logConfig/flowSampling"),
        is("flow_interval", "/logConfig/aggregationInterval"),
        is("flow_metadata", "/logConfig/metadata"),
        is("purpose", "/purpose"),
        is("stack", "/stackType"),
    ],
    relations: &[to("network", "/network")],
    ..Record::compute("gcp.compute.googleapis.com/Subnetwork")
};

const ROUTE: Record = Record {
    attributes: &[
        is("destination", "/destRange"),
        number("priority", "/priority"),
        is("network_tags", "/tags"),
        last("next_hop_gateway", "/nextHopGateway"),
        is("next_hop_ip", "/nextHopIp"),
        is("next_hop_peering", "/nextHopPeering"),
        is("type", "/routeType"),
    ],
    relations: &[
        to("network", "/network"),
        to("instance", "/nextHopInstance"),
        to("vpn_tunnel", "/nextHopVpnTunnel"),
        to("load_balancer", "/nextHopIlb"),
    ],
    ..Record::compute("gcp.compute.googleapis.com/Route")
};

const ROUTER: Record = Record {
    attributes: &[
        number("asn", "/bgp/asn"),
        is("advertise_mode", "/bgp/advertiseMode"),
        count("nats", "/nats/*"),
        count("peers", "/bgpPeers/*"),
    ],
    relations: &[to("network", "/network"), to("address", "/nats/*/natIps/*")],
    more: Some(nats),
    ..Record::compute("gcp.compute.googleapis.com/Router")
};

const ADDRESS: Record = Record {
    elsewhere: Some(("/global/", "gcp.compute.googleapis.com/GlobalAddress")),
    attributes: &[
        is("address", "/address"),
        is("state", "/status"),
        is("type", "/addressType"),
        is("purpose", "/purpose"),
        is("tier", "/networkTier"),
        is("version", "/ipVersion"),
        count("users", "/users/*"),
    ],
    relations: &[to("user", "/users/*"), to("network", "/network"), to("subnetwork", "/subnetwork")],
    ..Record::compute("gcp.compute.googleapis.com/Address")
};

const VPN_GATEWAY: Record = Record {
    attributes: &[is("stack", "/stackType"), is("addresses", "/vpnInterfaces/*/ipAddress")],
    relations: &[to("network", "/network")],
    ..Record::compute("gcp.compute.googleapis.com/VpnGateway")
};

const VPN_TUNNEL: Record = Record {
    attributes: &[
        is("state", "/status"),
        is("peer", "/peerIp"),
        number("ike_version", "/ikeVersion"),
        is("remote_ranges", "/remoteTrafficSelector"),
    ],
    relations: &[to("vpn_gateway", "/vpnGateway"), to("vpn_gateway", "/targetVpnGateway"), to("router", "/router")],
    ..Record::compute("gcp.compute.googleapis.com/VpnTunnel")
};

const INTERCONNECT: Record = Record {
    attributes: &[
        is("state", "/state"),
        is("operational_state", "/operationalStatus"),
        is("type", "/interconnectType"),
        is("link", "/linkType"),
        number("links", "/provisionedLinkCount"),
        last("site", "/location"),
        flag("macsec", "/macsecEnabled"),
    ],
    relations: &[to("attachment", "/interconnectAttachments/*")],
    ..Record::compute("gcp.compute.googleapis.com/Interconnect")
};

fn peerings(item: &Value, network: &mut Resource) {
    let fields = [
        ("name", "/name"),
        ("state", "/state"),
        ("exports_routes", "/exportCustomRoutes"),
        ("imports_routes", "/importCustomRoutes"),
    ];
    let peerings: Vec<Value> = path::all(item, "/peerings/*").into_iter().map(|one| renamed(one, &fields)).collect();
    network.set("peerings", peerings);
}

fn nats(item: &Value, router: &mut Resource) {
    let fields = [
        ("name", "/name"),
        ("addresses", "/natIpAllocateOption"),
        ("subnetworks", "/sourceSubnetworkIpRangesToNat"),
        ("logged", "/logConfig/enable"),
        ("log_filter", "/logConfig/filter"),
    ];
    let nats: Vec<Value> = path::all(item, "/nats/*").into_iter().map(|one| renamed(one, &fields)).collect();
    router.set("nat_configs", nats);
}
