//! Tokens of Microsoft Entra ID, by the OAuth 2.0 client credentials grant.
//!
//! `POST AUTHORITY/TENANT/oauth2/v2.0/token` with a form of `grant_type=client_credentials`,
//! `client_id`, `scope`, and either `client_secret`, or for a workload identity the token
//! that the platform has written into a file, as `client_assertion`. That file is read for
//! each exchange, since the platform writes it anew every hour.

use std::time::Duration;

use serde::Deserialize;
use troupe_core::{HostPattern, Result};
use zeroize::Zeroizing;

use super::cache::Minted;
use super::exchange::{Exchanger, Server, wiped};
use super::source::{Keepers, Source};

/// Where Entra's tokens come from, unless the operator names another cloud's.
pub(super) const AUTHORITY: &str = "https://login.microsoftonline.com";

/// The kind of assertion that a workload identity's token is (RFC 7523).
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Services whose tokens go to hosts of another name than their scope.
const ELSEWHERE: [(&str, &[&str]); 2] = [
    ("vault.azure.net", &["*.vault.azure.net"]),
    (
        "storage.azure.com",
        &[
            "*.blob.core.windows.net",
            "*.dfs.core.windows.net",
            "*.file.core.windows.net",
            "*.queue.core.windows.net",
            "*.table.core.windows.net",
        ],
    ),
];

/// How a client proves who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Proof {
    /// A secret of the application's.
    Secret(Source),
    /// A token of the platform that runs the host.
    Federated(Source),
}

/// A client of Entra.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AzureClient {
    pub(super) authority: Server,
    pub(super) tenant_id: String,
    pub(super) client_id: String,
    pub(super) scope: String,
    pub(super) proof: Proof,
}

/// What token endpoints answer (RFC 6749, 5.1).
#[derive(Deserialize)]
pub(super) struct Token {
    #[serde(deserialize_with = "wiped")]
    pub(super) access_token: Zeroizing<String>,
    pub(super) expires_in: u64,
}

impl Token {
    /// The token with its life.
    pub(super) fn minted(self) -> Minted<Zeroizing<String>> {
        Minted::living(self.access_token, Duration::from_secs(self.expires_in))
    }
}

impl AzureClient {
    /// Gets a token.
    pub(super) async fn token(&self, exchanger: &Exchanger, keepers: &Keepers) -> Result<Minted<Zeroizing<String>>> {
        let (Proof::Secret(source) | Proof::Federated(source)) = &self.proof;
        let (proof, _) = keepers.read(source).await?;
        let mut form = vec![
            ("grant_type", "client_credentials"),
            ("client_id", self.client_id.as_str()),
            ("scope", self.scope.as_str()),
        ];
        match &self.proof {
            Proof::Secret(_) => form.push(("client_secret", proof.as_str())),
            Proof::Federated(_) => {
                form.extend([("client_assertion_type", JWT_BEARER), ("client_assertion", proof.as_str())]);
            }
        }
        let server = self.authority.at(&format!("/{}/oauth2/v2.0/token", self.tenant_id))?;
        let told = exchanger.send(&server, Exchanger::form(&server, &form)).await?;
        Ok(told.json::<Token>(&[proof.as_str()])?.minted())
    }
}

/// The hosts that a token of this scope goes to, where the operator does not say.
pub(super) fn hosts(scope: &str) -> Option<Vec<HostPattern>> {
    let host = scope.strip_prefix("https://")?.split('/').next()?;
    match ELSEWHERE.iter().find(|(service, _)| *service == host) {
        Some((_, hosts)) => hosts.iter().map(|host| host.parse().ok()).collect(),
        None => Some(vec![host.parse().ok()?]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_to_the_service_that_its_scope_names() {
        let of = |scope: &str| hosts(scope).map(|hosts| hosts.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(of("https://management.azure.com/.default").unwrap(), ["management.azure.com"]);
        assert_eq!(of("https://vault.azure.net/.default").unwrap(), ["*.vault.azure.net"]);
        assert_eq!(of("https://storage.azure.com/.default").unwrap().len(), 5);
        assert_eq!(of("api://my-app/.default"), None);
    }
}
