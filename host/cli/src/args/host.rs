//! The grammar of `troupe dev` and `troupe serve`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::Kept;

/// Where a host listens.
#[derive(Debug, ClapArgs)]
pub(crate) struct Listen {
    /// The address to listen on; port 0 lets the system choose.
    #[arg(long, default_value = "127.0.0.1:7070", value_name = "ADDRESS")]
    pub(crate) listen: SocketAddr,

    /// A further name under which clients may address the host.
    #[arg(long, value_name = "NAME")]
    pub(crate) host_name: Vec<String>,
}

/// What a host acts with.
#[derive(Debug, ClapArgs)]
pub(crate) struct ActsWith {
    /// The document of credentials and secrets; credentials.toml in the data directory when
    /// absent.
    #[arg(long, env = "TROUPE_CREDENTIALS", value_name = "FILE")]
    pub(crate) credentials: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Dev {
    /// A directory of agents, or of one.
    #[arg(default_value = "plugins", value_name = "DIR")]
    pub(crate) dir: PathBuf,

    #[command(flatten)]
    pub(crate) listen: Listen,

    #[command(flatten)]
    pub(crate) acts_with: ActsWith,

    #[command(flatten)]
    pub(crate) kept: Kept,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) listen: Listen,

    #[command(flatten)]
    pub(crate) acts_with: ActsWith,

    #[command(flatten)]
    pub(crate) kept: Kept,

    /// Where releases are fetched from that are not published here, such as
    /// `registry.example.com/agents`; the credentials are those of `docker login` or `skopeo login`.
    #[arg(long, env = "TROUPE_REGISTRY", value_name = "PREFIX")]
    pub(crate) registry: Option<String>,
}
