//! An agent that answers what there is in an AWS account.
//!
//! *Holds:* the skill `inventory`, a small client for AWS's four protocols, and what of each
//! service is told of a resource, in the form of `troupe-estate`.
//! *Never holds:* a key or a signature: the host signs, for the actions in `agent.toml`.
//! *Start at:* [`Aws`], then `inventory` for what is asked, and one file per service
//! under `services`.
//! *Tested by:* `tests`, natively with scripted answers, and the suites against moto.

mod client;
mod endpoint;
mod found;
mod input;
mod inventory;
mod model;
mod protocol;
mod services;
mod when;

use troupe_sdk::prelude::*;

pub use input::{InventoryInput, Settings};
pub use model::Inventory;
pub use services::Service;

/// The agent.
#[derive(Debug, Default)]
pub struct Aws;

#[troupe_sdk::agent(configuration = Settings)]
impl Aws {
    /// Lists what an AWS account holds, in one form for all services.
    ///
    /// Most services are looked at in each region asked for. What belongs to the whole account
    /// (S3 buckets; IAM users with access keys and MFA, roles, the account summary) is listed whatever
    /// the regions.
    ///
    /// What could not be looked at stands in `errors` beside what was found: a service
    /// that is denied or not available is never taken for an empty one.
    #[skill(effect = "read")]
    pub fn inventory(&self, input: InventoryInput) -> Result<Inventory, Failure> {
        let plan = input::Plan::new(input, invocation::configuration()?)?;
        Ok(inventory::take(&plan).wait())
    }
}
