//! The rest protocols: which operation's shape fits a request best.
//!
//! A shape fits when the method is the same, the path matches, every required query key
//! and header is there, and no query key is there that the operation does not have. Of
//! those that fit, more literal path segments win, then more required query keys, then
//! more required headers; two that are equal leave the request without a name.

use std::cmp::Reverse;

use http::HeaderMap;
use troupe_core::readings;

use super::params::Params;
use super::table::{QueryKey, Segment, Service, Shape};

/// Finds the operation, provided that the path names the same one however often it is
/// unescaped: `/bucket%2Fkey` is a bucket to one reader and an object to another.
pub(super) fn operation(
    service: &Service,
    method: &str,
    path: &str,
    query: &Params,
    headers: &HeaderMap,
) -> Option<&'static str> {
    let mut found = readings(path)?.into_iter().map(|path| best(service, method, &path, query, headers));
    let first = found.next()??;
    found.all(|other| other == Some(first)).then_some(first)
}

fn best(service: &Service, method: &str, path: &str, query: &Params, headers: &HeaderMap) -> Option<&'static str> {
    let parts = split(path)?;
    let mut fitting: Vec<_> = service
        .shapes()
        .filter(|(name, shape)| {
            shape.method == method
                && path_fits(&shape.path, &parts)
                && query_fits(name, shape, query)
                && shape.required_headers.iter().all(|header| headers.contains_key(*header))
        })
        .map(|(name, shape)| {
            let literals = shape.path.iter().filter(|segment| matches!(segment, Segment::Literal(_))).count();
            (Reverse((literals, shape.required_query.len(), shape.required_headers.len())), name)
        })
        .collect();
    fitting.sort_unstable();
    match fitting.as_slice() {
        [(_, only)] => Some(only),
        [(first, best), (second, _), ..] if first != second => Some(best),
        _ => None,
    }
}

/// The parts of a path between its slashes, a slash at the end left out. None if it does
/// not begin with a slash or has a part that some servers would resolve (`.`, `..`) or
/// read as another separator.
fn split(path: &str) -> Option<Vec<&str>> {
    let path = path.strip_prefix('/')?;
    if path.contains('\\') || path.split('/').any(|part| matches!(part, "." | "..")) {
        return None;
    }
    let mut parts: Vec<&str> = path.split('/').collect();
    if parts.last() == Some(&"") {
        parts.pop();
    }
    Some(parts)
}

fn path_fits(segments: &[Segment], parts: &[&str]) -> bool {
    match (segments, parts) {
        ([], []) => true,
        // A key may hold empty parts (`a//b`), but not begin with one: that would be a
        // path one slash longer to whoever merges slashes.
        ([Segment::Greedy], [first, ..]) => !first.is_empty(),
        ([Segment::Literal(text), segments @ ..], [part, parts @ ..]) => text == part && path_fits(segments, parts),
        ([Segment::Label, segments @ ..], [part, parts @ ..]) => !part.is_empty() && path_fits(segments, parts),
        _ => false,
    }
}

/// Reports whether the query has every key it needs, none twice that may be there once,
/// and none that the operation does not have. The SDKs' `x-id` repeats the operation's
/// name and must be right.
fn query_fits(name: &str, shape: &Shape, query: &Params) -> bool {
    let known = |key: &str, value: &str| {
        let mut keys = shape.required_query.iter().chain(&shape.other_query);
        keys.find(|known| known.name == key && known.value.is_none_or(|only| only == value))
    };
    let allowed = |(key, value): (&str, &str)| match known(key, value) {
        Some(QueryKey { repeats: true, .. }) => true,
        Some(_) => query.like(key).count() == 1,
        None => key == "x-id" && value == name && query.like(key).count() == 1,
    };
    query.pairs().all(allowed)
        && shape.required_query.iter().all(|needed| query.pairs().any(|(key, _)| key == needed.name))
}
