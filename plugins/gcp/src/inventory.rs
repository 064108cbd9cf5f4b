//! Taking the inventory: which projects there are, then every service of each at once, a few projects at a time.

mod assets;
mod common;
mod policies;
mod projects;
mod walk;

use std::pin::Pin;

use troupe_cloud::{Client, Found, Steps};
use troupe_sdk::prelude::*;

use crate::ask::client;
use crate::input::{Plan, Via};
use crate::model::Inventory;
use crate::services::Service;
use common::Common;
pub use walk::Scope;

/// Projects that are looked at at once. Each has some eighty lists, which wait for the client's turns: so what waits is
/// bounded, however many projects there are.
const PROJECTS_AT_ONCE: usize = 8;

type Job<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Looks at everything that is planned.
///
/// # Errors
///
/// What the host says, if there are so many resources that they go into artefacts, and those cannot be written.
pub async fn take(plan: &Plan) -> Result<Inventory, Failure> {
    let client = client();
    let found = Found::default();
    let mut services = plan.services.clone();
    let projects = if plan.projects.is_empty() {
        progress::report(0.0, "asking which projects there are");
        let are_told = plan.via == Via::Services && services.contains(&Service::Project);
        services.retain(|service| !are_told || *service != Service::Project);
        projects::seen(&client, &found, &services, are_told).await
    } else {
        plan.projects.clone()
    };
    {
        let steps = Steps::new(&found);
        let lists = if plan.via == Via::Assets { 1 } else { services.len() };
        steps.plan(projects.len() * (lists + usize::from(services.contains(&Service::Iam))));
        let look = Look { plan, services: &services, client: &client, found: &found, steps: &steps };
        wait::at_most(PROJECTS_AT_ONCE, projects.iter().map(|project| look.at(project))).await;
    }
    Ok(Inventory::new(projects, found.finish()?))
}

/// What every project is looked at with.
struct Look<'a> {
    plan: &'a Plan,
    services: &'a [Service],
    client: &'a Client,
    found: &'a Found,
    steps: &'a Steps<'a>,
}

impl Look<'_> {
    /// Looks at a project: at all that is planned at once.
    async fn at(&self, project: &str) {
        let Self { plan, services, client, found, steps } = self;
        let common = Common::new(client, found, project);
        let scope = |service: Service| Scope { client, found, project, service: service.name(), common: &common };
        let mut jobs: Vec<Job<'_>> = Vec::new();
        if services.contains(&Service::Iam) {
            let bindings = policies::collect(scope(Service::Iam));
            jobs.push(Box::pin(steps.step(format!("policies of {project}"), bindings)));
        }
        match plan.via {
            Via::Assets => {
                let assets = assets::collect(plan, scope);
                jobs.push(Box::pin(steps.step(format!("assets of {project}"), assets)));
            }
            Via::Services => {
                for service in *services {
                    let work = service_of(*service, scope(*service));
                    jobs.push(Box::pin(steps.step(format!("{} of {project}", service.name()), work)));
                }
            }
        }
        wait::all(jobs).await;
    }
}

/// Walks every list of a service.
async fn service_of(service: Service, scope: Scope<'_>) {
    wait::all(service.listings().into_iter().map(|listing| scope.walk(listing))).await;
}
