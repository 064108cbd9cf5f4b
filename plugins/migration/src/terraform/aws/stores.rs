//! What keeps data at AWS.

use super::{beside, block};
use crate::facts;
use crate::terraform::draft::{Draft, Subject};
use crate::terraform::hcl::{Block, Value};
use crate::terraform::names::{self, Form};
use crate::terraform::relations::{GROUP, SUBNET};

const FILE: &str = "data.tf";

/// The days for which CloudWatch keeps logs.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html>
/// (2025-06-01).
const LOG_DAYS: [f64; 14] =
    [1.0, 7.0, 14.0, 30.0, 60.0, 90.0, 120.0, 180.0, 365.0, 400.0, 545.0, 731.0, 1827.0, 3653.0];

/// A bucket: closed to the world, versioned, encrypted.
pub fn bucket(draft: &mut Draft<'_>, subject: &Subject<'_>) {
    let tags = draft.tags(subject.resource);
    let name = names::of(subject.resource, Form::Dashes, 63);
    let id = draft.own(subject, "id");
    let blocks = vec![
        block(draft, subject).with("bucket", name).with("tags", tags),
        beside(draft, subject, "aws_s3_bucket_public_access_block")
            .with("bucket", id.clone())
            .with("block_public_acls", true)
            .with("block_public_policy", true)
            .with("ignore_public_acls", true)
            .with("restrict_public_buckets", true),
        beside(draft, subject, "aws_s3_bucket_versioning")
            .with("bucket", id.clone())
            .within(Block::new("versioning_configuration", &[]).with("status", "Enabled")),
        beside(draft, subject, "aws_s3_bucket_server_side_encryption_configuration").with("bucket", id).within(
            Block::new("rule", &[])
                .within(Block::new("apply_server_side_encryption_by_default", &[]).with("sse_algorithm", "aws:kms")),
        ),
    ];
    draft.put(FILE, blocks);
}

/// A shared file system.
pub fn file_system(draft: &mut Draft<'_>, subject: &Subject<'_>) {
    let tags = draft.tags(subject.resource);
    let system = block(draft, subject).with("encrypted", true).with("tags", tags);
    draft.put(FILE, [system]);
    draft.leave(subject.resource, "the mount targets of the file system, one in each subnet that uses it");
}

/// A database: AWS makes its password and keeps it.
pub fn database(draft: &mut Draft<'_>, subject: &Subject<'_>) {
    let resource = subject.resource;
    let name = draft.name(subject);
    let Some(to) = subject.row.to.as_ref() else { return };
    let engine = match to.engine.as_deref() {
        Some("postgresql") => "postgres",
        Some("sqlserver") => "sqlserver-se",
        Some("oracle") => "oracle-se2",
        Some("db2") => "db2-se",
        Some("mariadb") => "mariadb",
        _ => "mysql",
    };
    let size = to.size.as_ref().map(|size| Value::from(size.name.clone()));
    let size = size.unwrap_or_else(|| {
        draft.variable(&format!("size_{name}"), format!("The instance class for `{}`.", resource.id))
    });
    let gib = to.gib.filter(|gib| *gib >= 20.0).map(Value::from);
    let gib = gib.unwrap_or_else(|| {
        draft.variable_or(
            &format!("gib_{name}"),
            format!("The storage of the database `{}` in GiB.", resource.id),
            "20",
        )
    });
    let user = draft.variable_or(
        &format!("user_{name}"),
        format!("The first user of the database `{}`.", resource.id),
        "dbadmin",
    );
    let groups = draft.all_related(resource, GROUP, &["aws_security_group"], "id");
    let subnets = draft.all_related(resource, SUBNET, &["aws_subnet"], "id");
    let tags = draft.tags(resource);
    let mut blocks = Vec::new();
    let mut own_block = block(draft, subject)
        .with("identifier", names::of(resource, Form::Dashes, 63))
        .with("engine", engine)
        // SQL Server and Oracle count their versions otherwise than people do.
        .maybe("engine_version", to.version.clone().filter(|_| ["postgres", "mysql", "mariadb"].contains(&engine)))
        .with("instance_class", size)
        .with("allocated_storage", gib)
        .with("storage_type", "gp3")
        .with("storage_encrypted", true)
        .with("username", user)
        .with("manage_master_user_password", true)
        .with("multi_az", true)
        .with("publicly_accessible", false)
        .with("backup_retention_period", 7_u32)
        .with("copy_tags_to_snapshot", true)
        .with("deletion_protection", true)
        .with("auto_minor_version_upgrade", true)
        .with("final_snapshot_identifier", format!("{}-last", names::of(resource, Form::Dashes, 50)));
    if !subnets.is_empty() {
        blocks.push(
            beside(draft, subject, "aws_db_subnet_group")
                .with("name", names::of(resource, Form::Dashes, 63))
                .with("subnet_ids", Value::List(subnets)),
        );
        own_block =
            own_block.with("db_subnet_group_name", Value::Reference(format!("aws_db_subnet_group.{name}.name")));
    }
    if !groups.is_empty() {
        own_block = own_block.with("vpc_security_group_ids", Value::List(groups));
    }
    blocks.push(own_block.with("tags", tags));
    draft.put(FILE, blocks);
}

/// A cache.
pub fn cache(draft: &mut Draft<'_>, subject: &Subject<'_>) {
    let resource = subject.resource;
    let name = draft.name(subject);
    let to = subject.row.to.as_ref();
    let size = to.and_then(|to| to.size.as_ref()).map(|size| Value::from(size.name.clone()));
    let size = size
        .unwrap_or_else(|| draft.variable(&format!("size_{name}"), format!("The node type for `{}`.", resource.id)));
    let engine = to.and_then(|to| to.engine.as_deref()).filter(|engine| *engine == "valkey").unwrap_or("redis");
    let tags = draft.tags(resource);
    let cache = block(draft, subject)
        .with("replication_group_id", names::of(resource, Form::Dashes, 40))
        .with("description", format!("from {}", crate::plan::items::mark(resource)))
        .with("engine", engine)
        .with("node_type", size)
        .with("num_cache_clusters", 2_u32)
        .with("automatic_failover_enabled", true)
        .with("at_rest_encryption_enabled", true)
        .with("transit_encryption_enabled", true)
        .with("tags", tags);
    draft.put(FILE, [cache]);
}

/// A queue.
pub fn queue(draft: &mut Draft<'_>, subject: &Subject<'_>) {
    let resource = subject.resource;
    let fifo = facts::truth(resource, &["fifo", "requires_session"]) == Some(true);
    let name = names::of(resource, Form::Dashes, 70);
    let tags = draft.tags(resource);
    let mut queue = block(draft, subject).with("name", if fifo { format!("{name}.fifo") } else { name });
    if fifo {
        queue = queue.with("fifo_queue", true);
    }
    draft.put("messages.tf", [queue.with("sqs_managed_sse_enabled", true).with("tags", tags)]);
}

/// A topic.
pub fn topic(draft: &mut Draft<'_>, subject: &Subject<'_>) {
    let tags = draft.tags(subject.resource);
    let topic = block(draft, subject)
        .with("name", names::of(subject.resource, Form::Dashes, 70))
        .with("kms_master_key_id", "alias/aws/sns")
        .with("tags", tags);
    draft.put("messages.tf", [topic]);
}

/// A key.
pub fn key(draft: &mut Draft<'_>, subject: &Subject<'_>) {
    let tags = draft.tags(subject.resource);
    let key = block(draft, subject)
        .with("description", format!("from {}", crate::plan::items::mark(subject.resource)))
        .with("enable_key_rotation", true)
        .with("tags", tags);
    draft.put("security.tf", [key]);
}

/// A secret without its value.
pub fn secret(draft: &mut Draft<'_>, subject: &Subject<'_>) {
    let tags = draft.tags(subject.resource);
    let secret = block(draft, subject).with("name", names::of(subject.resource, Form::Dashes, 100)).with("tags", tags);
    draft.put("security.tf", [secret]);
    draft.leave(subject.resource, "the value of the secret: whoever knows it puts it in");
}

/// A group of logs.
pub fn log_group(draft: &mut Draft<'_>, subject: &Subject<'_>) {
    let tags = draft.tags(subject.resource);
    let days = facts::number(subject.resource, &["retention_days", "retention_in_days"]).unwrap_or(365.0);
    let days = LOG_DAYS.iter().find(|kept| **kept >= days).copied().unwrap_or(3653.0);
    let group = block(draft, subject)
        .with("name", names::of(subject.resource, Form::Dashes, 100))
        .with("retention_in_days", days)
        .with("tags", tags);
    draft.put("logs.tf", [group]);
}
