//! How large machines are: processors, memory and disks.
//!
//! EC2 says of each of its types what it has. Databases and nodes of clusters run on machines of the same
//! types.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::client::Fault;
use crate::found::Found;
use crate::model::Resource;
use crate::services::Scope;
use crate::services::ec2::{self, MachineSize};

const OPERATION: (&str, &str) = ("ec2", "DescribeInstanceTypes");

/// Puts into each machine its processors and memory, as `vcpus` and `memory_gib`, and what its disks have
/// together, as `disks_gib`.
pub async fn put(scope: Scope<'_>, found: &mut Found) {
    let types: BTreeSet<&str> = found.resources.iter().filter_map(type_of).collect();
    if !types.is_empty() {
        let sizes = ec2::machine_sizes(scope, &types).await;
        let mut resources = std::mem::take(&mut found.resources);
        for resource in &mut resources {
            if let Some(size) = size_of(resource, &sizes) {
                found.read(resource, OPERATION, &["vcpus", "memory_gib"], size, |resource, size| {
                    resource.set("vcpus", size.vcpus);
                    resource.set("memory_gib", size.memory_gib);
                });
            }
        }
        found.resources = resources;
    }
    disks(&mut found.resources);
}

/// The type of the machine that a resource runs on.
fn type_of(resource: &Resource) -> Option<&str> {
    let text = |name: &str| resource.attributes.get(name).and_then(Value::as_str);
    match &*resource.kind {
        "aws.ec2.instance" => text("instance_type"),
        "aws.rds.instance" => text("instance_class").map(|class| class.strip_prefix("db.").unwrap_or(class)),
        "aws.eks.nodegroup" => resource.attributes.get("instance_types")?.get(0)?.as_str(),
        _ => None,
    }
}

/// What a resource's machine has, or why nobody knows; none if it runs on no machine.
fn size_of(
    resource: &Resource,
    sizes: &Result<BTreeMap<String, MachineSize>, Fault>,
) -> Option<Result<MachineSize, Fault>> {
    let name = type_of(resource)?;
    Some(sizes.as_ref().map_err(Clone::clone).and_then(|sizes| {
        let why = "EC2 does not have the type in this region, so its processors and memory are not known";
        sizes.get(name).copied().ok_or_else(|| Fault::partial("unknown_type", why))
    }))
}

/// Sums up the disks of each instance. One whose disks were not all listed has no sum.
fn disks(resources: &mut [Resource]) {
    let volumes: BTreeMap<String, i64> = resources
        .iter()
        .filter(|resource| resource.kind == "aws.ec2.volume")
        .filter_map(|volume| Some((volume.id.clone(), volume.attributes.get("size_gib")?.as_i64()?)))
        .collect();
    for instance in resources.iter_mut().filter(|resource| resource.kind == "aws.ec2.instance") {
        let disks = instance.relations.iter().filter(|relation| relation.kind == "volume");
        let sum: Option<i64> = disks.map(|disk| volumes.get(&disk.target).copied()).sum();
        match sum {
            Some(sum) => instance.set("disks_gib", sum),
            None => instance.unread(&["disks_gib"]),
        }
    }
}
