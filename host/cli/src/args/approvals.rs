//! The grammar of `troupe approvals`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

#[derive(Debug, ClapArgs)]
pub(crate) struct Approvals {
    #[command(subcommand)]
    pub(crate) verb: Option<ApprovalsVerb>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ApprovalsVerb {
    /// List tasks that wait for approval, and what agents ask approval of.
    List {
        /// Those of this agent.
        #[arg(long, value_name = "AGENT")]
        agent: Option<String>,

        /// Those that are decided, too.
        #[arg(long)]
        all: bool,
    },
    /// Show what exactly a task or its agent would do, and who has to approve.
    Show {
        /// The approval's id.
        approval: String,
    },
    /// Approve of exactly what is shown.
    Approve(Decision),
    /// Reject what is shown: the task fails, or its agent goes on without, and is told why.
    Reject(Decision),
    /// Lend your right on a level of an approval to somebody else.
    Delegate {
        /// The approval's id.
        approval: String,

        /// To whom: `owner` or `key/ID`.
        #[arg(long, value_name = "PRINCIPAL")]
        to: String,

        /// For how long, such as `90s`, `8h` or `30d`.
        #[arg(long = "for", value_name = "TIME")]
        time: String,

        /// The level.
        #[arg(long, default_value_t = 1, value_name = "N")]
        level: usize,
    },
    /// Make a link by which somebody decides once, without a token.
    #[command(after_help = "Whoever has the link decides as whom it is for: hand it to nobody else. Opening it
shows the exact action and decides nothing; pressing a button does, once.

Examples:
  troupe approvals link 01a21e3e-1866-70c4-9f37-da78506bd0a5 --for key/0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b
  troupe approvals link 01a21e3e-1866-70c4-9f37-da78506bd0a5 --for owner --expires 2h")]
    Link {
        /// The approval's id.
        approval: String,

        /// Who decides by it: `owner` or `key/ID`.
        #[arg(long = "for", value_name = "PRINCIPAL")]
        holder: String,

        /// For how long it is good, such as `90s`, `8h` or `7d`; a day when absent.
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
    },
    /// Show which tasks need approval, or set that.
    #[command(after_help = "Examples:
  troupe approvals policy
  troupe approvals policy set policy.json

policy.json, with every destructive skill of agents whose names begin with `aws` in need of two people:
  {\"rules\": [{\"agents\": \"aws*\", \"effects\": [\"destructive\"], \"levels\": [{\"quorum\": 2}]}]}")]
    Policy {
        #[command(subcommand)]
        verb: Option<ApprovalPolicyVerb>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ApprovalPolicyVerb {
    /// Show it.
    Show,
    /// Set it in place of the one in force, for tasks that are made from now on.
    Set {
        /// A file with the policy, JSON.
        file: PathBuf,

        /// Only if this revision is in force.
        #[arg(long, value_name = "N")]
        if_revision: Option<u64>,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Decision {
    /// The approval's id.
    pub(crate) approval: String,

    /// Decide only if it is still at this revision, as `troupe approvals show` printed it; without it the
    /// action is shown, and decided about once you say so.
    #[arg(long, value_name = "N")]
    pub(crate) revision: Option<u64>,

    /// Decide about it as it is by now, without being shown it.
    #[arg(long, conflicts_with = "revision")]
    pub(crate) yes: bool,

    /// The level to decide on; the lowest that asks you when absent.
    #[arg(long, value_name = "N")]
    pub(crate) level: Option<usize>,

    /// Why, for the record; a rejection needs it.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}
