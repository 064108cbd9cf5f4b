//! An HTTP request as the journal keeps it: what the guest asked, never what the host
//! added to it.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use sha2::{Digest as _, Sha256};
use troupe_core::{Code, Error};

/// Longest request body that is kept whole: room for any request to a cloud's API. Of a
/// longer one the digest tells whether another release would send the same.
const BODY_BYTES_KEPT: usize = 64 * 1024;

/// A header: its name in lower case and its value.
pub type Header = (String, ByteBuf);

/// A request, as the guest made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpCall {
    /// The method.
    pub method: String,
    /// The URL that the guest addressed, before any mapping of the operator's.
    pub url: String,
    /// The guest's headers, those to the host (`troupe-…`) not among them.
    pub headers: Vec<Header>,
    /// The body.
    pub body: HttpBody,
    /// The credential that the host used, by name.
    pub credential: Option<String>,
    /// The AWS action, such as `ec2:DescribeInstances`.
    pub action: Option<String>,
    /// Whether sending it again is the same as sending it once: a header carries a token
    /// that stays the same when the invocation resumes.
    pub repeatable: bool,
    /// The secrets that the host placed in it, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
}

impl HttpCall {
    /// The host that it goes to, with its port where the URL names one.
    pub fn authority(&self) -> &str {
        let rest = self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest);
        rest.split(['/', '?', '#']).next().unwrap_or_default()
    }

    /// See [`Call::kind`](super::Call::kind).
    pub(super) fn kind(&self) -> String {
        if let Some(action) = &self.action {
            return format!("http {action} at {}", self.authority());
        }
        let place = self.url.split_once('?').map_or(self.url.as_str(), |(place, _)| place);
        let (origin, path) = match place.split_once("://") {
            Some((scheme, rest)) => {
                let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
                (format!("{scheme}://{authority}"), path)
            }
            None => (String::new(), place),
        };
        let parts: Vec<&str> = path.split('/').map(|part| if is_id(part) { "*" } else { part }).collect();
        format!("http {} {origin}/{}", self.method, parts.join("/"))
    }
}

/// Whether part of a path looks like an id: digits, hexadecimal digits and hyphens alone, a
/// digit at least among them.
fn is_id(part: &str) -> bool {
    part.bytes().any(|byte| byte.is_ascii_digit()) && part.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

/// A request's body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HttpBody {
    /// The bytes.
    Whole(ByteBuf),
    /// The SHA-256 of a long one in hexadecimal, and its length in bytes.
    Digest(String, u64),
}

impl HttpBody {
    /// What is kept of a body.
    pub(crate) fn of(body: &[u8]) -> Self {
        if body.len() <= BODY_BYTES_KEPT {
            Self::Whole(ByteBuf::from(body))
        } else {
            Self::Digest(hex::encode(Sha256::digest(body)), body.len() as u64)
        }
    }
}

/// What a server answered, as the guest saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpAnswer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: Vec<Header>,
    /// The body; empty if it was streamed.
    #[serde(with = "serde_bytes")]
    pub body: Vec<u8>,
    /// How the host came by it.
    #[serde(default, skip_serializing_if = "Way::is_straight")]
    pub way: Way,
}

/// How the host came by an answer. The default is the straight way: one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Way {
    /// How often it tried again.
    #[serde(default)]
    pub retries: u8,
    /// How many redirects it followed.
    #[serde(default)]
    pub redirects: u8,
}

impl Way {
    /// Whether it was one request.
    pub fn is_straight(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Way {
    /// What it says behind a status: nothing of the straight way.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (count, what) in [(self.retries, "tried again"), (self.redirects, "redirected")] {
            match count {
                0 => {}
                1 => write!(f, ", {what} once")?,
                count => write!(f, ", {what} {count} times")?,
            }
        }
        Ok(())
    }
}

impl HttpAnswer {
    pub(crate) fn new(status: StatusCode, headers: &HeaderMap, body: &Bytes, way: Way) -> Self {
        Self { status: status.as_u16(), headers: kept(headers), body: body.to_vec(), way }
    }
}

/// Why no answer came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpFailure {
    /// The stable code.
    pub code: String,
    /// The sentence.
    pub message: String,
    /// Whether the server may have seen the request.
    pub sent: bool,
}

impl HttpFailure {
    pub(crate) fn new(error: &Error) -> Self {
        let sent = error.details.get("sent").and_then(serde_json::Value::as_bool).unwrap_or(true);
        Self { code: error.code.as_str().to_owned(), message: error.message.clone(), sent }
    }

    /// The error again, as far as it was kept.
    pub(crate) fn error(&self) -> Error {
        let code = Code::parse(&self.code).unwrap_or(Code::Internal);
        Error::new(code, self.message.clone()).with("sent", self.sent)
    }
}

/// Headers as the journal keeps them.
pub(crate) fn kept(headers: &HeaderMap) -> Vec<Header> {
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), ByteBuf::from(value.as_bytes()))).collect()
}
