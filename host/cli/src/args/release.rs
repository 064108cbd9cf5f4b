//! The grammar of `troupe release`.

use clap::{Args as ClapArgs, Subcommand};

#[derive(Debug, ClapArgs)]
pub(crate) struct Release {
    #[command(subcommand)]
    pub(crate) verb: ReleaseVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ReleaseVerb {
    /// Tell how a release differs from the one that serves: what it breaks, widens and says.
    #[command(after_help = "Examples:
  troupe release diff aws@1.3.0
  troupe --json release diff aws@1.3.0")]
    Diff(Named),
    /// Approve of a release over exactly its difference from what serves.
    #[command(after_help = "Examples:
  troupe release approve aws@1.3.0                    shows the difference and asks
  troupe release approve aws@1.3.0 --delta sha256:…   what `release diff` printed, with the reason:
      --reason 'read the diff'
  troupe release approve aws@2.0.0 --breaking         also that callers of the one before may fail")]
    Approve(Approved),
    /// Reject a release: it is refused until somebody approves of it.
    #[command(after_help = "Examples:
  troupe release reject aws@1.3.0 --reason 'why does it send mail?'")]
    Reject(Rejected),
    /// List releases that wait for approval.
    #[command(after_help = "Examples:
  troupe release pending
  troupe release pending --agent aws")]
    Pending(Pending),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Named {
    /// The release, as AGENT@VERSION.
    pub(crate) release: String,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Approved {
    /// The release, as AGENT@VERSION.
    pub(crate) release: String,

    /// Approve only if the difference is still this one, as `release diff` names it; without it
    /// the difference is shown, and approved of once you say so.
    #[arg(long, value_name = "DIGEST")]
    pub(crate) delta: Option<String>,

    /// Approve of whatever the difference is by now, without being shown it.
    #[arg(long, conflicts_with = "delta")]
    pub(crate) yes: bool,

    /// Approve also that it breaks what the release that serves promises its callers.
    #[arg(long)]
    pub(crate) breaking: bool,

    /// Why, for the record.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Rejected {
    /// The release, as AGENT@VERSION.
    pub(crate) release: String,

    /// Why, for the record and for whoever tries to swap it in.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Pending {
    /// Those of this agent.
    #[arg(long, value_name = "AGENT")]
    pub(crate) agent: Option<String>,
}
