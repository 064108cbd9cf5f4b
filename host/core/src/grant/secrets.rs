//! A grant of the capability `secrets`: a secret that may be placed, by a reference, in
//! requests to one place. The same fields stand in a manifest, which asks, and in an
//! operator's grant, which gives.
//!
//! | field | grammar | default |
//! |---|---|---|
//! | `name` | lower-case letters, digits and single hyphens; a name the operator gives a meaning | must be there |
//! | `scheme` | `https` or `http` | `https` |
//! | `host` | see [`HostPattern`] | must be there |
//! | `port` | 1 to 65535 | the scheme's |
//! | `path_prefix` | as in a grant of `http` | `/` |
//!
//! The request itself needs a grant of `http`. A name may stand in several grants, one for
//! each place.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use utoipa::ToSchema;

use super::http::{self, Scheme};
use super::path;
use crate::{HostPattern, limits};

/// What the name of a secret has to be.
pub const SECRET_NAME: &str =
    "a secret's name is 1 to 63 lower-case letters, digits and single hyphens, beginning with a letter";

/// Whether a text can be the name of a secret.
pub fn is_secret_name(text: &str) -> bool {
    text.len() <= http::ID_LENGTH_MAX && http::is_kebab(text)
}

/// A secret that may be placed in requests to one place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretGrant {
    /// What the operator calls it.
    #[serde(deserialize_with = "name")]
    pub name: String,
    /// The scheme.
    #[serde(default)]
    pub scheme: Scheme,
    /// The hosts.
    #[schema(value_type = String)]
    pub host: HostPattern,
    /// The port; absent = the scheme's.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "http::port")]
    pub port: Option<u16>,
    /// What every path begins with; a segment `*` stands for any one segment.
    #[serde(default = "http::default_path", deserialize_with = "http::path_prefix")]
    pub path_prefix: String,
}

impl SecretGrant {
    /// Returns the port, whether written or the scheme's.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(self.scheme.default_port())
    }

    /// Whether the grant leads to a host, in the clear or not, at a port, to a path.
    pub fn leads_to(&self, tls: bool, host: &str, port: u16, path: &str) -> bool {
        (self.scheme == Scheme::Https) == tls
            && self.port() == port
            && self.host.matches(host)
            && path::admits(&self.path_prefix, path)
    }

    /// Returns what both allow; none if that is nothing.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Option<Self> {
        if self.name != other.name || self.scheme != other.scheme || self.port() != other.port() {
            return None;
        }
        Some(Self {
            name: self.name.clone(),
            scheme: self.scheme,
            host: self.host.intersect(&other.host)?,
            port: Some(self.port()).filter(|port| *port != self.scheme.default_port()),
            path_prefix: path::shared(&self.path_prefix, &other.path_prefix)?,
        })
    }

    /// Whether `self` allows all that `other` does.
    pub fn covers(&self, other: &Self) -> bool {
        self.name == other.name
            && self.scheme == other.scheme
            && self.port() == other.port()
            && self.host.covers(&other.host)
            && path::covers(&self.path_prefix, &other.path_prefix)
    }
}

impl fmt::Display for SecretGrant {
    /// One line, as an operator reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "secret {}: to ", self.name)?;
        http::write_place(f, self.scheme, &self.host, self.port, &self.path_prefix)
    }
}

/// What both lists allow, without what another of the list allows already.
pub(super) fn intersect(one: &[SecretGrant], two: &[SecretGrant]) -> Vec<SecretGrant> {
    let mut all: Vec<SecretGrant> =
        one.iter().flat_map(|one| two.iter().filter_map(|two| one.intersect(two))).collect();
    all.sort();
    all.dedup();
    let is_spare = |index: usize, grant: &SecretGrant| {
        all.iter().enumerate().any(|(other, wide)| {
            // Of two that allow the same, spelt differently, the first stays.
            other != index && wide.covers(grant) && (other < index || !grant.covers(wide))
        })
    };
    all.iter().enumerate().filter(|(index, grant)| !is_spare(*index, grant)).map(|(_, grant)| grant.clone()).collect()
}

/// Whether everything that `narrow` allows is allowed by one of `wide`.
pub(super) fn covers(wide: &[SecretGrant], narrow: &[SecretGrant]) -> bool {
    narrow.iter().all(|narrow| wide.iter().any(|wide| wide.covers(narrow)))
}

/// Reads a bounded list of secrets. A name may stand in it more than once.
///
/// # Errors
/// Those of the deserialiser, naming the item.
pub fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<SecretGrant>, D::Error> {
    let list = Vec::<SecretGrant>::deserialize(deserializer)?;
    if list.len() > limits::SECRETS_MAX {
        return Err(D::Error::custom(format_args!("the list is longer than the limit of {}", limits::SECRETS_MAX)));
    }
    Ok(list)
}

fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if is_secret_name(&text) { Ok(text) } else { Err(D::Error::custom(SECRET_NAME)) }
}
