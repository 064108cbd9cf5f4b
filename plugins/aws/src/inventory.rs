//! Taking the inventory: who the account is, then every service and region at once.
//!
//! What the invocation's time does not suffice for is told as a problem beside what was
//! found; being cut off would lose both.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use troupe_sdk::prelude::*;

use crate::client::Client;
use crate::found::Found;
use crate::input::Plan;
use crate::model::{GLOBAL, Inventory};
use crate::services::{Look, Reach, Scope, sts};

/// Most of the time that is kept for telling what was found. Writing 16 MiB of output, the
/// most there may be, takes less than a second.
const TELLING_TIME_MAX: Duration = Duration::from_secs(5);

/// Looks at everything that is planned.
pub async fn take(plan: &Plan) -> Inventory {
    let (time, until) = time_to_look(time::now(), invocation::deadline());
    let client = Client::new(until);
    progress::report(0.0, "asking whose account this is");
    // Nothing else is asked meanwhile, so a part of the time is all it gets.
    let (identity, mut found) = sts::identity(&plan.regions, time / 4).await;
    let steps = Steps::default();
    let scope = |region| Scope { client: &client, partition: plan.partition, identity: &identity, region };
    let mut jobs: Vec<Look<'_>> = Vec::new();
    for service in &plan.services {
        let name = service.name();
        match service.reach() {
            Reach::Global => jobs.push(steps.step(name.to_owned(), service.look(scope(GLOBAL)))),
            Reach::Regional => {
                let regions = plan.regions.iter();
                jobs.extend(regions.map(|at| steps.step(format!("{name} in {at}"), service.look(scope(at)))));
            }
        }
    }
    found = Found::all(std::iter::once(found).chain(wait::all(jobs).await));
    found.settle(&identity);
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for resource in &found.resources {
        *counts.entry(resource.kind.to_string()).or_default() += 1;
    }
    Inventory {
        account: identity.account.clone(),
        caller: identity.caller.clone(),
        regions: plan.regions.clone(),
        counts,
        resources: found.resources,
        errors: found.problems,
    }
}

/// How long is looked, and until when: the time until the deadline but for a tenth of it.
pub fn time_to_look(now: SystemTime, deadline: SystemTime) -> (Duration, SystemTime) {
    let left = deadline.duration_since(now).unwrap_or_default();
    let time = left.saturating_sub((left / 10).min(TELLING_TIME_MAX));
    (time, now + time)
}

/// How far the inventory is: each service in each region is one step.
#[derive(Default)]
struct Steps {
    planned: Cell<u32>,
    done: Cell<u32>,
}

impl Steps {
    /// Makes a step of what looks at one service in one region.
    fn step<'a>(&'a self, what: String, work: impl Future<Output = Found> + 'a) -> Look<'a> {
        self.planned.set(self.planned.get() + 1);
        Box::pin(async move {
            let found = work.await;
            self.done.set(self.done.get() + 1);
            let (done, planned) = (self.done.get(), self.planned.get());
            let mut line = format!("{what}: {}", counted(found.resources.len(), "resource"));
            if !found.problems.is_empty() {
                line = format!("{line}, {}", counted(found.problems.len(), "problem"));
            }
            progress::report(f64::from(done) / f64::from(planned), format!("{line} ({done} of {planned})"));
            found
        })
    }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
