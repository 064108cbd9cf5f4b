//! Cloud Run: services and jobs. Values of environment variables are not told.

use serde_json::{Value, json};
use troupe_estate::Resource;

use crate::listing::Listing;
use crate::record::{Created, Id, Record, is, last, number, path, to_account, to_key};
use crate::services::policy;

/// What is listed.
pub const LISTINGS: [Listing; 2] = [
    Listing {
        record: Some(&SERVICE),
        details: &[policy::detail(
            "run.projects.locations.services.getIamPolicy",
            "https://run.googleapis.com/v1/projects/{project}/locations/{/metadata/labels/cloud.googleapis.com~1location}/services/{/metadata/name}:getIamPolicy",
        )],
        ..Listing::new(
            "run.projects.locations.services.list",
            "https://run.googleapis.com/v1/projects/{project}/locations/-/services",
            "/items",
        )
    },
    Listing {
        record: Some(&JOB),
        ..Listing::new(
            "run.namespaces.jobs.list",
            "https://run.googleapis.com/apis/run.googleapis.com/v1/namespaces/{project}/jobs",
            "/items",
        )
    },
];

const LOCATION: &str = "/metadata/labels/cloud.googleapis.com~1location";

const SERVICE: Record = Record {
    place: Some(LOCATION),
    name: Some("/metadata/name"),
    labels: "/metadata/labels",
    created: Created::At("/metadata/creationTimestamp"),
    attributes: &[
        is("url", "/status/url"),
        is("ingress", "/metadata/annotations/run.googleapis.com~1ingress"),
        is("images", "/spec/template/spec/containers/*/image"),
        number("concurrency", "/spec/template/spec/containerConcurrency"),
        number("timeout_seconds", "/spec/template/spec/timeoutSeconds"),
        is("limits", "/spec/template/spec/containers/0/resources/limits"),
        is("most_instances", "/spec/template/metadata/annotations/autoscaling.knative.dev~1maxScale"),
        is("vpc_connector", "/spec/template/metadata/annotations/run.googleapis.com~1vpc-access-connector"),
        is("vpc_egress", "/spec/template/metadata/annotations/run.googleapis.com~1vpc-access-egress"),
        is("sql_instances", "/spec/template/metadata/annotations/run.googleapis.com~1cloudsql-instances"),
        last("service_account", "/spec/template/spec/serviceAccountName"),
    ],
    relations: &[
        to_account("/spec/template/spec/serviceAccountName"),
        to_key("/spec/template/metadata/annotations/run.googleapis.com~1encryption-key"),
    ],
    more: Some(service),
    ..Record::new(
        "gcp.run.googleapis.com/Service",
        Id::Form(
            "//run.googleapis.com/projects/{project}/locations/{/metadata/labels/cloud.googleapis.com~1location}/services/{/metadata/name}",
        ),
    )
};

const JOB: Record = Record {
    place: Some(LOCATION),
    name: Some("/metadata/name"),
    labels: "/metadata/labels",
    created: Created::At("/metadata/creationTimestamp"),
    attributes: &[
        is("images", "/spec/template/spec/template/spec/containers/*/image"),
        number("tasks", "/spec/template/spec/taskCount"),
        number("retries", "/spec/template/spec/template/spec/maxRetries"),
        is("limits", "/spec/template/spec/template/spec/containers/0/resources/limits"),
        number("runs", "/status/executionCount"),
        is("last_run", "/status/latestCreatedExecution/creationTimestamp"),
        last("service_account", "/spec/template/spec/template/spec/serviceAccountName"),
    ],
    relations: &[to_account("/spec/template/spec/template/spec/serviceAccountName")],
    more: Some(job),
    ..Record::new(
        "gcp.run.googleapis.com/Job",
        Id::Form(
            "//run.googleapis.com/projects/{project}/locations/{/metadata/labels/cloud.googleapis.com~1location}/jobs/{/metadata/name}",
        ),
    )
};

fn service(item: &Value, service: &mut Resource) {
    containers(item, "/spec/template/spec", service);
    let ready = path::all(item, "/status/conditions/*").into_iter();
    let ready =
        ready.filter(|one| path::text(one, "/type") == Some("Ready")).find_map(|one| path::text(one, "/status"));
    service.set("ready", ready);
}

fn job(item: &Value, job: &mut Resource) {
    containers(item, "/spec/template/spec/template/spec", job);
}

/// Names of environment variables, and which of them are read from secrets.
fn containers(item: &Value, spec: &str, resource: &mut Resource) {
    let variables = path::all(item, &format!("{spec}/containers/*/env/*"));
    let names = |from_secret: bool| -> Vec<&str> {
        let of = variables.iter().filter(|one| path::one(one, "/valueFrom").is_some() == from_secret);
        of.filter_map(|one| path::text(one, "/name")).collect()
    };
    resource.set("environment", json!({ "plain": names(false), "from_secrets": names(true) }));
    // What names none runs as the default account of Compute, which may do nearly everything.
    let account = path::text(item, &format!("{spec}/serviceAccountName"));
    resource.set(
        "default_service_account",
        account.is_none_or(|one| one.ends_with("-compute@developer.gserviceaccount.com")),
    );
}
