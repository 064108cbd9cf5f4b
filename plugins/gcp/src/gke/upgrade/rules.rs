//! What stands in the way of an upgrade, or will.
//!
//! What is removed when: <https://cloud.google.com/kubernetes-engine/docs/deprecations>. How far nodes may be behind:
//! <https://cloud.google.com/kubernetes-engine/versioning>, two minor versions.

use std::time::SystemTime;

use serde_json::{Value, json};
use troupe_estate::{Finding, Resource, Severity};

use super::server::Server;
use crate::gke::clusters::Cluster;
use crate::gke::version::Version;
use crate::record::path;

/// How many minor versions nodes may be behind their control plane.
const SKEW_MAX: u32 = 2;

/// A rule: its id, how bad it is, whether it blocks, its title and what to do.
struct Rule(&'static str, Severity, bool, &'static str, &'static str);

const UNSUPPORTED: Rule = Rule(
    "gke.version-not-offered",
    Severity::High,
    false,
    "The control plane runs a version that is not offered any more",
    "Upgrade the control plane, one minor version at a time; Google may do it when it likes.",
);
const BEHIND: Rule = Rule(
    "gke.version-behind-channel",
    Severity::Medium,
    false,
    "The control plane is a minor version or more behind its channel",
    "Upgrade the control plane along `path`.",
);
const NO_CHANNEL: Rule = Rule(
    "gke.no-release-channel",
    Severity::Low,
    false,
    "The cluster is in no release channel",
    "Enrol the cluster in a channel, so that it is upgraded and its exclusions may last longer.",
);
const SKEW: Rule = Rule(
    "gke.node-skew",
    Severity::High,
    true,
    "Nodes are so far behind that the control plane cannot be upgraded",
    "Upgrade the node pool to the control plane's version first.",
);
const NO_AUTO_UPGRADE: Rule = Rule(
    "gke.node-auto-upgrade-off",
    Severity::Medium,
    false,
    "The node pool is not upgraded by itself",
    "Switch automatic upgrades on, with a maintenance window.",
);
const NO_SURGE: Rule = Rule(
    "gke.no-upgrade-capacity",
    Severity::Medium,
    true,
    "The node pool has no node to spare for an upgrade",
    "Let at least one node be made more, or be away, during an upgrade (`maxSurge`, `maxUnavailable`).",
);
const DOCKER: Rule = Rule(
    "gke.docker-image",
    Severity::High,
    true,
    "The node pool's image runs containers with Docker, which 1.24 has no more",
    "Change the image type to the one with containerd (`COS_CONTAINERD`, `UBUNTU_CONTAINERD`).",
);
const ALPHA: Rule = Rule(
    "gke.alpha-cluster",
    Severity::High,
    true,
    "An alpha cluster cannot be upgraded, and is deleted after 30 days",
    "Make a cluster without alpha features, and move the workloads.",
);
const POD_SECURITY: Rule = Rule(
    "gke.pod-security-policy",
    Severity::High,
    true,
    "The cluster uses PodSecurityPolicy, which 1.25 has no more",
    "Go over to Pod Security admission, then switch the feature off.",
);
const ABAC: Rule = Rule(
    "gke.legacy-abac",
    Severity::Medium,
    false,
    "Legacy authorisation is on, which newer clusters cannot have",
    "Grant what is needed by RBAC, then switch it off.",
);
const BASIC: Rule = Rule(
    "gke.basic-authentication",
    Severity::High,
    true,
    "The cluster takes a password, which 1.19 has no more",
    "Switch basic authentication off.",
);
const CERTIFICATE: Rule = Rule(
    "gke.client-certificate",
    Severity::Low,
    false,
    "A client certificate is issued, which cannot be revoked",
    "Make a cluster without one, and sign in as a person or service account.",
);
const DASHBOARD: Rule = Rule(
    "gke.dashboard-addon",
    Severity::Low,
    false,
    "The dashboard add-on is on, which is removed",
    "Switch the add-on off.",
);
const LOGGING: Rule = Rule(
    "gke.legacy-logging",
    Severity::Medium,
    true,
    "Legacy logging or monitoring is on, which 1.15 has no more",
    "Go over to Cloud Operations for GKE.",
);
const NO_WINDOW: Rule = Rule(
    "gke.no-maintenance-window",
    Severity::Low,
    false,
    "The cluster may be upgraded at any hour",
    "Set a maintenance window.",
);
const EXCLUDED: Rule = Rule(
    "gke.maintenance-exclusion",
    Severity::Informational,
    true,
    "A maintenance exclusion holds now",
    "Wait until it is over, or end it.",
);
const NOT_RUNNING: Rule = Rule(
    "gke.not-running",
    Severity::High,
    true,
    "The cluster or node pool is not in order",
    "Put it in order first; its conditions say what is wrong.",
);
const REMOVED_API: Rule = Rule(
    "gke.removed-api-in-use",
    Severity::High,
    true,
    "Something calls an interface that a later version has no more",
    "Change the callers; Google lists them in the insight.",
);
const API_UNKNOWN: Rule = Rule(
    "gke.removed-api-in-use",
    Severity::High,
    true,
    "Something may call an interface that a later version has no more",
    "",
);

const RULES: [&Rule; 18] = [
    &UNSUPPORTED,
    &BEHIND,
    &NO_CHANNEL,
    &SKEW,
    &NO_AUTO_UPGRADE,
    &NO_SURGE,
    &DOCKER,
    &ALPHA,
    &POD_SECURITY,
    &ABAC,
    &BASIC,
    &CERTIFICATE,
    &DASHBOARD,
    &LOGGING,
    &NO_WINDOW,
    &EXCLUDED,
    &NOT_RUNNING,
    &REMOVED_API,
];

/// Reports whether the findings of a rule block an upgrade.
pub fn blocks(rule: &str) -> bool {
    RULES.iter().any(|Rule(id, _, blocks, ..)| *id == rule && *blocks)
}

fn finding(Rule(id, severity, _, title, fix): &Rule, resource: &Resource, discriminator: &str) -> Finding {
    let mut finding = Finding::new(id, title, *severity, resource.reference(), discriminator);
    (*fix).clone_into(&mut finding.fix);
    finding
}

/// Everything that is found at a cluster and its node pools.
pub fn apply(
    cluster: &Cluster,
    pools: &[(&Value, Resource)],
    server: Option<&Server>,
    insights: Option<&[Value]>,
    now: SystemTime,
) -> Vec<Finding> {
    let (item, resource) = (&cluster.item, &cluster.resource);
    let text = |at: &str| path::text(item, at);
    let mut findings = Vec::new();
    let version = text("/currentMasterVersion").and_then(Version::read);
    let channel = text("/releaseChannel/channel").filter(|channel| *channel != "UNSPECIFIED");
    versions(resource, version, channel, server, &mut findings);
    for (rule, at, value) in [
        (&ALPHA, "/enableKubernetesAlpha", Value::from(true)),
        (&POD_SECURITY, "/podSecurityPolicyConfig/enabled", Value::from(true)),
        (&ABAC, "/legacyAbac/enabled", Value::from(true)),
        (&DASHBOARD, "/addonsConfig/kubernetesDashboard/enabled", Value::from(true)),
        (&LOGGING, "/loggingService", Value::from("logging.googleapis.com")),
        (&LOGGING, "/monitoringService", Value::from("monitoring.googleapis.com")),
    ] {
        if path::one(item, at) == Some(&value) {
            findings.push(finding(rule, resource, at).seen(at.trim_start_matches('/'), value));
        }
    }
    if text("/masterAuth/username").is_some() {
        findings.push(finding(&BASIC, resource, "").seen("basic_auth", true));
    }
    if text("/masterAuth/clientCertificate").is_some() {
        findings.push(finding(&CERTIFICATE, resource, "").seen("client_certificate", true));
    }
    not_running(item, resource, &mut findings);
    maintenance(item, resource, now, &mut findings);
    apis(cluster, insights, &mut findings);
    for (pool, resource) in pools {
        node_pool(pool, resource, version, &mut findings);
    }
    findings
}

fn versions(
    resource: &Resource,
    version: Option<Version>,
    channel: Option<&str>,
    server: Option<&Server>,
    findings: &mut Vec<Finding>,
) {
    if channel.is_none() {
        findings.push(finding(&NO_CHANNEL, resource, ""));
    }
    let Some((version, server)) = version.zip(server) else {
        for rule in [&UNSUPPORTED, &BEHIND] {
            findings.push(finding(rule, resource, "").not_checked("what the location offers could not be asked"));
        }
        return;
    };
    if let Some(oldest) = server.oldest(channel).filter(|oldest| version < *oldest) {
        let seen = finding(&UNSUPPORTED, resource, "").seen("version", version.to_string());
        findings.push(seen.seen_moving("oldest_offered", oldest.to_string()));
    }
    if let Some(target) = server.target(channel).filter(|target| version.minors_behind(*target) > 0) {
        let seen = finding(&BEHIND, resource, "").seen("version", version.to_string());
        findings.push(seen.seen_moving("target", target.to_string()));
    }
}

fn not_running(item: &Value, resource: &Resource, findings: &mut Vec<Finding>) {
    let state = path::text(item, "/status").unwrap_or_default();
    if !matches!(state, "RUNNING" | "RECONCILING" | "") {
        let conditions = path::all(item, "/conditions/*/message").into_iter().cloned().collect::<Vec<_>>();
        findings.push(finding(&NOT_RUNNING, resource, "").seen("state", state).seen("conditions", conditions));
    }
}

fn maintenance(item: &Value, resource: &Resource, now: SystemTime, findings: &mut Vec<Finding>) {
    let window = path::one(item, "/maintenancePolicy/window");
    let has = |field: &str| window.is_some_and(|window| window.get(field).is_some());
    if !has("dailyMaintenanceWindow") && !has("recurringWindow") {
        findings.push(finding(&NO_WINDOW, resource, ""));
    }
    let exclusions = window.and_then(|window| window.get("maintenanceExclusions")).and_then(Value::as_object);
    for (name, exclusion) in exclusions.into_iter().flatten() {
        let at = |field: &str| path::text(exclusion, field)?.parse::<jiff::Timestamp>().ok().map(SystemTime::from);
        let begun = at("/startTime").is_none_or(|start| start <= now);
        let over = at("/endTime").is_some_and(|end| end <= now);
        if begun && !over {
            let scope = path::text(exclusion, "/maintenanceExclusionOptions/scope").unwrap_or("NO_UPGRADES");
            let seen = finding(&EXCLUDED, resource, name).seen("exclusion", name.as_str()).seen("scope", scope);
            findings.push(seen.seen("until", path::text(exclusion, "/endTime")));
        }
    }
}

fn apis(cluster: &Cluster, insights: Option<&[Value]>, findings: &mut Vec<Finding>) {
    let resource = &cluster.resource;
    let Some(insights) = insights else {
        findings
            .push(finding(&API_UNKNOWN, resource, "").not_checked("what Google saw in the cluster could not be asked"));
        return;
    };
    let ending = format!("/{}/clusters/{}", cluster.location, resource.name.as_deref().unwrap_or_default());
    for insight in insights {
        let subtype = path::text(insight, "/insightSubtype").unwrap_or_default();
        let of_cluster = path::all(insight, "/targetResources/*")
            .iter()
            .any(|one| one.as_str().is_some_and(|one| one.ends_with(&ending)));
        let is_open = path::text(insight, "/stateInfo/state") != Some("DISMISSED");
        if subtype.starts_with("DEPRECATION_") && of_cluster && is_open {
            let seen = finding(&REMOVED_API, resource, subtype).seen("insight", path::text(insight, "/name"));
            findings.push(seen.seen("says", path::text(insight, "/description")));
        }
    }
}

fn node_pool(pool: &Value, resource: &Resource, master: Option<Version>, findings: &mut Vec<Finding>) {
    let nodes = path::text(pool, "/version").and_then(Version::read);
    if let Some((master, nodes)) = master.zip(nodes) {
        let behind = nodes.minors_behind(master);
        if behind >= SKEW_MAX {
            let seen = finding(&SKEW, resource, "")
                .seen("version", nodes.to_string())
                .seen("control_plane", master.to_string());
            findings.push(seen.seen("minors_behind", behind));
        }
    }
    not_running(pool, resource, findings);
    if !path::is_set(pool, "/management/autoUpgrade") {
        findings.push(finding(&NO_AUTO_UPGRADE, resource, ""));
    }
    let image = path::text(pool, "/config/imageType").unwrap_or_default();
    // The ones with containerd say so in their names.
    if matches!(image.to_ascii_uppercase().as_str(), "COS" | "UBUNTU" | "WINDOWS_LTSC" | "WINDOWS_SAC") {
        findings.push(finding(&DOCKER, resource, "").seen("image", image));
    }
    let spare = |field: &str| path::integer(pool, &format!("/upgradeSettings/{field}"));
    let is_surge = path::text(pool, "/upgradeSettings/strategy").is_none_or(|strategy| strategy == "SURGE");
    // Who says nothing gets one node more. Who says something leaves out what is none.
    if is_surge && pool.get("upgradeSettings").is_some_and(|settings| settings != &json!({})) {
        let (surge, away) = (spare("maxSurge").unwrap_or(0), spare("maxUnavailable").unwrap_or(0));
        if surge == 0 && away == 0 {
            findings.push(finding(&NO_SURGE, resource, "").seen("max_surge", surge).seen("max_unavailable", away));
        }
    }
}
