//! Releases in an OCI registry: sent there, and fetched from there.
//!
//! *The attack:* a registry, or whoever sits in between, that hands out other bytes than the
//! digest says, never ends, hangs up in the middle, or leads the credentials elsewhere. *The
//! rule:* what comes is held against the digest that names it and against the limits of a
//! release before anybody reads it; only the image manifest behind a tag is taken on the
//! registry's word, and it is then judged like any release that is published. Credentials
//! go to the registry they are for and nowhere else. *The default:* TLS, unless the registry
//! is on this machine; what fails for a moment is tried again, and a blob goes on where it
//! broke off.
//!
//! | in a registry | is |
//! |---|---|
//! | `REPOSITORY:VERSION` | the release's image manifest, byte for byte |
//! | `REPOSITORY:sha256-HEX.sig` | the signatures of the release with that digest |
//! | `REPOSITORY:CHANNEL.channel` | the document of a channel, with its signatures |
//! | its blobs | the same as on disk, so `wkg`, `skopeo` and the like can copy them |

mod channel;
mod credentials;
mod fault;
mod name;
mod pull;
mod push;

use std::time::Duration;

use oci_client::client::{Client, ClientConfig, ClientProtocol};
use oci_client::secrets::RegistryAuth;
use troupe_core::{Error, Result};

pub use channel::{pull_channel, push_channel};
pub use name::ImageName;
pub use pull::pull;
pub use push::push;

/// How long it may take until a registry takes a connection.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);
/// How long a registry may be silent within an answer.
const SILENCE_TIME_MAX: Duration = Duration::from_secs(30);
/// How often something is tried that fails for a moment.
const TRIES_MAX: u32 = 4;
/// The pause before it is tried again, which doubles each time.
const PAUSE: Duration = Duration::from_millis(250);

/// A registry that is talked to, with the credentials of this machine for it.
struct Remote {
    client: Client,
    auth: RegistryAuth,
}

impl Remote {
    /// Prepares to talk to the registry of an image.
    async fn of(image: &ImageName) -> Result<Self> {
        let registry = image.registry().to_owned();
        let protocol = if image.is_on_this_machine() {
            ClientProtocol::HttpsExcept(vec![registry])
        } else {
            ClientProtocol::Https
        };
        let config = ClientConfig {
            protocol,
            connect_timeout: Some(CONNECT_TIME_MAX),
            read_timeout: Some(SILENCE_TIME_MAX),
            user_agent: concat!("troupe/", env!("CARGO_PKG_VERSION")),
            ..ClientConfig::default()
        };
        let client = Client::try_from(config).map_err(Error::internal)?;
        Ok(Self { client, auth: credentials::of(image).await? })
    }
}

/// How often something is still tried that fails for a moment.
struct Tries {
    left: u32,
    pause: Duration,
}

impl Tries {
    const fn new() -> Self {
        Self { left: TRIES_MAX - 1, pause: PAUSE }
    }

    /// Waits until it is to be tried again.
    ///
    /// # Errors
    /// What went wrong, if that will not pass or it was tried often enough.
    async fn again(&mut self, image: &ImageName, fault: impl Into<fault::Fault> + Send) -> Result<()> {
        let fault = fault.into();
        if self.left == 0 || !fault.may_pass() {
            return Err(fault.told(image));
        }
        tokio::time::sleep(self.pause).await;
        self.left -= 1;
        self.pause *= 2;
        Ok(())
    }
}
