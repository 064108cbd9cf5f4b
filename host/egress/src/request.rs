//! A request as it leaves the house, and the authority it goes to.

use std::fmt;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Uri};
use troupe_core::{Code, Error, Result};

use crate::headers;

/// One request, its body whole.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method; `CONNECT` and `TRACE` are refused.
    pub method: Method,
    /// An absolute `http` or `https` URI.
    pub uri: Uri,
    /// The headers. [`Request::prepare`] sets `host` and removes what belongs to one
    /// connection alone.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Request {
    /// Brings the request into the form in which it is sent, so that a signature can
    /// cover it: `host` from the URI, headers of one connection gone, no more than one
    /// `content-length`, which must be right. Doing it again changes nothing.
    ///
    /// # Errors
    /// [`Code::DeniedEgress`] for a URI or method that is never sent,
    /// [`Code::DeniedHeader`] for headers that could split the request in two.
    pub fn prepare(&mut self) -> Result<Authority> {
        if self.method == Method::CONNECT || self.method == Method::TRACE {
            return Err(Error::new(Code::DeniedEgress, format!("the method {} is never sent", self.method)));
        }
        let authority = Authority::of(&self.uri)?;
        headers::check_length(&self.headers, self.body.len())?;
        headers::strip_hop_by_hop(&mut self.headers);
        self.headers.remove(CONTENT_LENGTH);
        let host = HeaderValue::from_str(&authority.to_string())
            .map_err(|cause| Error::new(Code::DeniedEgress, "the URI's host is not a host name").with_cause(cause))?;
        self.headers.insert(HOST, host);
        // `https://host?query` is legal; on the wire a path stands before the query.
        if let Some(target) = self.uri.path_and_query()
            && target.as_str().starts_with('?')
        {
            self.set_target(&format!("/{}", target.as_str()))?;
        }
        Ok(authority)
    }

    /// Replaces path and query.
    ///
    /// # Errors
    /// [`Code::LimitHeaders`] if they are longer than any URI can hold.
    pub(crate) fn set_target(&mut self, target: &str) -> Result<()> {
        let mut parts = self.uri.clone().into_parts();
        parts.path_and_query = Some(PathAndQuery::try_from(target).map_err(|cause| {
            let message = format!("the URI's path and query have {} bytes, too many to be sent", target.len());
            Error::new(Code::LimitHeaders, message).with_cause(cause)
        })?);
        self.uri = Uri::from_parts(parts).map_err(Error::internal)?;
        Ok(())
    }
}

/// The scheme, host and port a URI leads to. Its text form is that of the `host` header.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Authority {
    /// Whether the connection is encrypted: `https` or `http`.
    pub tls: bool,
    /// Name or address in lower case, as resolvers and certificates spell it: an IPv6
    /// address without brackets.
    pub host: String,
    /// The port, the scheme's own when the URI has none.
    pub port: u16,
}

impl Authority {
    /// Reads the authority of a URI.
    ///
    /// # Errors
    /// [`Code::DeniedEgress`] if the URI is not absolute, has another scheme than `http`
    /// and `https`, carries user information, or names a host in a form that two readers
    /// could take for two hosts (a trailing dot, an escape, a foreign letter).
    pub fn of(uri: &Uri) -> Result<Self> {
        let refused = |reason: &str| Error::new(Code::DeniedEgress, reason);
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(refused("the URI's scheme is not `http` or `https`")),
        };
        let authority = uri.authority().ok_or_else(|| refused("the URI has no host"))?;
        if authority.as_str().contains('@') {
            return Err(refused("the URI carries a user name; use a credential of the host instead"));
        }
        let host = authority.host().to_ascii_lowercase();
        if !is_host(&host) {
            return Err(refused(
                "the URI's host is not a plain host name or address (letters, digits, hyphens and single dots; \
                 international names in their `xn--` form)",
            ));
        }
        // `host:` and `host:99999` have no port that can be read. What else stands behind an address in
        // brackets is passed over by one reader and read by another.
        let port = match authority.as_str().get(authority.host().len()..) {
            Some("") => Some(Self::default_port(tls)),
            Some(rest) => rest.strip_prefix(':').and_then(port),
            None => None,
        };
        let port = port.ok_or_else(|| refused("the URI's port is not a number from 1 to 65535"))?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(&host);
        Ok(Self { tls, host: bare.to_owned(), port })
    }

    /// Returns the scheme as a URL writes it.
    pub const fn scheme(&self) -> &'static str {
        if self.tls { "https" } else { "http" }
    }

    const fn default_port(tls: bool) -> u16 {
        if tls { 443 } else { 80 }
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Of all hosts only an IPv6 address holds a colon.
        if self.host.contains(':') {
            write!(f, "[{}]", self.host)?
        } else {
            f.write_str(&self.host)?
        }
        if self.port == Self::default_port(self.tls) { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

/// The number of a port, in digits alone.
fn port(digits: &str) -> Option<u16> {
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|port| is_number && *port != 0)
}

/// Reports whether `host`, in lower case, is an address or a name of letters, digits,
/// hyphens and underscores between single dots.
fn is_host(host: &str) -> bool {
    if let Some(v6) = host.strip_prefix('[') {
        return v6.strip_suffix(']').is_some_and(|v6| v6.parse::<std::net::Ipv6Addr>().is_ok());
    }
    host.len() <= 253
        && host.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(uri: &str) -> Request {
        Request {
            method: Method::POST,
            uri: uri.parse().unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::from_static(b"four"),
        }
    }

    #[test]
    fn e52_the_host_header_is_the_uri_s_whatever_was_set() {
        for (uri, host) in [
            ("https://API.example.com/x", "api.example.com"),
            ("https://api.example.com:443/x", "api.example.com"),
            ("http://api.example.com:443/x", "api.example.com:443"),
            ("http://[fd12::1]:81/", "[fd12::1]:81"),
        ] {
            let mut request = request(uri);
            request.headers.append(HOST, HeaderValue::from_static("other.example"));
            request.headers.append(HOST, HeaderValue::from_static("third.example"));
            request.prepare().unwrap();
            assert_eq!(request.headers.get_all(HOST).iter().collect::<Vec<_>>(), [host]);
        }
    }

    #[test]
    fn e51_uris_that_two_readers_could_read_differently_are_refused() {
        for uri in [
            "http://user@example.com/",
            "http://example.com:80@evil.example/",
            "http://example.com./",
            "http://example..com/",
            "http://example.com:0/",
            "http://example.com:/",
            "http://[fd00:ec2::254]q:8080/latest",
            "http://[fd00:ec2::254]:q:8080/",
            "http://exam%70le.com/",
            "ftp://example.com/",
            "/relative",
        ] {
            let Ok(parsed) = uri.parse() else { continue };
            let error = Authority::of(&parsed).unwrap_err();
            assert_eq!(error.code, Code::DeniedEgress, "{uri}");
        }
    }

    #[test]
    fn a_query_without_a_path_gets_one() {
        let mut request = request("https://example.com?x=1");
        request.prepare().unwrap();
        assert_eq!(request.uri.path_and_query().unwrap().as_str(), "/?x=1");
    }

    #[test]
    fn tunnels_and_echoes_are_refused() {
        for method in [Method::CONNECT, Method::TRACE] {
            let mut request = Request { method, ..request("http://example.com/") };
            assert_eq!(request.prepare().unwrap_err().code, Code::DeniedEgress);
        }
    }

    #[test]
    fn preparing_twice_changes_nothing() {
        let mut once = request("http://example.com/");
        once.headers.insert("connection", HeaderValue::from_static("x-mine"));
        once.headers.insert("x-mine", HeaderValue::from_static("1"));
        once.headers.insert("content-length", HeaderValue::from_static("4"));
        once.prepare().unwrap();
        let mut twice = once.clone();
        twice.prepare().unwrap();
        assert_eq!(once.headers, twice.headers);
        assert_eq!(once.headers.len(), 1);
    }
}
