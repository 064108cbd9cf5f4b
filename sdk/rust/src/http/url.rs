//! The parts of an address, and escaping what is put into one.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::HttpError;

/// What RFC 3986 calls unreserved; everything else is escaped.
const ESCAPED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Escapes a text for use as one part of a path, or as a name or value of a query or form.
///
/// ```
/// assert_eq!(troupe_sdk::http::escape("a/b c"), "a%2Fb%20c");
/// ```
pub fn escape(text: &str) -> String {
    utf8_percent_encode(text, &ESCAPED).to_string()
}

/// Writes `name=value`, both escaped.
pub fn pair(name: &str, value: &str) -> String {
    format!("{}={}", escape(name), escape(value))
}

/// An address taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Url<'a> {
    /// Whether it is `https`.
    pub tls: bool,
    /// Host and port.
    pub authority: &'a str,
    /// Path and query, as they are sent.
    pub path_and_query: &'a str,
}

impl<'a> Url<'a> {
    /// Takes an address apart.
    pub fn parse(text: &'a str) -> Result<Self, HttpError> {
        let invalid = |why: &str| HttpError::Invalid(format!("`{text}` {why}"));
        let (tls, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return Err(invalid("does not begin with `https://` or `http://`")),
        };
        if text.contains('#') || text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(invalid("holds a space, a control character or a fragment; escape them"));
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path_and_query) = rest.split_at(end);
        if authority.is_empty() {
            return Err(invalid("names no host"));
        }
        let path_and_query = if path_and_query.is_empty() { "/" } else { path_and_query };
        if path_and_query.starts_with('?') {
            return Err(invalid("has a query but no path; write `/?`"));
        }
        Ok(Self { tls, authority, path_and_query })
    }
}
