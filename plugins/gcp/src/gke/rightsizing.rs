//! Whether node pools are of the right size: what their nodes did, against what they can, and what pods ask for.
//!
//! Cloud Monitoring tells it hour by hour for each node. The nodes of a pool are those whose names begin as its
//! instance groups' do. A pool is judged by the larger of what was used and what pods ask for: whoever goes by
//! requests alone keeps what nobody uses, and whoever goes by use alone makes pods that do not fit.
//!
//! | measure | metric of Cloud Monitoring | over an hour |
//! |---|---|---|
//! | cores that can be had | `kubernetes.io/node/cpu/allocatable_cores` | mean |
//! | cores used | `kubernetes.io/node/cpu/core_usage_time` | rate |
//! | cores asked for | `kubernetes.io/container/cpu/request_cores` | mean |
//! | memory that can be had | `kubernetes.io/node/memory/allocatable_bytes` | mean |
//! | memory used | `kubernetes.io/node/memory/used_bytes`, not evictable | most |
//! | memory asked for | `kubernetes.io/container/memory/request_bytes` | mean |

mod judge;
mod series;

use std::collections::BTreeMap;
use std::time::Duration;

use troupe_cloud::{Client, Found, Steps};
use troupe_estate::{Finding, Problem};
use troupe_sdk::prelude::*;

use super::clusters::{self, Cluster, Meant};
use crate::ask::{self, asked};
use crate::input::{Settings, some_projects};
use crate::named::check_name;
pub use judge::PoolSize;
use series::{Hours, Metric};

/// How many days are looked at if nobody says: a week has its weekend.
const DAYS_DEFAULT: u32 = 7;

/// Cloud Monitoring keeps these metrics for six weeks.
const DAYS_MAX: u32 = 42;

/// Which node pools, and for how long.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RightsizingInput {
    /// The projects, by id; those of the configuration if none are named.
    #[serde(default)]
    pub projects: Vec<String>,
    /// The clusters, by name; all of the projects if none are named.
    #[serde(default)]
    pub clusters: Vec<String>,
    /// How many days are looked at, 1 to 42; 7 if it is not said.
    #[serde(default)]
    pub days: Option<u32>,
}

/// Whether node pools are of the right size.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Rightsizing {
    /// The projects that were looked at.
    pub projects: Vec<String>,
    /// How many days were looked at.
    pub days: u32,
    /// The node pools, by their full names.
    pub pools: Vec<PoolSize>,
    /// Those that are too large or too small.
    pub findings: Vec<Finding>,
    /// What could not be asked.
    pub errors: Vec<Problem>,
}

/// Looks at every node pool.
///
/// # Errors
///
/// `InvalidInput`, if no project is named, something that cannot be one or a cluster, or more days than there are.
pub async fn look(input: RightsizingInput, settings: Settings) -> Result<Rightsizing, Failure> {
    let projects = some_projects(input.projects, settings)?;
    for cluster in &input.clusters {
        check_name("clusters", cluster)?;
    }
    let days = input.days.unwrap_or(DAYS_DEFAULT);
    if !(1..=DAYS_MAX).contains(&days) {
        return Err(Failure::invalid_input(format!("`days` is 1 to {DAYS_MAX}; this is {days}")));
    }
    let client = ask::client();
    let found = Found::default();
    let meant = Meant::new(&input.clusters);
    let mut pools: Vec<(PoolSize, Option<Finding>)> = Vec::new();
    {
        let steps = Steps::new(&found);
        let jobs = projects
            .iter()
            .map(|project| steps.step(project.clone(), of_project(&client, &found, project, &meant, days)));
        pools.extend(wait::all(jobs).await.into_iter().flatten());
    }
    meant.note_absent(&found);
    pools.sort_by(|(a, _), (b, _)| a.pool.cmp(&b.pool));
    let (pools, findings): (Vec<_>, Vec<_>) = pools.into_iter().unzip();
    let findings = findings.into_iter().flatten().collect();
    Ok(Rightsizing { projects, days, pools, findings, errors: found.finish()?.errors })
}

async fn of_project(
    client: &Client,
    found: &Found,
    project: &str,
    meant: &Meant<'_>,
    days: u32,
) -> Vec<(PoolSize, Option<Finding>)> {
    let clusters = clusters::of_project(client, found, project, meant).await;
    let until = jiff::Timestamp::try_from(time::now()).unwrap_or_default();
    let since = until.saturating_sub(Duration::from_secs(u64::from(days) * 86_400)).unwrap_or(until);
    let told =
        wait::all(clusters.iter().map(|cluster| of_cluster(client, found, project, cluster, (since, until)))).await;
    told.into_iter().flatten().collect()
}

async fn of_cluster(
    client: &Client,
    found: &Found,
    project: &str,
    cluster: &Cluster,
    span: (jiff::Timestamp, jiff::Timestamp),
) -> Vec<(PoolSize, Option<Finding>)> {
    let pools = cluster.pools(project);
    let stems: Vec<Vec<String>> = pools.iter().map(|(pool, _)| series::stems(pool)).collect();
    let name = cluster.resource.name.as_deref().unwrap_or_default();
    let ask = async |metric: Metric| {
        let told = series::ask(client, project, (name, &cluster.location), metric, &stems, span).await;
        told.map_err(|fault| {
            let operation = "monitoring.projects.timeSeries.list";
            let asked = asked("monitoring.googleapis.com", operation, Some(project), &cluster.location);
            found.note(&asked, None, fault);
        })
        .ok()
    };
    let answers = wait::all(Metric::ALL.into_iter().map(ask)).await;
    let measures: BTreeMap<Metric, Vec<Hours>> =
        Metric::ALL.into_iter().zip(answers).filter_map(|(metric, hours)| Some((metric, hours?))).collect();
    let judged = pools.iter().enumerate().map(|(place, (pool, resource))| {
        let of = |metric: Metric| measures.get(&metric).and_then(|all| all.get(place));
        judge::judge(pool, resource, &of)
    });
    judged.collect()
}
