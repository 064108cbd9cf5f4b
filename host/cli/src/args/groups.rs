//! The grammar of `troupe groups`.

use clap::{Args as ClapArgs, Subcommand};

#[derive(Debug, ClapArgs)]
pub(crate) struct Groups {
    #[command(subcommand)]
    pub(crate) verb: Option<GroupsVerb>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum GroupsVerb {
    /// Run a group, follow it to its end, and print what came of each step.
    #[command(after_help = "Examples:
  troupe groups run release.json
  troupe groups run release.json --detach       prints the accepted group and returns
  troupe groups run - < release.json
  troupe --json groups run release.json

A group of two, the second of which is asked what the first answers:
  { \"steps\": [
    { \"name\": \"list\", \"task\": { \"agent\": \"aws\", \"skill\": \"inventory\" } },
    { \"name\": \"report\", \"task\": { \"agent\": \"reporting\", \"skill\": \"summary\" },
      \"wires\": [ { \"from\": \"list\", \"at\": \"/resources\", \"to\": \"/rows\" } ] } ] }

A step may also have `needs`, `for_each`, `may_fail` and `compensate`, or be a `group` with `steps` of
its own in place of a task; `on_failure` of a group is `stop`, `cancel` or `finish`.

Exit status: 0 completed, 1 failed or cancelled, 130 interrupted (the group is cancelled).")]
    Run(RunGroup),
    /// List groups, newest first.
    List(ListGroups),
    /// Show a group: its steps, their tasks, and what came of them.
    Get {
        /// Its id.
        group: String,
    },
    /// Follow a group to its end, over restarts of the host too.
    #[command(after_help = "Exit status: 0 completed, 1 failed or cancelled. An interrupt leaves the group as it is.")]
    Watch {
        /// Its id.
        group: String,
    },
    /// Cancel a group: what runs is cancelled, and what it did is undone.
    Cancel {
        /// Its id.
        group: String,
    },
    /// Ask for what a group asked for that failed or was cancelled once more, as a new group.
    Retry {
        /// Its id.
        group: String,

        /// The same key for the same group gives the same new group.
        #[arg(long, value_name = "KEY")]
        idempotency_key: Option<String>,
    },
    /// Forget what the tasks of a group that has ended were asked and answered; which there were stays on record.
    Redact {
        /// Its id.
        group: String,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct RunGroup {
    /// The group, as JSON; `-` for standard input.
    pub(crate) file: String,

    /// The same key with the same request gives the same group.
    #[arg(long, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,

    /// Print the accepted group and return without waiting for it.
    #[arg(long)]
    pub(crate) detach: bool,
}

#[derive(Debug, Default, ClapArgs)]
pub(crate) struct ListGroups {
    /// Those in one status: running, stopping, compensating, completed, failed or cancelled.
    #[arg(long)]
    pub(crate) status: Option<String>,

    /// How many.
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub(crate) limit: u32,
}
