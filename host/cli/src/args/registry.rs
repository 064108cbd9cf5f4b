//! The grammar of `troupe pull` and `troupe push`.

use std::path::PathBuf;

use clap::Args as ClapArgs;

#[derive(Debug, ClapArgs)]
pub(crate) struct Pull {
    /// The image, such as `registry.example.com/agents/aws:1.2.0`, or AGENT@CHANNEL.
    #[arg(value_name = "IMAGE|AGENT@CHANNEL")]
    pub(crate) image: String,

    /// Let the channel name a lower version than before; it is on record that it did.
    #[arg(long)]
    pub(crate) downgrade: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Push {
    /// The release, as AGENT@VERSION, or a channel, as AGENT@CHANNEL.
    #[arg(value_name = "AGENT@VERSION|AGENT@CHANNEL")]
    pub(crate) release: String,

    /// The image; its place under the host's `--registry` when absent.
    pub(crate) image: Option<String>,

    /// How long the channel's document holds, such as 7d; 30 days when absent, a year at most.
    #[arg(long, value_name = "TIME")]
    pub(crate) expires: Option<String>,

    /// A private key to sign the channel's document with; several may be named, and that of the
    /// data directory signs when none is.
    #[arg(long = "key", value_name = "FILE")]
    pub(crate) keys: Vec<PathBuf>,
}
