//! The way out, as a host equips its sandbox: a client, the operator's mappings, and the
//! credentials that guests act with and never hold.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue};
use troupe_core::{Code, Error, Result, TenantId};
use troupe_egress::{AwsCredentials, Client, ClientConfig, EndpointMap, Scrubber};
use zeroize::Zeroizing;

/// Everything that requests of guests leave with.
#[derive(Debug, Clone)]
pub struct Egress {
    /// The client. Its clones share connections and limits.
    pub client: Client,
    /// The operator's replacements of the places that guests address.
    pub endpoints: EndpointMap,
    /// The sockets this host listens on, which no grant opens.
    pub own_addresses: Arc<[SocketAddr]>,
    /// Who knows the credentials that grants name.
    pub credentials: Arc<dyn Credentials>,
}

impl Default for Egress {
    /// A way out without mappings and without credentials.
    fn default() -> Self {
        Self {
            client: Client::new(ClientConfig::default()),
            endpoints: EndpointMap::default(),
            own_addresses: Arc::default(),
            credentials: Arc::new(NoCredentials),
        }
    }
}

/// Who knows the credentials that grants name.
pub trait Credentials: Send + Sync + fmt::Debug {
    /// Returns the credential that a tenant's grants know by `name`, such as
    /// `aws:default`; none if the operator has given the name no meaning. It is asked once
    /// for each request and must not block.
    ///
    /// # Errors
    /// [`Code::CredentialsInvalid`] if what the operator has set up cannot be used.
    fn get(&self, tenant: &TenantId, name: &str) -> Result<Option<Arc<Credential>>>;
}

/// Knows no credential.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoCredentials;

impl Credentials for NoCredentials {
    fn get(&self, _tenant: &TenantId, _name: &str) -> Result<Option<Arc<Credential>>> {
        Ok(None)
    }
}

/// A credential, and what answers are searched for where it was used.
#[derive(Debug)]
pub struct Credential {
    pub(crate) kind: CredentialKind,
    pub(crate) scrubber: Scrubber,
}

#[derive(Debug)]
pub(crate) enum CredentialKind {
    /// Signs by AWS Signature Version 4.
    Aws(AwsCredentials),
    /// Goes out as a header.
    Header { name: HeaderName, value: HeaderValue },
}

impl Credential {
    /// Makes a credential of an AWS access key, for names of the kind `aws`.
    ///
    /// # Errors
    /// [`Code::CredentialsInvalid`] if a secret is too short to search answers for.
    pub fn aws(key: AwsCredentials) -> Result<Self> {
        let scrubber = Scrubber::new(key.secrets())?;
        Ok(Self { kind: CredentialKind::Aws(key), scrubber })
    }

    /// Makes a credential of a token that goes out as `authorization: Bearer TOKEN`.
    ///
    /// # Errors
    /// [`Code::CredentialsInvalid`] if no header can carry the token, or if it is too short
    /// to search answers for.
    pub fn bearer(token: &str) -> Result<Self> {
        Self::in_header(AUTHORIZATION, &Zeroizing::new(format!("Bearer {token}")), token)
    }

    /// Makes a credential of a secret that goes out as a header of its own.
    ///
    /// # Errors
    /// As [`Credential::bearer`].
    pub fn header(name: HeaderName, secret: &str) -> Result<Self> {
        Self::in_header(name, secret, secret)
    }

    fn in_header(name: HeaderName, text: &str, secret: &str) -> Result<Self> {
        let mut value = HeaderValue::from_str(text).map_err(|_| {
            Error::new(Code::CredentialsInvalid, "the credential holds a character that no header can carry")
        })?;
        value.set_sensitive(true);
        let scrubber = Scrubber::new([secret.as_bytes()])?;
        Ok(Self { kind: CredentialKind::Header { name, value }, scrubber })
    }

    /// Whether the credential is of the kind that a name begins with: `aws` of
    /// `aws:default`.
    pub(crate) fn is_of(&self, name: &str) -> bool {
        name.starts_with("aws:") == matches!(self.kind, CredentialKind::Aws(_))
    }
}
