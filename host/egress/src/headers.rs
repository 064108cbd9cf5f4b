//! Which headers may cross the house's wall.
//!
//! **The attack.** A guest sends two `content-length` headers, a line break inside a
//! value, or a `transfer-encoding` of its own; two servers on the way disagree about
//! where the request ends, and the rest of it is read as somebody else's request. Or it
//! sends its own `authorization` and acts as someone the operator never approved.
//!
//! **The rule.**
//!
//! | header | from a guest | in a request sent | in an answer |
//! |---|---|---|---|
//! | `authorization`, `proxy-authorization`, `cookie` | refused | the host's own | kept |
//! | AWS signing headers (see [`SIGNING`]) | refused | the signer's own | kept |
//! | `host` | ignored | from the URI | kept |
//! | `content-length` | must be right | set by the client | kept |
//! | another method or path (see [`OVERRIDES`]) | refused | kept | kept |
//! | of one connection (see [`HOP_BY_HOP`]) | refused | removed | removed |
//! | line breaks, NUL, bad names | refused | cannot be | refused |
//!
//! **The default.** Everything else passes as it is.

use std::collections::HashSet;

use http::header::{CONNECTION, CONTENT_LENGTH, HOST};
use http::{HeaderMap, HeaderName, HeaderValue};
use troupe_core::{Code, Error, Result};

/// Headers that speak about one connection, not about the message (RFC 9110, 7.6.1,
/// with the older ones in use). `expect` is among them because bodies are sent whole.
pub const HOP_BY_HOP: [&str; 10] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
    "expect",
];

/// Headers by which a request proves who sends it.
pub const IDENTITY: [&str; 3] = ["authorization", "proxy-authorization", "cookie"];

/// Headers that carry an AWS signature; only the host's signer sets them.
pub const SIGNING: [&str; 6] = [
    "x-amz-date",
    "x-amz-security-token",
    "x-amz-content-sha256",
    "x-amz-region-set",
    "x-amz-s3session-token",
    "x-amz-signature",
];

/// Headers by which some servers are talked into another method or path than those that
/// were compared with a grant.
pub const OVERRIDES: [&str; 5] =
    ["x-http-method-override", "x-http-method", "x-method-override", "x-original-url", "x-rewrite-url"];

/// Makes a header map of names and values as a guest gave them.
///
/// # Errors
/// [`Code::DeniedHeader`] for a name or value that HTTP has no room for, line breaks
/// above all.
pub fn parse<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let name = HeaderName::try_from(name)
            .map_err(|cause| Error::new(Code::DeniedHeader, "a header's name is not a token").with_cause(cause))?;
        let value = HeaderValue::from_bytes(value).map_err(|cause| {
            Error::new(Code::DeniedHeader, format!("the value of the header `{name}` holds a line break or NUL"))
                .with_cause(cause)
        })?;
        headers
            .try_append(name, value)
            .map_err(|cause| Error::new(Code::LimitHeaders, "there are too many headers").with_cause(cause))?;
    }
    Ok(headers)
}

/// Checks headers that a guest wants to send, before a credential is added.
///
/// # Errors
/// [`Code::DeniedHeader`] naming the header that only the host may set.
pub fn check_guest(headers: &HeaderMap) -> Result<()> {
    for name in headers.keys().filter(|name| *name != HOST) {
        let text = name.as_str();
        let why = if IDENTITY.contains(&text) {
            "the host adds credentials; name one in the grant"
        } else if SIGNING.contains(&text) {
            "the host signs the request"
        } else if OVERRIDES.contains(&text) {
            "it asks for another method or path than the grant was compared with"
        } else if HOP_BY_HOP.contains(&text) {
            "it belongs to the connection, which is the host's"
        } else {
            continue;
        };
        return Err(Error::new(Code::DeniedHeader, format!("an agent may not set the header `{text}`: {why}")));
    }
    Ok(())
}

/// Checks that at most one `content-length` is there and that it is right.
///
/// # Errors
/// [`Code::DeniedHeader`].
pub(crate) fn check_length(headers: &HeaderMap, body_bytes: usize) -> Result<()> {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let (Some(length), second) = (lengths.next(), lengths.next()) else { return Ok(()) };
    if second.is_some() {
        return Err(Error::new(Code::DeniedHeader, "the request has two `content-length` headers"));
    }
    if length.as_bytes() != body_bytes.to_string().as_bytes() {
        return Err(Error::new(
            Code::DeniedHeader,
            format!("the header `content-length` is not the body's length, {body_bytes} bytes"),
        ));
    }
    Ok(())
}

/// Removes the headers of one connection, those that `connection` names included.
pub(crate) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let named: HashSet<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| HeaderName::try_from(name.trim()).ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

/// Bytes that the headers take on the wire.
pub fn wire_bytes(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> HeaderMap {
        parse(pairs.iter().map(|(name, value)| (*name, value.as_bytes()))).unwrap()
    }

    #[test]
    fn e53_line_breaks_and_bad_names_are_refused() {
        for (name, value) in
            [("x", "a\r\nhost: b"), ("x", "a\nb"), ("x", "a\0b"), ("x y", "a"), ("x\r\n", "a"), ("", "a")]
        {
            let error = parse([(name, value.as_bytes())]).unwrap_err();
            assert_eq!(error.code, Code::DeniedHeader, "{name:?} {value:?}");
        }
    }

    #[test]
    fn a_guest_may_not_say_who_it_is_nor_speak_about_the_connection() {
        for name in IDENTITY.iter().chain(&SIGNING).chain(&OVERRIDES).chain(&HOP_BY_HOP) {
            let error = check_guest(&map(&[(name, "x")])).unwrap_err();
            assert_eq!(error.code, Code::DeniedHeader, "{name}");
            assert!(error.message.contains(name));
        }
        check_guest(&map(&[("host", "x"), ("accept", "*/*"), ("x-amz-target", "A.B")])).unwrap();
    }

    #[test]
    fn e53_a_second_or_wrong_content_length_is_refused() {
        check_length(&map(&[("content-length", "4")]), 4).unwrap();
        for lengths in [
            &[("content-length", "4"), ("content-length", "4")][..],
            &[("content-length", "5")],
            &[("content-length", "4, 4")],
        ] {
            assert_eq!(check_length(&map(lengths), 4).unwrap_err().code, Code::DeniedHeader);
        }
    }

    #[test]
    fn what_connection_names_goes_with_it() {
        let mut headers =
            map(&[("connection", "close, X-Mine"), ("x-mine", "1"), ("te", "trailers"), ("accept", "*/*")]);
        strip_hop_by_hop(&mut headers);
        assert_eq!(headers, map(&[("accept", "*/*")]));
    }
}
