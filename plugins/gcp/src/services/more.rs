//! Services of which few things are told each: secrets, images, keys of APIs, applications, notebooks, patches.

use serde_json::Value;
use troupe_estate::Resource;

use crate::listing::{Listing, Source};
use crate::record::{Created, Id, Record, flag, has, is, last, number, path, renamed, to, to_account, to_key, to_of};
use crate::services::policy;

/// Secret Manager: names of secrets, never what is in them.
pub const SECRETS: [Listing; 1] = [Listing {
    record: Some(&SECRET),
    details: &[policy::detail(
        "secretmanager.projects.secrets.getIamPolicy",
        "https://secretmanager.googleapis.com/v1/{/name}:getIamPolicy",
    )],
    ..Listing::new(
        "secretmanager.projects.secrets.list",
        "https://secretmanager.googleapis.com/v1/projects/{project}/secrets?pageSize=1000",
        "/secrets",
    )
}];

const SECRET: Record = Record {
    attributes: &[
        is("rotation_period", "/rotation/rotationPeriod"),
        is("next_rotation", "/rotation/nextRotationTime"),
        is("expires", "/expireTime"),
        has("automatic_replication", "/replication/automatic"),
        is("locations", "/replication/userManaged/replicas/*/location"),
    ],
    relations: &[
        to_of("topic", "pubsub.googleapis.com", "/topics/*/name"),
        to_key("/replication/automatic/customerManagedEncryption/kmsKeyName"),
        to_key("/replication/userManaged/replicas/*/customerManagedEncryption/kmsKeyName"),
    ],
    ..Record::new("gcp.secretmanager.googleapis.com/Secret", Id::Told("secretmanager.googleapis.com", "/name"))
};

/// Artifact Registry, in every location that has it.
pub const ARTIFACTS: [Listing; 1] = [Listing {
    below: &[Listing {
        record: Some(&REPOSITORY),
        details: &[policy::detail(
            "artifactregistry.projects.locations.repositories.getIamPolicy",
            "https://artifactregistry.googleapis.com/v1/{/name}:getIamPolicy",
        )],
        ..Listing::new(
            "artifactregistry.projects.locations.repositories.list",
            "https://artifactregistry.googleapis.com/v1/{/name}/repositories?pageSize=1000",
            "/repositories",
        )
    }],
    ..Listing::new(
        "artifactregistry.projects.locations.list",
        "https://artifactregistry.googleapis.com/v1/projects/{project}/locations?pageSize=1000",
        "/locations",
    )
}];

const REPOSITORY: Record = Record {
    attributes: &[
        is("format", "/format"),
        is("mode", "/mode"),
        number("size_bytes", "/sizeBytes"),
        flag("immutable_tags", "/dockerConfig/immutableTags"),
        is("scanning", "/vulnerabilityScanningConfig/enablementState"),
        is("kms_key", "/kmsKeyName"),
        is("updated", "/updateTime"),
    ],
    relations: &[to_key("/kmsKeyName")],
    ..Record::new(
        "gcp.artifactregistry.googleapis.com/Repository",
        Id::Told("artifactregistry.googleapis.com", "/name"),
    )
};

/// Keys of APIs: what each may be used for, never the key.
pub const API_KEYS: [Listing; 1] = [Listing {
    record: Some(&API_KEY),
    ..Listing::new(
        "apikeys.projects.locations.keys.list",
        "https://apikeys.googleapis.com/v2/projects/{project}/locations/global/keys?pageSize=300",
        "/keys",
    )
}];

const API_KEY: Record = Record {
    name: Some("/displayName"),
    labels: "/annotations",
    attributes: &[
        is("unique_id", "/uid"),
        is("services", "/restrictions/apiTargets/*/service"),
        has("restricted_services", "/restrictions/apiTargets/0"),
        is("deleted", "/deleteTime"),
    ],
    more: Some(api_key),
    ..Record::new("gcp.apikeys.googleapis.com/Key", Id::Told("apikeys.googleapis.com", "/name"))
};

fn api_key(item: &Value, key: &mut Resource) {
    let kinds = ["browserKeyRestrictions", "serverKeyRestrictions", "androidKeyRestrictions", "iosKeyRestrictions"];
    let kind = kinds.iter().find(|kind| path::one(item, &format!("/restrictions/{kind}")).is_some());
    key.set("restricted_users", kind.map(|kind| kind.trim_end_matches("KeyRestrictions")));
}

/// App Engine: the application, of which a project has one at most, and its services.
pub const APP_ENGINE: [Listing; 1] = [Listing {
    record: Some(&APPLICATION),
    optional: true,
    below: &[Listing {
        record: Some(&APP_SERVICE),
        parent: Some("application"),
        ..Listing::new(
            "appengine.apps.services.list",
            "https://appengine.googleapis.com/v1/apps/{project}/services?pageSize=100",
            "/services",
        )
    }],
    ..Listing::of("appengine.apps.get", Source::Single("https://appengine.googleapis.com/v1/apps/{project}"))
}];

const APPLICATION: Record = Record {
    place: Some("/locationId"),
    created: Created::Untold,
    attributes: &[
        is("state", "/servingStatus"),
        is("host", "/defaultHostname"),
        is("database", "/databaseType"),
        flag("iap", "/iap/enabled"),
        is("ssl_policy", "/sslPolicy"),
    ],
    relations: &[to_of("bucket", "storage.googleapis.com", "/defaultBucket"), to_account("/serviceAccount")],
    ..Record::new("gcp.appengine.googleapis.com/Application", Id::Told("appengine.googleapis.com", "/name"))
};

const APP_SERVICE: Record = Record {
    created: Created::Untold,
    attributes: &[is("split", "/split/allocations"), is("ingress", "/networkSettings/ingressTrafficAllowed")],
    ..Record::new("gcp.appengine.googleapis.com/Service", Id::Told("appengine.googleapis.com", "/name"))
};

/// Workbench: notebooks on machines of their own.
pub const NOTEBOOKS: [Listing; 1] = [Listing {
    record: Some(&NOTEBOOK),
    ..Listing::new(
        "notebooks.projects.locations.instances.list",
        "https://notebooks.googleapis.com/v2/projects/{project}/locations/-/instances?pageSize=1000",
        "/instances",
    )
}];

const NOTEBOOK: Record = Record {
    attributes: &[
        is("state", "/state"),
        last("machine_type", "/gceSetup/machineType"),
        flag("no_public_ip", "/gceSetup/disablePublicIp"),
        flag("proxy_off", "/disableProxyAccess"),
        flag("secure_boot", "/gceSetup/shieldedInstanceConfig/enableSecureBoot"),
        is("creator", "/creator"),
        is("owners", "/instanceOwners"),
        is("updated", "/updateTime"),
    ],
    relations: &[
        to("network", "/gceSetup/networkInterfaces/*/network"),
        to("subnetwork", "/gceSetup/networkInterfaces/*/subnet"),
        to_account("/gceSetup/serviceAccounts/*/email"),
        to_key("/gceSetup/bootDisk/kmsKey"),
    ],
    ..Record::new("gcp.notebooks.googleapis.com/Instance", Id::Told("notebooks.googleapis.com", "/name"))
};

/// OS Config: when machines are patched.
pub const PATCHES: [Listing; 1] = [Listing {
    record: Some(&PATCH),
    ..Listing::new(
        "osconfig.projects.patchDeployments.list",
        "https://osconfig.googleapis.com/v1/projects/{project}/patchDeployments?pageSize=100",
        "/patchDeployments",
    )
}];

const PATCH: Record = Record {
    attributes: &[
        is("state", "/state"),
        flag("all_machines", "/instanceFilter/all"),
        is("frequency", "/recurringSchedule/frequency"),
        is("next_run", "/recurringSchedule/nextExecuteTime"),
        is("last_run", "/lastExecuteTime"),
    ],
    more: Some(patch),
    ..Record::new("gcp.osconfig.googleapis.com/PatchDeployment", Id::Told("osconfig.googleapis.com", "/name"))
};

fn patch(item: &Value, patch: &mut Resource) {
    if let Some(config) = item.get("patchConfig") {
        patch.set("config", renamed(config, &[("reboot", "/rebootConfig"), ("apt", "/apt/type"), ("yum", "/yum")]));
    }
}

/// Dataproc, which is listed region by region.
pub const DATAPROC: [Listing; 1] = [Listing {
    below: &[Listing {
        record: Some(&DATAPROC_CLUSTER),
        ..Listing::new(
            "dataproc.projects.regions.clusters.list",
            "https://dataproc.googleapis.com/v1/projects/{project}/regions/{/name}/clusters?pageSize=1000",
            "/clusters",
        )
    }],
    ..Listing::new(
        "compute.regions.list",
        "https://compute.googleapis.com/compute/v1/projects/{project}/regions?maxResults=500",
        "/items",
    )
}];

const DATAPROC_CLUSTER: Record = Record {
    name: Some("/clusterName"),
    created: Created::Untold,
    attributes: &[
        is("state", "/status/state"),
        is("version", "/config/softwareConfig/imageVersion"),
        number("masters", "/config/masterConfig/numInstances"),
        number("workers", "/config/workerConfig/numInstances"),
        last("worker_machine_type", "/config/workerConfig/machineTypeUri"),
        flag("internal_ip_only", "/config/gceClusterConfig/internalIpOnly"),
        is("kms_key", "/config/encryptionConfig/gcePdKmsKeyName"),
    ],
    relations: &[
        to("network", "/config/gceClusterConfig/networkUri"),
        to("subnetwork", "/config/gceClusterConfig/subnetworkUri"),
        to_account("/config/gceClusterConfig/serviceAccount"),
        to_key("/config/encryptionConfig/gcePdKmsKeyName"),
        to_of("bucket", "storage.googleapis.com", "/config/configBucket"),
    ],
    ..Record::new(
        "gcp.dataproc.googleapis.com/Cluster",
        Id::Form("//dataproc.googleapis.com/projects/{project}/regions/{^/name}/clusters/{/clusterName}"),
    )
};

/// Deployment Manager: what was made from one template.
pub const DEPLOYMENTS: [Listing; 1] = [Listing {
    record: Some(&DEPLOYMENT),
    ..Listing::new(
        "deploymentmanager.deployments.list",
        "https://deploymentmanager.googleapis.com/deploymentmanager/v2/projects/{project}/global/deployments?maxResults=500",
        "/deployments",
    )
}];

const DEPLOYMENT: Record = Record {
    name: Some("/name"),
    created: Created::At("/insertTime"),
    attributes: &[
        is("description", "/description"),
        is("state", "/operation/status"),
        is("errors", "/operation/error/errors/*/code"),
        is("updated", "/updateTime"),
    ],
    more: Some(deployment),
    ..Record::new(
        "gcp.deploymentmanager.googleapis.com/Deployment",
        Id::Told("deploymentmanager.googleapis.com", "/selfLink"),
    )
};

fn deployment(item: &Value, deployment: &mut Resource) {
    // Here labels are a list.
    let pairs = path::all(item, "/labels/*").into_iter();
    let pairs =
        pairs.filter_map(|pair| Some((path::text(pair, "/key")?.to_owned(), path::text(pair, "/value")?.to_owned())));
    deployment.tags.extend(pairs);
}
