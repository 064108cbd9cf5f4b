//! Cloud SQL: instances, their databases and backups.

use serde_json::{Value, json};
use troupe_estate::Resource;

use crate::listing::Listing;
use crate::record::{Created, Id, Record, flag, has, is, number, path, to, to_account, to_key};

/// What is listed. Users are in no list of types of Cloud Asset, and are not told.
pub const LISTINGS: [Listing; 1] = [Listing {
    record: Some(&INSTANCE),
    below: &[Listing {
        record: Some(&BACKUP),
        parent: Some("instance"),
        ..Listing::new(
            "sql.backupRuns.list",
            "https://sqladmin.googleapis.com/sql/v1beta4/projects/{project}/instances/{/name}/backupRuns?maxResults=100",
            "/items",
        )
    }],
    ..Listing::new(
        "sql.instances.list",
        "https://sqladmin.googleapis.com/sql/v1beta4/projects/{project}/instances?maxResults=500",
        "/items",
    )
}];

const INSTANCE: Record = Record {
    place: Some("/region"),
    labels: "/settings/userLabels",
    attributes: &[
        is("state", "/state"),
        is("engine", "/databaseVersion"),
        is("version", "/databaseInstalledVersion"),
        is("type", "/instanceType"),
        is("tier", "/settings/tier"),
        is("edition", "/settings/edition"),
        is("activation", "/settings/activationPolicy"),
        is("availability", "/settings/availabilityType"),
        number("size_gib", "/settings/dataDiskSizeGb"),
        is("disk_type", "/settings/dataDiskType"),
        flag("storage_auto_resize", "/settings/storageAutoResize"),
        flag("public_ip", "/settings/ipConfiguration/ipv4Enabled"),
        flag("require_ssl", "/settings/ipConfiguration/requireSsl"),
        is("ssl_mode", "/settings/ipConfiguration/sslMode"),
        is("authorized_ranges", "/settings/ipConfiguration/authorizedNetworks/*/value"),
        is("addresses", "/ipAddresses/*/ipAddress"),
        flag("backups", "/settings/backupConfiguration/enabled"),
        flag("binary_log", "/settings/backupConfiguration/binaryLogEnabled"),
        flag("point_in_time_recovery", "/settings/backupConfiguration/pointInTimeRecoveryEnabled"),
        number("backups_kept", "/settings/backupConfiguration/backupRetentionSettings/retainedBackups"),
        flag("deletion_protection", "/settings/deletionProtectionEnabled"),
        has("maintenance_window", "/settings/maintenanceWindow/day"),
        flag("query_insights", "/settings/insightsConfig/queryInsightsEnabled"),
        is("server_certificate_expires", "/serverCaCert/expirationTime"),
    ],
    relations: &[
        to("network", "/settings/ipConfiguration/privateNetwork"),
        to_key("/diskEncryptionConfiguration/kmsKeyName"),
        to_account("/serviceAccountEmailAddress"),
    ],
    more: Some(instance),
    ..Record::new(
        "gcp.sqladmin.googleapis.com/Instance",
        Id::Form("//cloudsql.googleapis.com/projects/{project}/instances/{/name}"),
    )
};

const BACKUP: Record = Record {
    place: Some("/location"),
    created: Created::At("/startTime"),
    attributes: &[
        is("state", "/status"),
        is("type", "/type"),
        is("backup_type", "/backupKind"),
        is("window_start", "/windowStartTime"),
        is("ended", "/endTime"),
    ],
    relations: &[to_key("/diskEncryptionConfiguration/kmsKeyName")],
    ..Record::new(
        "gcp.sqladmin.googleapis.com/BackupRun",
        Id::Form("//cloudsql.googleapis.com/projects/{project}/instances/{/instance}/backupRuns/{/id}"),
    )
};

fn instance(item: &Value, instance: &mut Resource) {
    let flags = path::all(item, "/settings/databaseFlags/*").into_iter();
    let flags: serde_json::Map<String, Value> = flags
        .filter_map(|flag| Some((path::text(flag, "/name")?.to_owned(), json!(path::text(flag, "/value")))))
        .collect();
    instance.set("flags", flags);
    let ranges = path::all(item, "/settings/ipConfiguration/authorizedNetworks/*/value");
    let everywhere = |range: &&Value| matches!(range.as_str(), Some("0.0.0.0/0" | "::/0"));
    let public = path::is_set(item, "/settings/ipConfiguration/ipv4Enabled") && ranges.iter().any(everywhere);
    instance.set("from_everywhere", public);
    instance.set("kms_key", path::text(item, "/diskEncryptionConfiguration/kmsKeyName").map(crate::name::key));
    if let Some(name) = path::text(item, "/masterInstanceName") {
        // `project:instance`; a project of a domain has a colon of its own.
        if let Some((project, of)) = name.rsplit_once(':') {
            instance.relate("replica_of", format!("//cloudsql.googleapis.com/projects/{project}/instances/{of}"));
        }
    }
}
