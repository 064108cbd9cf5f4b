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

    /// Only those in this status: idle, running or stopped.
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
