//! Making a request and sending it.

use std::fmt::Display;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use serde::Serialize;

use super::url::pair;
use super::{Headers, HttpError, Opened, Response};
use crate::backend;

/// Longest body that [`Request::send`] takes unless the request says otherwise: a quarter
/// of the 128 MiB an agent has when its manifest does not say.
const BODY_BYTES_DEFAULT: usize = 32 * 1024 * 1024;

/// A request that has not been sent. Made by [`get`](super::get), [`post`](super::post)
/// and their like.
#[derive(Debug, Clone)]
#[must_use = "a request does nothing until it is sent"]
pub struct Request {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) headers: Headers,
    pub(crate) body: Vec<u8>,
    pub(crate) timeout: Option<Duration>,
    body_bytes_max: usize,
    fault: Option<String>,
}

impl Request {
    pub(super) fn new(method: &str, url: String) -> Self {
        Self {
            method: method.to_owned(),
            url,
            headers: Headers::default(),
            body: Vec::new(),
            timeout: None,
            body_bytes_max: BODY_BYTES_DEFAULT,
            fault: None,
        }
    }

    /// Returns the host that it goes to, with the port if one is named; empty where the address has none.
    ///
    /// ```
    /// use troupe_sdk::http;
    ///
    /// assert_eq!(http::get("https://api.example.com:8443/a").host(), "api.example.com:8443");
    /// ```
    pub fn host(&self) -> &str {
        super::Url::parse(&self.url).map_or("", |url| url.authority)
    }

    /// Adds a name and a value to the query, both escaped.
    pub fn query(mut self, name: &str, value: impl Display) -> Self {
        self.url.push(if self.url.contains('?') { '&' } else { '?' });
        self.url.push_str(&pair(name, &value.to_string()));
        self
    }

    /// Adds a header, beside any of the same name.
    pub fn header(mut self, name: &str, value: impl Display) -> Self {
        self.headers.add(name, value.to_string());
        self
    }

    /// Sets the body. Its `content-type` is a header like any other.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets a JSON body and the `content-type` that says so.
    pub fn json<T: Serialize + ?Sized>(mut self, value: &T) -> Self {
        self.headers.set("content-type", "application/json".to_owned());
        match serde_json::to_vec(value) {
            Ok(body) => self.body = body,
            Err(error) => self.fault = Some(format!("the body cannot be written as JSON: {error}")),
        }
        self
    }

    /// Sets the body of a form, names and values escaped, and the `content-type` that says so.
    pub fn form<N: AsRef<str>, V: AsRef<str>>(mut self, pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        self.headers.set("content-type", "application/x-www-form-urlencoded; charset=utf-8".to_owned());
        let pairs: Vec<String> = pairs.into_iter().map(|(name, value)| pair(name.as_ref(), value.as_ref())).collect();
        self.body = pairs.join("&").into_bytes();
        self
    }

    /// Sets how long it may take until the answer is whole ([`Self::send`]) or begins
    /// ([`Self::open`]). The host has limits of its own.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.timeout = Some(time);
        self
    }

    /// Sets the longest body that [`Self::send`] takes, in bytes; 32 MiB if not said.
    pub fn body_bytes_max(mut self, bytes: usize) -> Self {
        self.body_bytes_max = bytes;
        self
    }

    /// Names the credential that the host adds or signs with, such as `aws:default`. It
    /// must be granted for this address; the agent never sees it.
    pub fn credential(mut self, name: &str) -> Self {
        self.headers.set("troupe-credential", name.to_owned());
        self
    }

    /// Asks the host to set `header` to a token of its own that is the same if the
    /// invocation is resumed, so that the server can tell a repetition.
    pub fn idempotency(mut self, header: &str) -> Self {
        self.headers.set("troupe-idempotency", header.to_owned());
        self
    }

    /// Says that sending the request twice does no harm, so that the host may send it
    /// again when it resumes an invocation and does not know whether it was served.
    pub fn repeatable(mut self) -> Self {
        self.headers.set("troupe-repeatable", "true".to_owned());
        self
    }

    /// Has the host try again so many times at most, where the grant would have it do so more
    /// often; 0 for an agent that tries again itself.
    pub fn retries(mut self, most: u8) -> Self {
        self.headers.set("troupe-retries", most.to_string());
        self
    }

    /// Sends the request and takes the whole answer.
    ///
    /// # Errors
    ///
    /// Any [`HttpError`] but `Status`.
    pub async fn send(self) -> Result<Response, HttpError> {
        let (what, most, timeout) = (self.what(), self.body_bytes_max, self.timeout);
        let answer = async {
            let opened = self.begin().await?;
            opened.whole(most).await
        };
        within(timeout, answer).await.map_err(|error| error.of(&what))
    }

    /// Sends the request and takes the head of the answer; the body follows in pieces.
    ///
    /// # Errors
    ///
    /// As [`Self::send`].
    pub async fn open(self) -> Result<Opened, HttpError> {
        let (what, timeout) = (self.what(), self.timeout);
        within(timeout, self.begin()).await.map_err(|error| error.of(&what))
    }

    async fn begin(self) -> Result<Opened, HttpError> {
        let what = self.what();
        match self.fault {
            Some(fault) => Err(HttpError::Invalid(fault)),
            None => backend::http_open(self).await.map(|(head, body)| Opened::new(what, head, body)),
        }
    }

    /// Method and address, without the query, which may hold what is nobody's business.
    fn what(&self) -> String {
        let url = self.url.split('?').next().unwrap_or_default();
        format!("{} {url}", self.method)
    }
}

/// Gives up when the time is over. What was under way is dropped, which ends it.
async fn within<T>(
    timeout: Option<Duration>,
    work: impl Future<Output = Result<T, HttpError>>,
) -> Result<T, HttpError> {
    let Some(time) = timeout else { return work.await };
    match select(pin!(work), pin!(backend::sleep(time))).await {
        Either::Left((result, _)) => result,
        Either::Right(_) => Err(HttpError::Timeout(format!("no whole answer within {} ms", time.as_millis()))),
    }
}
