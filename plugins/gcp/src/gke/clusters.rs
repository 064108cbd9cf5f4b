//! The clusters of projects, as they are listed.

use serde_json::Value;
use troupe_cloud::{Asked, Client, Fault, Found};
use troupe_estate::{GLOBAL, Provider, Resource};
use troupe_sdk::http;

use crate::address::address;
use crate::listing;
use crate::name;
use crate::record::path;
use crate::services::container;

/// A cluster: what Google says of it, and as a resource.
#[derive(Debug)]
pub struct Cluster {
    /// What Google says.
    pub item: Value,
    /// As a resource.
    pub resource: Resource,
    /// Its region or zone.
    pub location: String,
}

impl Cluster {
    /// Its node pools: what Google says, and as resources.
    pub fn pools(&self, project: &str) -> Vec<(&Value, Resource)> {
        let pools = path::all(&self.item, "/nodePools/*").into_iter();
        pools.filter_map(|pool| Some((pool, container::NODE_POOL.read(pool, project, &self.item)?))).collect()
    }
}

/// What a row about this operation says.
pub fn asked(service: &'static str, operation: &'static str, project: &str, location: &str) -> Asked {
    Asked::new(Provider::Gcp, service, &name::region(location), operation).account(Some(project.to_owned()))
}

/// Every cluster of a project, or those of these names.
pub async fn of_project(client: &Client, found: &Found, project: &str, names: &[String]) -> Vec<Cluster> {
    const OPERATION: &str = "container.projects.locations.clusters.list";
    let asked_all = asked("container.googleapis.com", OPERATION, project, GLOBAL);
    let Some(address) = address(container::CLUSTERS, project, &Value::Null, &Value::Null) else { return Vec::new() };
    let page = match client.read::<Value>(http::get(address)).await {
        Ok(page) => page,
        Err(fault) => {
            found.note(&asked_all, None, fault);
            return Vec::new();
        }
    };
    for missing in listing::missing(&page, listing::Source::Within("")) {
        let asked = asked("container.googleapis.com", OPERATION, project, &missing.place);
        found.note(&asked, None, Fault::of_ours("unreachable", missing.message));
    }
    let mut clusters = Vec::new();
    for item in path::all(&page, "/clusters/*") {
        if !names.is_empty() && !names.iter().any(|name| path::text(item, "/name") == Some(name)) {
            continue;
        }
        let location = path::text(item, "/location").or_else(|| path::text(item, "/zone"));
        let read = location.zip(container::CLUSTER.read(item, project, &Value::Null));
        match read {
            Some((location, resource)) => {
                clusters.push(Cluster { item: item.clone(), resource, location: location.to_owned() });
            }
            None => found.note(&asked_all, None, Fault::unreadable("a cluster does not say who or where it is")),
        }
    }
    clusters
}
