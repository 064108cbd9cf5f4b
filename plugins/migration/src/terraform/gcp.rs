//! What resources become at Google Cloud.

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
        Class::NetworkVpc => "google_compute_network",
        Class::NetworkSubnet => "google_compute_subnetwork",
        Class::NetworkSecurityGroup => "google_compute_firewall",
        Class::NetworkAddress => "google_compute_address",
        Class::NetworkDnsZone => "google_dns_managed_zone",
        Class::ComputeInstance => "google_compute_instance",
        Class::ComputeDisk => "google_compute_disk",
        Class::StorageBucket => "google_storage_bucket",
        Class::StorageFileSystem if key == "file-system" => "google_filestore_instance",
        Class::DatabaseRelational if subject.row.to.as_ref()?.engine.is_some() && !subject.row.is_stopped() => {
            "google_sql_database_instance"
        }
        Class::DatabaseCache if subject.row.to.as_ref()?.engine.as_deref() == Some("redis") => "google_redis_instance",
        Class::MessagingQueue if key == "queue" => "google_pubsub_topic",
        Class::MessagingTopic => "google_pubsub_topic",
        Class::ContainerRegistry => "google_artifact_registry_repository",
        Class::ContainerCluster if key == "kubernetes" => "google_container_cluster",
        Class::IdentityRole | Class::IdentityServiceAccount => "google_service_account",
        Class::SecurityKey => "google_kms_crypto_key",
        Class::SecuritySecret => "google_secret_manager_secret",
        _ => return None,
    })
}

/// Writes a resource.
pub fn write(draft: &mut Draft<'_>, subject: &Subject<'_>) {
    match subject.resource.class {
        Class::NetworkVpc => network::network(draft, subject),
        Class::NetworkSubnet => network::subnet(draft, subject),
        Class::NetworkSecurityGroup => network::firewall(draft, subject),
        Class::NetworkAddress => network::address(draft, subject),
        Class::NetworkDnsZone => network::zone(draft, subject),
        Class::ComputeInstance => compute::instance(draft, subject),
        Class::ComputeDisk => compute::disk(draft, subject),
        Class::ContainerRegistry => compute::registry(draft, subject),
        Class::ContainerCluster => compute::cluster(draft, subject),
        Class::StorageBucket => stores::bucket(draft, subject),
        Class::StorageFileSystem => stores::file_system(draft, subject),
        Class::DatabaseRelational => stores::database(draft, subject),
        Class::DatabaseCache => stores::cache(draft, subject),
        Class::MessagingQueue | Class::MessagingTopic => stores::topic(draft, subject),
        Class::IdentityRole | Class::IdentityServiceAccount => stores::account(draft, subject),
        Class::SecurityKey => stores::key(draft, subject),
        Class::SecuritySecret => stores::secret(draft, subject),
        _ => {}
    }
}

/// A block for a resource under a name of its own.
fn block(draft: &Draft<'_>, subject: &Subject<'_>) -> Block {
    draft.block(subject).with("name", names::of(subject.resource, Form::Dashes, 60))
}

/// The labels of a resource.
fn labelled(draft: &mut Draft<'_>, subject: &Subject<'_>, block: Block) -> Block {
    let labels = draft.tags(subject.resource);
    block.with("labels", labels)
}

/// The zone of machines and disks.
fn zone(draft: &mut Draft<'_>, subject: &Subject<'_>) -> Value {
    let region = draft.region_of(subject.row);
    let name = names::slug(&region, Form::Terraform, 40);
    // Every region has a zone `b`.
    draft.variable_or(
        &format!("zone_{name}"),
        format!("The zone in {region} of machines and disks."),
        format!("{region}-b"),
    )
}
