//! The clusters of projects, as they are listed.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use serde_json::Value;
use troupe_cloud::{Client, Fault, Found};
use troupe_estate::{GLOBAL, Resource};
use troupe_sdk::http;

use crate::address::address;
use crate::ask::asked;
use crate::listing;
use crate::record::path;
use crate::services::container;

/// The method by which clusters are listed.
const LIST: &str = "container.projects.locations.clusters.list";

/// Which clusters are meant, and which of them are there.
#[derive(Debug)]
pub struct Meant<'a> {
    /// Their names; all clusters, if there are none.
    names: &'a [String],
    there: RefCell<BTreeSet<&'a str>>,
    /// Whether a list could not be had, or not whole.
    missed: Cell<bool>,
}

impl<'a> Meant<'a> {
    /// Those of these names, or all.
    pub const fn new(names: &'a [String]) -> Self {
        Self { names, there: RefCell::new(BTreeSet::new()), missed: Cell::new(false) }
    }

    fn has(&self, name: Option<&str>) -> bool {
        let named = self.names.iter().find(|one| Some(one.as_str()) == name);
        self.there.borrow_mut().extend(named.map(String::as_str));
        self.names.is_empty() || named.is_some()
    }

    /// Notes the names of which there is no cluster in any project. Where a list is missing, its own row says that
    /// anything may be in it.
    pub fn note_absent(&self, found: &Found) {
        let there = self.there.borrow();
        let absent = self.names.iter().map(String::as_str).filter(|name| !self.missed.get() && !there.contains(name));
        for name in absent.collect::<BTreeSet<&str>>() {
            let asked = asked("container.googleapis.com", LIST, None, GLOBAL);
            found.note(&asked, None, Fault::of_ours("not_found", format!("there is no cluster `{name}`")));
        }
    }
}

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

/// The clusters of a project that are meant.
pub async fn of_project(client: &Client, found: &Found, project: &str, meant: &Meant<'_>) -> Vec<Cluster> {
    let asked_all = asked("container.googleapis.com", LIST, Some(project), GLOBAL);
    let Some(address) = address(container::CLUSTERS, project, &Value::Null, &Value::Null) else { return Vec::new() };
    let page = match client.read::<Value>(http::get(address)).await {
        Ok(page) => page,
        Err(fault) => {
            meant.missed.set(true);
            found.note(&asked_all, None, fault);
            return Vec::new();
        }
    };
    for missing in listing::missing(&page, listing::Source::Within("")) {
        let asked = asked("container.googleapis.com", LIST, Some(project), &missing.place);
        meant.missed.set(true);
        found.note(&asked, None, Fault::of_ours("unreachable", missing.message));
    }
    let mut clusters = Vec::new();
    for item in path::all(&page, "/clusters/*") {
        if !meant.has(path::text(item, "/name")) {
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
