//! Elastic IP addresses.

use super::{Listing, resource};
use crate::model::Resource;
use crate::protocol::xml::Element;
use crate::services::Scope;

/// The one list that has no pages.
pub(super) const LISTING: Listing =
    Listing { operation: "DescribeAddresses", parameters: &[], set: "addressesSet", read };

fn read(scope: &Scope<'_>, item: Element<'_>) -> Vec<Resource> {
    // Addresses from before there were VPCs have no id but themselves.
    let field = if item.at("allocationId").exists() { "allocationId" } else { "publicIp" };
    let address = resource(scope, item, ("aws.ec2.address", "elastic-ip"), field, None).map(|resource| {
        let (instance, interface) = (item.text("instanceId"), item.text("networkInterfaceId"));
        resource
            .with("public_ip", item.text("publicIp"))
            .with("private_ip", item.text("privateIpAddress"))
            .with("domain", item.text("domain"))
            .with("pool", item.text("publicIpv4Pool"))
            .with("association_id", item.text("associationId"))
            .with("in_use", Some(instance.is_some() || interface.is_some() || item.text("associationId").is_some()))
            .to("instance", instance)
            .to("network-interface", interface)
    });
    address.into_iter().collect()
}
