//! One reading of a path, or none.
//!
//! *The attack:* what stands in front of the host, a proxy or a cache, reads `/a/..;/b`, `//b`, `/a/%2e%2e/b` or
//! `/%252e%252e/b` as another path than the host does, so that what it lets pass is not what is done. *The
//! rule:* a path that two programs could read differently is refused, by what is wrong with it, before anybody
//! looks who asks for it. *The default:* a part of a path holds no `/`; the few names that do write it `%2F`.

use axum::extract::{MatchedPath, Request};
use percent_encoding::percent_decode_str;
use troupe_core::{Code, Error, Result};

/// Places of routes whose names have parts with a `/` between them.
const IN_PARTS: [&str; 2] = ["{lock}", "{subscription}"];

/// Whether the path of a request can be read in one way alone.
///
/// # Errors
/// [`Code::RequestInvalid`] naming what is wrong.
pub(super) fn read_alike(request: &Request) -> Result<()> {
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    check(request.uri().path(), route.unwrap_or_default())
}

/// Whether a path, which leads to a route, can be read in one way alone.
///
/// # Errors
/// [`Code::RequestInvalid`] naming what is wrong.
fn check(path: &str, route: &str) -> Result<()> {
    let Some(parts) = path.strip_prefix('/').filter(|parts| !parts.is_empty()) else { return Ok(()) };
    let mut places = route.split('/').skip(1);
    for part in parts.split('/') {
        let is_in_parts = places.next().is_some_and(|place| IN_PARTS.contains(&place));
        if let Some(why) = fault(part, is_in_parts) {
            return Err(Error::new(Code::RequestInvalid, format!("the path can be read in more than one way: {why}")));
        }
    }
    Ok(())
}

/// What is wrong with what stands between two slashes.
fn fault(part: &str, is_in_parts: bool) -> Option<&'static str> {
    let Ok(names) = percent_decode_str(part).decode_utf8() else {
        return Some("what it encodes is no UTF-8");
    };
    if names.contains('%') {
        return Some("it has a `%` that is no encoding, or encodes one; encode each character once");
    }
    if names.contains([';', '\\']) {
        return Some("it has a `;` or a `\\`, which some read as the end of a part and some do not");
    }
    if names.contains('/') && !is_in_parts {
        return Some("it has a `%2F` where no name has a `/`");
    }
    names.split('/').find_map(|name| match name {
        "" => Some("a part of it is empty, as in `//` or by a `/` at its end"),
        "." | ".." => Some("a part of it is `.` or `..`"),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = "/api/v1/locks/{lock}/release";

    #[test]
    fn a_path_has_one_reading() {
        for (path, route) in [
            ("/", ""),
            ("*", ""),
            ("/healthz", "/healthz"),
            ("/api/v1/agents/echo/releases/1.0.0-rc.1+build", "/api/v1/agents/{agent}/releases/{version}"),
            ("/api/v1/locks/orders%2F17/release", LOCK),
            ("/api/v1/locks/a:b@c%2fd..e/release", LOCK),
            ("/troupe.v1.AgentService/RunTask", "/troupe.v1.AgentService/{*method}"),
            ("/api/v1/agents/%00", "/api/v1/agents/{agent}"),
        ] {
            check(path, route).unwrap_or_else(|error| panic!("{path}: {error}"));
        }
        for (path, route) in [
            ("//", ""),
            ("//healthz", ""),
            ("/healthz/", ""),
            ("/api/v1//ws", ""),
            ("/api/v1/./ws", ""),
            ("/api/v1/agents/../ws", ""),
            ("/api/v1/agents/%2e%2E/ws", ""),
            ("/api/v1/agents/..;/ws", ""),
            ("/api/v1/agents/..%3b/ws", ""),
            ("/api/v1/agents;x=y", ""),
            ("/api/v1/agents/..%5cws", "/api/v1/agents/{agent}"),
            ("/api/v1/agents/a%2Fb", "/api/v1/agents/{agent}"),
            ("/api%2Fv1/agents", ""),
            ("/api/v1/agents/%252e%252e", "/api/v1/agents/{agent}"),
            ("/api/v1/agents/%2", "/api/v1/agents/{agent}"),
            ("/api/v1/agents/%zz", "/api/v1/agents/{agent}"),
            ("/api/v1/agents/%ff", "/api/v1/agents/{agent}"),
            ("/api/v1/locks/..%2fx/release", LOCK),
            ("/api/v1/locks/a%2F%2Fb/release", LOCK),
            ("/api/v1/locks/%2Fa/release", LOCK),
            ("/api/v1/locks/a%252Fb/release", LOCK),
            ("/api/v1/locks/a/%2Frelease", LOCK),
        ] {
            assert_eq!(check(path, route).unwrap_err().code, Code::RequestInvalid, "{path}");
        }
    }
}
