//! One HTTP capability: a service that an agent asks to call.
//!
//! | field | grammar | default |
//! |---|---|---|
//! | `id` | lower-case letters, digits and single hyphens, once per manifest | must be there |
//! | `scheme` | `https` or `http` | `https` |
//! | `host` | see [`HostPattern`] | must be there |
//! | `port` | 1 to 65535 | the scheme's |
//! | `methods` | upper-case letters and hyphens | `GET`, `HEAD` |
//! | `path_prefix` | an absolute path without `.` segments, escapes of `.` `/` `\`, query | `/` |
//! | `credential` | `KIND:NAME`, a name the operator gives a meaning | none |
//! | `actions` | `service:Operation` as AWS's API models name them, `*` at the end | none |
//! | `effect` | `read`, `write` or `destructive` | from action or method |
//!
//! Actions are what an `aws` credential signs for: with one, the list must not be empty;
//! without one, it must be.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use troupe_core::{Effect, limits};

use super::host_pattern::HostPattern;
use crate::list::{self, Keyed};

const ID_LENGTH_MAX: usize = 63;
const METHOD_LENGTH_MAX: usize = 32;
const PATH_LENGTH_MAX: usize = 1_024;
const NAME_LENGTH_MAX: usize = 128;

/// How a service is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// HTTP over TLS.
    #[default]
    Https,
    /// HTTP in the clear.
    Http,
}

impl Scheme {
    /// Returns the scheme as a URL writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
        }
    }

    /// Returns the port where none is written.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Https => 443,
            Self::Http => 80,
        }
    }
}

/// A service that an agent asks to call over HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct HttpRequest {
    /// What the operator's grant and the audit call it.
    #[serde(deserialize_with = "id")]
    pub id: String,
    /// The scheme.
    #[serde(default)]
    pub scheme: Scheme,
    /// The hosts.
    pub host: HostPattern,
    /// The port; absent = the scheme's.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "port")]
    pub port: Option<u16>,
    /// The methods, upper case.
    #[serde(default = "default_methods", deserialize_with = "methods")]
    pub methods: Vec<String>,
    /// What every path begins with.
    #[serde(default = "default_path", deserialize_with = "path_prefix")]
    pub path_prefix: String,
    /// The credential that the host adds, such as `aws:default`; absent = none.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "credential")]
    pub credential: Option<String>,
    /// The AWS actions, such as `ec2:Describe*`.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "actions")]
    pub actions: Vec<String>,
    /// The effect class of each call, where neither action nor method tells it right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<Effect>,
}

impl HttpRequest {
    /// Returns the kind of the credential: `aws` of `aws:default`.
    pub fn credential_kind(&self) -> Option<&str> {
        self.credential.as_deref().and_then(|name| name.split_once(':')).map(|(kind, _)| kind)
    }

    fn check(&self) -> Result<(), String> {
        match (self.credential_kind() == Some("aws"), self.actions.is_empty()) {
            (true, true) => {
                Err("`credential` is of kind aws, so `actions` must list what it signs for, such as `ec2:Describe*`"
                    .to_owned())
            }
            (false, false) => Err("`actions` are AWS actions and need a `credential` such as `aws:default`".to_owned()),
            _ => Ok(()),
        }
    }
}

// The derived reader is private to this file, so no request exists whose fields have not
// been checked against each other.
impl<'de> Deserialize<'de> for HttpRequest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let request = Self::deserialize(deserializer)?;
        request.check().map_err(D::Error::custom)?;
        Ok(request)
    }
}

impl Serialize for HttpRequest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

impl Keyed for HttpRequest {
    fn key(&self) -> &str {
        &self.id
    }
}

/// Reads the HTTP capabilities of a manifest.
pub(super) fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<HttpRequest>, D::Error> {
    list::read(deserializer, limits::HTTP_REQUESTS_MAX, |_: &HttpRequest| Ok(()))
}

fn default_methods() -> Vec<String> {
    vec!["GET".to_owned(), "HEAD".to_owned()]
}

fn default_path() -> String {
    "/".to_owned()
}

fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.len() <= ID_LENGTH_MAX && is_kebab(&text) {
        return Ok(text);
    }
    Err(D::Error::custom(format_args!(
        "an id is 1 to {ID_LENGTH_MAX} lower-case letters, digits and single hyphens, beginning with a letter"
    )))
}

fn port<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u16>, D::Error> {
    match u16::deserialize(deserializer)? {
        0 => Err(D::Error::custom("a port is 1 to 65535")),
        port => Ok(Some(port)),
    }
}

fn methods<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let methods = list::read(deserializer, limits::HTTP_LIST_MAX, |method: &String| {
        let valid = method.len() <= METHOD_LENGTH_MAX
            && method.starts_with(|c: char| c.is_ascii_uppercase())
            && method.bytes().all(|b| b.is_ascii_uppercase() || b == b'-');
        if valid { Ok(()) } else { Err(format!("`{method}` is not a method in upper case, such as `GET`")) }
    })?;
    if methods.is_empty() {
        return Err(D::Error::custom("an empty list allows nothing; leave it out for GET and HEAD"));
    }
    Ok(methods)
}

fn path_prefix<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    // What a server may read as another path than the one compared has no place in a rule.
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@%".contains(&b);
    let lower = text.to_ascii_lowercase();
    let segments_plain = text.split('/').all(|segment| segment != "." && segment != "..");
    let valid = text.len() <= PATH_LENGTH_MAX
        && text.starts_with('/')
        && !text.contains("//")
        && segments_plain
        && text.bytes().all(plain)
        && !["%2e", "%2f", "%5c"].iter().any(|escape| lower.contains(escape));
    if valid {
        return Ok(text);
    }
    Err(D::Error::custom(format_args!(
        "`{text}` is not an absolute path such as `/v1/`, without query, `.` and `..` segments, `//`, \
         and the escapes %2e, %2f and %5c, at most {PATH_LENGTH_MAX} characters long"
    )))
}

fn credential<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let valid = text.split_once(':').is_some_and(|(kind, name)| {
        text.len() <= NAME_LENGTH_MAX
            && is_kebab(kind)
            && name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b))
    });
    if valid {
        return Ok(Some(text));
    }
    Err(D::Error::custom(format_args!("`{text}` is not a credential's KIND:NAME in lower case, such as `aws:default`")))
}

fn actions<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    list::read(deserializer, limits::HTTP_LIST_MAX, |action: &String| {
        let valid = action.split_once(':').is_some_and(|(service, operation)| {
            let stem = operation.strip_suffix('*').unwrap_or(operation);
            action.len() <= NAME_LENGTH_MAX
                && is_kebab(service)
                && !operation.is_empty()
                && stem.bytes().all(|b| b.is_ascii_alphanumeric())
                && !stem.starts_with(|c: char| !c.is_ascii_uppercase())
        });
        if valid {
            Ok(())
        } else {
            Err(format!("`{action}` is not an AWS action such as `s3:ListObjectsV2` or `ec2:Describe*`"))
        }
    })
}

/// Lower-case letters, digits and single hyphens between them, beginning with a letter.
fn is_kebab(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.ends_with('-')
        && !text.contains("--")
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}
