//! The grammar of `troupe instances`.

use clap::{Args as ClapArgs, Subcommand};

#[derive(Debug, ClapArgs)]
pub(crate) struct Instances {
    #[command(subcommand)]
    pub(crate) verb: Option<InstancesVerb>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum InstancesVerb {
    /// List instances, newest first.
    #[command(after_help = "Examples:
  troupe instances list
  troupe instances list --agent chat --status running")]
    List(Listed),
    /// Show an instance.
    Show {
        /// Its id.
        instance: String,
    },
    /// Start an instance of an agent.
    #[command(after_help = "Examples:
  troupe instances start chat
  troupe instances start chat --name anna")]
    Start {
        /// The agent.
        agent: String,

        /// What to call it; the same name gives the same instance until that is stopped.
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
    },
    /// Pause an instance: it takes tasks and begins none until it is resumed; what runs goes on.
    Pause {
        /// Its id.
        instance: String,
    },
    /// Resume a paused instance: what waits begins.
    Resume {
        /// Its id.
        instance: String,
    },
    /// Restart an instance: it is neither paused nor in error any more, and what is counted of it is
    /// counted anew. Its keys stay, and what runs goes on.
    #[command(after_help = "Examples:
  troupe instances list --status error
  troupe instances restart 0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b")]
    Restart {
        /// Its id.
        instance: String,
    },
    /// Stop an instance for good: it takes no more tasks, and when those it has accepted have
    /// ended its keys are removed.
    Stop {
        /// Its id.
        instance: String,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Listed {
    /// Only those of this agent.
    #[arg(long, value_name = "AGENT")]
    pub(crate) agent: Option<String>,

    /// Only those in this status: starting, idle, running, paused, error or stopped.
    #[arg(long, value_name = "STATUS")]
    pub(crate) status: Option<String>,

    /// How many.
    #[arg(long, default_value_t = Listed::LIMIT, value_name = "N")]
    pub(crate) limit: u32,
}

impl Listed {
    const LIMIT: u32 = 20;
}

impl Default for Listed {
    fn default() -> Self {
        Self { agent: None, status: None, limit: Self::LIMIT }
    }
}
