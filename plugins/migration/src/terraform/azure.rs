//! What resources become at Azure.

mod compute;
mod network;
mod stores;

use troupe_estate::Class;

use super::draft::{Draft, Subject};
use super::hcl::{Block, Value};
use super::names::{self, Form};

/// The type that a resource becomes, if one is written.
pub fn kind(subject: &Subject<'_>) -> Option<&'static str> {
    let key = subject.row.service.as_str();
    Some(match subject.resource.class {
        Class::NetworkVpc => "azurerm_virtual_network",
        Class::NetworkSubnet => "azurerm_subnet",
        Class::NetworkSecurityGroup => "azurerm_network_security_group",
        Class::NetworkAddress => "azurerm_public_ip",
        Class::NetworkNat => "azurerm_nat_gateway",
        Class::NetworkDnsZone => "azurerm_dns_zone",
        Class::ComputeInstance if compute::is_windows(subject.resource) => "azurerm_windows_virtual_machine",
        Class::ComputeInstance => "azurerm_linux_virtual_machine",
        Class::ComputeDisk => "azurerm_managed_disk",
        Class::StorageBucket => "azurerm_storage_account",
        Class::DatabaseRelational if !subject.row.is_stopped() => match subject.row.to.as_ref()?.engine.as_deref()? {
            "postgresql" => "azurerm_postgresql_flexible_server",
            "mysql" => "azurerm_mysql_flexible_server",
            _ => return None,
        },
        Class::MessagingQueue if key == "queue" => "azurerm_servicebus_queue",
        Class::MessagingTopic => "azurerm_servicebus_topic",
        Class::ContainerRegistry => "azurerm_container_registry",
        Class::ContainerCluster if key == "kubernetes" => "azurerm_kubernetes_cluster",
        Class::IdentityRole | Class::IdentityServiceAccount => "azurerm_user_assigned_identity",
        Class::SecurityKey => "azurerm_key_vault_key",
        Class::LoggingLog => "azurerm_log_analytics_workspace",
        _ => return None,
    })
}

/// Writes a resource.
pub fn write(draft: &mut Draft<'_>, subject: &Subject<'_>) {
    match subject.resource.class {
        Class::NetworkVpc => network::network(draft, subject),
        Class::NetworkSubnet => network::subnet(draft, subject),
        Class::NetworkSecurityGroup => network::security_group(draft, subject),
        Class::NetworkAddress => network::address(draft, subject),
        Class::NetworkNat => network::nat(draft, subject),
        Class::NetworkDnsZone => network::zone(draft, subject),
        Class::ComputeInstance => compute::machine(draft, subject),
        Class::ComputeDisk => compute::disk(draft, subject),
        Class::ContainerRegistry => compute::registry(draft, subject),
        Class::ContainerCluster => compute::cluster(draft, subject),
        Class::StorageBucket => stores::bucket(draft, subject),
        Class::DatabaseRelational => stores::database(draft, subject),
        Class::MessagingQueue | Class::MessagingTopic => stores::message(draft, subject),
        Class::IdentityRole | Class::IdentityServiceAccount => stores::identity(draft, subject),
        Class::SecurityKey => stores::key(draft, subject),
        Class::LoggingLog => stores::logs(draft, subject),
        _ => {}
    }
}

/// The group that a region's resources are in, made once.
fn group(draft: &mut Draft<'_>, subject: &Subject<'_>) -> (Value, Value) {
    let region = draft.region_of(subject.row);
    let name = names::slug(&region, Form::Terraform, 40);
    let address = format!("azurerm_resource_group.{name}");
    if draft.once.insert(address.clone()) {
        let block = Block::new("resource", &["azurerm_resource_group", &name])
            .with("name", format!("migrated-{}", names::slug(&region, Form::Dashes, 40)))
            .with("location", region);
        draft.put("groups.tf", [block]);
    }
    (Value::Reference(format!("{address}.name")), Value::Reference(format!("{address}.location")))
}

/// A block for a resource in the group of its region, under a name in a form.
fn block(draft: &mut Draft<'_>, subject: &Subject<'_>, form: Form, most: usize) -> Block {
    let (group, location) = group(draft, subject);
    draft
        .block(subject)
        .with("name", names::of(subject.resource, form, most))
        .with("resource_group_name", group)
        .with("location", location)
}

/// The tags of a resource.
fn tagged(draft: &mut Draft<'_>, subject: &Subject<'_>, block: Block) -> Block {
    let tags = draft.tags(subject.resource);
    block.with("tags", tags)
}
