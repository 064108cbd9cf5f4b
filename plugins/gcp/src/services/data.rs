//! Databases and caches: Spanner, Memorystore for Redis, Firestore, Filestore.

use crate::listing::Listing;
use crate::record::{Id, Record, flag, has, is, number, to, to_key, to_of};

/// What is listed of Spanner.
pub const SPANNER: [Listing; 1] = [Listing {
    record: Some(&SPANNER_INSTANCE),
    below: &[Listing {
        record: Some(&SPANNER_DATABASE),
        parent: Some("instance"),
        ..Listing::new(
            "spanner.projects.instances.databases.list",
            "https://spanner.googleapis.com/v1/{/name}/databases?pageSize=1000",
            "/databases",
        )
    }],
    ..Listing::new(
        "spanner.projects.instances.list",
        "https://spanner.googleapis.com/v1/projects/{project}/instances?pageSize=1000",
        "/instances",
    )
}];

/// What is listed of Memorystore for Redis.
pub const REDIS: [Listing; 2] = [
    Listing {
        record: Some(&REDIS_INSTANCE),
        ..Listing::new(
            "redis.projects.locations.instances.list",
            "https://redis.googleapis.com/v1/projects/{project}/locations/-/instances?pageSize=1000",
            "/instances",
        )
    },
    Listing {
        record: Some(&REDIS_CLUSTER),
        ..Listing::new(
            "redis.projects.locations.clusters.list",
            "https://redis.googleapis.com/v1/projects/{project}/locations/-/clusters?pageSize=1000",
            "/clusters",
        )
    },
];

/// What is listed of Firestore, which hands out all databases at once.
pub const FIRESTORE: [Listing; 1] = [Listing {
    record: Some(&FIRESTORE_DATABASE),
    ..Listing::new(
        "firestore.projects.databases.list",
        "https://firestore.googleapis.com/v1/projects/{project}/databases",
        "/databases",
    )
}];

/// What is listed of Filestore.
pub const FILESTORE: [Listing; 1] = [Listing {
    record: Some(&FILESTORE_INSTANCE),
    ..Listing::new(
        "file.projects.locations.instances.list",
        "https://file.googleapis.com/v1/projects/{project}/locations/-/instances?pageSize=1000",
        "/instances",
    )
}];

const SPANNER_INSTANCE: Record = Record {
    place: Some("/config"),
    attributes: &[
        is("state", "/state"),
        is("config", "/config"),
        number("nodes", "/nodeCount"),
        number("processing_units", "/processingUnits"),
        is("edition", "/edition"),
        has("autoscaling", "/autoscalingConfig"),
        is("backup_schedule", "/defaultBackupScheduleType"),
    ],
    ..Record::new("gcp.spanner.googleapis.com/Instance", Id::Told("spanner.googleapis.com", "/name"))
};

const SPANNER_DATABASE: Record = Record {
    attributes: &[
        is("state", "/state"),
        is("dialect", "/databaseDialect"),
        is("version_retention", "/versionRetentionPeriod"),
        flag("drop_protection", "/enableDropProtection"),
        is("kms_key", "/encryptionConfig/kmsKeyName"),
    ],
    relations: &[to_key("/encryptionConfig/kmsKeyName"), to_key("/encryptionConfig/kmsKeyNames/*")],
    ..Record::new("gcp.spanner.googleapis.com/Database", Id::Told("spanner.googleapis.com", "/name"))
};

const REDIS_INSTANCE: Record = Record {
    attributes: &[
        is("state", "/state"),
        is("tier", "/tier"),
        is("version", "/redisVersion"),
        number("memory_gib", "/memorySizeGb"),
        is("host", "/host"),
        number("port", "/port"),
        flag("auth", "/authEnabled"),
        is("transit_encryption", "/transitEncryptionMode"),
        number("replicas", "/replicaCount"),
        is("connect_mode", "/connectMode"),
        is("persistence", "/persistenceConfig/persistenceMode"),
        has("maintenance_window", "/maintenancePolicy/weeklyMaintenanceWindow/0"),
        is("kms_key", "/customerManagedKey"),
    ],
    relations: &[to("network", "/authorizedNetwork"), to_key("/customerManagedKey")],
    ..Record::new("gcp.redis.googleapis.com/Instance", Id::Told("redis.googleapis.com", "/name"))
};

const REDIS_CLUSTER: Record = Record {
    attributes: &[
        is("state", "/state"),
        number("shards", "/shardCount"),
        number("replicas", "/replicaCount"),
        is("memory_gib", "/sizeGb"),
        is("node_type", "/nodeType"),
        is("auth", "/authorizationMode"),
        is("transit_encryption", "/transitEncryptionMode"),
        is("persistence", "/persistenceConfig/mode"),
        flag("deletion_protection", "/deletionProtectionEnabled"),
        is("hosts", "/discoveryEndpoints/*/address"),
        is("kms_key", "/kmsKey"),
    ],
    relations: &[to("network", "/pscConfigs/*/network"), to_key("/kmsKey")],
    ..Record::new("gcp.redis.googleapis.com/Cluster", Id::Told("redis.googleapis.com", "/name"))
};

const FIRESTORE_DATABASE: Record = Record {
    place: Some("/locationId"),
    attributes: &[
        is("type", "/type"),
        is("concurrency", "/concurrencyMode"),
        is("delete_protection", "/deleteProtectionState"),
        is("point_in_time_recovery", "/pointInTimeRecoveryEnablement"),
        is("version_retention", "/versionRetentionPeriod"),
        is("kms_key", "/cmekConfig/kmsKeyName"),
    ],
    relations: &[to_key("/cmekConfig/kmsKeyName")],
    ..Record::new("gcp.firestore.googleapis.com/Database", Id::Told("firestore.googleapis.com", "/name"))
};

const FILESTORE_INSTANCE: Record = Record {
    attributes: &[
        is("state", "/state"),
        is("tier", "/tier"),
        is("shares", "/fileShares/*/name"),
        is("capacity_gib", "/fileShares/*/capacityGb"),
        is("addresses", "/networks/*/ipAddresses/*"),
        flag("deletion_protection", "/deletionProtectionEnabled"),
        is("kms_key", "/kmsKeyName"),
    ],
    relations: &[to_of("network", "compute.googleapis.com", "/networks/*/network"), to_key("/kmsKeyName")],
    ..Record::new("gcp.file.googleapis.com/Instance", Id::Told("file.googleapis.com", "/name"))
};
