//! Groups of subnets that databases are put into. They come without their tags.

use super::resource;
use crate::model::Resource;
use crate::protocol::xml::Element;
use crate::services::{Scope, related, texts};

pub(super) fn read(scope: &Scope<'_>, item: Element<'_>) -> Option<Resource> {
    let resource = resource(scope, item, "aws.rds.subnet-group", "DBSubnetGroupName", "DBSubnetGroupArn")?
        .with("description", item.verbatim("DBSubnetGroupDescription"))
        .with("state", item.text("SubnetGroupStatus"))
        .with("availability_zones", texts(item.texts("Subnets", "SubnetAvailabilityZone/Name")))
        .to("vpc", item.text("VpcId"));
    Some(related(resource, "subnet", item.texts("Subnets", "SubnetIdentifier")))
}
