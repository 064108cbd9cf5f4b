//! Answers: whole, or with the body still to come.

use std::time::Duration;

use serde::de::DeserializeOwned;

use super::{Head, Headers, HttpError};
use crate::{__macro, Failure, backend};

/// How much of a body an error shows.
const SHOWN_CHARS_MAX: usize = 200;

/// An answer, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    what: String,
    head: Head,
    body: Vec<u8>,
}

impl Response {
    /// Returns the status, such as 200.
    pub const fn status(&self) -> u16 {
        self.head.status
    }

    /// Returns the headers.
    pub const fn headers(&self) -> &Headers {
        &self.head.headers
    }

    /// Returns the first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.headers.get(name)
    }

    /// Returns how long the server asks to wait, by `retry-after` in seconds.
    pub fn retry_after(&self) -> Option<Duration> {
        self.header("retry-after")?.trim().parse().ok().map(Duration::from_secs)
    }

    /// Returns the body.
    pub fn bytes(&self) -> &[u8] {
        &self.body
    }

    /// Takes the body.
    pub fn into_bytes(self) -> Vec<u8> {
        self.body
    }

    /// Returns the body as text.
    ///
    /// # Errors
    ///
    /// [`HttpError::Failed`] if it is not UTF-8.
    pub fn text(&self) -> Result<&str, HttpError> {
        std::str::from_utf8(&self.body)
            .map_err(|error| HttpError::Failed(format!("the answer is not UTF-8: {error}")).of(&self.what))
    }

    /// Reads the body as JSON.
    ///
    /// # Errors
    ///
    /// [`Failure::Failed`], naming the place, if it is not a `T`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        __macro::read(self.text()?).map_err(|mut problem| {
            problem.message = format!("{}: the answer does not fit: {}", self.what, problem.message);
            Failure::Failed(problem)
        })
    }

    /// Returns the answer if its status is of the 200s.
    ///
    /// # Errors
    ///
    /// [`HttpError::Status`] with the beginning of the body.
    pub fn success(self) -> Result<Self, HttpError> {
        let status = self.status();
        if (200..300).contains(&status) {
            return Ok(self);
        }
        let text = String::from_utf8_lossy(&self.body);
        let shown: String = text.trim().chars().take(SHOWN_CHARS_MAX).collect();
        let message = if shown.is_empty() { format!("status {status}") } else { format!("status {status}: {shown}") };
        Err(HttpError::Status { status, message, retry_after: self.retry_after() }.of(&self.what))
    }
}

/// An answer whose body is still to come, by [`Opened::chunk`].
#[derive(Debug)]
pub struct Opened {
    what: String,
    head: Head,
    body: backend::Body,
}

impl Opened {
    pub(super) const fn new(what: String, head: Head, body: backend::Body) -> Self {
        Self { what, head, body }
    }

    /// Returns the status, such as 200.
    pub const fn status(&self) -> u16 {
        self.head.status
    }

    /// Returns the headers.
    pub const fn headers(&self) -> &Headers {
        &self.head.headers
    }

    /// Returns the next piece of the body, never an empty one; none at its end.
    ///
    /// # Errors
    ///
    /// [`HttpError::Unreachable`], [`HttpError::Timeout`] or [`HttpError::TooLarge`].
    pub async fn chunk(&mut self) -> Result<Option<Vec<u8>>, HttpError> {
        self.body.chunk().await.map_err(|error| error.of(&self.what))
    }

    /// Takes the rest of the body, up to a cap. Errors do not name the request.
    pub(super) async fn whole(mut self, most: usize) -> Result<Response, HttpError> {
        let mut body = Vec::new();
        while let Some(chunk) = self.body.chunk().await? {
            if chunk.len() > most.saturating_sub(body.len()) {
                return Err(HttpError::TooLarge(format!("the answer's body is longer than the limit of {most} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Response { what: self.what, head: self.head, body })
    }
}
