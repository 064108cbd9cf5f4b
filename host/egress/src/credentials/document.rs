//! The operator's document of credentials, `credentials.toml`.
//!
//! ```toml
//! [tenant.default.credentials."aws:audit"]        # a role, taken with keys of the host
//! role_arn = "arn:aws:iam::123456789012:role/audit"
//! access_key_id = { env = "AUDIT_KEY" }
//! secret_access_key = { file = "/run/secrets/audit" }
//!
//! [tenant.default.credentials."azure:prod"]       # Entra ID: client_secret or federated_token
//! tenant_id = "contoso.onmicrosoft.com"
//! client_id = "11111111-2222-3333-4444-555555555555"
//! client_secret = { vault = "azure/prod#client_secret" }
//! scope = "https://management.azure.com/.default"
//!
//! [tenant.default.credentials."gcp:prod"]         # a service account: key or metadata
//! key = { file = "/run/secrets/gcp.json" }
//!
//! [tenant.default.credentials."bearer:wiki"]
//! token = { env = "WIKI_TOKEN" }
//! to = { hosts = ["wiki.example.com"], path_prefix = "/api/" }
//!
//! [tenant.default.credentials."header:search"]
//! header = "x-api-key"
//! value = { vault = "search#key" }
//! to = { hosts = ["search.example.com"] }
//!
//! [tenant.default.secrets.chat-token]             # placed by reference; see `secrets`
//! value = { vault = "chat#token" }
//! to = { hosts = ["chat.example.com"] }
//!
//! [vault.main]
//! address = "https://vault.example.com:8200"
//! mount = "secret"
//! approle = { role_id = { file = "/run/role" }, secret_id = { file = "/run/secret" } }
//!
//! [endpoints]                                     # where requests to a host really go
//! "management.azure.com" = "http://127.0.0.1:5001"
//! ```
//!
//! A credential's name begins with its kind. A field nobody knows is refused rather than
//! ignored, since a misspelt bound would be no bound. The document holds no secret; what is
//! wrong with it is told by line, table and field.

mod credential;
mod endpoints;
mod vault;

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use troupe_core::grant::Scheme;
use troupe_core::{Code, Error, HostPattern, Result, TenantId, grant, limits};

pub(in crate::credentials) use credential::{AwsTable, CredentialTable, KeysOf};

use super::Reach;
use super::source::Source;
use super::vault::VaultSettings;
use crate::Endpoint;

/// Everything that an operator has set up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    /// What each tenant may use.
    #[serde(default)]
    pub(super) tenant: BTreeMap<TenantId, TenantTable>,
    /// The Vault servers, by a name of the operator's.
    #[serde(default, deserialize_with = "vault::servers")]
    pub(super) vault: BTreeMap<String, VaultSettings>,
    /// What takes the place of hosts that agents address.
    #[serde(default, deserialize_with = "endpoints::endpoints")]
    pub(super) endpoints: BTreeMap<String, Endpoint>,
}

/// What one tenant may use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TenantTable {
    #[serde(default, deserialize_with = "credential::tables")]
    pub(super) credentials: BTreeMap<String, CredentialTable>,
    #[serde(default, deserialize_with = "secrets")]
    pub(super) secrets: BTreeMap<String, SecretTable>,
}

/// A secret that guests place by reference.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SecretTable {
    pub(super) value: Source,
    pub(super) to: To,
}

/// Where a value may go.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct To {
    #[serde(deserialize_with = "hosts")]
    hosts: Vec<HostPattern>,
    #[serde(default)]
    scheme: Scheme,
    port: Option<std::num::NonZeroU16>,
    #[serde(default = "every_path", deserialize_with = "grant::read_path_prefix")]
    path_prefix: String,
}

impl To {
    /// The bound as it is checked.
    pub(super) fn reach(&self) -> Reach {
        let port = self.port.map(std::num::NonZeroU16::get);
        Reach::at(self.scheme, self.hosts.clone(), port, self.path_prefix.clone())
    }
}

fn every_path() -> String {
    "/".to_owned()
}

fn hosts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<HostPattern>, D::Error> {
    let hosts = Vec::<HostPattern>::deserialize(deserializer)?;
    if hosts.is_empty() {
        return Err(D::Error::custom("an empty list lets the value go nowhere; name a host"));
    }
    Ok(hosts)
}

impl Document {
    /// Reads the text of a document.
    ///
    /// # Errors
    /// [`Code::CredentialsInvalid`] naming line, table and field.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let refuse = |why: String| Error::new(Code::CredentialsInvalid, format!("credentials.toml {why}"));
        if text.len() > limits::CREDENTIALS_BYTES_MAX {
            return Err(refuse(format!("is longer than {}", limits::bytes(limits::CREDENTIALS_BYTES_MAX as u64))));
        }
        let document: Self = toml::from_str(text).map_err(|fault| {
            let start = fault.span().map_or(0, |span| span.start);
            let line = text.bytes().take(start).filter(|byte| *byte == b'\n').count() + 1;
            let table = table_at(text, line).map(|table| format!(", in {table}")).unwrap_or_default();
            refuse(format!("line {line}{table}: {}", on_one_line(fault.message())))
        })?;
        document.check().map_err(refuse)?;
        Ok(document)
    }

    /// Checks that every source in Vault names a server that is there.
    fn check(&self) -> Result<(), String> {
        for (tenant, table) in &self.tenant {
            let credentials = table.credentials.iter().map(|(name, table)| ("credentials", name, table.sources()));
            let secrets = table.secrets.iter().map(|(name, table)| ("secrets", name, vec![&table.value]));
            for (kind, name, sources) in credentials.chain(secrets) {
                for source in sources {
                    let Source::Vault { server, path, field } = source else { continue };
                    let why = match server {
                        Some(server) if !self.vault.contains_key(server) => {
                            format!("there is no [vault.{}]", server.escape_default())
                        }
                        None if self.vault.is_empty() => "there is no [vault.NAME] that says where".to_owned(),
                        None if self.vault.len() > 1 => "there are several; name one by `server = \"NAME\"`".to_owned(),
                        _ => continue,
                    };
                    return Err(format!("in [tenant.{tenant}.{kind}.\"{name}\"]: `{path}#{field}`: {why}"));
                }
            }
        }
        Ok(())
    }
}

/// The table that a line stands in, as its header writes it.
fn table_at(text: &str, line: usize) -> Option<String> {
    let above: Vec<&str> = text.lines().take(line).collect();
    let header = above.iter().rev().map(|line| line.trim()).find(|line| line.starts_with('['))?;
    let end = header.rfind(']')?;
    header.get(..=end).map(on_one_line)
}

fn on_one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Reads tables by name, each name checked first.
pub(super) struct Named<S> {
    /// What the names have to be.
    pub(super) check: fn(&str) -> Result<(), String>,
    /// How a table of a name is read.
    pub(super) table: fn(&str) -> S,
}

impl<'de, S: DeserializeSeed<'de>> Visitor<'de> for Named<S> {
    type Value = BTreeMap<String, S::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tables by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut tables = BTreeMap::new();
        while let Some(name) = map.next_key::<String>()? {
            (self.check)(&name).map_err(A::Error::custom)?;
            let table = map.next_value_seed((self.table)(&name))?;
            tables.insert(name, table);
        }
        Ok(tables)
    }
}

fn secrets<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, SecretTable>, D::Error> {
    let check = |name: &str| if grant::is_secret_name(name) { Ok(()) } else { Err(grant::SECRET_NAME.to_owned()) };
    deserializer.deserialize_map(Named { check, table: |_| std::marker::PhantomData::<SecretTable> })
}

#[cfg(test)]
mod tests;
