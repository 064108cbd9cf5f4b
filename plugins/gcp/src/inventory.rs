//! Taking the inventory: which projects there are, then every service of each at once.

mod assets;
mod policies;
mod projects;
mod walk;

use std::pin::Pin;

use troupe_cloud::{Found, Steps};
use troupe_sdk::prelude::*;

use crate::ask::client;
use crate::input::{Plan, Via};
use crate::model::Inventory;
use crate::services::Service;
pub use walk::Scope;

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
        let mut jobs: Vec<Job<'_>> = Vec::new();
        for project in &projects {
            let scope = |service: Service| Scope { client: &client, found: &found, project, service: service.name() };
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
                    for service in &services {
                        let work = service_of(*service, scope(*service));
                        jobs.push(Box::pin(steps.step(format!("{} of {project}", service.name()), work)));
                    }
                }
            }
        }
        wait::all(jobs).await;
    }
    Ok(Inventory::new(projects, found.finish()?))
}

/// Walks every list of a service.
async fn service_of(service: Service, scope: Scope<'_>) {
    wait::all(service.listings().into_iter().map(|listing| scope.walk(listing))).await;
}
