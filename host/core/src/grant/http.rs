//! A grant of the capability `http`: a service that may be called. The same fields stand
//! in a manifest, which asks, and in an operator's grant, which gives.
//!
//! | field | grammar | default |
//! |---|---|---|
//! | `id` | lower-case letters, digits and single hyphens, once per manifest | must be there |
//! | `scheme` | `https` or `http` | `https` |
//! | `host` | see [`HostPattern`] | must be there |
//! | `port` | 1 to 65535 | the scheme's |
//! | `methods` | upper-case letters and hyphens | `GET`, `HEAD` |
//! | `path_prefix` | an absolute path without `.` segments, escapes of `.` `/` `\`, query; a segment `*` is any one, a star itself `%2A` | `/` |
//! | `credential` | `KIND:NAME`, a name the operator gives a meaning | none |
//! | `actions` | `service:Operation` as AWS's API models name them, `*` at the end | none |
//! | `effect` | `read`, `write` or `destructive` | from action or method |
//! | `private` | whether the host may lie in the operator's own network | `false` |
//! | `budget` | see [`HttpBudget`] | what bounds every agent |
//! | `redirects` | 0 to 3: how many redirects of one request the host follows | 0 |
//! | `retries` | 0 to 3: how often the host tries one request again, where that is safe | 0 |
//!
//! The effect class of a call is that of its AWS action, else the grant's `effect`, else
//! the method's: GET, HEAD and OPTIONS read, the rest write. An address written as `host`
//! names its machine, so it needs no `private`; a name does, since whoever owns the name
//! decides where it points.
//!
//! A redirect is followed for GET and HEAD without a body, and only to where a line admits the
//! next request as if the guest had made it; the next redirect only if that line, too, has
//! redirects followed. A request is tried again if it only reads or
//! carries a token of the host's by which the server can tell a repetition.
//!
//! Actions are what an `aws` credential signs for: with one, the list must not be empty;
//! without one, it must be.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use utoipa::ToSchema;

use super::budget::{HttpBudget, LineBudget};
use super::path;
use crate::list::{self, Keyed};
use crate::{ActionPattern, Effect, HostPattern, limits};

pub(super) const ID_LENGTH_MAX: usize = 63;
const METHOD_LENGTH_MAX: usize = 32;
const PATH_LENGTH_MAX: usize = 1_024;
const NAME_LENGTH_MAX: usize = 128;

/// How a service is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, ToSchema)]
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

/// A service that may be called over HTTP.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct HttpGrant {
    /// What people and the audit call it.
    #[serde(deserialize_with = "id")]
    pub id: String,
    /// The scheme.
    #[serde(default)]
    pub scheme: Scheme,
    /// The hosts.
    #[schema(value_type = String)]
    pub host: HostPattern,
    /// The port; absent = the scheme's, which is never written.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "port")]
    pub port: Option<u16>,
    /// The methods, upper case.
    #[serde(default = "default_methods", deserialize_with = "methods")]
    pub methods: Vec<String>,
    /// What every path begins with; a segment `*` stands for any one segment.
    #[serde(default = "default_path", deserialize_with = "path_prefix")]
    pub path_prefix: String,
    /// The credential that the host adds, such as `aws:default`; absent = none.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "credential")]
    pub credential: Option<String>,
    /// The AWS actions, such as `ec2:Describe*`.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "actions")]
    #[schema(value_type = Vec<String>)]
    pub actions: Vec<ActionPattern>,
    /// The effect class of each call, where neither action nor method tells it right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<Effect>,
    /// Whether a host that is a name may lie in the operator's own network.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub private: bool,
    /// What may go through the line.
    #[serde(default, skip_serializing_if = "HttpBudget::is_empty")]
    pub budget: HttpBudget,
    /// How many redirects of one request the host follows, 0 to 3.
    #[serde(default, skip_serializing_if = "is_zero", deserialize_with = "redirects")]
    pub redirects: u8,
    /// How often the host tries one request again where that is safe, 0 to 3.
    #[serde(default, skip_serializing_if = "is_zero", deserialize_with = "retries")]
    pub retries: u8,
    /// The budgets of the lines that this one was made of, in order; none of a line that was
    /// read.
    #[serde(skip)]
    #[schema(ignore)]
    pub(super) made_of: Vec<LineBudget>,
}

impl HttpGrant {
    /// Returns the budgets that a request by this line draws on, in order.
    pub fn budgets(&self) -> Vec<LineBudget> {
        if self.made_of.is_empty() && !self.budget.is_empty() {
            return vec![LineBudget { line: self.id.clone(), budget: self.budget }];
        }
        self.made_of.clone()
    }

    /// Returns the port, whether written or the scheme's.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(self.scheme.default_port())
    }

    /// Whether the grant leads to a host, in the clear or not, at a port.
    pub fn leads_to(&self, tls: bool, host: &str, port: u16) -> bool {
        (self.scheme == Scheme::Https) == tls && self.port() == port && self.host.matches(host)
    }

    /// Whether the grant admits a path, as it will be sent, without query.
    pub fn admits_path(&self, path: &str) -> bool {
        path::admits(&self.path_prefix, path)
    }

    /// Whether the grant lists a method.
    pub fn admits_method(&self, method: &str) -> bool {
        self.methods.iter().any(|listed| listed == method)
    }

    /// Whether the grant lists an AWS action.
    pub fn admits_action(&self, service: &str, operation: &str) -> bool {
        self.actions.iter().any(|pattern| pattern.allows(service, operation))
    }

    /// Returns the effect class of a call with this method, where no action tells it.
    pub fn effect_of(&self, method: &str) -> Effect {
        self.effect.unwrap_or(match method {
            "GET" | "HEAD" | "OPTIONS" => Effect::Read,
            _ => Effect::Write,
        })
    }

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

impl fmt::Display for HttpGrant {
    /// One line, as an operator reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http {}: {} ", self.id, self.methods.join(", "))?;
        write_place(f, self.scheme, &self.host, self.port, &self.path_prefix)?;
        if let Some(credential) = &self.credential {
            write!(f, " as {credential}")?;
        }
        for (index, action) in self.actions.iter().enumerate() {
            write!(f, "{}{action}", if index == 0 { " for " } else { ", " })?;
        }
        if let Some(effect) = self.effect {
            write!(f, ", each call a {effect}")?;
        }
        if self.private {
            f.write_str(", also in the private network")?;
        }
        if !self.budget.is_empty() {
            write!(f, ", at most {}", self.budget)?;
        }
        let times = |count: u8| if count == 1 { "once".to_owned() } else { format!("{count} times") };
        if self.redirects > 0 {
            write!(f, ", redirected up to {}", times(self.redirects))?;
        }
        if self.retries > 0 {
            write!(f, ", tried again up to {}", times(self.retries))?;
        }
        Ok(())
    }
}

/// Writes scheme, host, port and path as an operator reads them.
pub(super) fn write_place(
    f: &mut fmt::Formatter<'_>,
    scheme: Scheme,
    host: &HostPattern,
    port: Option<u16>,
    path_prefix: &str,
) -> fmt::Result {
    write!(f, "{}://", scheme.as_str())?;
    match host.address() {
        Some(IpAddr::V6(address)) => write!(f, "[{address}]")?,
        _ => write!(f, "{host}")?,
    }
    if let Some(port) = port {
        write!(f, ":{port}")?;
    }
    write!(f, "{path_prefix}{}", if path_prefix.ends_with('/') { "*" } else { "[/*]" })
}

// The derived reader is private to this file, so no grant is read whose fields have not
// been checked against each other.
impl<'de> Deserialize<'de> for HttpGrant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut grant = Self::deserialize(deserializer)?;
        grant.check().map_err(D::Error::custom)?;
        // One spelling of one meaning.
        grant.port = grant.port.filter(|port| *port != grant.scheme.default_port());
        Ok(grant)
    }
}

impl Serialize for HttpGrant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

impl Keyed for HttpGrant {
    fn key(&self) -> &str {
        &self.id
    }
}

/// Reads the HTTP capabilities of a manifest: a bounded list, each id once.
///
/// # Errors
/// Those of the deserialiser, naming the item.
pub fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<HttpGrant>, D::Error> {
    list::read(deserializer, limits::HTTP_REQUESTS_MAX, |_: &HttpGrant| Ok(()))
}

fn default_methods() -> Vec<String> {
    vec!["GET".to_owned(), "HEAD".to_owned()]
}

pub(super) fn default_path() -> String {
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

pub(super) fn port<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u16>, D::Error> {
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

/// Reads what every path begins with: an absolute path that every server reads alike, in
/// which a segment `*` stands for any one.
///
/// # Errors
/// Those of the deserialiser, with the grammar.
pub fn path_prefix<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
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
    let stars_whole = text.split('/').all(|segment| segment == "*" || !segment.contains('*'));
    if valid && stars_whole {
        return Ok(text);
    }
    if valid {
        return Err(D::Error::custom(format_args!(
            "`{text}` has a `*` inside a segment; a segment that is `*` alone stands for any one, and a star itself is \
             written `%2A`"
        )));
    }
    Err(D::Error::custom(format_args!(
        "`{text}` is not an absolute path such as `/v1/`, without query, `.` and `..` segments, `//`, \
         and the escapes %2e, %2f and %5c, at most {PATH_LENGTH_MAX} characters long"
    )))
}

fn credential<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if is_credential(&text) {
        return Ok(Some(text));
    }
    Err(D::Error::custom(format_args!("`{text}` is not a credential's KIND:NAME in lower case, such as `aws:default`")))
}

/// Whether a text is a credential's KIND:NAME, such as `aws:default`.
pub fn is_credential(text: &str) -> bool {
    text.split_once(':').is_some_and(|(kind, name)| {
        text.len() <= NAME_LENGTH_MAX
            && is_kebab(kind)
            && name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b))
    })
}

fn actions<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<ActionPattern>, D::Error> {
    list::read(deserializer, limits::HTTP_LIST_MAX, |_: &ActionPattern| Ok(()))
}

fn redirects<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    few(deserializer, "redirects", limits::HTTP_REDIRECTS_MAX)
}

fn retries<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    few(deserializer, "retries", limits::HTTP_RETRIES_MAX)
}

fn few<'de, D: Deserializer<'de>>(deserializer: D, what: &str, most: u8) -> Result<u8, D::Error> {
    match u8::deserialize(deserializer)? {
        count if count <= most => Ok(count),
        count => Err(D::Error::custom(format_args!("{count} {what} are more than {most}, the most there are"))),
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
const fn is_zero(count: &u8) -> bool {
    *count == 0
}

/// Lower-case letters, digits and single hyphens between them, beginning with a letter.
pub(super) fn is_kebab(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.ends_with('-')
        && !text.contains("--")
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::super::{Grants, compare};
    use super::*;

    fn of(http: Vec<HttpGrant>) -> Grants {
        Grants { http, ..Grants::default() }
    }

    #[test]
    fn a_star_in_a_path_is_seen_is_wider_than_a_name_and_is_a_whole_segment() {
        let stop = |path: &str| {
            let line = serde_json::json!({ "id": "stop", "host": "a.b", "methods": ["POST"], "path_prefix": path });
            serde_json::from_value::<HttpGrant>(line).map_err(|error| error.to_string())
        };
        let any = of(vec![stop("/v1/projects/*/machines/*/stop").unwrap()]);
        let one = of(vec![stop("/v1/projects/acme").unwrap()]);
        insta::assert_snapshot!(any.lines().join("\n"), @"http stop: POST https://a.b/v1/projects/*/machines/*/stop[/*]");
        assert!(any.is_wider_than(&one) && one.is_wider_than(&any));
        // An operator narrows one star and the manifest leaves out what lies beside the path.
        let both = any.intersect(&one);
        assert_eq!(both.http[0].path_prefix, "/v1/projects/acme/machines/*/stop");
        assert!(any.is_wider_than(&both) && !both.is_wider_than(&any) && !both.is_wider_than(&one));
        let widened = compare(&both, &any);
        assert!(widened.iter().all(|(_, change)| change.widens()) && !widened.is_empty());
        for path in ["/v1/a*", "/v1/*a/b", "/**", "/v1/a*b/", "/v1/*;x"] {
            let said = stop(path).unwrap_err();
            assert!(
                said.starts_with(&format!("`{path}` has a `*` inside a segment")) && said.contains("`%2A`"),
                "{said}"
            );
        }
        assert!(stop("/v1/%2A").is_ok() && stop("/*").is_ok());
        assert!(stop("/v1/..*").unwrap_err().contains("inside a segment") && stop("/v1/*/..").is_err());
    }
}
