//! An agent for projects of Google Cloud.
//!
//! *Holds:* the skill `inventory`, and what of each type is told of a resource, in the form of `troupe-estate`.
//! *Never holds:* a key or a token: the host mints them, for the hosts in `agent.toml`.
//! *Start at:* [`Gcp`], then `inventory` for how it is walked, `record` for how a type is read, and one file a
//! service under `services`.
//! *Tested by:* `tests`, natively with scripted answers and with recordings of the real cloud.

mod address;
mod input;
mod inventory;
mod listing;
mod model;
mod name;
mod record;
mod services;

use troupe_sdk::prelude::*;

pub use input::{InventoryInput, Settings, Via};
pub use model::Inventory;
pub use record::Record;
pub use services::Service;

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
}
