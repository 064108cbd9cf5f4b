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

pub use input::{InventoryInput, Service, Settings};
pub use model::Inventory;

/// The agent.
#[derive(Debug, Default)]
pub struct Aws;

#[troupe_sdk::agent(configuration = Settings)]
impl Aws {
    /// Lists what an AWS account holds, in one form for all services.
    ///
    /// EC2 (instances, volumes, snapshots, addresses, own images, security groups, VPCs,
    /// subnets, NAT gateways), Lambda functions, DynamoDB tables and Batch (compute environments,
    /// job queues) are looked for in each region asked for. S3 buckets and IAM (users with access keys and MFA, roles, account
    /// summary) belong to the whole account and are listed whatever the regions.
    ///
    /// What could not be looked at stands in `errors` beside what was found: a service
    /// that is denied or not available is never taken for an empty one.
    #[skill(effect = "read")]
    pub fn inventory(&self, input: InventoryInput) -> Result<Inventory, Failure> {
        let plan = input::Plan::new(input, invocation::configuration()?)?;
        Ok(inventory::take(&plan).wait())
    }
}
