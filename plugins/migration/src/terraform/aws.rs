//! What resources become at AWS.

mod compute;
mod network;
mod stores;

use troupe_estate::Class;

use super::draft::{Draft, Subject};
use super::hcl::{Block, Value};
use super::providers;

/// The type that a resource becomes, if one is written.
pub fn kind(subject: &Subject<'_>) -> Option<&'static str> {
    let key = subject.row.service.as_str();
    Some(match subject.resource.class {
        Class::NetworkVpc => "aws_vpc",
        Class::NetworkSubnet => "aws_subnet",
        Class::NetworkSecurityGroup => "aws_security_group",
        Class::NetworkAddress => "aws_eip",
        Class::NetworkDnsZone => "aws_route53_zone",
        Class::ComputeInstance => "aws_instance",
        Class::ComputeDisk => "aws_ebs_volume",
        Class::StorageBucket => "aws_s3_bucket",
        Class::StorageFileSystem if key == "file-system" => "aws_efs_file_system",
        Class::DatabaseRelational if subject.row.to.as_ref()?.engine.is_some() && !subject.row.is_stopped() => {
            "aws_db_instance"
        }
        Class::DatabaseCache if !subject.row.is_stopped() => "aws_elasticache_replication_group",
        Class::MessagingQueue if key == "queue" => "aws_sqs_queue",
        Class::MessagingTopic => "aws_sns_topic",
        Class::ContainerRegistry => "aws_ecr_repository",
        Class::ContainerCluster if key == "kubernetes" => "aws_eks_cluster",
        Class::SecurityKey => "aws_kms_key",
        Class::SecuritySecret => "aws_secretsmanager_secret",
        Class::LoggingLog => "aws_cloudwatch_log_group",
        _ => return None,
    })
}

/// Writes a resource.
pub fn write(draft: &mut Draft<'_>, subject: &Subject<'_>) {
    match subject.resource.class {
        Class::NetworkVpc => network::vpc(draft, subject),
        Class::NetworkSubnet => network::subnet(draft, subject),
        Class::NetworkSecurityGroup => network::security_group(draft, subject),
        Class::NetworkAddress => network::address(draft, subject),
        Class::NetworkDnsZone => network::zone(draft, subject),
        Class::ComputeInstance => compute::instance(draft, subject),
        Class::ComputeDisk => compute::volume(draft, subject),
        Class::ContainerRegistry => compute::registry(draft, subject),
        Class::ContainerCluster => compute::cluster(draft, subject),
        Class::StorageBucket => stores::bucket(draft, subject),
        Class::StorageFileSystem => stores::file_system(draft, subject),
        Class::DatabaseRelational => stores::database(draft, subject),
        Class::DatabaseCache => stores::cache(draft, subject),
        Class::MessagingQueue => stores::queue(draft, subject),
        Class::MessagingTopic => stores::topic(draft, subject),
        Class::SecurityKey => stores::key(draft, subject),
        Class::SecuritySecret => stores::secret(draft, subject),
        Class::LoggingLog => stores::log_group(draft, subject),
        _ => {}
    }
}

/// Says which provider a block is of, where its region is another.
fn placed(draft: &mut Draft<'_>, subject: &Subject<'_>, block: Block) -> Block {
    match draft.other_region(subject.row) {
        Some(region) => block.with("provider", Value::Reference(format!("aws.{}", providers::alias(&region)))),
        None => block,
    }
}

/// A block for a resource, of the provider of its region.
fn block(draft: &mut Draft<'_>, subject: &Subject<'_>) -> Block {
    let block = draft.block(subject);
    placed(draft, subject, block)
}

/// A block beside it, of the same provider.
fn beside(draft: &mut Draft<'_>, subject: &Subject<'_>, kind: &str) -> Block {
    let block = draft.beside(subject, kind);
    placed(draft, subject, block)
}
