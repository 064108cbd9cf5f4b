//! The grammar of `troupe runtime`.

use clap::{Args as ClapArgs, Subcommand};

#[derive(Debug, ClapArgs)]
pub(crate) struct RuntimeArgs {
    #[command(subcommand)]
    pub(crate) verb: RuntimeVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RuntimeVerb {
    /// Show how many tasks have not ended, and of the newest, by agent, what became of them, what they
    /// took and what they cost.
    #[command(after_help = "Examples:
  troupe runtime status
  troupe runtime status --agent aws
  troupe runtime status --instance 0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b")]
    Status {
        /// Only tasks of this agent.
        #[arg(long, value_name = "AGENT")]
        agent: Option<String>,

        /// Only tasks of this instance.
        #[arg(long, value_name = "ID")]
        instance: Option<String>,
    },
    /// Have none of the tenant's tasks begin until the runtime is started again: what is asked is
    /// accepted and waits, what runs goes on.
    #[command(after_help = "Examples:
  troupe runtime stop
  troupe runtime status                          what still runs, and what waits")]
    Stop,
    /// Have the tenant's tasks begin again: what waits does so in its order.
    #[command(after_help = "Examples:
  troupe runtime start")]
    Start,
}
