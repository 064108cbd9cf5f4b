//! Machines, disks and clusters at Azure.

use troupe_estate::Resource;

use super::{block, group, tagged};
use crate::facts;
use crate::terraform::draft::{Draft, Subject};
use crate::terraform::hcl::{Block, Value};
use crate::terraform::names::{self, Form};
use crate::terraform::relations::{GROUP, MACHINE, SUBNET};

const FILE: &str = "compute.tf";

/// Whether a machine runs Windows.
pub fn is_windows(resource: &Resource) -> bool {
    facts::system(resource).is_some_and(|told| told.contains("windows"))
}

/// A machine with its interface: its image is asked, its password never written.
pub fn machine(draft: &mut Draft<'_>, subject: &Subject<'_>) {
    let resource = subject.resource;
    let name = draft.name(subject);
    let (group, location) = group(draft, subject);
    let subnet = draft.related(resource, SUBNET, &["azurerm_subnet"], "id").unwrap_or_else(|| {
        draft.variable(&format!("subnet_of_{name}"), format!("The id of the subnet for `{}`.", resource.id))
    });
    let interface = draft
        .beside(subject, "azurerm_network_interface")
        .with("name", names::of(resource, Form::Dashes, 60))
        .with("resource_group_name", group)
        .with("location", location)
        .within(
            Block::new("ip_configuration", &[])
                .with("name", "internal")
                .with("subnet_id", subnet)
                .with("private_ip_address_allocation", "Dynamic"),
        );
    let mut blocks = vec![interface];
    let nic = Value::Reference(format!("azurerm_network_interface.{name}.id"));
    for (number, security) in
        draft.all_related(resource, GROUP, &["azurerm_network_security_group"], "id").into_iter().enumerate()
    {
        // An interface has one group at most.
        if number > 0 {
            draft.leave(resource, "its other security groups: an interface has one, so put their rules into that");
            break;
        }
        blocks.push(
            draft
                .beside(subject, "azurerm_network_interface_security_group_association")
                .with("network_interface_id", nic.clone())
                .with("network_security_group_id", security),
        );
    }
    let size = subject.row.to.as_ref().and_then(|to| to.size.as_ref()).map(|size| Value::from(size.name.clone()));
    let size =
        size.unwrap_or_else(|| draft.variable(&format!("size_{name}"), format!("The size for `{}`.", resource.id)));
    let image = draft.variable(
        &format!("image_{name}"),
        format!("The id of the image made of `{}`: import its disks, or name one that does the same.", resource.id),
    );
    let user = draft.variable_or("admin_user", "The first user of machines.", "migrated");
    let mut machine = block(draft, subject, Form::Dashes, if is_windows(resource) { 16 } else { 60 })
        .with("size", size)
        .with("admin_username", user.clone())
        .with("network_interface_ids", Value::List(vec![nic]))
        .with("source_image_id", image)
        .with("encryption_at_host_enabled", true);
    if is_windows(resource) {
        let password = draft.secret("admin_password", "The password of the first user of machines with Windows.");
        let computer = names::of(resource, Form::Plain, 16).chars().take(15).collect::<String>();
        machine = machine.with("computer_name", computer).with("admin_password", password);
    } else {
        let key = draft.variable("admin_public_key", "The public key of the first user of machines with Linux.");
        machine = machine
            .with("disable_password_authentication", true)
            .within(Block::new("admin_ssh_key", &[]).with("username", user).with("public_key", key));
    }
    machine = machine
        .within(Block::new("os_disk", &[]).with("caching", "ReadWrite").with("storage_account_type", "Premium_LRS"));
    let machine = tagged(draft, subject, machine);
    blocks.push(machine);
    draft.put(FILE, blocks);
}

/// A disk, and where it is attached.
pub fn disk(draft: &mut Draft<'_>, subject: &Subject<'_>) {
    let resource = subject.resource;
    let name = draft.name(subject);
    let to = subject.row.to.as_ref();
    let gib = to.and_then(|to| to.gib).map(Value::from);
    let gib = gib.unwrap_or_else(|| {
        draft.variable(&format!("gib_{name}"), format!("The size of the disk `{}` in GiB.", resource.id))
    });
    let kind = to.and_then(|to| to.disk_type.clone()).unwrap_or_else(|| "Premium_LRS".to_owned());
    let mut disk = block(draft, subject, Form::Dashes, 60)
        .with("storage_account_type", kind.as_str())
        .with("create_option", "Empty")
        .with("disk_size_gb", gib)
        .with("network_access_policy", "DenyAll")
        .with("public_network_access_enabled", false);
    if kind == "PremiumV2_LRS" {
        let zone = draft.variable_or("zone", "The zone of disks that are in one.", "1");
        disk = disk.with("zone", zone);
    }
    let mut blocks = vec![tagged(draft, subject, disk)];
    let machines = ["azurerm_linux_virtual_machine", "azurerm_windows_virtual_machine"];
    if let Some(machine) = draft.related(resource, MACHINE, &machines, "id") {
        let number = draft.attach(&machine);
        let id = draft.own(subject, "id");
        blocks.push(
            draft
                .beside(subject, "azurerm_virtual_machine_data_disk_attachment")
                .with("managed_disk_id", id)
                .with("virtual_machine_id", machine)
                .with("lun", 10 + number)
                .with("caching", "None"),
        );
    }
    draft.put(FILE, blocks);
}

/// A registry of images.
pub fn registry(draft: &mut Draft<'_>, subject: &Subject<'_>) {
    let registry = block(draft, subject, Form::Plain, 48)
        .with("sku", "Premium")
        .with("admin_enabled", false)
        .with("anonymous_pull_enabled", false)
        .with("public_network_access_enabled", false);
    let registry = tagged(draft, subject, registry);
    draft.put("containers.tf", [registry]);
}

/// A cluster of Kubernetes.
pub fn cluster(draft: &mut Draft<'_>, subject: &Subject<'_>) {
    let resource = subject.resource;
    let name = draft.name(subject);
    let size = draft.variable_or(
        &format!("node_size_{name}"),
        format!("The size of the nodes of `{}`.", resource.id),
        "Standard_D4s_v5",
    );
    let version = subject.row.to.as_ref().and_then(|to| to.version.clone());
    let subnet = draft.related(resource, SUBNET, &["azurerm_subnet"], "id");
    let pool = Block::new("default_node_pool", &[])
        .with("name", "system")
        .with("vm_size", size)
        .with("node_count", 3_u32)
        .maybe("vnet_subnet_id", subnet);
    let cluster = block(draft, subject, Form::Dashes, 60)
        .with("dns_prefix", names::of(resource, Form::Dashes, 50))
        .maybe("kubernetes_version", version)
        .with("private_cluster_enabled", true)
        .with("local_account_disabled", true)
        .with("role_based_access_control_enabled", true);
    let cluster = tagged(draft, subject, cluster);
    let cluster = cluster
        .within(pool)
        .within(Block::new("identity", &[]).with("type", "SystemAssigned"))
        .within(Block::new("azure_active_directory_role_based_access_control", &[]).with("azure_rbac_enabled", true));
    draft.put("containers.tf", [cluster]);
    draft.leave(resource, "the other node pools of the cluster, and what runs in it");
}
