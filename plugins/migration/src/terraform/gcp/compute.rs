//! Machines, disks and clusters at Google Cloud.

use super::network::tag;
use super::{block, labelled, zone};
use crate::facts;
use crate::terraform::draft::{Draft, Subject};
use crate::terraform::hcl::{Block, Value};
use crate::terraform::relations::{GROUP, MACHINE, SUBNET};

const FILE: &str = "compute.tf";

/// A machine: its image is asked, and nobody signs in with keys of the project.
pub fn instance(draft: &mut Draft<'_>, subject: &Subject<'_>) {
    let resource = subject.resource;
    let name = draft.name(subject);
    let size = subject.row.to.as_ref().and_then(|to| to.size.as_ref()).map(|size| Value::from(size.name.clone()));
    let size = size
        .unwrap_or_else(|| draft.variable(&format!("size_{name}"), format!("The machine type for `{}`.", resource.id)));
    let image = draft.variable(
        &format!("image_{name}"),
        format!("The image made of `{}`: import its disks, or name one that does the same.", resource.id),
    );
    let subnet = draft.related(resource, SUBNET, &["google_compute_subnetwork"], "id").unwrap_or_else(|| {
        draft.variable(&format!("subnet_of_{name}"), format!("The id of the subnet for `{}`.", resource.id))
    });
    let zone = zone(draft, subject);
    let groups =
        facts::related(resource, GROUP).filter_map(|group| draft.estate.find(resource, &group.kind, &group.target));
    let tags: Vec<Value> = groups.filter_map(|place| draft.estate.get(place)).map(|group| tag(group).into()).collect();
    let mut machine = block(draft, subject).with("machine_type", size).with("zone", zone).with("can_ip_forward", false);
    if !tags.is_empty() {
        machine = machine.with("tags", Value::List(tags));
    }
    let keys = Value::Map(vec![
        ("block-project-ssh-keys".to_owned(), true.into()),
        ("enable-oslogin".to_owned(), true.into()),
    ]);
    let machine = labelled(draft, subject, machine.with("metadata", keys))
        .within(Block::new("boot_disk", &[]).within(Block::new("initialize_params", &[]).with("image", image)))
        .within(Block::new("network_interface", &[]).with("subnetwork", subnet))
        .within(
            Block::new("shielded_instance_config", &[])
                .with("enable_vtpm", true)
                .with("enable_integrity_monitoring", true),
        );
    draft.put(FILE, [machine]);
}

/// A disk, and where it is attached.
pub fn disk(draft: &mut Draft<'_>, subject: &Subject<'_>) {
    let resource = subject.resource;
    let to = subject.row.to.as_ref();
    let zone = zone(draft, subject);
    let gib = to.and_then(|to| to.gib).map(Value::from);
    let gib = gib.unwrap_or_else(|| {
        let name = draft.name(subject);
        draft.variable(&format!("gib_{name}"), format!("The size of the disk `{}` in GiB.", resource.id))
    });
    let disk = block(draft, subject)
        .with("zone", zone)
        .maybe("type", to.and_then(|to| to.disk_type.clone()))
        .with("size", gib);
    let mut blocks = vec![labelled(draft, subject, disk)];
    let machine = draft.related(resource, MACHINE, &["google_compute_instance"], "id");
    if let Some(machine) = machine {
        let id = draft.own(subject, "id");
        blocks.push(draft.beside(subject, "google_compute_attached_disk").with("disk", id).with("instance", machine));
    }
    draft.put(FILE, blocks);
}

/// A registry of images.
pub fn registry(draft: &mut Draft<'_>, subject: &Subject<'_>) {
    let region = draft.region_of(subject.row);
    let name = crate::terraform::names::of(subject.resource, crate::terraform::names::Form::Dashes, 60);
    let registry = draft.block(subject).with("repository_id", name).with("location", region).with("format", "DOCKER");
    let registry = labelled(draft, subject, registry);
    draft.put("containers.tf", [registry]);
}

/// A cluster of Kubernetes that Google runs whole.
pub fn cluster(draft: &mut Draft<'_>, subject: &Subject<'_>) {
    let resource = subject.resource;
    let region = draft.region_of(subject.row);
    let network = super::network::of(draft, subject);
    let subnet = draft.related(resource, SUBNET, &["google_compute_subnetwork"], "id");
    let version = subject.row.to.as_ref().and_then(|to| to.version.clone());
    let cluster = block(draft, subject)
        .with("location", region)
        .with("enable_autopilot", true)
        .maybe("min_master_version", version)
        .with("network", network)
        .maybe("subnetwork", subnet)
        .with("deletion_protection", true);
    let labels = draft.tags(resource);
    let cluster = cluster
        .with("resource_labels", labels)
        .within(Block::new("release_channel", &[]).with("channel", "REGULAR"))
        .within(
            Block::new("private_cluster_config", &[])
                .with("enable_private_nodes", true)
                .with("enable_private_endpoint", true),
        )
        .within(Block::new("master_authorized_networks_config", &[]));
    draft.put("containers.tf", [cluster]);
    draft.leave(resource, "what runs in the cluster");
}
