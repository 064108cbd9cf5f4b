//! What a call means: itself, without what differs between two runs of the same program.
//!
//! Of a request that is: the order of headers and of query and form fields with different
//! names; the order of a JSON object's fields, and white space between them; headers that say
//! who asks, when, and under which trace; and tokens by which a service tells a repetition,
//! in headers, fields and JSON, whether the host made them from the seed or the guest did. Of a call
//! about a lock it is the number of the call that asked for it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::call::encode;
use super::super::{Call, HttpBody, HttpCall};
use crate::capabilities::http::idempotency_token;

/// Headers that mean nothing to what is asked.
const SAYS_NOTHING: [&str; 13] = [
    "accept-encoding",
    "amz-sdk-invocation-id",
    "amz-sdk-request",
    "connection",
    "content-length",
    "date",
    "traceparent",
    "tracestate",
    "user-agent",
    "x-amz-date",
    "x-amz-user-agent",
    "x-amzn-trace-id",
    "x-request-id",
];

/// Names of fields that hold a token, in lower case and without hyphens and underscores.
const TOKENS: [&str; 9] = [
    "clientrequesttoken",
    "clienttoken",
    "idempotencykey",
    "idempotencytoken",
    "requestid",
    "xamzclienttoken",
    "xidempotencykey",
    "xmsclientrequestid",
    "xgoogrequestid",
];

/// What stands for a token.
const TOKEN: &str = "[token]";

/// What a call means, part by part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Meaning {
    /// What it works on, and how.
    on: String,
    /// The AWS action, where it is known. It follows from the rest, and a host may learn to
    /// name more of them, so it is no part of the meaning.
    action: Option<String>,
    /// Its parts by name, such as `query`, `header accept` or `body`.
    parts: BTreeMap<String, Vec<u8>>,
}

impl Meaning {
    /// The meaning of the call `number` of an invocation whose tokens come from `tokens`.
    pub(super) fn of(call: &Call, number: u64, tokens: &[u8; 32]) -> Self {
        match call {
            Call::Http(call) => request(call, number, tokens),
            Call::Locks(meant) => Self::plain(call, &Call::Locks(meant.meant())),
            other => Self::plain(call, other),
        }
    }

    fn plain(call: &Call, meant: &Call) -> Self {
        let parts = BTreeMap::from([("arguments".to_owned(), encode(meant))]);
        Self { on: Self::target(call), action: None, parts }
    }

    /// What a call works on, and how: calls on different things are not held against each other.
    pub(super) fn target(call: &Call) -> String {
        match call {
            Call::Http(call) => format!("{} {}", call.method, place(&call.url)),
            other => other.describe(),
        }
    }

    /// The same bytes for the same meaning.
    pub(super) fn key(&self) -> Vec<u8> {
        encode(&(&self.on, &self.parts))
    }

    /// How another call on the same thing differs, in short; empty if it means the same.
    pub(super) fn changes(&self, now: &Self) -> Option<String> {
        let other_action = self.action.is_some() && now.action.is_some() && self.action != now.action;
        if self.on != now.on || other_action {
            return None;
        }
        let names: BTreeMap<&String, ()> = self.parts.keys().chain(now.parts.keys()).map(|name| (name, ())).collect();
        let other = names.keys().filter(|name| self.parts.get(**name) != now.parts.get(**name));
        let other: Vec<&str> = other.map(|name| name.as_str()).collect();
        Some(if other.is_empty() { String::new() } else { format!("other {}", other.join(", ")) })
    }
}

fn place(url: &str) -> &str {
    url.split_once('?').map_or(url, |(place, _)| place)
}

fn request(call: &HttpCall, number: u64, tokens: &[u8; 32]) -> Meaning {
    // Only what may be sent twice carries one.
    let token = if call.repeatable { idempotency_token(tokens, number) } else { String::new() };
    let mut parts = BTreeMap::new();
    if let Some((_, query)) = call.url.split_once('?') {
        parts.insert("query".to_owned(), fields(query).into_bytes());
    }
    let mut kind = String::new();
    for (name, value) in &call.headers {
        if name == "content-type" {
            kind = String::from_utf8_lossy(value).to_ascii_lowercase();
        }
        if SAYS_NOTHING.contains(&name.as_str()) {
            continue;
        }
        let is_token = is_token(name) || (call.repeatable && value.as_slice() == token.as_bytes());
        let value = if is_token { TOKEN.as_bytes() } else { value.as_slice() };
        let part: &mut Vec<u8> = parts.entry(format!("header {name}")).or_default();
        part.extend(value);
        part.push(b'\n');
    }
    match &call.body {
        HttpBody::Whole(bytes) => parts.insert("body".to_owned(), body(&kind, bytes)),
        HttpBody::Digest(sha256, length) => parts.insert("body".to_owned(), format!("{sha256} {length}").into_bytes()),
    };
    parts.retain(|_, part: &mut Vec<u8>| !part.is_empty());
    Meaning { on: format!("{} {}", call.method, place(&call.url)), action: call.action.clone(), parts }
}

fn body(kind: &str, bytes: &[u8]) -> Vec<u8> {
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let text = std::str::from_utf8(bytes).ok();
    match text {
        Some(text) if kind == "application/x-www-form-urlencoded" => fields(text).into_bytes(),
        Some(text) if kind.ends_with("/json") || kind.ends_with("+json") || kind.contains("-json") => {
            match serde_json::from_str(text) {
                Ok(document) => sorted(document).to_string().into_bytes(),
                Err(_) => bytes.to_vec(),
            }
        }
        _ => bytes.to_vec(),
    }
}

/// The fields of a query or form, by name; those of one name keep their order.
fn fields(text: &str) -> String {
    let mut fields: Vec<(&str, &str)> =
        text.split('&').map(|field| field.split_once('=').unwrap_or((field, ""))).collect();
    fields.sort_by_key(|(name, _)| *name);
    let written = |(name, value): (&str, &str)| format!("{name}={}", if is_token(name) { TOKEN } else { value });
    fields.into_iter().map(written).collect::<Vec<_>>().join("&")
}

fn sorted(document: Value) -> Value {
    match document {
        Value::Object(fields) => {
            let mut fields: Vec<(String, Value)> = fields.into_iter().collect();
            fields.sort_by(|(one, _), (other, _)| one.cmp(other));
            let of = |(name, value): (String, Value)| {
                let value = if is_token(&name) && value.is_string() { TOKEN.into() } else { sorted(value) };
                (name, value)
            };
            Value::Object(fields.into_iter().map(of).collect())
        }
        Value::Array(items) => items.into_iter().map(sorted).collect(),
        other => other,
    }
}

fn is_token(name: &str) -> bool {
    let name: String = name.chars().filter(|c| !['-', '_'].contains(c)).map(|c| c.to_ascii_lowercase()).collect();
    TOKENS.contains(&name.as_str())
}
