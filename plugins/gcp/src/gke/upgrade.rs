//! Whether clusters can be upgraded: what they run against what their channel offers, and what stands in the way.
//!
//! For each cluster is told which version its channel would bring it to, by which versions it gets there (a control
//! plane goes one minor version at a time), and whether something blocks the next step.
//!
//! | readiness | means |
//! |---|---|
//! | `current` | it runs what its channel offers, or something newer |
//! | `ready` | there is something newer, and nothing blocks it |
//! | `blocked` | a finding that blocks stands in the way |
//! | `unknown` | what its channel offers, or something that would block, could not be asked |

mod rules;
mod server;

use serde_json::Value;
use troupe_cloud::{Client, Fault, Found, Steps};
use troupe_estate::{Finding, Problem, Status};
use troupe_sdk::http;
use troupe_sdk::prelude::*;

use super::clusters::{self, Cluster, Meant};
use super::version::Version;
use crate::address::address;
use crate::ask::{self, asked};
use crate::input::{Settings, some_projects};
use crate::listing;
use crate::name;
use crate::named::check_name;
use crate::record::path;
use server::Server;

/// Which clusters.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpgradeInput {
    /// The projects, by id; those of the configuration if none are named.
    #[serde(default)]
    pub projects: Vec<String>,
    /// The clusters, by name; all of the projects if none are named.
    #[serde(default)]
    pub clusters: Vec<String>,
}

/// Whether clusters can be upgraded.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Upgrades {
    /// The projects that were looked at.
    pub projects: Vec<String>,
    /// The clusters, by their full names.
    pub clusters: Vec<ClusterUpgrade>,
    /// What was found at clusters and node pools, that which blocks first.
    pub findings: Vec<Finding>,
    /// What could not be asked.
    pub errors: Vec<Problem>,
}

/// Whether a cluster can be upgraded.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ClusterUpgrade {
    /// Its full name.
    pub cluster: String,
    /// Its release channel; absent if it is in none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// What its control plane runs.
    pub version: String,
    /// What its channel, or the location if it is in none, offers by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The versions by which it gets there, one a minor version.
    pub path: Vec<String>,
    /// How far it is.
    pub readiness: Readiness,
    /// The rules whose findings block it.
    pub blockers: Vec<String>,
    /// Its node pools.
    pub node_pools: Vec<PoolVersion>,
}

/// How far a cluster is from being upgraded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Readiness {
    /// It runs what is offered, or something newer.
    Current,
    /// Nothing blocks it.
    Ready,
    /// Something blocks it.
    Blocked,
    /// What is offered, or whether something blocks it, could not be asked.
    Unknown,
}

/// What a node pool runs.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PoolVersion {
    /// Its name.
    pub name: String,
    /// What its nodes run.
    pub version: String,
    /// How many minor versions that is behind the control plane.
    pub minors_behind: u32,
}

/// Looks at every cluster.
///
/// # Errors
///
/// `InvalidInput`, if no project is named, or something that cannot be one or a cluster.
pub async fn look(input: UpgradeInput, settings: Settings) -> Result<Upgrades, Failure> {
    let projects = some_projects(input.projects, settings)?;
    for cluster in &input.clusters {
        check_name("clusters", cluster)?;
    }
    let client = ask::client();
    let found = Found::default();
    let meant = Meant::new(&input.clusters);
    let mut told: Vec<(ClusterUpgrade, Vec<Finding>)> = Vec::new();
    {
        let steps = Steps::new(&found);
        let jobs =
            projects.iter().map(|project| steps.step(project.clone(), of_project(&client, &found, project, &meant)));
        told.extend(wait::all(jobs).await.into_iter().flatten());
    }
    meant.note_absent(&found);
    told.sort_by(|(a, _), (b, _)| a.cluster.cmp(&b.cluster));
    let (clusters, findings): (Vec<_>, Vec<_>) = told.into_iter().unzip();
    let mut findings: Vec<Finding> = findings.into_iter().flatten().collect();
    findings.sort_by_cached_key(|one| {
        (!rules::blocks(&one.rule), one.severity, one.resource.key(), one.fingerprint.clone())
    });
    Ok(Upgrades { projects, clusters, findings, errors: found.finish()?.errors })
}

async fn of_project(
    client: &Client,
    found: &Found,
    project: &str,
    meant: &Meant<'_>,
) -> Vec<(ClusterUpgrade, Vec<Finding>)> {
    let clusters = clusters::of_project(client, found, project, meant).await;
    let mut locations: Vec<&str> = clusters.iter().map(|cluster| cluster.location.as_str()).collect();
    locations.sort_unstable();
    locations.dedup();
    let facts = wait::all(locations.iter().map(|location| facts(client, found, project, location))).await;
    let of = |location: &str| locations.iter().position(|one| *one == location).and_then(|place| facts.get(place));
    clusters.iter().filter_map(|cluster| Some(told(cluster, project, of(&cluster.location)?))).collect()
}

/// What is known of a location: what it offers, and what Google saw in its clusters.
struct Facts {
    server: Option<Server>,
    insights: Option<Vec<Value>>,
}

async fn facts(client: &Client, found: &Found, project: &str, location: &str) -> Facts {
    let (server, insights) = wait::both(offered(client, project, location), insights(client, project, location)).await;
    let note = |service: &'static str, operation: &'static str, fault: Fault| {
        found.note(&asked(service, operation, Some(project), location), None, fault);
    };
    let server = server
        .map_err(|fault| note("container.googleapis.com", "container.projects.locations.getServerConfig", fault))
        .ok();
    let insights = insights
        .map_err(|fault| {
            note("recommender.googleapis.com", "recommender.projects.locations.insightTypes.insights.list", fault);
        })
        .ok();
    Facts { server, insights }
}

async fn offered(client: &Client, project: &str, location: &str) -> Result<Server, Fault> {
    let form = format!("https://container.googleapis.com/v1/projects/{{project}}/locations/{location}/serverConfig");
    let address = of_place(&form, project)?;
    Ok(Server::read(&client.read::<Value>(http::get(address)).await?))
}

/// What Google saw in the clusters of a location: calls of interfaces that a later version has no more, among others.
async fn insights(client: &Client, project: &str, location: &str) -> Result<Vec<Value>, Fault> {
    let form = format!(
        "https://recommender.googleapis.com/v1/projects/{{project}}/locations/{location}/insightTypes/google.container.DiagnosisInsight/insights?pageSize=1000"
    );
    let address = of_place(&form, project)?;
    let mut insights = Vec::new();
    let take = async |page: &Value| insights.extend(path::all(page, "/insights/*").into_iter().cloned());
    listing::pages(client, &address, take).await?;
    Ok(insights)
}

fn of_place(form: &str, project: &str) -> Result<String, Fault> {
    address(form, project, &Value::Null, &Value::Null).ok_or_else(|| Fault::unreadable("the location has no name"))
}

fn told(cluster: &Cluster, project: &str, facts: &Facts) -> (ClusterUpgrade, Vec<Finding>) {
    let pools = cluster.pools(project);
    let (server, insights) = (facts.server.as_ref(), facts.insights.as_deref());
    let findings = rules::apply(cluster, &pools, server, insights, time::now());
    let text = |at: &str| path::text(&cluster.item, at).unwrap_or_default().to_owned();
    let version = text("/currentMasterVersion");
    let now = Version::read(&version);
    let channel = path::text(&cluster.item, "/releaseChannel/channel").filter(|channel| *channel != "UNSPECIFIED");
    let target = server.and_then(|server| server.target(channel));
    let path =
        now.zip(target).map(|(now, target)| server.map_or_else(Vec::new, |server| server.path(now, target, channel)));
    let path: Vec<String> = path.unwrap_or_default().iter().map(Version::to_string).collect();
    let is_open = |finding: &&Finding| finding.status == Status::Fail && rules::blocks(&finding.rule);
    let is_untold = |finding: &Finding| finding.status == Status::NotChecked && rules::blocks(&finding.rule);
    let mut blockers: Vec<String> = findings.iter().filter(is_open).map(|finding| finding.rule.clone()).collect();
    blockers.sort_unstable();
    blockers.dedup();
    let readiness = match now.zip(target) {
        None => Readiness::Unknown,
        Some(_) if !blockers.is_empty() => Readiness::Blocked,
        Some((now, target)) if now >= target => Readiness::Current,
        Some(_) if findings.iter().any(is_untold) => Readiness::Unknown,
        Some(_) => Readiness::Ready,
    };
    let node_pools = pools.iter().map(|(pool, resource)| {
        let version = path::text(pool, "/version").unwrap_or_default();
        let behind = now.zip(Version::read(version)).map_or(0, |(now, nodes)| nodes.minors_behind(now));
        let name = resource.name.clone().unwrap_or_else(|| name::last(&resource.id).to_owned());
        PoolVersion { name, version: version.to_owned(), minors_behind: behind }
    });
    let upgrade = ClusterUpgrade {
        cluster: cluster.resource.id.clone(),
        channel: channel.map(str::to_owned),
        version,
        target: target.map(|target| target.to_string()),
        path,
        readiness,
        blockers,
        node_pools: node_pools.collect(),
    };
    (upgrade, findings)
}
