//! What keeps data at Google Cloud.

use troupe_estate::Class;

use super::{block, labelled};
use crate::facts;
use crate::terraform::draft::{Draft, Subject};
use crate::terraform::hcl::{Block, Value};
use crate::terraform::names::{self, Form};

const FILE: &str = "data.tf";

/// A bucket: closed to the world, versioned.
pub fn bucket(draft: &mut Draft<'_>, subject: &Subject<'_>) {
    let region = draft.region_of(subject.row);
    let class = subject.row.to.as_ref().and_then(|to| to.storage_class.clone());
    let bucket = block(draft, subject)
        .with("location", region)
        .maybe("storage_class", class)
        .with("uniform_bucket_level_access", true)
        .with("public_access_prevention", "enforced");
    let bucket = labelled(draft, subject, bucket).within(Block::new("versioning", &[]).with("enabled", true));
    draft.put(FILE, [bucket]);
}

/// A shared file system: a terabyte at least.
pub fn file_system(draft: &mut Draft<'_>, subject: &Subject<'_>) {
    let zone = super::zone(draft, subject);
    let network = super::network::of(draft, subject);
    let gib = facts::gib(subject.resource).unwrap_or(1024.0).max(1024.0).ceil();
    let system = block(draft, subject).with("location", zone).with("tier", "BASIC_SSD");
    let system = labelled(draft, subject, system)
        .within(Block::new("file_shares", &[]).with("name", "share1").with("capacity_gb", gib.max(2560.0)))
        .within(
            Block::new("networks", &[]).with("network", network).with("modes", Value::List(vec!["MODE_IPV4".into()])),
        );
    draft.put(FILE, [system]);
}

/// A database, which is reached from its network alone.
pub fn database(draft: &mut Draft<'_>, subject: &Subject<'_>) {
    let resource = subject.resource;
    let name = draft.name(subject);
    let Some(to) = subject.row.to.as_ref() else { return };
    let version = to.version.clone().unwrap_or_default().replace('.', "_");
    let engine = match to.engine.as_deref() {
        Some("postgresql") => format!("POSTGRES_{version}"),
        Some("sqlserver") => format!("SQLSERVER_{version}_STANDARD"),
        _ => format!("MYSQL_{version}"),
    };
    let engine = if version.is_empty() {
        draft.variable(
            &format!("engine_{name}"),
            format!("The engine and version of the database `{}`, such as POSTGRES_16.", resource.id),
        )
    } else {
        engine.into()
    };
    let tier = to.size.as_ref().map(|size| Value::from(size.name.clone()));
    let tier = tier.unwrap_or_else(|| {
        draft.variable(&format!("size_{name}"), format!("The tier of the database `{}`.", resource.id))
    });
    let network = super::network::of(draft, subject);
    let region = draft.region_of(subject.row);
    let mut backup = Block::new("backup_configuration", &[]).with("enabled", true);
    backup = match to.engine.as_deref() {
        Some("mysql") => backup.with("binary_log_enabled", true),
        _ => backup.with("point_in_time_recovery_enabled", true),
    };
    let labels = draft.tags(resource);
    let settings = Block::new("settings", &[])
        .with("tier", tier)
        .with("edition", "ENTERPRISE")
        .with("availability_type", "REGIONAL")
        .with("disk_type", "PD_SSD")
        .maybe("disk_size", to.gib.map(|gib| gib.max(10.0).ceil()))
        .with("disk_autoresize", true)
        .with("user_labels", labels)
        .within(backup)
        .within(
            Block::new("ip_configuration", &[])
                .with("ipv4_enabled", false)
                .with("private_network", network)
                .with("ssl_mode", "ENCRYPTED_ONLY"),
        );
    let mut database = block(draft, subject).with("region", region).with("database_version", engine);
    if to.engine.as_deref() == Some("sqlserver") {
        let password = draft.secret(
            &format!("password_{name}"),
            format!("The password of the first user of the database `{}`.", resource.id),
        );
        database = database.with("root_password", password);
    }
    draft.put(FILE, [database.with("deletion_protection", true).within(settings)]);
}

/// A cache.
pub fn cache(draft: &mut Draft<'_>, subject: &Subject<'_>) {
    let to = subject.row.to.as_ref();
    let gib = to.and_then(|to| to.size.as_ref()).map(|size| Value::from(size.memory_gib));
    let gib = gib.unwrap_or_else(|| {
        let name = draft.name(subject);
        draft.variable(&format!("gib_{name}"), format!("The memory of the cache `{}` in GiB.", subject.resource.id))
    });
    let version = match to.and_then(|to| to.version.as_deref()) {
        Some("5") => "REDIS_5_0",
        Some("6") => "REDIS_6_X",
        _ => "REDIS_7_2",
    };
    let network = super::network::of(draft, subject);
    let region = draft.region_of(subject.row);
    let cache = block(draft, subject)
        .with("region", region)
        .with("tier", "STANDARD_HA")
        .with("memory_size_gb", gib)
        .with("redis_version", version)
        .with("authorized_network", network)
        .with("auth_enabled", true)
        .with("transit_encryption_mode", "SERVER_AUTHENTICATION");
    let cache = labelled(draft, subject, cache);
    draft.put(FILE, [cache]);
}

/// A topic; a queue is one with a subscription.
pub fn topic(draft: &mut Draft<'_>, subject: &Subject<'_>) {
    let topic = block(draft, subject);
    let mut blocks = vec![labelled(draft, subject, topic)];
    if subject.resource.class == Class::MessagingQueue {
        let id = draft.own(subject, "id");
        let fifo = facts::truth(subject.resource, &["fifo"]) == Some(true);
        let mut held = draft
            .beside(subject, "google_pubsub_subscription")
            .with("name", names::of(subject.resource, Form::Dashes, 60))
            .with("topic", id);
        if fifo {
            held = held.with("enable_message_ordering", true);
        }
        blocks.push(held);
    }
    draft.put("messages.tf", blocks);
}

/// An identity for programs, without rights.
pub fn account(draft: &mut Draft<'_>, subject: &Subject<'_>) {
    let called: String = subject.resource.name.as_deref().unwrap_or(&subject.resource.id).chars().take(100).collect();
    let account = draft
        .block(subject)
        .with("account_id", names::of(subject.resource, Form::Dashes, 30))
        .with("display_name", called)
        .with("description", crate::plan::items::mark(subject.resource));
    draft.put("identities.tf", [account]);
    draft.leave(subject.resource, "the rights of the identity: give it what is used, not all that was allowed");
}

/// A key, in the one ring of its region.
pub fn key(draft: &mut Draft<'_>, subject: &Subject<'_>) {
    let region = draft.region_of(subject.row);
    let label = names::slug(&region, Form::Terraform, 40);
    let ring = format!("google_kms_key_ring.{label}");
    if draft.once.insert(ring.clone()) {
        let block =
            Block::new("resource", &["google_kms_key_ring", &label]).with("name", "migrated").with("location", region);
        draft.put("security.tf", [block]);
    }
    let key = block(draft, subject)
        .with("key_ring", Value::Reference(format!("{ring}.id")))
        .with("rotation_period", "7776000s");
    let key = labelled(draft, subject, key);
    draft.put("security.tf", [key]);
}

/// A secret without its value.
pub fn secret(draft: &mut Draft<'_>, subject: &Subject<'_>) {
    let secret = draft.block(subject).with("secret_id", names::of(subject.resource, Form::Dashes, 100));
    let secret =
        labelled(draft, subject, secret).within(Block::new("replication", &[]).within(Block::new("auto", &[])));
    draft.put("security.tf", [secret]);
    draft.leave(subject.resource, "the value of the secret: whoever knows it puts it in");
}
