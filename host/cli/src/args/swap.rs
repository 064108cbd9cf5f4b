//! The grammar of `troupe swap`, of `troupe policy`, and of the commands that decide about a swap.

use clap::{Args as ClapArgs, Subcommand};

#[derive(Debug, ClapArgs)]
pub(crate) struct Swap {
    /// The release, as AGENT@VERSION or AGENT@CHANNEL.
    pub(crate) release: String,

    /// Let the channel name a lower version than before, where the registry has it there.
    #[arg(long)]
    pub(crate) downgrade: bool,

    /// Change nothing if the deployment's epoch is another.
    #[arg(long, value_name = "N")]
    pub(crate) epoch: Option<u64>,

    #[command(flatten)]
    pub(crate) how: How,

    /// Give it all calls at once, whatever the agent's standing policy says.
    #[arg(long, conflicts_with_all = ["rehearse", "canary", "watch", "hold", "policy"])]
    pub(crate) at_once: bool,

    /// Print the swap and return without following it.
    #[arg(long)]
    pub(crate) detach: bool,
}

/// How a swap goes about it.
#[derive(Debug, ClapArgs)]
pub(crate) struct How {
    /// Repeat the last recorded invocations on it before it gets any call, 500 or as many as
    /// said; what it does otherwise ends the swap.
    #[arg(long, require_equals = true, num_args = 0..=1, default_missing_value = "500", value_name = "N")]
    pub(crate) rehearse: Option<u32>,

    /// Let it have a part of the calls first, by steps: weights in percent, such as 5,25,50.
    #[arg(long, value_delimiter = ',', value_name = "WEIGHTS")]
    pub(crate) canary: Vec<u8>,

    /// Calls that it must have ended in each step.
    #[arg(long, requires = "canary", default_value_t = 100, value_name = "N")]
    pub(crate) step_calls: u64,

    /// How long each step lasts at least, such as `30s`.
    #[arg(long, requires = "canary", default_value = "30s", value_name = "TIME")]
    pub(crate) step_time: String,

    /// How long each step lasts at most; then the canary is stopped.
    #[arg(long, requires = "canary", default_value = "1h", value_name = "TIME")]
    pub(crate) step_time_max: String,

    /// Share out calls by themselves, and not by who asks.
    #[arg(long, requires = "canary")]
    pub(crate) by_task: bool,

    /// Look at it for this long after it got all calls, such as `60s`.
    #[arg(long, value_name = "TIME")]
    pub(crate) watch: Option<String>,

    /// When it is found worse, change nothing and wait for an operator.
    #[arg(long)]
    pub(crate) hold: bool,

    /// How long calls on the release before may go on, such as `30s`.
    #[arg(long, value_name = "TIME")]
    pub(crate) drain: Option<String>,

    /// The whole policy as JSON, or `@FILE`, in place of the options above.
    #[arg(long, conflicts_with_all = ["rehearse", "canary", "watch", "hold", "drain"], value_name = "JSON")]
    pub(crate) policy: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Policy {
    /// The agent.
    pub(crate) agent: String,

    #[command(subcommand)]
    pub(crate) verb: Option<PolicyVerb>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyVerb {
    /// Set it, in place of the one there was.
    Set {
        #[command(flatten)]
        how: How,
    },
    /// Take it away: a swap gives all calls to the release at once.
    Remove,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Canary {
    /// The agent.
    pub(crate) agent: String,

    /// The candidate's share in percent, above the one it has.
    #[arg(value_name = "WEIGHT")]
    pub(crate) weight: u8,

    /// Follow the swap to where it is decided.
    #[arg(long)]
    pub(crate) follow: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Promote {
    /// The agent.
    pub(crate) agent: String,

    /// Follow the swap to where it is decided.
    #[arg(long)]
    pub(crate) follow: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Rollback {
    /// The agent.
    pub(crate) agent: String,

    /// Follow the swap to its end, when the release that no longer serves has drained.
    #[arg(long)]
    pub(crate) follow: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Swaps {
    /// The agent.
    pub(crate) agent: String,

    /// The swap to show.
    pub(crate) swap: Option<String>,

    /// Follow it to its end, when the release that no longer serves has drained.
    #[arg(long, requires = "swap")]
    pub(crate) follow: bool,

    /// End it: the release that served before serves.
    #[arg(long, requires = "swap", conflicts_with = "follow")]
    pub(crate) abort: bool,

    /// How many.
    #[arg(long, conflicts_with = "swap", default_value_t = 20, value_name = "N")]
    pub(crate) limit: u32,
}
