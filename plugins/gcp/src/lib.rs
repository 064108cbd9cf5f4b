//! An agent for projects of Google Cloud.
//!
//! *Holds:* the skill `inventory`, and what of each type is told of a resource, in the form of `troupe-estate`;
//! `gke-upgrade` and `gke-rightsizing` for clusters; `start`, `stop` and `resize` for machines; `recommendations`
//! and `billing`.
//! *Never holds:* a key or a token: the host mints them, for the hosts in `agent.toml`.
//! *Start at:* [`Gcp`], then `ask` for how Google is asked, `inventory` for how it is walked, `record` for how a type is read, and one file a
//! service under `services`; the other skills have a folder each.
//! *Tested by:* `tests`, natively with scripted answers and with recordings of the real cloud.

mod address;
mod ask;
mod billing;
mod gke;
mod input;
mod inventory;
mod listing;
mod machines;
mod model;
mod name;
mod named;
mod recommendations;
mod record;
mod services;

use troupe_sdk::prelude::*;

pub use billing::{Billing, BillingInput};
pub use gke::rightsizing::{Rightsizing, RightsizingInput};
pub use gke::upgrade::{UpgradeInput, Upgrades};
pub use input::{InventoryInput, Settings, Via};
pub use machines::{Change, MachineInput, ResizeInput};
pub use model::Inventory;
pub use recommendations::{Recommendations, RecommendationsInput};
pub use record::Record;
pub use services::Service;

use machines::Wanted;

/// The agent.
#[derive(Debug, Default)]
pub struct Gcp;

#[troupe_sdk::agent(configuration = Settings)]
impl Gcp {
    /// Lists what projects of Google Cloud hold, in one form for all services.
    ///
    /// Compute, GKE, Cloud SQL, Storage, IAM with keys and bindings, Pub/Sub, BigQuery, Run, Functions, KMS, Spanner,
    /// Redis, DNS, Logging and others are asked, or Cloud Asset Inventory for all of them (`via`).
    ///
    /// What could not be looked at stands in `errors` beside what was found: a service that is denied or switched
    /// off is never taken for an empty one.
    #[skill(effect = "read")]
    pub fn inventory(&self, input: InventoryInput) -> Result<Inventory, Failure> {
        let plan = input::Plan::new(input, invocation::configuration()?)?;
        inventory::take(&plan).wait()
    }

    /// Says whether clusters of GKE can be upgraded: the version that their channel offers, the way there, and what
    /// blocks it (nodes too far behind, removed interfaces in use, features that newer versions lack, exclusions).
    #[skill(name = "gke-upgrade", effect = "read")]
    pub fn gke_upgrade(&self, input: UpgradeInput) -> Result<Upgrades, Failure> {
        gke::upgrade::look(input, invocation::configuration()?).wait()
    }

    /// Says whether node pools of GKE are of the right size, by what their nodes used and what pods ask for over some
    /// days, as Cloud Monitoring has it.
    #[skill(name = "gke-rightsizing", effect = "read")]
    pub fn gke_rightsizing(&self, input: RightsizingInput) -> Result<Rightsizing, Failure> {
        gke::rightsizing::look(input, invocation::configuration()?).wait()
    }

    /// Tells what Google's Recommender says, as findings with what each would save in a month.
    #[skill(effect = "read")]
    pub fn recommendations(&self, input: RecommendationsInput) -> Result<Recommendations, Failure> {
        recommendations::ask(input, invocation::configuration()?).wait()
    }

    /// Tells who pays for projects, and their budgets. What was spent, Google tells by an export alone.
    #[skill(effect = "read")]
    pub fn billing(&self, input: BillingInput) -> Result<Billing, Failure> {
        billing::ask(input, invocation::configuration()?).wait()
    }

    /// Starts a machine that does not run, or says how; it does so if `dry_run` is `false`.
    #[skill(effect = "write")]
    pub fn start(&self, input: MachineInput) -> Result<Change, Failure> {
        machines::bring(&input, Wanted::Started).wait()
    }

    /// Stops a machine that runs, or says how; it does so if `dry_run` is `false`. Data of local disks is lost.
    #[skill(effect = "destructive")]
    pub fn stop(&self, input: MachineInput) -> Result<Change, Failure> {
        machines::bring(&input, Wanted::Stopped).wait()
    }

    /// Gives a machine another machine type, or says how; it does so if `dry_run` is `false`. A machine that runs is
    /// stopped and started for it, if `restart` is `true`, and left alone otherwise.
    #[skill(effect = "destructive")]
    pub fn resize(&self, input: ResizeInput) -> Result<Change, Failure> {
        let ResizeInput { project, zone, instance, machine_type, restart, dry_run } = input;
        let machine = MachineInput { project, zone, instance, dry_run };
        machines::bring(&machine, Wanted::Sized(&machine_type, restart)).wait()
    }
}
