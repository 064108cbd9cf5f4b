//! What a guest is told of a call that was not performed: the answers that every capability
//! shares.

use serde_json::json;
use troupe_core::Code;

use crate::bindings::troupe::agent::types::{CapabilityError, Limit, Problem, Unavailable};
use crate::gate::Answer;

/// The error that an answer is to the guest. A denial's code stands in its details.
pub(super) fn refusal(answer: Answer) -> CapabilityError {
    match answer {
        Answer::Denied { code, message } => {
            CapabilityError::Denied(Problem { message, details: Some(json!({ "code": code }).to_string()) })
        }
        Answer::Cancelled => {
            let message = "the task was cancelled; only what gives something back is still done".to_owned();
            let details = json!({ "code": Code::Cancelled.as_str() }).to_string();
            CapabilityError::Denied(Problem { message, details: Some(details) })
        }
        Answer::Limit { code, maximum, message } => CapabilityError::Limit(Limit { code, maximum, message }),
        Answer::Invalid(message) => CapabilityError::Invalid(Problem { message, details: None }),
        Answer::Unavailable(message) => CapabilityError::Unavailable(Unavailable { message, retry_after_ms: None }),
        // The gate answers each call with its own kind of answer.
        _ => CapabilityError::Invalid(Problem { message: "the host answered another call".to_owned(), details: None }),
    }
}
