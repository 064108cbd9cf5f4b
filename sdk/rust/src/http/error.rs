//! How a request ends when there is no answer, or none that can be used.

use std::fmt;
use std::time::Duration;

use crate::{Failure, Problem, Unavailable};

/// How a request ends when there is no answer, or none that can be used. Each carries one
/// sentence for a person that begins with method and address. `?` makes it a [`Failure`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HttpError {
    /// The grants of this deployment do not allow the request; trying again is of no use.
    Denied(String),
    /// The request itself cannot be sent: its address, method or headers.
    Invalid(String),
    /// No answer came in time. The request may have been served all the same.
    Timeout(String),
    /// The server could not be reached or broke off, or a bound of the host's was met that
    /// passes: as many requests as may are under way, a grant's budget is used up until it refills, or
    /// the server failed so often that it is left alone for a while.
    Unreachable(String),
    /// The request or its answer is larger than a limit.
    TooLarge(String),
    /// The answer is not of the 200s; from [`Response::success`](super::Response::success) alone.
    Status {
        /// The status.
        status: u16,
        /// One sentence, with the beginning of the body.
        message: String,
        /// How long the server asks to wait, where it does.
        retry_after: Option<Duration>,
    },
    /// Anything else, such as an answer that is not HTTP or not what was expected.
    Failed(String),
}

impl HttpError {
    /// Reads a host's explanation, `CODE: sentence`.
    #[cfg_attr(not(target_family = "wasm"), cfg(test))]
    pub(crate) fn explained(why: &str) -> Self {
        let (code, sentence) = why.split_once(": ").unwrap_or(("", why));
        let sentence = sentence.to_owned();
        match code {
            "limit.body" | "limit.headers" => Self::TooLarge(sentence),
            "limit.idle" | "limit.deadline" => Self::Timeout(sentence),
            "limit.connections" | "limit.budget" => Self::Unreachable(sentence),
            _ if code.starts_with("denied.") || code.starts_with("credentials.") => Self::Denied(sentence),
            _ if code.starts_with("unavailable.") => Self::Unreachable(sentence),
            _ if code.starts_with("request.") => Self::Invalid(sentence),
            _ => Self::Failed(why.to_owned()),
        }
    }

    /// Puts what was asked before the sentence.
    pub(crate) fn of(self, what: &str) -> Self {
        let say = |message: String| format!("{what}: {message}");
        match self {
            Self::Denied(message) => Self::Denied(say(message)),
            Self::Invalid(message) => Self::Invalid(say(message)),
            Self::Timeout(message) => Self::Timeout(say(message)),
            Self::Unreachable(message) => Self::Unreachable(say(message)),
            Self::TooLarge(message) => Self::TooLarge(say(message)),
            Self::Status { status, message, retry_after } => {
                Self::Status { status, message: say(message), retry_after }
            }
            Self::Failed(message) => Self::Failed(say(message)),
        }
    }

    /// Returns the sentence.
    pub fn message(&self) -> &str {
        match self {
            Self::Denied(message)
            | Self::Invalid(message)
            | Self::Timeout(message)
            | Self::Unreachable(message)
            | Self::TooLarge(message)
            | Self::Status { message, .. }
            | Self::Failed(message) => message,
        }
    }

    /// Reports whether the same request may succeed later: the server was not reached,
    /// took too long, is busy, or asked to be tried again.
    pub const fn is_temporary(&self) -> bool {
        matches!(
            self,
            Self::Timeout(_) | Self::Unreachable(_) | Self::Status { status: 408 | 429 | 500 | 502 | 503 | 504, .. }
        )
    }
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for HttpError {}

impl From<HttpError> for Failure {
    /// Passes on to the caller what may be tried again, what the operator can grant, and
    /// the rest as failed.
    fn from(error: HttpError) -> Self {
        let temporary = error.is_temporary();
        match error {
            HttpError::Denied(message) => Self::Denied(Problem { message, details: None }),
            HttpError::Status { message, retry_after, .. } if temporary => {
                Self::Unavailable(Unavailable { message, retry_after })
            }
            HttpError::Status { status, message, .. } => Self::failed(message).with("status", status),
            _ if temporary => Self::unavailable(error),
            _ => Self::failed(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::HttpError;

    #[test]
    fn a_hosts_explanation_is_told_apart_by_its_code_and_shown_as_its_sentence() {
        let told = |why: &str| HttpError::explained(why);
        assert_eq!(told("denied.capability: no grant: ask"), HttpError::Denied("no grant: ask".into()));
        assert_eq!(told("limit.body: too large"), HttpError::TooLarge("too large".into()));
        for code in ["unavailable.dns", "unavailable.circuit", "limit.budget", "limit.connections"] {
            let error = told(&format!("{code}: not now"));
            assert!(error.is_temporary() && error == HttpError::Unreachable("not now".into()), "{code}");
        }
        assert_eq!(told("something else"), HttpError::Failed("something else".into()));
    }
}
