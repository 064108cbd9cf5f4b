//! Records of who connects in networks.

use super::{Listing, PAGE, resource};
use crate::model::Resource;
use crate::protocol::xml::Element;
use crate::services::Scope;

pub(super) const LISTING: Listing =
    Listing { operation: "DescribeFlowLogs", parameters: &[PAGE], set: "flowLogSet", read };

fn read(scope: &Scope<'_>, item: Element<'_>) -> Vec<Resource> {
    let of = item.text("resourceId").unwrap_or_default();
    // The id says what it is recorded of.
    let kind = ["vpc", "subnet"].into_iter().find(|kind| of.starts_with(&format!("{kind}-"))).unwrap_or("interface");
    let log = resource(scope, item, ("aws.ec2.flow-log", "vpc-flow-log"), "flowLogId", None).map(|resource| {
        resource
            .with("state", item.text("flowLogStatus"))
            .with("traffic", item.text("trafficType"))
            .with("destination_type", item.text("logDestinationType"))
            .with("destination", item.text("logDestination"))
            .with("delivery_error", item.text("deliverLogsErrorMessage"))
            .to(kind, Some(of))
    });
    log.into_iter().collect()
}
