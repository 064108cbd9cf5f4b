//! One request to whoever hands out tokens or keeps secrets.
//!
//! The attack: a name of a token server is made to point into the operator's network, or an
//! answer never ends. The rule: such requests leave by the house's own client, under the
//! address rule that guests have; exempt is exactly the host and port that the operator has
//! written down, and a server that nobody has named must be public. Time and size are
//! bounded. What a server says about a refusal goes to the log, without what it was sent.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use serde::{Deserialize as _, Deserializer};
use troupe_core::{Clock, Code, Error, Kind, Result};
use zeroize::Zeroizing;

use crate::{AddressPolicy, Authority, Client, Exemption, Limits, Request, Scrubber, SendOptions};

/// Whose connections these are: no tenant has a name with a colon.
const PARTITION: &str = "host:credentials";
/// Largest answer that is read: a token has a few kilobytes, a secret of Vault at most 1 MiB.
const ANSWER_BYTES_MAX: u64 = 2 * 1024 * 1024;
/// Longest that one exchange may take. The request of a guest waits for it.
const TIME_MAX: Duration = Duration::from_secs(10);
/// Characters of a server's own words that are kept.
const WORDS_CHARS_MAX: usize = 300;

/// A place that tokens or secrets come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Server {
    uri: Uri,
    /// Whether the operator wrote it down.
    named: bool,
}

impl Server {
    /// A place that everybody knows.
    pub(super) fn public(url: &str) -> Result<Self> {
        Self::parse(url, false)
    }

    /// A place that the operator wrote down.
    pub(super) fn named(url: &str) -> Result<Self> {
        Self::parse(url, true)
    }

    fn parse(url: &str, named: bool) -> Result<Self> {
        let invalid = |why: &str| Error::new(Code::CredentialsInvalid, format!("`{}` {why}", url.escape_default()));
        let uri: Uri = url.parse().map_err(|_| invalid("is not a URL such as `https://vault.example.com:8200`"))?;
        Authority::of(&uri).map_err(|error| invalid(&error.message))?;
        if uri.query().is_some() {
            return Err(invalid("has a query; write scheme, host, port and path alone"));
        }
        Ok(Self { uri, named })
    }

    /// The same place at a path of its own, which follows what was written down.
    pub(super) fn at(&self, path: &str) -> Result<Self> {
        let text = self.uri.to_string();
        Self::parse(&format!("{}{path}", text.trim_end_matches('/')), self.named)
    }

    /// The whole address.
    pub(super) const fn uri(&self) -> &Uri {
        &self.uri
    }

    fn authority(&self) -> String {
        Authority::of(&self.uri).map(|authority| authority.to_string()).unwrap_or_default()
    }
}

/// Sends requests for tokens and secrets.
#[derive(Debug, Clone)]
pub(super) struct Exchanger {
    pub(super) client: Client,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) own_addresses: Arc<[SocketAddr]>,
}

/// What a server answered.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    server: String,
}

impl Exchanger {
    /// A request to a server.
    pub(super) fn request(server: &Server, method: Method, body: Vec<u8>) -> Request {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        Request { method, uri: server.uri.clone(), headers, body: body.into() }
    }

    /// A form to be posted.
    pub(super) fn form(server: &Server, pairs: &[(&str, &str)]) -> Request {
        let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
        let mut request = Self::request(server, Method::POST, pairs.join("&").into_bytes());
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers.insert(CONTENT_TYPE, kind);
        request
    }

    /// Sends a request and reads the whole answer, of whatever status.
    ///
    /// # Errors
    /// [`Code::UnavailableUpstream`] and [`Code::UnavailableDns`] if there is none,
    /// [`Code::CredentialsInvalid`] if the server may not be asked.
    pub(super) async fn send(&self, server: &Server, request: Request) -> Result<Told> {
        let mut policy = AddressPolicy::new(Arc::clone(&self.own_addresses));
        if server.named {
            let authority = Authority::of(&server.uri)?;
            policy = policy.with(Exemption::Mapped { host: authority.host, port: authority.port });
        }
        let limits = Limits {
            connect: TIME_MAX,
            first_byte: TIME_MAX,
            idle: TIME_MAX,
            total: TIME_MAX,
            response_body_bytes: ANSWER_BYTES_MAX,
            ..Limits::default()
        };
        let options = SendOptions { partition: Arc::from(PARTITION), policy, limits };
        let answered = async {
            let answer = self.client.send(request, &options).await?;
            let (status, headers) = (answer.status, answer.headers);
            Ok(Told { status, headers, body: answer.body.collect().await?, server: server.authority() })
        };
        answered.await.map_err(|error: Error| {
            // Where the operator keeps what is the operator's business, and the log's.
            let (code, why) = match error.code {
                Code::UnavailableDns => {
                    (Code::UnavailableDns, "the name of the server that gives it out is not resolved")
                }
                code if code.kind() == Kind::Denied => {
                    (Code::CredentialsInvalid, "the server that gives it out may not be reached from here")
                }
                _ => (Code::UnavailableUpstream, "the server that gives it out does not answer"),
            };
            Error::new(code, why).with_cause(error)
        })
    }
}

impl Told {
    /// The answer as JSON, if it is a good one.
    ///
    /// # Errors
    /// [`Told::refusal`] if it is not of the 200s, [`Code::UnavailableUpstream`] if it is
    /// not what was asked for. `sent` are the secrets that must not be told.
    pub(super) fn json<T: DeserializeOwned>(&self, sent: &[&str]) -> Result<T> {
        if !self.status.is_success() {
            return Err(self.refusal(sent));
        }
        serde_json::from_slice(&self.body).map_err(|_| {
            // The cause could show a piece of the token.
            let message = "the server that gives it out answered something else than what was asked for";
            Error::new(Code::UnavailableUpstream, message).with_cause(self.server.clone())
        })
    }

    /// Why a server did not do what it was asked: the status and the short code that OAuth
    /// and AWS have for it. Its sentence is the cause, for the log.
    pub(super) fn refusal(&self, sent: &[&str]) -> Error {
        let later = self.status.is_server_error()
            || matches!(self.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT);
        let code = if later { Code::UnavailableUpstream } else { Code::CredentialsInvalid };
        let word = self.word().map(|word| format!(" {word}")).unwrap_or_default();
        let message = format!("the server that gives it out refused with {}{word}", self.status.as_u16());
        Error::new(code, message).with_cause(format!("{}: {}", self.server, self.words(sent)))
    }

    /// The server's word for what went wrong, if it has the form of one.
    fn word(&self) -> Option<String> {
        let text = std::str::from_utf8(&self.body).ok()?;
        let word = match serde_json::from_str::<serde_json::Value>(text) {
            Ok(document) => document.get("error")?.as_str()?.to_owned(),
            Err(_) => text.split_once("<Code>")?.1.split_once("</Code>")?.0.to_owned(),
        };
        let is_word = word.len() <= 64 && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        is_word.then_some(word)
    }

    /// What the server said, bounded and on one line, without what it was sent.
    fn words(&self, sent: &[&str]) -> String {
        let secrets = sent.iter().map(|secret| secret.as_bytes());
        // A secret too short to be searched for: then nothing is told.
        let Ok(scrubber) = Scrubber::new(secrets) else { return String::new() };
        let clean = scrubber.scrub(&self.body);
        String::from_utf8_lossy(&clean).chars().take(WORDS_CHARS_MAX).flat_map(char::escape_debug).collect()
    }
}

/// Reads a secret text of an answer.
pub(super) fn wiped<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Zeroizing<String>, D::Error> {
    String::deserialize(deserializer).map(Zeroizing::new)
}

/// What stays as it is in a form, by all who write them.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

/// A value in a form.
fn escaped(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}
