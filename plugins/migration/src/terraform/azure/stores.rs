//! What keeps data at Azure.

use troupe_estate::Class;

use super::{block, group, tagged};
use crate::facts;
use crate::terraform::draft::{Draft, Subject};
use crate::terraform::hcl::{Block, Value};
use crate::terraform::names::{self, Form};

const FILE: &str = "data.tf";

/// A bucket: an account with one container, closed to the world.
pub fn bucket(draft: &mut Draft<'_>, subject: &Subject<'_>) {
    let to = subject.row.to.as_ref();
    let class =
        to.and_then(|to| to.storage_class.clone()).filter(|class| ["Hot", "Cool", "Cold"].contains(&class.as_str()));
    let account = block(draft, subject, Form::Plain, 24)
        .with("account_tier", "Standard")
        .with("account_replication_type", "ZRS")
        .with("access_tier", class.unwrap_or_else(|| "Hot".to_owned()))
        .with("min_tls_version", "TLS1_2")
        .with("https_traffic_only_enabled", true)
        .with("allow_nested_items_to_be_public", false)
        .with("shared_access_key_enabled", false)
        .with("infrastructure_encryption_enabled", true);
    let account =
        tagged(draft, subject, account).within(Block::new("blob_properties", &[]).with("versioning_enabled", true));
    let id = draft.own(subject, "id");
    let container = draft
        .beside(subject, "azurerm_storage_container")
        .with("name", names::of(subject.resource, Form::Dashes, 60))
        .with("storage_account_id", id)
        .with("container_access_type", "private");
    draft.put(FILE, [account, container]);
}

/// A database.
pub fn database(draft: &mut Draft<'_>, subject: &Subject<'_>) {
    let resource = subject.resource;
    let name = draft.name(subject);
    let Some(to) = subject.row.to.as_ref() else { return };
    let is_mysql = to.engine.as_deref() == Some("mysql");
    let size = to.size.as_ref().map(|size| Value::from(size.name.clone()));
    let size = size.unwrap_or_else(|| {
        draft.variable(&format!("size_{name}"), format!("The size of the database `{}`.", resource.id))
    });
    let user = draft.variable_or(
        &format!("user_{name}"),
        format!("The first user of the database `{}`.", resource.id),
        "dbadmin",
    );
    let password = draft.secret(
        &format!("password_{name}"),
        format!("The password of the first user of the database `{}`.", resource.id),
    );
    let version = match (is_mysql, to.version.as_deref()) {
        (true, Some("8.0")) => Some("8.0.21".to_owned()),
        (_, version) => version.map(str::to_owned),
    };
    let mut server = block(draft, subject, Form::Dashes, 60)
        .maybe("version", version)
        .with("sku_name", size)
        .with("administrator_login", user)
        .with("administrator_password", password)
        .with("backup_retention_days", 7_u32)
        .with("geo_redundant_backup_enabled", true);
    let gib = to.gib.unwrap_or(32.0).max(32.0);
    if is_mysql {
        server = tagged(draft, subject, server);
        server = server.within(Block::new("storage", &[]).with("size_gb", gib.ceil()).with("auto_grow_enabled", true));
    } else {
        // Its storage grows in steps of two, from 32 GiB to 32 TiB.
        let mut step = 32_768.0;
        while step < gib * 1024.0 && step < 33_554_432.0 {
            step *= 2.0;
        }
        server = server.with("storage_mb", step).with("public_network_access_enabled", false);
        server = tagged(draft, subject, server);
    }
    draft.put(FILE, [server]);
}

/// A queue or topic, in the one namespace of its region.
pub fn message(draft: &mut Draft<'_>, subject: &Subject<'_>) {
    let region = draft.region_of(subject.row);
    let label = names::slug(&region, Form::Terraform, 40);
    let address = format!("azurerm_servicebus_namespace.{label}");
    if draft.once.insert(address.clone()) {
        let (group, location) = group(draft, subject);
        let name = draft.variable(
            &format!("namespace_{label}"),
            format!("The name of the Service Bus namespace in {region}, which nobody else has."),
        );
        let namespace = Block::new("resource", &["azurerm_servicebus_namespace", &label])
            .with("name", name)
            .with("resource_group_name", group)
            .with("location", location)
            .with("sku", "Standard")
            .with("minimum_tls_version", "1.2")
            .with("local_auth_enabled", false);
        draft.put("messages.tf", [namespace]);
    }
    let mut held = draft
        .block(subject)
        .with("name", names::of(subject.resource, Form::Dashes, 60))
        .with("namespace_id", Value::Reference(format!("{address}.id")));
    if subject.resource.class == Class::MessagingQueue && facts::truth(subject.resource, &["fifo"]) == Some(true) {
        held = held.with("requires_session", true).with("requires_duplicate_detection", true);
    }
    draft.put("messages.tf", [held]);
}

/// An identity for programs, without rights.
pub fn identity(draft: &mut Draft<'_>, subject: &Subject<'_>) {
    let identity = block(draft, subject, Form::Dashes, 60);
    let identity = tagged(draft, subject, identity);
    draft.put("identities.tf", [identity]);
    draft.leave(subject.resource, "the rights of the identity: give it what is used, not all that was allowed");
}

/// A key in a vault that is there.
pub fn key(draft: &mut Draft<'_>, subject: &Subject<'_>) {
    let vault = draft.variable("key_vault_id", "The id of the vault for keys.");
    let options = ["decrypt", "encrypt", "sign", "unwrapKey", "verify", "wrapKey"].map(Value::from).to_vec();
    let key = draft
        .block(subject)
        .with("name", names::of(subject.resource, Form::Dashes, 100))
        .with("key_vault_id", vault)
        .with("key_type", "RSA-HSM")
        .with("key_size", 3072_u32)
        .with("key_opts", Value::List(options));
    let key = tagged(draft, subject, key);
    draft.put("security.tf", [key]);
}

/// A workspace of logs.
pub fn logs(draft: &mut Draft<'_>, subject: &Subject<'_>) {
    let days = facts::number(subject.resource, &["retention_days", "retention_in_days"]).unwrap_or(365.0);
    let workspace = block(draft, subject, Form::Dashes, 60)
        .with("sku", "PerGB2018")
        .with("retention_in_days", days.clamp(30.0, 730.0));
    let workspace = tagged(draft, subject, workspace);
    draft.put("logs.tf", [workspace]);
}
