//! Naming the action of one request.

use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};

use super::params::Params;
use super::table::{Protocol, Service};
use super::{AwsAction, effect, host, rest};
use crate::headers::OVERRIDES;

/// The content type of a form.
const FORM: &str = "application/x-www-form-urlencoded";
/// The content types of JSON 1.0 and 1.1. A service reads either.
const JSON: [&[u8]; 2] = [b"application/x-amz-json-1.0", b"application/x-amz-json-1.1"];
/// The header by which an AWS service is asked to read the request by another protocol.
const PROTOCOL: &str = "smithy-protocol";

/// Names what a request does; none if that cannot be said with certainty, and then the
/// request must be refused.
///
/// `host` is the real endpoint without a port, `path_and_query` as it will be sent, and
/// `body` the whole body.
pub fn action(host: &str, method: &str, path_and_query: &str, headers: &HeaderMap, body: &[u8]) -> Option<AwsAction> {
    let (services, region) = host::services_of(host)?;
    if OVERRIDES.iter().any(|name| headers.contains_key(*name)) || headers.contains_key(PROTOCOL) {
        return None;
    }
    let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
    let query = Params::read(query)?;
    if query.is_presigned() {
        return None;
    }
    let targeted = headers.contains_key("x-amz-target");
    let shared = services.len() > 1;
    let mut named = services.into_iter().filter_map(|service| {
        let operation = match service.protocol {
            Protocol::Query if !targeted => by_parameter(service, shared, method, path, &query, headers, body)?,
            Protocol::Json => by_target(service, method, path, &query, headers)?,
            Protocol::Rest if !targeted => rest::operation(service, method, path, &query, headers)?,
            _ => return None,
        };
        Some((service, operation))
    });
    let (Some((service, operation)), None) = (named.next(), named.next()) else { return None };
    Some(AwsAction {
        service: service.name,
        operation,
        region,
        signing_name: service.signing_name,
        effect: effect::of(service.name, operation, headers),
    })
}

/// The query protocols: exactly one `Action`, in the query or in a plain form body. Where
/// another service answers at the same host, exactly one `Version` says which one is asked.
fn by_parameter(
    service: &Service,
    shared: bool,
    method: &str,
    path: &str,
    query: &Params,
    headers: &HeaderMap,
    body: &[u8],
) -> Option<&'static str> {
    if !matches!(method, "GET" | "POST") || !is_root(path) {
        return None;
    }
    let form = if body.is_empty() {
        Params::default()
    } else {
        if !is_form(headers) || headers.contains_key(CONTENT_ENCODING) {
            return None;
        }
        Params::read(std::str::from_utf8(body).ok()?)?
    };
    if form.is_presigned() {
        return None;
    }
    let the_one = |name: &'static str| {
        let mut found = query.like(name).chain(form.like(name));
        match (found.next(), found.next()) {
            (Some((spelt, value)), None) if spelt == name => Some(value.to_owned()),
            _ => None,
        }
    };
    if shared && the_one("Version")? != service.version {
        return None;
    }
    service.operation(&the_one("Action")?)
}

/// The json protocols: exactly one target header, `PREFIX.Operation`, and a content type that
/// says JSON: services that speak query as well (SQS, `CloudWatch`) would read a form as that.
fn by_target(service: &Service, method: &str, path: &str, query: &Params, headers: &HeaderMap) -> Option<&'static str> {
    if method != "POST" || !is_root(path) || query.pairs().next().is_some() || !is_json(headers) {
        return None;
    }
    let mut targets = headers.get_all("x-amz-target").iter();
    let (target, None) = (targets.next()?, targets.next()) else { return None };
    let name = target.to_str().ok()?.strip_prefix(service.target_prefix)?.strip_prefix('.')?;
    service.operation(name)
}

fn is_root(path: &str) -> bool {
    matches!(path, "" | "/")
}

/// Reports whether the one `content-type` is that of AWS's JSON protocols.
fn is_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    matches!((types.next().map(HeaderValue::as_bytes), types.next()), (Some(only), None) if JSON.contains(&only))
}

/// Reports whether the one `content-type` says that the body is a form, of UTF-8 if it
/// says of what: in another charset the same bytes are other parameters.
fn is_form(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(only), None) = (types.next(), types.next()) else { return false };
    let Ok(text) = only.to_str() else { return false };
    let mut parts = text.split(';').map(|part| part.trim().to_ascii_lowercase());
    let parts = (parts.next(), parts.next(), parts.next());
    matches!(
        (parts.0.as_deref(), parts.1.as_deref(), parts.2),
        (Some(FORM), None | Some("charset=utf-8" | "charset=\"utf-8\""), None)
    )
}
