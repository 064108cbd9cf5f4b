//! A table of one Vault server.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::super::exchange::Server;
use super::super::source::{Source, is_path};
use super::super::vault::{Auth, VaultSettings};
use super::Named;

/// How often a secret is read again, unless the operator says otherwise: a rotated one is in
/// force within a minute.
const EVERY_SECONDS: u64 = 60;
/// The longest that a rotation may go unseen.
const EVERY_SECONDS_MAX: u64 = 24 * 60 * 60;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    address: String,
    namespace: Option<String>,
    #[serde(default = "mount")]
    mount: String,
    token: Option<Source>,
    approle: Option<AppRole>,
    #[serde(default = "every_seconds")]
    every_seconds: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AppRole {
    #[serde(default = "approle_mount")]
    mount: String,
    role_id: Source,
    secret_id: Source,
}

fn mount() -> String {
    "secret".to_owned()
}

fn approle_mount() -> String {
    "approle".to_owned()
}

const fn every_seconds() -> u64 {
    EVERY_SECONDS
}

pub(super) fn servers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, VaultSettings>, D::Error> {
    let check = |name: &str| {
        let plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if plain && !name.is_empty() {
            Ok(())
        } else {
            Err(format!("`{}` is not a name of lower-case letters, digits and hyphens", name.escape_default()))
        }
    };
    let tables = deserializer.deserialize_map(Named { check, table: |_| PhantomData::<Read> })?;
    Ok(tables.into_iter().map(|(name, read)| (name, read.0)).collect())
}

/// A table that has been checked.
struct Read(VaultSettings);

impl<'de> Deserialize<'de> for Read {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Table::deserialize(deserializer)?.settings().map(Self).map_err(D::Error::custom)
    }
}

impl Table {
    fn settings(self) -> Result<VaultSettings, String> {
        let auth = match (self.token, self.approle) {
            (Some(source), None) => Auth::Token(source),
            (None, Some(AppRole { mount, role_id, secret_id })) => Auth::AppRole { mount, role_id, secret_id },
            _ => return Err("write either `token` or `approle`".to_owned()),
        };
        let sources = match &auth {
            Auth::Token(source) => vec![source],
            Auth::AppRole { role_id, secret_id, .. } => vec![role_id, secret_id],
        };
        if sources.iter().any(|source| matches!(source, Source::Vault { .. })) {
            return Err("what opens vault cannot stand in vault; use `env` or `file`".to_owned());
        }
        let mounts = match &auth {
            Auth::AppRole { mount, .. } => vec![mount, &self.mount],
            Auth::Token(_) => vec![&self.mount],
        };
        if !mounts.iter().all(|mount| is_path(mount)) {
            return Err("`mount` is not a path such as `secret`".to_owned());
        }
        if self.every_seconds == 0 || self.every_seconds > EVERY_SECONDS_MAX {
            return Err(format!("`every_seconds` is {}; it may be 1 to {EVERY_SECONDS_MAX}", self.every_seconds));
        }
        let server = Server::named(&self.address).map_err(|error| format!("`address`: {}", error.message))?;
        let every = Duration::from_secs(self.every_seconds);
        Ok(VaultSettings { server, namespace: self.namespace, mount: self.mount, auth, every })
    }
}
