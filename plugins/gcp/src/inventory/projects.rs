//! Which projects there are, for a caller who names none.

use serde_json::Value;
use troupe_cloud::{Asked, Client, Found};
use troupe_estate::{GLOBAL, Provider};

use crate::listing;
use crate::record::path;
use crate::services::project::PROJECT;

const LIST: &str = "https://cloudresourcemanager.googleapis.com/v1/projects?filter=lifecycleState:ACTIVE&pageSize=1000";

/// The ids of the active projects that the credential sees, in order. They are taken as resources, too, if that is
/// asked for: the list tells all of a project.
pub async fn seen(client: &Client, found: &Found, are_told: bool) -> Vec<String> {
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
        let asked = Asked::new(
            Provider::Gcp,
            "cloudresourcemanager.googleapis.com",
            GLOBAL,
            "cloudresourcemanager.projects.list",
        );
        found.note(&asked, None, fault);
    }
    projects.sort_unstable();
    projects.dedup();
    projects
}
