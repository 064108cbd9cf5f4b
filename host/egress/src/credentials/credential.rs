//! A credential or a secret as it is used: what goes out, where it may go, and what answers
//! are searched for afterwards.

use std::fmt;
use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue, Uri};
use troupe_core::{Code, Error, Result};
use zeroize::Zeroizing;

use super::Reach;
use crate::{AwsCredentials, Scrubber};

/// A credential that a grant names.
#[derive(Debug)]
pub struct Credential {
    kind: CredentialKind,
    reach: Reach,
    scrubber: Arc<Scrubber>,
}

/// What a credential does to a request.
#[derive(Debug)]
pub enum CredentialKind {
    /// Signs by AWS Signature Version 4.
    Aws(AwsCredentials),
    /// Goes out as a header.
    Header {
        /// The header.
        name: HeaderName,
        /// Its value, marked as sensitive.
        value: HeaderValue,
    },
}

impl Credential {
    /// Makes a credential of an AWS access key, for names of the kind `aws`. It goes where
    /// the signer can name what a request does: to AWS.
    ///
    /// # Errors
    /// [`Code::CredentialsInvalid`] if a secret is too short to search answers for.
    pub fn aws(key: AwsCredentials) -> Result<Self> {
        let scrubber = Arc::new(Scrubber::new(key.secrets())?);
        Ok(Self { kind: CredentialKind::Aws(key), reach: Reach::of_signer(), scrubber })
    }

    /// Makes a credential of a token that goes out as `authorization: Bearer TOKEN`.
    ///
    /// # Errors
    /// [`Code::CredentialsInvalid`] if no header can carry the token, or if it is too short
    /// to search answers for.
    pub fn bearer(token: &str, reach: Reach) -> Result<Self> {
        Self::in_header(AUTHORIZATION, &Zeroizing::new(format!("Bearer {token}")), token, reach)
    }

    /// Makes a credential of a secret that goes out as a header of its own.
    ///
    /// # Errors
    /// As [`Credential::bearer`].
    pub fn header(name: HeaderName, secret: &str, reach: Reach) -> Result<Self> {
        Self::in_header(name, secret, secret, reach)
    }

    fn in_header(name: HeaderName, text: &str, secret: &str, reach: Reach) -> Result<Self> {
        let mut value = HeaderValue::from_str(text).map_err(|_| {
            Error::new(Code::CredentialsInvalid, "the credential holds a character that no header can carry")
        })?;
        value.set_sensitive(true);
        let scrubber = Arc::new(Scrubber::new([secret.as_bytes()])?);
        Ok(Self { kind: CredentialKind::Header { name, value }, reach, scrubber })
    }

    /// What it does to a request.
    pub const fn kind(&self) -> &CredentialKind {
        &self.kind
    }

    /// What answers are searched for where it was used.
    pub const fn scrubber(&self) -> &Arc<Scrubber> {
        &self.scrubber
    }

    /// Whether the credential, known as `name`, may go along with a request to `uri`.
    ///
    /// # Errors
    /// [`Code::DeniedSecret`].
    pub fn check(&self, name: &str, uri: &Uri) -> Result<()> {
        self.reach.check(&format!("credential `{name}`"), uri)
    }

    /// Whether the credential is of the kind that a name begins with: `aws` of
    /// `aws:default`.
    pub fn is_of(&self, name: &str) -> bool {
        name.starts_with("aws:") == matches!(self.kind, CredentialKind::Aws(_))
    }
}

/// A secret that a guest places in requests by a reference. Its text is wiped when it is
/// dropped, and never shown.
pub struct Secret {
    value: Zeroizing<String>,
    reach: Reach,
    scrubber: Arc<Scrubber>,
}

impl Secret {
    /// Makes a secret of its text.
    ///
    /// # Errors
    /// [`Code::CredentialsInvalid`] if it is too short to search answers for.
    pub fn new(value: Zeroizing<String>, reach: Reach) -> Result<Self> {
        let scrubber = Arc::new(Scrubber::new([value.as_bytes()])?);
        Ok(Self { value, reach, scrubber })
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.value
    }

    /// What answers are searched for where it was used.
    pub const fn scrubber(&self) -> &Arc<Scrubber> {
        &self.scrubber
    }

    /// Whether the secret, known as `name`, may go along with a request to `uri`.
    ///
    /// # Errors
    /// [`Code::DeniedSecret`].
    pub fn check(&self, name: &str, uri: &Uri) -> Result<()> {
        self.reach.check(&format!("secret `{name}`"), uri)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").field("reach", &self.reach).finish_non_exhaustive()
    }
}
