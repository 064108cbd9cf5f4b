//! Google Kubernetes Engine: clusters and their node pools.
//!
//! Node pools come with their cluster. Passwords and keys of `masterAuth` stay where they are; whether there are any
//! is told.

use serde_json::{Value, json};
use troupe_estate::Resource;

use crate::listing::{Listing, Source};
use crate::record::{Created, Id, Record, flag, has, is, number, path, renamed, to, to_account, to_key};

/// The list of all clusters of a project.
pub const CLUSTERS: &str = "https://container.googleapis.com/v1/projects/{project}/locations/-/clusters";

/// What is listed.
pub const LISTINGS: [Listing; 1] = [Listing {
    record: Some(&CLUSTER),
    below: &[Listing {
        record: Some(&NODE_POOL),
        parent: Some("cluster"),
        ..Listing::of("container.projects.locations.clusters.list", Source::Within("/nodePools"))
    }],
    ..Listing::new("container.projects.locations.clusters.list", CLUSTERS, "/clusters")
}];

/// How a cluster is read.
pub const CLUSTER: Record = Record {
    place: Some("/location"),
    name: Some("/name"),
    labels: "/resourceLabels",
    attributes: &[
        is("state", "/status"),
        is("version", "/currentMasterVersion"),
        is("initial_version", "/initialClusterVersion"),
        is("node_version", "/currentNodeVersion"),
        is("release_channel", "/releaseChannel/channel"),
        number("nodes", "/currentNodeCount"),
        is("locations", "/locations"),
        is("endpoint", "/endpoint"),
        flag("autopilot", "/autopilot/enabled"),
        flag("private_nodes", "/privateClusterConfig/enablePrivateNodes"),
        flag("private_endpoint", "/privateClusterConfig/enablePrivateEndpoint"),
        flag("authorized_networks", "/masterAuthorizedNetworksConfig/enabled"),
        is("authorized_ranges", "/masterAuthorizedNetworksConfig/cidrBlocks/*/cidrBlock"),
        flag("legacy_abac", "/legacyAbac/enabled"),
        has("basic_auth", "/masterAuth/username"),
        has("client_certificate", "/masterAuth/clientCertificate"),
        flag("network_policy", "/networkPolicy/enabled"),
        is("datapath", "/networkConfig/datapathProvider"),
        is("workload_identity", "/workloadIdentityConfig/workloadPool"),
        is("database_encryption", "/databaseEncryption/state"),
        flag("shielded_nodes", "/shieldedNodes/enabled"),
        flag("alpha", "/enableKubernetesAlpha"),
        is("binary_authorization", "/binaryAuthorization/evaluationMode"),
        is("logging_components", "/loggingConfig/componentConfig/enableComponents"),
        is("monitoring_components", "/monitoringConfig/componentConfig/enableComponents"),
        is("logging_service", "/loggingService"),
        is("monitoring_service", "/monitoringService"),
        flag("intranode_visibility", "/networkConfig/enableIntraNodeVisibility"),
        flag("dashboard", "/addonsConfig/kubernetesDashboard/enabled"),
        is("security_posture", "/securityPostureConfig/mode"),
        is("pod_range", "/clusterIpv4Cidr"),
        is("service_range", "/servicesIpv4Cidr"),
        flag("ip_alias", "/ipAllocationPolicy/useIpAliases"),
        is("maintenance", "/maintenancePolicy/window"),
    ],
    relations: &[
        to("network", "/networkConfig/network"),
        to("subnetwork", "/networkConfig/subnetwork"),
        to_key("/databaseEncryption/keyName"),
    ],
    more: Some(cluster),
    ..Record::new("gcp.container.googleapis.com/Cluster", Id::Told("container.googleapis.com", "/selfLink"))
};

/// How a node pool is read.
pub const NODE_POOL: Record = Record {
    name: Some("/name"),
    labels: "/config/resourceLabels",
    attributes: &[
        is("state", "/status"),
        is("version", "/version"),
        is("machine_type", "/config/machineType"),
        is("image", "/config/imageType"),
        number("disk_size_gib", "/config/diskSizeGb"),
        is("disk_type", "/config/diskType"),
        flag("preemptible", "/config/preemptible"),
        flag("spot", "/config/spot"),
        is("scopes", "/config/oauthScopes"),
        is("network_tags", "/config/tags"),
        is("metadata_mode", "/config/workloadMetadataConfig/mode"),
        flag("secure_boot", "/config/shieldedInstanceConfig/enableSecureBoot"),
        flag("integrity_monitoring", "/config/shieldedInstanceConfig/enableIntegrityMonitoring"),
        is("sandbox", "/config/sandboxConfig/type"),
        flag("private_nodes", "/networkConfig/enablePrivateNodes"),
        flag("auto_upgrade", "/management/autoUpgrade"),
        flag("auto_repair", "/management/autoRepair"),
        number("initial_nodes", "/initialNodeCount"),
        flag("autoscaling", "/autoscaling/enabled"),
        number("least_nodes", "/autoscaling/minNodeCount"),
        number("most_nodes", "/autoscaling/maxNodeCount"),
        number("max_pods", "/maxPodsConstraint/maxPodsPerNode"),
        is("locations", "/locations"),
        is("upgrade_strategy", "/upgradeSettings/strategy"),
        number("surge", "/upgradeSettings/maxSurge"),
        number("unavailable", "/upgradeSettings/maxUnavailable"),
    ],
    relations: &[
        to("group_manager", "/instanceGroupUrls/*"),
        to_account("/config/serviceAccount"),
        to_key("/config/bootDiskKmsKey"),
    ],
    created: Created::Untold,
    more: Some(node_pool),
    ..Record::new("gcp.container.googleapis.com/NodePool", Id::Told("container.googleapis.com", "/selfLink"))
};

fn cluster(item: &Value, cluster: &mut Resource) {
    let range = |range: &&Value| matches!(range.as_str(), Some("0.0.0.0/0" | "::/0"));
    let ranges = path::all(item, "/masterAuthorizedNetworksConfig/cidrBlocks/*/cidrBlock");
    let open = !path::is_set(item, "/masterAuthorizedNetworksConfig/enabled") || ranges.iter().any(range);
    let public = open && !path::is_set(item, "/privateClusterConfig/enablePrivateEndpoint");
    cluster.set("public_endpoint", public);
    let status: Vec<Value> = path::all(item, "/conditions/*")
        .into_iter()
        .map(|one| renamed(one, &[("code", "/code"), ("message", "/message")]))
        .collect();
    cluster.set("conditions", status);
}

fn node_pool(item: &Value, pool: &mut Resource) {
    let taints = path::all(item, "/config/taints/*").into_iter();
    let taints: Vec<Value> = taints.map(|taint| renamed(taint, &[("key", "/key"), ("effect", "/effect")])).collect();
    pool.set("taints", taints);
    let account = path::text(item, "/config/serviceAccount");
    pool.set("default_service_account", json!(account.is_none_or(|account| account == "default")));
    pool.set("legacy_endpoints", path::text(item, "/config/metadata/disable-legacy-endpoints") != Some("true"));
}
