//! Databases: those of their own, and the members of clusters.

use super::{resource, with_settings};
use crate::model::Resource;
use crate::protocol::xml::Element;
use crate::services::{Scope, related, texts};

pub(super) fn read(scope: &Scope<'_>, item: Element<'_>) -> Option<Resource> {
    let resource = resource(scope, item, "aws.rds.instance", "DBInstanceIdentifier", "DBInstanceArn")?
        .created(item.time("InstanceCreateTime"))
        .with("state", item.text("DBInstanceStatus"))
        .with("instance_class", item.text("DBInstanceClass"))
        .with("endpoint", item.text("Endpoint/Address"))
        .with("port", item.number("Endpoint/Port").or(item.number("DbInstancePort").filter(|port| *port > 0)))
        .with("availability_zone", item.text("AvailabilityZone"))
        .with("storage_gib_max", item.number("MaxAllocatedStorage"))
        .with("license", item.text("LicenseModel"))
        .with("ca_certificate", item.text("CACertificateIdentifier"))
        .with("parameter_groups", texts(item.texts("DBParameterGroups", "DBParameterGroupName")))
        .with("option_groups", texts(item.texts("OptionGroupMemberships", "OptionGroupName")))
        .with("support", item.text("EngineLifecycleSupport"))
        .to("vpc", item.text("DBSubnetGroup/VpcId"))
        .to("subnet-group", item.text("DBSubnetGroup/DBSubnetGroupName"))
        .to("cluster", item.text("DBClusterIdentifier"))
        .to("replica-of", item.text("ReadReplicaSourceDBInstanceIdentifier"))
        .to("role", item.text("MonitoringRoleArn"));
    let resource = related(resource, "subnet", item.texts("DBSubnetGroup/Subnets", "SubnetIdentifier"));
    Some(with_settings(resource, item))
}
