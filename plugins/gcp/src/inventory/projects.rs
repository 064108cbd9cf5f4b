//! Which projects there are, for a caller who names none.

use serde_json::Value;
use troupe_cloud::{Client, Found};
use troupe_estate::GLOBAL;

use super::policies;
use crate::ask::asked;
use crate::listing;
use crate::record::{Record, path};
use crate::services::Service;
use crate::services::project::PROJECT;

const LIST: &str = "https://cloudresourcemanager.googleapis.com/v1/projects?filter=lifecycleState:ACTIVE&pageSize=1000";

/// The ids of the active projects that the credential sees, in order. They are taken as resources, too, if that is
/// asked for: the list tells all of a project. `services` are those that will be looked at in each.
pub async fn seen(client: &Client, found: &Found, services: &[Service], are_told: bool) -> Vec<String> {
    let mut projects = Vec::new();
    let listed = listing::pages(client, LIST, async |page: &Value| {
        for item in path::all(page, "/projects/*") {
            let Some(id) = path::text(item, "/projectId") else { continue };
            projects.push(id.to_owned());
            if let Some(project) = PROJECT.read(item, id, &Value::Null).filter(|_| are_told) {
                found.take(project);
            }
        }
    });
    if let Err(fault) = listed.await {
        // What is in a project that nobody names is not seen.
        let kinds = services.iter().flat_map(|service| service.records()).flat_map(Record::kinds);
        let bindings = policies::KINDS.into_iter().filter(|_| services.contains(&Service::Iam));
        let asked = asked("cloudresourcemanager.googleapis.com", "cloudresourcemanager.projects.list", None, GLOBAL);
        let asked = asked.hides_all(PROJECT.kinds()).hides_all(kinds).hides_all(bindings);
        found.note(&asked, None, fault);
    }
    projects.sort_unstable();
    projects.dedup();
    projects
}
