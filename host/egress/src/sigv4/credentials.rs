//! An AWS access key, kept out of sight.

use std::fmt;

use aws_credential_types::Credentials;
use zeroize::Zeroizing;

/// An AWS access key. Its secret parts are wiped when it is dropped, and its text form
/// shows the key's id alone.
#[derive(Clone, PartialEq, Eq)]
pub struct AwsCredentials {
    access_key_id: String,
    secret_access_key: Zeroizing<String>,
    session_token: Option<Zeroizing<String>>,
}

impl AwsCredentials {
    /// Makes credentials of a key id, its secret, and the session token that comes with a
    /// temporary key.
    pub fn new(access_key_id: String, secret_access_key: String, session_token: Option<String>) -> Self {
        Self {
            access_key_id,
            secret_access_key: Zeroizing::new(secret_access_key),
            session_token: session_token.map(Zeroizing::new),
        }
    }

    /// The secret parts, for a [`Scrubber`](crate::Scrubber).
    pub fn secrets(&self) -> impl Iterator<Item = &[u8]> {
        std::iter::once(&self.secret_access_key).chain(&self.session_token).map(|secret| secret.as_bytes())
    }

    /// The form that `aws-sigv4` takes; it is wiped when dropped, too.
    pub(super) fn for_signing(&self) -> Credentials {
        Credentials::new(
            self.access_key_id.clone(),
            self.secret_access_key.as_str(),
            self.session_token.as_ref().map(|token| token.to_string()),
            None,
            "troupe",
        )
    }
}

impl fmt::Debug for AwsCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsCredentials").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}
