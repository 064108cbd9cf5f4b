//! Errors on this door: the status of each code, and where the code itself is told.
//!
//! The status comes from the one table that REST has, so that both doors say the same of an error. What a
//! client of gRPC has no field for is in the metadata, and in `grpc-status-details-bin` in the messages
//! that Google's APIs use (`google.rpc.Status`, `ErrorInfo`, `RetryInfo`), which libraries know.

use bytes::Bytes;
use http::HeaderName;
use prost::Message as _;
use tonic::metadata::MetadataMap;
use tonic::{Code as Kind, Status};
use troupe_core::view::{StreamEnd, StreamEndReason};
use troupe_core::{Code, Error, limits};

use crate::problem;

/// The metadata that says the stable code.
pub(super) static CODE: HeaderName = HeaderName::from_static("troupe-code");

/// The metadata that says after how many milliseconds the same call may succeed.
const RETRY_AFTER: &str = "retry-after-ms";

/// The metadata that says where a stream goes on.
const RESUME: &str = "troupe-resume";

/// Most that is told of the facts of an error, in bytes: clients take 8 KiB of metadata in all, and what
/// is left out here REST tells.
const FACTS_BYTES_MAX: usize = 2 * 1024;

/// Longest message, in characters, for the same reason.
const MESSAGE_CHARS_MAX: usize = 1_000;

/// What an error is for a client of gRPC.
///
/// | HTTP | status | |
/// |---|---|---|
/// | 400, 415, 422 | INVALID_ARGUMENT | the request is wrong and stays wrong |
/// | 401 | UNAUTHENTICATED | |
/// | 403 | PERMISSION_DENIED | |
/// | 404 | NOT_FOUND | |
/// | 405 | UNIMPLEMENTED | |
/// | 409 | FAILED_PRECONDITION | how things stand must change first |
/// | 413, 429 | RESOURCE_EXHAUSTED | `retry-after-ms` is there where it is worth while to come again |
/// | 502 | UNKNOWN | the agent failed |
/// | 503 | UNAVAILABLE | |
/// | 504 | DEADLINE_EXCEEDED | |
/// | else | INTERNAL | |
fn kind(status: u16) -> Kind {
    match status {
        400 | 415 | 422 => Kind::InvalidArgument,
        401 => Kind::Unauthenticated,
        403 => Kind::PermissionDenied,
        404 => Kind::NotFound,
        405 => Kind::Unimplemented,
        409 => Kind::FailedPrecondition,
        413 | 429 => Kind::ResourceExhausted,
        502 => Kind::Unknown,
        503 => Kind::Unavailable,
        504 => Kind::DeadlineExceeded,
        _ => Kind::Internal,
    }
}

/// The status of an error.
pub(super) fn of(error: &Error) -> Status {
    problem::log(error);
    let kind = match error.code {
        // There is no such call.
        Code::RouteNotFound => Kind::Unimplemented,
        _ => kind(problem::status(error).as_u16()),
    };
    let retry_after = problem::is_refusal(error).then(|| problem::retry_after_ms(error));
    let mut metadata = MetadataMap::new();
    let mut say = |name: &'static str, value: &str| {
        if let Ok(value) = value.parse() {
            metadata.insert(name, value);
        }
    };
    say("troupe-code", error.code.as_str());
    if let Some(ms) = retry_after {
        say(RETRY_AFTER, &ms.to_string());
    }
    if let Some(resume) = error.details.get("resume").and_then(|resume| resume.as_str()) {
        say(RESUME, resume);
    }
    let message = match error.message.char_indices().nth(MESSAGE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", error.message.get(..end).unwrap_or_default()),
        None => error.message.clone(),
    };
    let details = details(kind, &message, error, retry_after);
    Status::with_details_and_metadata(kind, message, details, metadata)
}

/// The error for a message that the library could not read, by what it says of it.
pub(super) fn unread(said: Kind) -> Error {
    match said {
        Kind::OutOfRange => {
            let most = limits::bytes(limits::REQUEST_BYTES_MAX as u64);
            Error::new(Code::LimitRequest, format!("the message is larger than {most}"))
        }
        Kind::Internal => {
            let message = "the message is not of the form that the contract has, or is compressed; send it as it is";
            Error::new(Code::RequestInvalid, message)
        }
        _ => Error::new(Code::RequestInvalid, "the message did not arrive whole and in time"),
    }
}

/// The status of a stream that has told its end, if that was not all there is.
pub(super) fn of_end(end: &StreamEnd) -> Option<Status> {
    let (code, message) = match end.reason {
        StreamEndReason::Done => return None,
        StreamEndReason::HostStopping => {
            (Code::UnavailableHost, "the host is shutting down; go on where the stream was when it is back")
        }
        StreamEndReason::Refused => {
            (Code::AuthInvalid, "the caller is let in no more; come with a token that this host takes")
        }
        StreamEndReason::Slow => {
            (Code::LimitDeadline, "nothing of the stream was taken for too long; go on where it was, and read on")
        }
        _ => (Code::UnavailableStore, "the host cannot read what comes next; go on where the stream was"),
    };
    let error = Error::new(code, message);
    Some(of(&match &end.resume {
        Some(resume) => error.with("resume", resume.as_str()),
        None => error,
    }))
}

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, prost::Message)]
struct Details {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<prost_types::Any>,
}

/// `google.rpc.ErrorInfo`.
#[derive(Clone, PartialEq, prost::Message)]
struct ErrorInfo {
    #[prost(string, tag = "1")]
    reason: String,
    #[prost(string, tag = "2")]
    domain: String,
    #[prost(btree_map = "string, string", tag = "3")]
    metadata: std::collections::BTreeMap<String, String>,
}

/// `google.rpc.RetryInfo`.
#[derive(Clone, PartialEq, prost::Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<prost_types::Duration>,
}

fn any(name: &str, message: &impl prost::Message) -> prost_types::Any {
    prost_types::Any { type_url: format!("type.googleapis.com/google.rpc.{name}"), value: message.encode_to_vec() }
}

fn details(kind: Kind, message: &str, error: &Error, retry_after: Option<u64>) -> Bytes {
    let mut facts = std::collections::BTreeMap::from([("code".to_owned(), error.code.as_str().to_owned())]);
    let mut room = FACTS_BYTES_MAX;
    for (name, value) in &error.details {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        match room.checked_sub(name.len() + text.len()) {
            Some(left) => {
                room = left;
                facts.insert(name.clone(), text);
            }
            None => continue,
        }
    }
    // As the style of these messages has it: `AGENT_NOT_FOUND`.
    let reason = error.code.as_str().replace('.', "_").to_uppercase();
    let mut details = vec![any("ErrorInfo", &ErrorInfo { reason, domain: "troupe".to_owned(), metadata: facts })];
    details.extend(retry_after.map(|ms| {
        let seconds = i64::try_from(ms / 1_000).unwrap_or(i64::MAX);
        let nanos = i32::try_from(ms % 1_000 * 1_000_000).unwrap_or_default();
        any("RetryInfo", &RetryInfo { retry_delay: Some(prost_types::Duration { seconds, nanos }) })
    }));
    Details { code: kind as i32, message: message.to_owned(), details }.encode_to_vec().into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn every_code_has_the_status_of_its_family_and_says_itself() {
        let mut families: BTreeMap<String, Kind> = BTreeMap::new();
        for code in Code::ALL {
            let error = Error::new(*code, "it did not work");
            let status = of(&error);
            assert_eq!(status.metadata().get("troupe-code").unwrap(), code.as_str());
            assert_ne!(status.code(), Kind::Ok);
            let http = problem::status(&error);
            // One status of HTTP is one of gRPC, but for a call that there is none of.
            if *code != Code::RouteNotFound {
                assert_eq!(*families.entry(http.to_string()).or_insert(status.code()), status.code(), "{code}");
            }
            assert_eq!(status.code() == Kind::Internal, http.as_u16() == 500, "{code}");
            let details = Details::decode(status.details()).unwrap();
            assert_eq!((details.code, details.message.as_str()), (status.code() as i32, "it did not work"));
            let info = ErrorInfo::decode(&*details.details[0].value).unwrap();
            assert_eq!((info.metadata["code"].as_str(), info.domain.as_str()), (code.as_str(), "troupe"));
            let may_come_again = status.metadata().get(RETRY_AFTER).is_some();
            assert_eq!(may_come_again, matches!(http.as_u16(), 429 | 503), "{code}");
            assert_eq!(details.details.len(), 1 + usize::from(may_come_again));
        }
        assert_eq!(families.len(), 14, "{families:?}");
    }

    #[test]
    fn what_is_told_of_an_error_fits_the_metadata_that_clients_take() {
        let error =
            Error::new(Code::InputInvalid, "é".repeat(10_000)).with("place", "x".repeat(10_000)).with("at", "/a");
        let status = of(&error);
        assert!(status.message().len() < 2_100);
        let details = Details::decode(status.details()).unwrap();
        let info = ErrorInfo::decode(&*details.details[0].value).unwrap();
        assert_eq!(info.metadata.get("place"), None);
        assert_eq!(info.metadata["at"], "/a");
    }

    #[test]
    fn an_end_says_where_to_go_on() {
        let end = |reason| of_end(&StreamEnd { reason, resume: Some("1.2".to_owned()) });
        assert!(end(StreamEndReason::Done).is_none());
        let stopping = end(StreamEndReason::HostStopping).unwrap();
        assert_eq!(
            (stopping.code(), stopping.metadata().get(RESUME).unwrap().as_bytes()),
            (Kind::Unavailable, &b"1.2"[..])
        );
        assert_eq!(end(StreamEndReason::Refused).unwrap().code(), Kind::Unauthenticated);
    }
}
