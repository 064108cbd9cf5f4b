//! The way out, as a host equips its sandbox: a client, the operator's mappings, and the
//! credentials and secrets that guests act with and never hold.

mod post;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use troupe_core::{Result, TenantId};
use troupe_egress::credentials::{Credential, Secret};
use troupe_egress::{Circuits, Client, ClientConfig, EndpointMap};

pub use post::{Origin, Post, Posted};

/// Everything that requests of guests leave with.
#[derive(Debug, Clone)]
pub struct Egress {
    /// The client. Its clones share connections and limits.
    pub client: Client,
    /// Which destinations are left alone for a while.
    pub circuits: Circuits,
    /// The operator's replacements of the places that guests address.
    pub endpoints: EndpointMap,
    /// The sockets this host listens on, which no grant opens.
    pub own_addresses: Arc<[SocketAddr]>,
    /// Who knows the credentials and secrets that grants name.
    pub credentials: Arc<dyn Credentials>,
}

impl Default for Egress {
    /// A way out without mappings and without credentials.
    fn default() -> Self {
        Self {
            client: Client::new(ClientConfig::default()),
            circuits: Circuits::default(),
            endpoints: EndpointMap::default(),
            own_addresses: Arc::default(),
            credentials: Arc::new(NoCredentials),
        }
    }
}

/// Who knows the credentials and secrets that grants name. It is asked once for each
/// request that needs one, so it keeps what it had to ask others for.
#[async_trait]
pub trait Credentials: Send + Sync + fmt::Debug {
    /// Returns the credential that a tenant's grants know by `name`, such as
    /// `aws:default`; none if the operator has given the name no meaning.
    ///
    /// # Errors
    /// [`troupe_core::Code::CredentialsInvalid`] if what the operator has set up cannot be
    /// used, and the codes of [`Client::send`] if whoever hands it out cannot be reached.
    async fn credential(&self, tenant: &TenantId, name: &str) -> Result<Option<Arc<Credential>>>;

    /// Returns the secret that a tenant's grants know by `name`; none if the operator has
    /// given the name no meaning.
    ///
    /// # Errors
    /// As [`Credentials::credential`].
    async fn secret(&self, tenant: &TenantId, name: &str) -> Result<Option<Arc<Secret>>>;
}

/// Knows no credential and no secret.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoCredentials;

#[async_trait]
impl Credentials for NoCredentials {
    async fn credential(&self, _tenant: &TenantId, _name: &str) -> Result<Option<Arc<Credential>>> {
        Ok(None)
    }

    async fn secret(&self, _tenant: &TenantId, _name: &str) -> Result<Option<Arc<Secret>>> {
        Ok(None)
    }
}
