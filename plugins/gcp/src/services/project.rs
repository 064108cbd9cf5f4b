//! The project itself.

use serde_json::Value;
use troupe_estate::Resource;

use crate::listing::{Listing, Source};
use crate::record::{Id, Record, is, path};

/// What is listed.
pub const LISTINGS: [Listing; 1] = [Listing {
    record: Some(&PROJECT),
    ..Listing::of(
        "cloudresourcemanager.projects.get",
        Source::Single("https://cloudresourcemanager.googleapis.com/v1/projects/{project}"),
    )
}];

/// How a project is read.
pub const PROJECT: Record = Record {
    name: Some("/name"),
    attributes: &[
        is("number", "/projectNumber"),
        is("state", "/lifecycleState"),
        is("parent_type", "/parent/type"),
        is("parent_id", "/parent/id"),
    ],
    more: Some(project),
    ..Record::new(
        "gcp.cloudresourcemanager.googleapis.com/Project",
        Id::Form("//cloudresourcemanager.googleapis.com/projects/{/projectId}"),
    )
};

fn project(item: &Value, project: &mut Resource) {
    if let (Some(kind), Some(id)) = (path::text(item, "/parent/type"), path::text(item, "/parent/id")) {
        project.relate("parent", format!("//cloudresourcemanager.googleapis.com/{kind}s/{id}"));
    }
}
