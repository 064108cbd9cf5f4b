//! An agent that answers what there is in Azure subscriptions.
//!
//! *Holds:* the skills `inventory`, `metrics`, `cost-report`, `savings` and `template`, the catalogue of the types they know, and how Resource
//! Graph and Resource Manager are asked for them.
//! *Never holds:* a token: the host gets one and adds it. Nor a rule about security: those are another agent's.
//! *Start at:* [`Azure`], then `kinds` for the catalogue, whose words stand in `data/types`, and `inventory` for how
//! it is taken.
//! *Tested by:* `tests`, natively with scripted answers and with recorded ones, and the suite `azure`.

mod arm;
mod cost;
mod input;
mod inventory;
mod kinds;
mod metrics;
mod model;
mod savings;
mod template;

use troupe_estate::cost::day_of;
use troupe_sdk::prelude::*;

pub use cost::{CostInput, CostReport, Dimension, Metric};
pub use input::{InventoryInput, Settings, Source};
pub use kinds::{Kind, kind_of, kinds};
pub use metrics::{Interval, Measured, Metrics, MetricsInput};
pub use model::Inventory;
pub use savings::{Savings, SavingsInput};
pub use template::{LeftOut, Template, TemplateInput};

/// The agent.
#[derive(Debug, Default)]
pub struct Azure;

#[troupe_sdk::agent(configuration = Settings)]
impl Azure {
    /// Lists what Azure subscriptions hold, in one form for all services.
    ///
    /// Resource Graph is asked first, which answers for many subscriptions at once; where it is denied, Resource
    /// Manager is asked for each type in each subscription. What the lists do not tell (the firewall of a server, the
    /// TLS version of an app, the diagnostic settings of a vault) is asked of each resource.
    ///
    /// What could not be looked at stands in `errors` beside what was found: a service that is denied or not
    /// available is never taken for an empty one.
    #[skill(effect = "read")]
    pub fn inventory(&self, input: InventoryInput) -> Result<Inventory, Failure> {
        let plan = input::Plan::new(input, invocation::configuration()?)?;
        inventory::take(&plan).wait()
    }

    /// Tells what Azure Monitor measured of named resources over some hours: of each metric the average, the least,
    /// the most and the sum.
    #[skill(effect = "read")]
    pub fn metrics(&self, input: MetricsInput) -> Result<Metrics, Failure> {
        metrics::ask(input).wait()
    }

    /// Says what Azure subscriptions spend, by service and location or whatever is asked for, from Cost Management.
    ///
    /// What was spent on each day and in each month, where costs are going and what the month will come to, what
    /// changed most, and days on which something cost what it usually does not. Each currency is a bill of its own. A
    /// subscription that cannot be asked is a row in `errors`, and nothing of it is in the bills.
    #[skill(name = "cost-report", effect = "read")]
    pub fn cost_report(&self, input: CostInput) -> Result<CostReport, Failure> {
        let today = day_of(time::now()).map_err(Failure::failed)?;
        let plan = cost::CostPlan::new(input, invocation::configuration()?, today)?;
        Ok(cost::report(&plan).wait())
    }

    /// Finds what is paid for and not used: disks that are attached to nothing, public addresses without a use,
    /// machines that are stopped and not deallocated, plans without apps, old snapshots, and what Advisor says can be
    /// saved. Each finding has its evidence; an amount only where Azure itself says it.
    #[skill(effect = "read")]
    pub fn savings(&self, input: SavingsInput) -> Result<Savings, Failure> {
        savings::look(input, invocation::configuration()?).wait()
    }

    /// Makes an ARM template, and the same in Bicep, of resources that `inventory` told or that a list in YAML asks
    /// for. Ids of resources that are in the template become references, passwords become parameters. Nothing is
    /// asked of Azure, and nothing is deployed.
    #[skill(effect = "read")]
    pub fn template(&self, input: TemplateInput) -> Result<Template, Failure> {
        template::make(input)
    }
}
