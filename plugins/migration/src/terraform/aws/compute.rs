//! Machines, disks and clusters at AWS.

use super::block;
use crate::facts;
use crate::terraform::draft::{Draft, Subject, device};
use crate::terraform::hcl::{Block, Value};
use crate::terraform::names::{self, Form};
use crate::terraform::providers;
use crate::terraform::relations::{GROUP, MACHINE, SUBNET};

const FILE: &str = "compute.tf";

/// A machine: its image is asked, its disks are encrypted, its metadata wants a token.
pub fn instance(draft: &mut Draft<'_>, subject: &Subject<'_>) {
    let resource = subject.resource;
    let name = draft.name(subject);
    let size = subject.row.to.as_ref().and_then(|to| to.size.as_ref()).map(|size| size.name.clone());
    let size = size.map_or_else(
        || draft.variable(&format!("size_{name}"), format!("The instance type for `{}`.", resource.id)),
        Value::from,
    );
    let image = draft.variable(
        &format!("image_{name}"),
        format!("The image made of `{}`: import its disks, or name one that does the same.", resource.id),
    );
    let subnet = draft.related(resource, SUBNET, &["aws_subnet"], "id").unwrap_or_else(|| {
        draft.variable(&format!("subnet_of_{name}"), format!("The id of the subnet for `{}`.", resource.id))
    });
    let groups = draft.all_related(resource, GROUP, &["aws_security_group"], "id");
    let tags = draft.tags(resource);
    let mut machine = block(draft, subject)
        .with("ami", image)
        .with("instance_type", size)
        .with("subnet_id", subnet)
        .with("ebs_optimized", true)
        .with("monitoring", true);
    if !groups.is_empty() {
        machine = machine.with("vpc_security_group_ids", Value::List(groups));
    }
    let machine = machine
        .with("tags", tags)
        .within(Block::new("metadata_options", &[]).with("http_endpoint", "enabled").with("http_tokens", "required"))
        .within(Block::new("root_block_device", &[]).with("encrypted", true));
    draft.put(FILE, [machine]);
}

/// A disk, and where it is attached. The disk from which a machine starts comes with its image.
pub fn volume(draft: &mut Draft<'_>, subject: &Subject<'_>) {
    let resource = subject.resource;
    let name = draft.name(subject);
    let zone = match draft.other_region(subject.row) {
        Some(region) => draft.variable_or(
            &format!("zone_{}", providers::alias(&region)),
            format!("The availability zone of disks in `{region}`."),
            format!("{region}a"),
        ),
        None => draft.variable_or("zone", "The availability zone of disks.", format!("{}a", draft.region)),
    };
    let to = subject.row.to.as_ref();
    let tags = draft.tags(resource);
    let gib = to.and_then(|to| to.gib).map(Value::from);
    let gib = gib.unwrap_or_else(|| {
        draft.variable(&format!("gib_{name}"), format!("The size of the disk `{}` in GiB.", resource.id))
    });
    let disk_type = to.and_then(|to| to.disk_type.clone());
    let iops = disk_type.as_deref().filter(|kind| ["io1", "io2"].contains(kind)).map(|_| {
        let told = facts::number(resource, &["iops", "provisioned_iops"]);
        told.map_or_else(
            || draft.variable(&format!("iops_{name}"), format!("The IOPS of the disk `{}`.", resource.id)),
            Value::from,
        )
    });
    let mut blocks = vec![
        block(draft, subject)
            .with("availability_zone", zone)
            .with("size", gib)
            .maybe("type", disk_type)
            .maybe("iops", iops)
            .with("encrypted", true)
            .with("tags", tags),
    ];
    if let Some(machine) = draft.related(resource, MACHINE, &["aws_instance"], "id") {
        let volume = draft.own(subject, "id");
        let number = draft.attach(&machine);
        // `f` to `p` are for disks beside the first.
        let letter = char::from_u32(u32::from('f') + number.min(10)).unwrap_or('f');
        let told = device(resource).filter(|device| device.starts_with("/dev/")).map(str::to_owned);
        let device = draft.variable_or(
            &format!("device_{name}"),
            format!("The device name of the disk `{}`.", resource.id),
            told.unwrap_or_else(|| format!("/dev/sd{letter}")),
        );
        blocks.push(
            super::beside(draft, subject, "aws_volume_attachment")
                .with("device_name", device)
                .with("volume_id", volume)
                .with("instance_id", machine),
        );
    }
    draft.put(FILE, blocks);
}

/// A registry of images.
pub fn registry(draft: &mut Draft<'_>, subject: &Subject<'_>) {
    let name = names::of(subject.resource, Form::Dashes, 60);
    let tags = draft.tags(subject.resource);
    let registry = block(draft, subject)
        .with("name", name)
        .with("image_tag_mutability", "IMMUTABLE")
        .with("tags", tags)
        .within(Block::new("encryption_configuration", &[]).with("encryption_type", "KMS"))
        .within(Block::new("image_scanning_configuration", &[]).with("scan_on_push", true));
    draft.put("containers.tf", [registry]);
}

/// A cluster of Kubernetes.
pub fn cluster(draft: &mut Draft<'_>, subject: &Subject<'_>) {
    let resource = subject.resource;
    let name = draft.name(subject);
    let role =
        draft.variable(&format!("role_of_{name}"), format!("The ARN of the role for the cluster `{}`.", resource.id));
    let mut subnets = draft.all_related(resource, SUBNET, &["aws_subnet"], "id");
    if subnets.is_empty() {
        let why = format!("The id of a subnet for the cluster `{}`.", resource.id);
        subnets = vec![
            draft.variable(&format!("subnet_a_of_{name}"), why.clone()),
            draft.variable(&format!("subnet_b_of_{name}"), why),
        ];
    }
    let tags = draft.tags(resource);
    let version = subject.row.to.as_ref().and_then(|to| to.version.clone());
    let dashes = names::of(resource, Form::Dashes, 60);
    let config = Block::new("vpc_config", &[])
        .with("subnet_ids", Value::List(subnets))
        .with("endpoint_private_access", true)
        .with("endpoint_public_access", false);
    let logs = ["api", "audit", "authenticator", "controllerManager", "scheduler"].map(Value::from).to_vec();
    let cluster = block(draft, subject)
        .with("name", dashes)
        .with("role_arn", role)
        .maybe("version", version)
        .with("enabled_cluster_log_types", Value::List(logs))
        .with("tags", tags)
        .within(config);
    draft.put("containers.tf", [cluster]);
    draft.leave(resource, "the node groups of the cluster, and what runs in it");
}
