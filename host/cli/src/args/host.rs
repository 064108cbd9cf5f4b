//! The grammar of `troupe dev` and `troupe serve`.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args as ClapArgs;
use troupe_api::Tls;
use troupe_core::Result;
use troupe_sandbox::Origin;

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

    /// The host's certificate, and those that signed it, a PEM file: every door is then served over
    /// TLS alone. A renewed one is taken within seconds.
    #[arg(long, env = "TROUPE_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,

    /// The private key of that certificate, a PEM file.
    #[arg(long, env = "TROUPE_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
}

impl Listen {
    /// The certificate to serve with, if there is one.
    ///
    /// # Errors
    /// [`troupe_core::Code::CredentialsInvalid`] naming the file and what is wrong with it.
    pub(crate) fn tls(&self) -> Result<Option<Tls>> {
        let files = self.tls_cert.as_deref().zip(self.tls_key.as_deref());
        files.map(|(certificate, key)| Tls::load(certificate, key)).transpose()
    }
}

/// What a host acts with.
#[derive(Debug, ClapArgs)]
pub(crate) struct ActsWith {
    /// The document of credentials and secrets; credentials.toml in the data directory when
    /// absent.
    #[arg(long, env = "TROUPE_CREDENTIALS", value_name = "FILE")]
    pub(crate) credentials: Option<PathBuf>,

    /// A place in the host's own network, or without TLS, to which webhooks may send events, such as
    /// `http://127.0.0.1:9000`; all others are public `https` addresses.
    #[arg(long, value_name = "ORIGIN")]
    pub(crate) webhook_to: Vec<String>,
}

impl ActsWith {
    /// The places to which webhooks may send events beside public ones.
    ///
    /// # Errors
    /// [`troupe_core::Code::RequestInvalid`] for what is none.
    pub(crate) fn origins(&self) -> Result<BTreeSet<Origin>> {
        let origin = |text: &String| Origin::of(text).map_err(|error| error.context("`--webhook-to`"));
        self.webhook_to.iter().map(origin).collect()
    }
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

    /// A database of PostgreSQL in place of the one in the data directory, such as
    /// `postgres://troupe@db.example/troupe`. Several hosts may work on one, each with a data directory
    /// of its own and the same `signing.key` in it. With a password in it the variable is the better place,
    /// since whoever is on the machine can read command lines.
    #[arg(long, env = "TROUPE_DATABASE", hide_env_values = true, value_name = "URL")]
    pub(crate) database: Option<String>,

    /// A server of NATS with JetStream that carries what hosts of the database tell each other, such as
    /// `nats://bus.example:4222`; the database carries it when absent. All hosts name the same.
    #[arg(long, env = "TROUPE_BUS", hide_env_values = true, value_name = "URL")]
    pub(crate) bus: Option<String>,

    /// Where other hosts of the database reach this one, such as `http://10.0.0.7:7070`; where it listens
    /// when absent.
    #[arg(long, env = "TROUPE_PEER_ADDRESS", value_name = "URL")]
    pub(crate) peer_address: Option<String>,

    /// The directory of the cgroup whose memory limit the host keeps within: near to it, what is new is
    /// refused with `limit.host`. That of its own process, or the machine's memory, when absent.
    #[arg(long, value_name = "DIR")]
    pub(crate) cgroup: Option<PathBuf>,

    /// Where releases are fetched from that are not published here, such as
    /// `registry.example.com/agents`; the credentials are those of `docker login` or `skopeo login`.
    #[arg(long, env = "TROUPE_REGISTRY", value_name = "PREFIX")]
    pub(crate) registry: Option<String>,
}
