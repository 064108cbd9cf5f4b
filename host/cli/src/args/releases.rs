//! The grammar of `troupe releases` and `troupe channels`.

use clap::{Args as ClapArgs, Subcommand};
use troupe_core::ChannelName;

#[derive(Debug, ClapArgs)]
#[command(args_conflicts_with_subcommands = true, arg_required_else_help = true)]
pub(crate) struct Releases {
    #[command(subcommand)]
    pub(crate) verb: Option<ReleasesVerb>,

    /// The agent whose releases to list.
    pub(crate) agent: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ReleasesVerb {
    /// List an agent's releases, highest version first.
    List {
        /// The agent.
        agent: String,
    },
    /// Say that a release should not be used any more; it can be.
    #[command(after_help = "Examples:
  troupe releases deprecate aws@1.2.0 --message \"use 1.3.0, which pages\"")]
    Deprecate {
        /// The release, as AGENT@VERSION.
        release: String,

        /// Why, and what to use instead.
        #[arg(long, short, value_name = "TEXT")]
        message: String,
    },
    /// Take a deprecation back.
    Undeprecate {
        /// The release, as AGENT@VERSION.
        release: String,
    },
    /// Keep everything from beginning to use a release; what serves goes on.
    #[command(after_help = "Examples:
  troupe releases yank aws@1.2.0 --reason \"loses pages\"")]
    Yank {
        /// The release, as AGENT@VERSION.
        release: String,

        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Take a yank back.
    Unyank {
        /// The release, as AGENT@VERSION.
        release: String,
    },
    /// Delete a release that nothing needs; its version is never published with other bytes.
    Delete {
        /// The release, as AGENT@VERSION.
        release: String,
    },
    /// Remove what no release needs, which a host does every few minutes; for the owner of the host.
    #[command(after_help = "Examples:
  troupe releases gc --dry-run    say what would go")]
    Gc {
        /// Say what would go, and leave it.
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Channels {
    /// The agent.
    pub(crate) agent: String,

    #[command(subcommand)]
    pub(crate) verb: Option<ChannelsVerb>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ChannelsVerb {
    /// Move a channel to a version, making it if it is not there.
    Set {
        /// The channel, such as `stable`.
        channel: ChannelName,

        /// The version that it shall name.
        version: semver::Version,

        /// Let it name a lower version than before; it is on record that it did.
        #[arg(long)]
        downgrade: bool,
    },
    /// Remove a channel.
    Remove {
        /// The channel.
        channel: ChannelName,
    },
}
