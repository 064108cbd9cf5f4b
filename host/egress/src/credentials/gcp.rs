//! Tokens of Google Cloud, for a service account.
//!
//! With the account's key: a statement signed by it (RS256; `iss`, `scope`, `aud`, `iat`, and
//! `exp` an hour later, the most that Google takes) is exchanged at the token endpoint under
//! the grant `urn:ietf:params:oauth:grant-type:jwt-bearer` (RFC 7523).
//!
//! On a machine in Google's cloud: from the metadata server, by its address rather than its
//! name, so that no resolver has a say. Both sides show the header `Metadata-Flavor: Google`:
//! ours tells the server that no browser asks, its own that it is no other server. Of all
//! that a host sends, this alone may go to that address.

use serde::Deserialize;
use serde_json::json;
use troupe_core::{Code, Error, HostPattern, Result};
use zeroize::Zeroizing;

use super::azure::Token;
use super::cache::Minted;
use super::exchange::{Exchanger, Server, wiped};
use super::jwt::Key;
use super::source::{Keepers, Source};

/// Where Google's tokens come from.
pub(super) const TOKENS: &str = "https://oauth2.googleapis.com/token";
/// Where the metadata server is.
pub(super) const METADATA: &str = "http://169.254.169.254";
/// What tokens are for, unless the operator says less.
pub(super) const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// The hosts of Google's APIs.
pub(super) const HOSTS: &str = "*.googleapis.com";

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const FLAVOUR: (&str, &str) = ("metadata-flavor", "Google");
/// The longest life of a statement that Google takes.
const STATEMENT_SECONDS: i64 = 3600;

/// Where a service account's tokens come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// Its key, a JSON document as Google gives it out.
    Key {
        key: Source,
        /// Where the operator has the statement sent; none: to Google.
        tokens: Option<Server>,
        /// The person that the account acts for, where a domain allows it.
        subject: Option<String>,
    },
    /// The metadata server.
    Metadata { server: Server, account: String },
}

/// A service account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct GcpAccount {
    pub(super) origin: Origin,
    pub(super) scopes: Vec<String>,
}

/// A service account's key, as far as it is needed.
#[derive(Deserialize)]
struct KeyDocument {
    client_email: String,
    #[serde(deserialize_with = "wiped")]
    private_key: Zeroizing<String>,
    private_key_id: Option<String>,
}

impl GcpAccount {
    /// Gets a token.
    pub(super) async fn token(&self, exchanger: &Exchanger, keepers: &Keepers) -> Result<Minted<Zeroizing<String>>> {
        match &self.origin {
            Origin::Key { key, tokens, subject } => {
                let (text, _) = keepers.read(key).await?;
                let document: KeyDocument = serde_json::from_str(&text).map_err(|_| {
                    // The cause could show a piece of the key.
                    let message = format!("{key} is not the key of a service account in JSON");
                    Error::new(Code::CredentialsInvalid, message)
                })?;
                // The key's own `token_uri` is not believed: a key is data from elsewhere.
                let server = tokens.clone().map_or_else(|| Server::public(TOKENS), Ok)?;
                let now = exchanger.clock.now().as_millis() / 1000;
                let mut claims = json!({
                    "iss": document.client_email, "scope": self.scopes.join(" "), "aud": server.uri().to_string(),
                    "iat": now, "exp": now.saturating_add(STATEMENT_SECONDS),
                });
                if let (Some(subject), Some(claims)) = (subject, claims.as_object_mut()) {
                    claims.insert("sub".to_owned(), subject.as_str().into());
                }
                let statement =
                    Key::from_pem(&document.private_key)?.sign(document.private_key_id.as_deref(), &claims)?;
                let form = [("grant_type", JWT_BEARER), ("assertion", statement.as_str())];
                let told = exchanger.send(&server, Exchanger::form(&server, &form)).await?;
                Ok(told.json::<Token>(&[statement.as_str()])?.minted())
            }
            Origin::Metadata { server, account } => {
                let path = format!("/computeMetadata/v1/instance/service-accounts/{account}/token");
                let server = server.at(&path)?;
                let mut request = Exchanger::request(&server, http::Method::GET, Vec::new());
                let query = format!("{}?scopes={}", server.uri().path(), self.scopes.join(","));
                request.set_target(&query)?;
                let (name, value) = FLAVOUR;
                request.headers.insert(name, http::HeaderValue::from_static(value));
                let told = exchanger.send(&server, request).await?;
                if told.headers.get(name).is_none_or(|flavour| flavour != value) {
                    let message =
                        "what answered is not Google's metadata server: it does not say `Metadata-Flavor: Google`";
                    return Err(Error::new(Code::CredentialsInvalid, message));
                }
                Ok(told.json::<Token>(&[])?.minted())
            }
        }
    }
}

/// The hosts that a token goes to, where the operator does not say.
pub(super) fn hosts() -> Vec<HostPattern> {
    HOSTS.parse().into_iter().collect()
}
