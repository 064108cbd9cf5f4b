//! Which hosts a rule covers.
//!
//! | pattern | covers | refused |
//! |---|---|---|
//! | an exact DNS name: `api.example.com` | that name | `API.example.com` (upper case), `example.com.` (trailing dot) |
//! | `*.example.com` | exactly one label before it | `*`, `*.com` (fewer than two labels after the star) |
//! | one whole label as a star: `ec2.*.amazonaws.com` | exactly one label in its place | `ec2*.example.com`, `*.*.example.com` |
//! | an IP literal: `10.0.0.1`, `2001:db8::1` | that address | `010.0.0.1`, `[::1]`, `fe80::1%eth0` |
//! | an international name as punycode: `xn--mnchen-3ya.de` | that name | `münchen.de` |
//!
//! A pattern is a host alone: no scheme, user, port or path.
//!
//! ```
//! use troupe_core::HostPattern;
//!
//! let covers = |pattern: &str, host: &str| pattern.parse::<HostPattern>().unwrap().matches(host);
//! assert!(covers("api.example.com", "API.Example.com")); // hosts have no case
//! assert!(!covers("api.example.com", "api.example.com.")); // a trailing dot never matches
//! assert!(covers("*.example.com", "a.example.com"));
//! assert!(!covers("*.example.com", "example.com")); // a star is exactly one label,
//! assert!(!covers("*.example.com", "a.b.example.com")); // neither none nor two
//! assert!(covers("ec2.*.amazonaws.com", "ec2.eu-central-1.amazonaws.com"));
//! assert!(covers("10.0.0.1", "10.0.0.1"));
//! assert!(covers("::1", "[::1]")); // as a URL writes it
//! assert!(!covers("10.0.0.1", "::ffff:10.0.0.1")); // another address
//!
//! for refused in [
//!     "", "*", "*.com", "*.*.example.com", "ec2*.example.com", "a.*.com", "Example.com", "example.com.",
//!     "user@example.com", "example.com:443", "https://example.com", "example.com/", "münchen.de",
//!     "a..example.com", "-a.example.com", "010.0.0.1", "1.2.3", "[::1]", "fe80::1%eth0", "*.0.0.1", "a_b.example.com",
//! ] {
//!     assert!(refused.parse::<HostPattern>().is_err(), "{refused}");
//! }
//! ```

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::{Code, Error};
use serde::{Deserialize, Serialize};

const STAR: &str = "*";
const NAME_LENGTH_MAX: usize = 253;
const LABEL_LENGTH_MAX: usize = 63;
/// Labels that stand after a star, so that none covers a whole top-level domain.
const LABELS_AFTER_STAR: usize = 2;

/// A host, or hosts that differ in one label.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct HostPattern(Form);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Form {
    Address(IpAddr),
    /// Labels in lower case, at most one of them a star.
    Name(String),
}

impl HostPattern {
    /// Whether the pattern covers `host`, a URL's host without port.
    ///
    /// Upper and lower case are the same. A trailing dot never matches.
    pub fn matches(&self, host: &str) -> bool {
        match &self.0 {
            Form::Address(IpAddr::V4(address)) => host.parse() == Ok(*address),
            Form::Address(IpAddr::V6(address)) => {
                let inner = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
                inner.parse() == Ok(*address)
            }
            Form::Name(name) => {
                same_length(name, host)
                    && name.split('.').zip(host.split('.')).all(|(rule, label)| {
                        if rule == STAR { is_label(label) } else { rule.eq_ignore_ascii_case(label) }
                    })
            }
        }
    }

    /// Returns the pattern of the hosts that both cover; none if there are none.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Option<Self> {
        match (&self.0, &other.0) {
            (Form::Name(one), Form::Name(two)) if same_length(one, two) => {
                let labels = one.split('.').zip(two.split('.')).map(|(one, two)| match (one, two) {
                    (STAR, label) | (label, STAR) => Some(label),
                    (one, two) => (one == two).then_some(one),
                });
                Some(Self(Form::Name(labels.collect::<Option<Vec<_>>>()?.join("."))))
            }
            (one, two) => (one == two).then(|| self.clone()),
        }
    }

    /// Returns the address, if the pattern is one.
    pub const fn address(&self) -> Option<IpAddr> {
        match &self.0 {
            Form::Address(address) => Some(*address),
            Form::Name(_) => None,
        }
    }

    /// Whether the pattern covers every host that `other` covers.
    pub fn covers(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Form::Name(wide), Form::Name(narrow)) => {
                same_length(wide, narrow)
                    && wide.split('.').zip(narrow.split('.')).all(|(wide, narrow)| wide == STAR || wide == narrow)
            }
            (wide, narrow) => wide == narrow,
        }
    }
}

/// Whether two names have the same number of labels.
fn same_length(one: &str, other: &str) -> bool {
    one.split('.').count() == other.split('.').count()
}

/// Whether `text` is a label of letters, digits and inner hyphens, in any case.
fn is_label(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= LABEL_LENGTH_MAX
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// Whether resolvers take a name with this last label for an IPv4 address (`127.1`,
/// `0x7f.1`), so that it must not pass for a name.
fn is_number(label: &str) -> bool {
    label.strip_prefix("0x").map_or_else(
        || !label.is_empty() && label.bytes().all(|b| b.is_ascii_digit()),
        |digits| digits.bytes().all(|b| b.is_ascii_hexdigit()),
    )
}

/// Says what is wrong with a pattern that is not an address; none if nothing is.
fn fault(text: &str) -> Option<&'static str> {
    if !text.is_ascii() {
        return Some("international names are written as punycode, such as `xn--mnchen-3ya.de`");
    }
    if text.contains('@') || text.contains('/') {
        return Some("a pattern is a host alone, without scheme, user and path");
    }
    if text.contains(['[', ']', '%']) {
        return Some("an IPv6 address is written without brackets and zone, such as `2001:db8::1`");
    }
    if text.contains(':') {
        return Some("an address is written in its shortest form, and a port belongs into `port`");
    }
    if text.bytes().any(|b| b.is_ascii_uppercase()) {
        return Some("host names are written in lower case");
    }
    if text.ends_with('.') {
        return Some("a host is written without a trailing dot");
    }
    let last = text.rsplit('.').next().unwrap_or_default();
    if is_number(last) {
        return Some("it is neither an IPv4 address of four plain numbers nor a name");
    }
    let stars = text.split('.').filter(|label| *label == STAR).count();
    if stars > 1 {
        return Some("at most one label may be `*`");
    }
    if text.split('.').rev().take(LABELS_AFTER_STAR).any(|label| label == STAR) {
        return Some("at least two labels stand after a `*`, such as `*.example.com`");
    }
    if text.len() > NAME_LENGTH_MAX || !text.split('.').all(|label| label == STAR || is_label(label)) {
        return Some("each label is 1 to 63 letters, digits and inner hyphens or one whole `*`, 253 characters in all");
    }
    None
}

impl FromStr for HostPattern {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if let Ok(address) = text.parse::<IpAddr>()
            && address.to_string() == text
        {
            return Ok(Self(Form::Address(address)));
        }
        match fault(text) {
            None => Ok(Self(Form::Name(text.to_owned()))),
            Some(why) => Err(Error::new(Code::ManifestInvalid, format!("`{text}` is not a host pattern: {why}"))),
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Form::Address(address) => fmt::Display::fmt(address, f),
            Form::Name(name) => f.write_str(name),
        }
    }
}

impl TryFrom<String> for HostPattern {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<HostPattern> for String {
    fn from(pattern: HostPattern) -> Self {
        pattern.to_string()
    }
}

#[cfg(test)]
mod tests;
