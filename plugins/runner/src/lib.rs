//! An agent that performs plans and checks over other agents.
//!
//! *Holds:* the skills `plan` and `execute`, which do the steps of a plan given as data, and `check` and
//! `results`, which hold what agents answer against what is expected of it.
//! *Never holds:* an authority of its own: each step is a task of the agent that is asked, within what both are
//! granted, for whoever asked first.
//! *Start at:* [`Runner`], then `plan` for what is asked, `execute` for how it is done, and `check`.
//! *Tested by:* `tests`, natively with scripted agents, and `tests/suites/plugins`.

mod approve;
mod check;
mod execute;
mod expect;
mod fault;
mod history;
mod ordering;
mod outputs;
mod pattern;
mod plan;
mod pointer;
mod report;
mod settings;

use troupe_sdk::prelude::*;

pub use check::{Check, CheckInput, CheckReport, CheckResult};
pub use expect::Expectation;
pub use history::{Outcome, Results, SuiteInput};
pub use plan::{Order, Plan, Step, Wire};
pub use report::{PlanReport, StepReport, StepStatus};
pub use settings::{May, Settings};

/// The agent.
#[derive(Debug, Default)]
pub struct Runner;

#[troupe_sdk::agent(configuration = Settings)]
impl Runner {
    /// Says what a plan would do and asks nobody for anything: its steps in the order in which they are done,
    /// which of them wait for somebody's approval, and what is wrong with it.
    #[skill(effect = "read")]
    pub fn plan(&self, plan: Plan) -> Result<PlanReport, Failure> {
        execute::dry(&plan, &invocation::configuration()?)
    }

    /// Performs a plan: asks the agents of its steps, with inputs taken from what earlier steps answered, and
    /// tells what came of each. It is a dry run unless `dry_run` is false. Steps that destroy something wait for
    /// somebody's approval. After a step that fails nothing more is begun, unless `keep_going` is true: then what
    /// depends on it is left out.
    #[skill(effect = "destructive")]
    pub fn execute(&self, plan: Plan) -> Result<PlanReport, Failure> {
        let settings = invocation::configuration()?;
        if plan.dry_run {
            return execute::dry(&plan, &settings);
        }
        execute::all(&plan, &settings).wait()
    }

    /// Runs checks: asks agents for skills and holds each answer against what is expected; skills before which
    /// somebody is to be asked are refused. Tells what is newly
    /// failing, fixed and still failing since the last run of the same suite, keeps the results, and publishes
    /// `qa.failed` and `qa.recovered` where it may.
    #[skill(effect = "write")]
    pub fn check(&self, input: CheckInput) -> Result<CheckReport, Failure> {
        check::run(input, &invocation::configuration()?).wait()
    }

    /// Returns the results of the last run of a suite of checks.
    #[skill(effect = "read")]
    pub fn results(&self, input: SuiteInput) -> Result<Results, Failure> {
        history::results(&input.suite)
    }
}
