//! An agent that checks estates, and the code they are made from, against rules.
//!
//! *Holds:* the skills `check`, `explain`, `report` and `paths`; readers of documents ([`read`]), the judge of
//! conditions ([`judge`]), and the rules, mappings and tables beside this crate, which are data.
//! *Never holds:* a request to a cloud, a credential, a rule in Rust: what is checked comes with the task,
//! from files, or from agents that are asked.
//! *Start at:* `README.md` for how to add a rule, [`Security`] for the skills, `check` for what happens in one.
//! *Tested by:* `tests`, natively: each rule by the examples beside it, each reader by documents.

mod ask;
mod changes;
pub mod check;
mod explain;
mod gather;
pub mod judge;
mod limits;
mod paths;
pub mod read;
mod report;
pub mod rule;
mod secrets;
mod suppress;
mod text;
mod unknown;

use troupe_sdk::prelude::*;

pub use ask::{Asked, Previous, Settings};
pub use check::{CheckInput, Checked, NotChecked};
pub use explain::{ExplainInput, Explained};
pub use paths::{AttackPath, Paths, PathsInput};
pub use report::{Report, ReportInput};
pub use suppress::Suppressing;

/// The agent.
#[derive(Debug, Default)]
pub struct Security;

#[troupe_sdk::agent(configuration = Settings)]
impl Security {
    /// Checks resources and documents against the rules.
    ///
    /// Resources are what an inventory of any cloud answers, in the input, in files or by an agent that is asked;
    /// documents are plans and states of Terraform as JSON,
    /// templates of CloudFormation and ARM, and manifests of Kubernetes, and any text is searched for secrets.
    /// Answers what failed, worst first, how much passed, what could not be checked and why, and, with the
    /// findings of the last time, what became of each.
    #[skill(effect = "read")]
    pub fn check(&self, input: CheckInput) -> Result<Checked, Failure> {
        check::answer(input, &invocation::configuration()?)
    }

    /// Explains rules: what each looks for and why, what to do, its controls in each framework, what it can be
    /// configured with, and examples that fail and pass.
    #[skill(effect = "read")]
    pub fn explain(&self, input: ExplainInput) -> Result<Explained, Failure> {
        explain::answer(&input, &invocation::configuration()?)
    }

    /// Checks, and reports on frameworks: which of their controls hold, which do not, and which nobody could check.
    /// Leaves the findings as HTML, CSV, SARIF, OCSF or JSON lines, and the resources and problems as CSV or OCSF. With
    /// the findings of the last time, SARIF and OCSF tell what became of each, and HTML how many are new or fixed.
    #[skill(effect = "read")]
    pub fn report(&self, input: ReportInput) -> Result<Report, Failure> {
        report::answer(input, &invocation::configuration()?)
    }

    /// Shows how an attacker would get from the internet, over what is exposed and the roles it has, to data.
    #[skill(effect = "read")]
    pub fn paths(&self, input: PathsInput) -> Result<Paths, Failure> {
        paths::answer(input, &invocation::configuration()?)
    }
}
