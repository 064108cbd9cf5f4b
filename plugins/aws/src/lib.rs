//! An agent that answers what there is in an AWS account.
//!
//! *Holds:* the skills `inventory`, `changes`, `watch`, `migration-source`, `cost-report` and `savings`, a
//! small client for AWS's four protocols, the prices in `data`, and what of each service is told of a resource,
//! in the form of `troupe-estate`.
//! *Never holds:* a key or a signature: the host signs, for the actions in `agent.toml`.
//! *Start at:* [`Aws`], then `inventory`, `cost` or `savings` for what is asked, and one file
//! per service under `services`.
//! *Tested by:* `tests`, natively with scripted answers, and the suites against moto.

mod changes;
mod client;
mod cost;
mod endpoint;
mod found;
mod input;
mod inventory;
mod look;
mod metrics;
mod migration_source;
mod model;
mod protocol;
mod regions;
mod savings;
mod services;
mod still;
mod watch;
mod when;

use troupe_estate::cost::day_of;
use troupe_sdk::prelude::*;

pub use changes::{Changes, ChangesInput, Previous};
pub use cost::{CostInput, CostReport, Dimension, Metric};
pub use input::{InventoryInput, Settings};
pub use model::Inventory;
pub use savings::{Rule, Savings, SavingsInput};
pub use services::Service;
pub use watch::Watched;

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
    /// that is denied or not available is never taken for an empty one. More than 4 MiB of resources
    /// are not told but left as artefacts, which `parts` names.
    #[skill(effect = "read")]
    pub fn inventory(&self, input: InventoryInput) -> Result<Inventory, Failure> {
        inventory::take(input, invocation::configuration()?).wait()
    }

    /// Says what an AWS account spends, from its bill.
    ///
    /// Costs are told by day and month, by service, region, account, kind of usage or the
    /// values of tags, with whether they rise or fall, what this month will come to, what
    /// changed most between the last days and as many before them, and the days on which
    /// something cost what it usually does not. Each question costs the account 0.01 USD:
    /// one, and one for each thing that costs are told by, for each of its pages.
    ///
    /// What could not be asked stands in `errors`, what cannot be said yet in `omitted`.
    #[skill(name = "cost-report", effect = "read")]
    pub fn cost_report(&self, input: CostInput) -> Result<CostReport, Failure> {
        let settings: Settings = invocation::configuration()?;
        let plan = cost::CostPlan::new(input, day_of(time::now()).map_err(Failure::failed)?)?;
        let (regions, partition) = input::regions(regions::asking(&settings.regions))?;
        Ok(cost::report(&plan, &regions, partition).wait())
    }

    /// Finds what is paid for and not used, with what it would save in a month.
    ///
    /// Volumes and addresses that nothing uses, disks of instances that have been stopped for
    /// long, old snapshots, gp2 volumes, load balancers and NAT gateways that carry nothing, and
    /// instances that half of their machine would do for, by CloudWatch. Each finding has what
    /// was seen, what to do, and an amount by AWS's public price list with its day. Of regions
    /// and types that the list lacks no amount is told.
    #[skill(effect = "read")]
    pub fn savings(&self, input: SavingsInput) -> Result<Savings, Failure> {
        let settings: Settings = invocation::configuration()?;
        savings::find(input, settings.regions).wait()
    }

    /// Says what changed in an AWS account since an inventory that was taken before.
    ///
    /// A new inventory is taken, and each resource is `new`, `changed` with the fields in which it
    /// differs, `gone`, or the `same`. What could not be looked at is `unknown`, never gone. What
    /// changes by itself, such as when a role was last used, is no change. `next` is what the
    /// next comparison is made with.
    #[skill(effect = "read")]
    pub fn changes(&self, input: ChangesInput) -> Result<Changes, Failure> {
        changes::find(input, invocation::configuration()?).wait()
    }

    /// Lists what a migration needs to know of an AWS account, in the inventory's form.
    ///
    /// Machines, databases, storage, networks and what leads to them, with their relations; of machines also
    /// `vcpus`, `memory_gib` and `disks_gib`, how much of them is used in 14 days as `utilisation`, and as `names`
    /// which names of Route 53 lead to them. What could not be asked stands in `unread` and in `errors`. The
    /// resources are what the agent `migration` takes as `estate.resources`, or as files.
    #[skill(name = "migration-source", effect = "read")]
    pub fn migration_source(&self, input: InventoryInput) -> Result<Inventory, Failure> {
        migration_source::take(input, invocation::configuration()?).wait()
    }

    /// Publishes what changed in an AWS account since it was asked last: an event for each resource that is
    /// new, changed or gone.
    ///
    /// The topic is the type and what became of it, such as `aws.ec2.instance.gone`. Each scan is kept and
    /// compared with the next; the first of a service in a region publishes nothing. What could not be looked
    /// at is never gone, and what changes by itself is no change. What there is no room for comes with the
    /// next run. A schedule asks for it again and again.
    #[skill(effect = "write")]
    pub fn watch(&self, input: InventoryInput) -> Result<Watched, Failure> {
        watch::run(input, invocation::configuration()?).wait()
    }
}
