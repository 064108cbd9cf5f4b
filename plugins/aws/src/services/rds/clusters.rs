//! Clusters of databases that share their storage.

use serde_json::json;

use super::{resource, with_settings};
use crate::model::Resource;
use crate::protocol::xml::Element;
use crate::services::{Scope, related, texts};

pub(super) fn read(scope: &Scope<'_>, item: Element<'_>) -> Option<Resource> {
    let capacity = item.at("ServerlessV2ScalingConfiguration");
    let capacity = capacity.exists().then(|| {
        let units = |name| capacity.text(name).and_then(|text| text.parse::<f64>().ok());
        json!({ "min": units("MinCapacity"), "max": units("MaxCapacity") })
    });
    let resource = resource(scope, item, "aws.rds.cluster", "DBClusterIdentifier", "DBClusterArn")?
        .created(item.time("ClusterCreateTime"))
        .with("state", item.text("Status"))
        .with("engine_mode", item.text("EngineMode"))
        .with("endpoint", item.text("Endpoint"))
        .with("reader_endpoint", item.text("ReaderEndpoint"))
        .with("port", item.number("Port"))
        .with("availability_zones", texts(item.own_texts("AvailabilityZones")))
        .with("serverless_capacity", capacity)
        .with("backtrack_window_s", item.number("BacktrackWindow"))
        .with("data_api", item.truth("HttpEndpointEnabled"))
        .with("parameter_group", item.text("DBClusterParameterGroup"))
        .with("support", item.text("EngineLifecycleSupport"))
        .to("subnet-group", item.text("DBSubnetGroup"))
        .to("replica-of", item.text("ReplicationSourceIdentifier"));
    let resource = related(resource, "member", item.texts("DBClusterMembers", "DBInstanceIdentifier"));
    Some(with_settings(resource, item))
}
