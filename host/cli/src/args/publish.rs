//! The grammar of `troupe build` and `troupe publish`.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use troupe_core::ChannelName;

#[derive(Debug, ClapArgs)]
pub(crate) struct Build {
    /// The agent's directory: the one with its agent.toml.
    #[arg(default_value = ".", value_name = "DIR")]
    pub(crate) dir: PathBuf,

    /// Where to write the archive; NAME-VERSION.tar in the build directory when absent.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Publish {
    /// An agent's directory, or an archive that `troupe build` wrote.
    #[arg(default_value = ".", value_name = "DIR|FILE")]
    pub(crate) source: PathBuf,

    /// A private key to sign with.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,

    /// Sign nothing; only a host under `dev` takes what nobody signed.
    #[arg(long, conflicts_with = "key")]
    pub(crate) no_sign: bool,

    /// The channel that names the release from then on, such as `beta`.
    #[arg(long, value_name = "CHANNEL")]
    pub(crate) channel: Option<ChannelName>,

    /// Let the channel name a lower version than before; it is on record that it did.
    #[arg(long, requires = "channel")]
    pub(crate) downgrade: bool,

    /// Let the name of a new agent be easily taken for that of another.
    #[arg(long)]
    pub(crate) allow_similar: bool,
}
