//! An agent that plans how an estate moves from one cloud to another.
//!
//! *Holds:* what becomes of a resource in another cloud (`map`), which of the six ways a workload goes
//! (`assess`), in which order (`plan`), how far it is (`progress`), Terraform for the target (`terraform`),
//! and the steps that people do (`confirm`). What it knows of clouds is data, under `data`, with its source
//! and date.
//! *Never holds:* a request to a cloud: other agents list what there is, and a plan is a document that a
//! person hands to the host.
//! *Start at:* [`Migration`], then `input` for what is asked, and the module of each skill.
//! *Tested by:* the tests beside the code and `tests`, natively, and `tests/suites/migration` on a host.

mod assess;
mod catalog;
mod confirm;
mod estate;
mod facts;
mod input;
mod map;
mod plan;
mod progress;
mod settings;
mod source;
mod terraform;

use troupe_sdk::prelude::*;

pub use assess::{AssessInput, Assessment};
pub use confirm::{ConfirmInput, Confirmed};
pub use input::{Origin, Target};
pub use map::{MapInput, Mapping};
pub use plan::{Plan, PlanInput};
pub use progress::{Progress, ProgressInput};
pub use terraform::{Terraform, TerraformInput};
pub use troupe_cloud::Cloud;

/// The agent.
#[derive(Debug, Default)]
pub struct Migration;

#[troupe_sdk::agent(configuration = settings::Settings)]
impl Migration {
    /// Says what each resource becomes in another cloud: the service and its type, the size, the engine and its
    /// version, the storage class and the region, with caveats, blockers and what both sides cost where a price
    /// is known. Sizes are the smallest that hold what is there, or what of it is used where that is known.
    #[skill(effect = "read")]
    pub fn map(&self, input: MapInput) -> Result<Mapping, Failure> {
        map::run(input).wait()
    }

    /// Groups resources into workloads, and says for each whether it is rehosted, replatformed, repurchased,
    /// refactored, retired or retained, by which rule and because of which resources, with all that blocks it
    /// and all that could not be checked.
    #[skill(effect = "read")]
    pub fn assess(&self, input: AssessInput) -> Result<Assessment, Failure> {
        assess::run(input).wait()
    }

    /// Draws the waves in which an estate moves, so that nothing moves before what it depends on, and writes the
    /// runbook of their cut-over as a task group that the host runs: a dry run unless `dry_run` is false, with
    /// people's approval before each cut-over and a way back.
    #[skill(effect = "read")]
    pub fn plan(&self, input: PlanInput) -> Result<Plan, Failure> {
        plan::run(input).wait()
    }

    /// Says how far a migration is: of what a plan moves, what is done, under way, left and no longer as it was
    /// planned, by what the source and the target hold now and by what was confirmed.
    #[skill(effect = "read")]
    pub fn progress(&self, input: ProgressInput) -> Result<Progress, Failure> {
        progress::run(input).wait()
    }

    /// Writes Terraform for the target: one document for each resource type, variables for what is not known,
    /// no secrets, and a list of what is left to write by hand.
    #[skill(effect = "read")]
    pub fn terraform(&self, input: TerraformInput) -> Result<Terraform, Failure> {
        terraform::run(input).wait()
    }

    /// Waits until people say that a step of a runbook is done. In a dry run it asks nobody, and says what it
    /// would ask.
    #[skill(effect = "write")]
    pub fn confirm(&self, input: ConfirmInput) -> Result<Confirmed, Failure> {
        confirm::run(input).wait()
    }
}
