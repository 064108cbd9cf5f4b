//! The grammar of `troupe audit`.

use clap::{Args as ClapArgs, Subcommand};
use troupe_core::view::AuditHead;

#[derive(Debug, ClapArgs)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Audit {
    #[command(subcommand)]
    pub(crate) verb: Option<AuditVerb>,

    /// Only decisions of this kind, such as `denied`, `credential` or `swap`.
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: Option<String>,

    /// Only those about this agent.
    #[arg(long, value_name = "AGENT")]
    pub(crate) agent: Option<String>,

    /// Only those about this task.
    #[arg(long, value_name = "TASK")]
    pub(crate) task: Option<String>,

    /// Only what this party asked for: `owner`, or `key/ID`.
    #[arg(long, value_name = "WHO")]
    pub(crate) by: Option<String>,

    /// Those after this number, oldest first; the newest when absent.
    #[arg(long, value_name = "SEQ")]
    pub(crate) after: Option<u64>,

    /// How many.
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub(crate) limit: u32,

    #[command(flatten)]
    pub(crate) of: AuditOf,
}

/// Whose audit.
#[derive(Debug, ClapArgs)]
pub(crate) struct AuditOf {
    /// The tenant whose audit is meant, for the owner of the host; the token's own when absent.
    #[arg(long, value_name = "TENANT")]
    pub(crate) tenant: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditVerb {
    /// Print the number and the hash of the newest record, to be noted elsewhere.
    Head {
        #[command(flatten)]
        of: AuditOf,
    },
    /// Recompute the whole chain here, and hold the journals that are still kept against it.
    Verify {
        /// A head that was noted before: the chain must still hold it.
        #[arg(long, value_name = "SEQ:HASH")]
        head: Option<AuditHead>,

        #[command(flatten)]
        of: AuditOf,
    },
}
