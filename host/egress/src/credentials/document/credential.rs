//! A table of one credential: which fields each kind has, and which go together.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::de::{DeserializeSeed, Error as _};
use serde::{Deserialize, Deserializer};
use troupe_core::Result;

use super::super::azure::{self, AzureClient, Proof};
use super::super::exchange::Server;
use super::super::gcp::{self, GcpAccount, Origin};
use super::super::source::{Source, is_path};
use super::super::sts::Role;
use super::{Named, To};
use crate::credentials::Reach;

/// The kinds of credentials: what a name begins with.
const KINDS: [&str; 5] = ["aws", "azure", "gcp", "bearer", "header"];

/// How long a role is taken for, unless the operator says otherwise: AWS's own default.
const ROLE_SECONDS: u64 = 3600;
/// What AWS lets a role be taken for.
const ROLE_SECONDS_ALLOWED: std::ops::RangeInclusive<u64> = 900..=43_200;

/// A credential as the operator describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::credentials) enum CredentialTable {
    /// Signs for AWS.
    Aws(AwsTable),
    /// A token of Entra.
    Azure(AzureClient, Reach),
    /// A token of Google.
    Gcp(GcpAccount, Reach),
    /// A token of the operator's.
    Bearer(Source, Reach),
    /// A header of the operator's.
    Header(http::HeaderName, Source, Reach),
}

/// Keys for AWS, and perhaps a role that is taken with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::credentials) struct AwsTable {
    pub(in crate::credentials) keys: KeysOf,
    pub(in crate::credentials) role: Option<Role>,
}

/// Where the first keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::credentials) enum KeysOf {
    /// In sources.
    Sources { id: Source, secret: Source, token: Option<Source> },
    /// In a profile of the operator's AWS files.
    Profile(String),
    /// None: a token of another provider takes the role.
    WebIdentity(Source),
}

impl CredentialTable {
    /// Every source that it reads.
    pub(super) fn sources(&self) -> Vec<&Source> {
        match self {
            Self::Aws(AwsTable { keys: KeysOf::Sources { id, secret, token }, .. }) => {
                [Some(id), Some(secret), token.as_ref()].into_iter().flatten().collect()
            }
            Self::Aws(AwsTable { keys: KeysOf::WebIdentity(source), .. })
            | Self::Azure(AzureClient { proof: Proof::Secret(source) | Proof::Federated(source), .. }, _)
            | Self::Gcp(GcpAccount { origin: Origin::Key { key: source, .. }, .. }, _)
            | Self::Bearer(source, _)
            | Self::Header(_, source, _) => vec![source],
            Self::Aws(_) | Self::Gcp(..) => Vec::new(),
        }
    }
}

pub(super) fn tables<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, CredentialTable>, D::Error> {
    deserializer.deserialize_map(Named { check, table: |name| Kind(kind_of(name).to_owned()) })
}

fn kind_of(name: &str) -> &str {
    name.split(':').next().unwrap_or_default()
}

fn check(name: &str) -> Result<(), String> {
    if KINDS.contains(&kind_of(name)) && troupe_core::grant::is_credential(name) {
        return Ok(());
    }
    let kinds = KINDS.join(", ");
    Err(format!("`{}` is not KIND:NAME in lower case, such as `aws:audit`; kinds are {kinds}", name.escape_default()))
}

/// Reads the table of a kind.
struct Kind(String);

impl<'de> DeserializeSeed<'de> for Kind {
    type Value = CredentialTable;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<CredentialTable, D::Error> {
        let table = match self.0.as_str() {
            "aws" => Aws::deserialize(deserializer)?.table().map(CredentialTable::Aws),
            "azure" => Azure::deserialize(deserializer)?.table(),
            "gcp" => Gcp::deserialize(deserializer)?.table(),
            "bearer" => {
                let Bearer { token, to } = Bearer::deserialize(deserializer)?;
                Ok(CredentialTable::Bearer(token, to.reach()))
            }
            _ => {
                let Header { header, value, to } = Header::deserialize(deserializer)?;
                match http::HeaderName::try_from(&header) {
                    Ok(name) => Ok(CredentialTable::Header(name, value, to.reach())),
                    Err(_) => Err(format!("`{}` is not the name of a header", header.escape_default())),
                }
            }
        };
        table.map_err(D::Error::custom)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Aws {
    access_key_id: Option<Source>,
    secret_access_key: Option<Source>,
    session_token: Option<Source>,
    profile: Option<String>,
    web_identity_token: Option<Source>,
    role_arn: Option<String>,
    external_id: Option<String>,
    #[serde(default = "session_name")]
    session_name: String,
    #[serde(default = "role_seconds")]
    duration_seconds: u64,
    #[serde(default = "region")]
    region: String,
}

fn session_name() -> String {
    "troupe".to_owned()
}

const fn role_seconds() -> u64 {
    ROLE_SECONDS
}

fn region() -> String {
    "us-east-1".to_owned()
}

impl Aws {
    fn table(self) -> Result<AwsTable, String> {
        let keys = match (self.access_key_id, self.secret_access_key, self.profile, self.web_identity_token) {
            (Some(id), Some(secret), None, None) => KeysOf::Sources { id, secret, token: self.session_token },
            (None, None, Some(profile), None) if self.session_token.is_none() => KeysOf::Profile(profile),
            (None, None, None, Some(token)) if self.role_arn.is_some() => KeysOf::WebIdentity(token),
            (None, None, None, Some(_)) => return Err("`web_identity_token` takes a role; add `role_arn`".to_owned()),
            (Some(_), None, ..) => return Err("missing field `secret_access_key`".to_owned()),
            (None, Some(_), ..) => return Err("missing field `access_key_id`".to_owned()),
            _ => {
                return Err("write either `access_key_id` and `secret_access_key`, or `profile`, or \
                            `web_identity_token` with `role_arn`"
                    .to_owned());
            }
        };
        if self.role_arn.is_none() && self.external_id.is_some() {
            return Err("`external_id` goes with `role_arn`".to_owned());
        }
        if !ROLE_SECONDS_ALLOWED.contains(&self.duration_seconds) {
            return Err(format!("`duration_seconds` is {}; AWS allows 900 to 43200", self.duration_seconds));
        }
        if !self.region.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-') {
            return Err("`region` is not a region such as `eu-central-1`".to_owned());
        }
        let duration = Duration::from_secs(self.duration_seconds);
        let (session_name, external_id, region) = (self.session_name, self.external_id, self.region);
        let role = self.role_arn.map(|arn| Role { arn, session_name, external_id, duration, region });
        Ok(AwsTable { keys, role })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Azure {
    tenant_id: String,
    client_id: String,
    scope: String,
    client_secret: Option<Source>,
    federated_token: Option<Source>,
    authority: Option<String>,
    to: Option<To>,
}

impl Azure {
    fn table(self) -> Result<CredentialTable, String> {
        let proof = match (self.client_secret, self.federated_token) {
            (Some(source), None) => Proof::Secret(source),
            (None, Some(source)) => Proof::Federated(source),
            _ => return Err("write either `client_secret` or `federated_token`".to_owned()),
        };
        if !is_path(&self.tenant_id) || self.tenant_id.contains('/') {
            return Err("`tenant_id` is neither an id nor a domain".to_owned());
        }
        let authority = match self.authority {
            Some(url) => Server::named(&url),
            None => Server::public(azure::AUTHORITY),
        };
        let authority = authority.map_err(|error| format!("`authority`: {}", error.message))?;
        let reach = match (self.to, azure::hosts(&self.scope)) {
            (Some(to), _) => to.reach(),
            (None, Some(hosts)) => Reach::to(hosts),
            (None, None) => {
                return Err("`scope` names no host; say where the token goes: `to = { hosts = […] }`".to_owned());
            }
        };
        let (tenant_id, client_id, scope) = (self.tenant_id, self.client_id, self.scope);
        Ok(CredentialTable::Azure(AzureClient { authority, tenant_id, client_id, scope, proof }, reach))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Gcp {
    key: Option<Source>,
    token_url: Option<String>,
    subject: Option<String>,
    metadata: Option<String>,
    metadata_address: Option<String>,
    #[serde(default = "scopes")]
    scopes: Vec<String>,
    to: Option<To>,
}

fn scopes() -> Vec<String> {
    vec![gcp::SCOPE.to_owned()]
}

impl Gcp {
    fn table(self) -> Result<CredentialTable, String> {
        let plain = |scope: &String| scope.bytes().all(|byte| byte.is_ascii_graphic() && !b",&?#".contains(&byte));
        if self.scopes.is_empty() || !self.scopes.iter().all(plain) {
            return Err(format!("`scopes` is not a list of scopes such as `{}`", gcp::SCOPE));
        }
        let origin = match (self.key, self.metadata) {
            (Some(key), None) if self.metadata_address.is_none() => {
                let tokens = self.token_url.map(|url| Server::named(&url)).transpose();
                let tokens = tokens.map_err(|error| format!("`token_url`: {}", error.message))?;
                Origin::Key { key, tokens, subject: self.subject }
            }
            (None, Some(account)) if self.token_url.is_none() && self.subject.is_none() => {
                if !is_path(&account.replace('@', "-")) || account.contains('/') {
                    return Err("`metadata` is not a service account such as `default`".to_owned());
                }
                let address = self.metadata_address.unwrap_or_else(|| gcp::METADATA.to_owned());
                let server =
                    Server::named(&address).map_err(|error| format!("`metadata_address`: {}", error.message))?;
                Origin::Metadata { server, account }
            }
            _ => {
                return Err("write either `key` (with `token_url` and `subject`), or `metadata` (with \
                            `metadata_address`)"
                    .to_owned());
            }
        };
        let reach = self.to.map_or_else(|| Reach::to(gcp::hosts()), |to| to.reach());
        Ok(CredentialTable::Gcp(GcpAccount { origin, scopes: self.scopes }, reach))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bearer {
    token: Source,
    to: To,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    header: String,
    value: Source,
    to: To,
}
