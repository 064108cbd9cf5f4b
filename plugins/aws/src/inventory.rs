//! Taking the inventory: what looks find is kept as it comes and told, within bounds of memory.

use std::cell::RefCell;

use troupe_cloud::Kept;
use troupe_sdk::prelude::*;

use crate::found::Found;
use crate::input::{InventoryInput, Plan, Settings};
use crate::look::Looker;
use crate::model::{Inventory, Problem, Resource};
use crate::regions::Heard;

/// Looks at everything that is asked for.
///
/// # Errors
///
/// Input that is not acceptable; what the host said, if the artefacts could not be written.
pub async fn take(input: InventoryInput, settings: Settings) -> Result<Inventory, Failure> {
    let plan = &Plan::of(input, settings).await?;
    let looker = Looker::begin(&plan.regions).await;
    let told = RefCell::new(Told::new(&looker));
    looker.pieces(plan, |found| told.borrow_mut().take(found)).await;
    told.into_inner().finish(looker, plan)
}

/// What is told of all looks.
pub struct Told {
    kept: Kept<Resource>,
    heard: Heard,
    problems: Vec<Problem>,
}

impl Told {
    /// Begins with why nobody knows whose account it is, if that is so.
    pub fn new(looker: &Looker) -> Self {
        Self { kept: Kept::new("resources"), heard: Heard::default(), problems: looker.unknown.problems.clone() }
    }

    /// Takes what one look found.
    pub fn take(&mut self, found: Found) {
        self.heard.take(&found.resources);
        found.resources.into_iter().for_each(|resource| self.kept.take(resource));
        self.problems.extend(found.problems);
    }

    /// Tells all of it.
    ///
    /// # Errors
    ///
    /// What the host said, if the artefacts could not be written.
    pub fn finish(self, looker: Looker, plan: &Plan) -> Result<Inventory, Failure> {
        let kept = self.kept.finish()?;
        let errors = self.heard.settle(&looker.identity, &plan.regions, self.problems);
        let areas = looker.identity.account.as_deref().map(|account| plan.areas(account)).unwrap_or_default();
        Ok(Inventory {
            account: looker.identity.account,
            caller: looker.identity.caller,
            regions: plan.regions.clone(),
            areas,
            counts: kept.counts,
            resources: kept.parts.is_empty().then_some(kept.entries),
            parts: kept.parts,
            errors,
        })
    }
}
