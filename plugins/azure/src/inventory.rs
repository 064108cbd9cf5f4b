//! Taking the inventory: which subscriptions there are, then everything in them at once.
//!
//! Resource Graph has most types for all subscriptions in one list. Where it does not have a type, or is denied,
//! Resource Manager lists it for each subscription. Either way the rows are the same objects, so what follows (what
//! is asked of each, what lies in it) is the same too, and stands in `rows`.

mod graph;
mod lists;
mod resource;
mod rows;
pub mod subscriptions;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::pin::Pin;

use troupe_cloud::{Asked, Client, Fault, Found, Steps};
use troupe_estate::{GLOBAL, Provider, Resource, Word};
use troupe_sdk::prelude::*;

use crate::arm;
use crate::input::{Plan, Source};
use crate::kinds::{Kind, kinds};
use crate::model::Inventory;

type Job<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// What everything that looks has at hand.
struct Look<'a> {
    client: Client,
    found: &'a Found,
    plan: &'a Plan,
    /// Who sees each resource; without it, resources are kept and told.
    seen_by: Option<&'a dyn Fn(&Resource)>,
    /// What was taken, by the hash of its id: eight bytes for each of a million. Several subscriptions tell the roles
    /// of the whole tenant, and what is made while a list is read moves others to the next page, which tells them again.
    taken: RefCell<BTreeSet<u64>>,
}

/// Looks at everything that is planned, and tells it.
pub async fn take(plan: &Plan) -> Result<Inventory, Failure> {
    see(plan, None).await
}

/// Looks at everything that is planned. If somebody sees each resource as it comes, none is kept.
pub async fn see(plan: &Plan, seen_by: Option<&dyn Fn(&Resource)>) -> Result<Inventory, Failure> {
    let found = Found::default();
    let look = Look { client: arm::client(), found: &found, plan, seen_by, taken: RefCell::default() };
    progress::report(0.0, "asking which subscriptions there are");
    let subscriptions = subscriptions::all(&look).await;
    let steps = Steps::new(&found);
    let mut jobs: Vec<Job<'_>> = Vec::new();
    let mut lists = |kinds: Vec<&'static Kind>| {
        for subscription in &subscriptions {
            let what = format!("Resource Manager in {subscription}");
            jobs.push(Box::pin(steps.step(what, lists::all(&look, subscription, kinds.clone()))));
        }
    };
    let listed = || kinds().iter().filter(|kind| plan.lists(kind) && kind.embedded.is_none());
    if plan.source == Source::ResourceManager {
        lists(listed().filter(|kind| !kind.is_under()).collect());
    } else {
        lists(listed().filter(|kind| !kind.is_under() && kind.table().is_none()).collect());
        let tables: BTreeSet<&str> = listed().filter_map(Kind::table).collect();
        for table in tables {
            let (look, subscriptions) = (&look, &subscriptions);
            let kinds: Vec<&Kind> = listed().filter(|kind| kind.table() == Some(table)).collect();
            let work = async move {
                let instead = graph::take(look, table, &kinds, subscriptions).await.into_iter();
                let alone: Vec<&Kind> = kinds.into_iter().filter(|kind| !kind.is_under()).collect();
                wait::at_most(arm::AT_ONCE, instead.map(|one| lists::all(look, one, alone.clone()))).await;
            };
            jobs.push(Box::pin(steps.step(format!("Resource Graph's {table}"), work)));
        }
    }
    wait::all(jobs).await;
    drop(look);
    let told = found.finish()?;
    Ok(Inventory {
        subscriptions,
        counts: told.counts,
        resources: told.resources,
        parts: told.parts,
        errors: told.errors,
    })
}

impl Look<'_> {
    /// Takes a resource.
    fn take(&self, resource: Resource) {
        match self.seen_by {
            Some(see) => see(&resource),
            None => self.found.take(resource),
        }
    }

    /// Notes that a list of kinds could not be had, or not whole.
    fn note(&self, asked: &Asked, fault: Fault) {
        self.found.note(asked, None, fault);
    }
}

/// What a row says about an operation of a kind.
fn asked(kind: &Kind, operation: impl Into<Word>) -> Asked {
    Asked::new(Provider::Azure, kind.service(), GLOBAL, operation)
}
