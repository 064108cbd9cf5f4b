//! Errors on the wire: problem details (RFC 9457) with a stable `code`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{Code, Error};

/// A problem document (RFC 9457). `code` is stable; `detail` is for people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Always `about:blank`: the code says more than a page would.
    #[serde(rename = "type")]
    pub kind: String,
    /// The HTTP status text.
    pub title: String,
    /// The HTTP status code.
    pub status: u16,
    /// The stable code, such as `agent.not_found`.
    pub code: String,
    /// One sentence for a person.
    pub detail: String,
    /// Whether the same request may succeed later.
    pub retryable: bool,
    /// The id under which the host's log knows the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// Facts for a program.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub details: Map<String, Value>,
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        let mut error = Self::new(Code::parse(&problem.code).unwrap_or(Code::Internal), problem.detail);
        error.details = problem.details;
        error.retryable = problem.retryable;
        error
    }
}
