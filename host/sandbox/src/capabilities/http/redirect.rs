//! Where a redirect leads, and what of a request goes there.
//!
//! The attack: a service that may be called answers `302` with the address of a metadata
//! service, of another host that the credential would be worth something to, or of one in
//! the clear where others listen. The rule: nothing is followed unless the line that allowed
//! the request says so, and then each hop is a request of its own, which some line must admit
//! as if the guest had made it and whose address is checked anew; it is left again only where
//! that line, too, has redirects followed. No credential, secret,
//! `authorization` or `cookie` goes to another origin, and to the same one only where the
//! same line admits it; from `https` nothing leads to `http`; no hop reaches further than the
//! request did. Only GET and HEAD without a body are followed, since what a body means
//! elsewhere nobody has said. The default: the redirect is the guest's answer.

use http::header::{AUTHORIZATION, COOKIE, LOCATION, PROXY_AUTHORIZATION};
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, StatusCode, Uri};

use super::judge::Asked;
use super::placing::Placed;

/// Whether redirects of a request can be followed at all.
pub(super) fn can_follow(asked: &Asked) -> bool {
    (asked.method == Method::GET || asked.method == Method::HEAD) && asked.body.is_empty()
}

/// The `location` of an answer that redirects; none if there is not exactly one.
pub(super) fn location(status: StatusCode, headers: &HeaderMap) -> Option<&[u8]> {
    if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let mut locations = headers.get_all(LOCATION).iter();
    match (locations.next(), locations.next()) {
        (Some(only), None) => Some(only.as_bytes()),
        _ => None,
    }
}

/// What a `location` means that was read at `base` (RFC 3986, 5.2); none if it is no URI.
pub(super) fn target(base: &Uri, location: &[u8]) -> Option<Uri> {
    let text = std::str::from_utf8(location).ok()?;
    let text = text.split('#').next().unwrap_or_default();
    let (scheme, authority) = (base.scheme_str()?, base.authority()?);
    let has_scheme = text.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    });
    let whole = if has_scheme {
        text.to_owned()
    } else if text.starts_with("//") {
        format!("{scheme}:{text}")
    } else if text.starts_with('/') {
        format!("{scheme}://{authority}{text}")
    } else if text.is_empty() || text.starts_with('?') {
        let query = if text.is_empty() { base.query().map(|query| format!("?{query}")) } else { Some(text.to_owned()) };
        format!("{scheme}://{authority}{}{}", base.path(), query.unwrap_or_default())
    } else {
        let folder = base.path().rsplit_once('/').map_or("", |(folder, _)| folder);
        format!("{scheme}://{authority}{folder}/{text}")
    };
    without_dots(whole.parse().ok()?)
}

/// The URI without the segments `.` and `..` that a client resolves.
fn without_dots(uri: Uri) -> Option<Uri> {
    if !uri.path().split('/').any(|segment| segment == "." || segment == "..") {
        return Some(uri);
    }
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = uri.path().split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        if segment == ".." {
            kept.pop();
        }
        let is_dots = segment == "." || segment == "..";
        if !is_dots {
            kept.push(segment);
        } else if segments.peek().is_none() {
            // What ends in dots is a folder.
            kept.push("");
        }
    }
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let target = format!("/{}{query}", kept.join("/"));
    let mut parts = uri.into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(target).ok()?);
    Uri::from_parts(parts).ok()
}

/// Takes out of a request what may not go where its line does not lead.
pub(super) fn strip(headers: &mut HeaderMap, placed: &Placed) {
    for name in [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE] {
        headers.remove(name);
    }
    for name in placed.headers(headers) {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(base: &str, location: &str) -> Option<String> {
        target(&base.parse().unwrap(), location.as_bytes()).map(|uri| uri.to_string())
    }

    #[test]
    fn a_location_is_read_as_every_client_reads_it() {
        let base = "https://a.example:8443/v1/things/1?x=y";
        for (location, meant) in [
            ("http://169.254.169.254/latest/", "http://169.254.169.254/latest/"),
            ("HTTPS://B.example/x#part", "https://B.example/x"),
            ("//b.example/x", "https://b.example/x"),
            ("/x?q", "https://a.example:8443/x?q"),
            ("2", "https://a.example:8443/v1/things/2"),
            ("../2?q=/../", "https://a.example:8443/v1/2?q=/../"),
            ("../../../..", "https://a.example:8443/"),
            ("./", "https://a.example:8443/v1/things/"),
            ("/a/./b/../c", "https://a.example:8443/a/c"),
            ("?z", "https://a.example:8443/v1/things/1?z"),
            ("#top", base),
            ("a:b@c.example/", "a:b@c.example/"),
        ] {
            let read = resolved(base, location);
            assert!(
                read.is_none() && location.starts_with("a:b") || read.as_deref() == Some(meant),
                "{location} {read:?}"
            );
        }
        for location in ["http://exa mple/", "http://[::1", "\u{0}"] {
            assert_eq!(resolved(base, location), None, "{location:?}");
        }
    }

    #[test]
    fn only_one_location_of_a_redirect_leads_anywhere() {
        let headers = |locations: &[&str]| -> HeaderMap {
            locations.iter().map(|location| (LOCATION, location.parse().unwrap())).collect()
        };
        let leads = |status: u16, locations: &[&str]| {
            location(StatusCode::from_u16(status).unwrap(), &headers(locations)).is_some()
        };
        for status in [301, 302, 303, 307, 308] {
            assert!(leads(status, &["/x"]) && !leads(status, &[]) && !leads(status, &["/x", "/y"]));
        }
        for status in [200, 201, 300, 304, 305, 306] {
            assert!(!leads(status, &["/x"]), "{status}");
        }
    }
}
