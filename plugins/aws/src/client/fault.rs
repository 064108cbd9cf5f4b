//! What an error of AWS means.
//!
//! | sign | kind |
//! |---|---|
//! | the host denied the request; status 401 or 403; a code about identity or permission | denied |
//! | status 404 or 405 not in the service's form; status 500 with an HTML page; status 501; an unknown operation | not available |
//! | status 429; a code about too many requests | throttled |
//! | anything else | failed |
//!
//! Throttled requests are tried again, as are errors that say that they are the service's
//! own, and answers that never came. An HTML page with status 500 is how a web framework
//! says that nobody wrote what was asked for; AWS's services answer in their own form, or
//! with nothing.

use std::time::Duration;

use serde_json::Value;
use troupe_cloud::{Faults, SILENT, SPENT, silence, transport};
use troupe_sdk::http::{Again, HttpError, Response};

use super::CREDENTIAL;
use crate::model::ProblemKind;
use crate::protocol::xml;

/// Our code for more than can be compared.
pub const TOO_MANY: &str = "too_many";

/// Codes about too many requests.
const THROTTLING: [&str; 13] = [
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "Throttled",
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "TooManyRequestsException",
];

/// Codes about identity and permission that do not come with status 401 or 403 alone.
const DENYING: [&str; 18] = [
    "AccessDenied",
    "AccessDeniedException",
    "AuthFailure",
    "Blocked",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "NotAuthorized",
    "OptInRequired",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnauthorizedOperation",
    "UnrecognizedClientException",
];

/// Those of them about keys that were good and are no longer, or are dated by a clock that is wrong.
const EXPIRED: [&str; 3] = ["ExpiredToken", "ExpiredTokenException", "RequestExpired"];

/// Codes of an endpoint that does not know what it is asked for.
const MISSING: [&str; 5] =
    ["InvalidAction", "NotImplemented", "UnknownOperationException", "UnsupportedOperation", "NotYetImplemented"];

/// Codes by which a service says that the fault is its own.
const PASSING: [&str; 8] = [
    "InternalError",
    "InternalFailure",
    "InternalServerError",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServiceException",
    "ServiceUnavailable",
    "Unavailable",
];

/// Why there is no answer that can be used.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// What it means for whoever asked.
    pub kind: ProblemKind,
    /// The service's code, or our own in lower case.
    pub code: String,
    /// One sentence.
    pub message: String,
    again: Again,
}

impl Fault {
    /// An answer came that is not what the service promises.
    pub fn unreadable(why: impl std::fmt::Display) -> Self {
        Self::of_ours("unreadable", why)
    }

    /// There is more than can be compared.
    pub fn too_many(bytes_max: usize) -> Self {
        let most = bytes_max / (1024 * 1024);
        Self::of_ours(
            TOO_MANY,
            format!(
                "there are resources of more than {most} MiB, the most that are compared in memory at once, so none of \
                 these are told: ask for this service in this region alone; `inventory` leaves any number as artefacts"
            ),
        )
    }

    /// A list may go on where it ends.
    pub fn cut_off(items: usize) -> Self {
        Self::of_ours("cut_off", format!("the list ends after the {items} items asked for, so there may be more"))
    }

    /// The partition does not have the service.
    pub fn no_endpoint() -> Self {
        Self::not_available("no_endpoint", "this partition of AWS does not have the service")
    }

    /// Nobody knows whether something is the account's.
    pub fn whose() -> Self {
        let why =
            "the account's number is not known, so this may be another's that is shared with it; `owner` says whose";
        Self::of_ours("unknown_account", why)
    }

    /// An answer came of which a part is missing, or not told.
    pub fn partial(code: &str, why: impl std::fmt::Display) -> Self {
        Self::of_ours(code, why)
    }

    /// There is nothing of the kind to be had.
    pub fn not_available(code: &str, why: impl std::fmt::Display) -> Self {
        Self { kind: ProblemKind::NotAvailable, ..Self::of_ours(code, why) }
    }

    fn of_ours(code: &str, why: impl std::fmt::Display) -> Self {
        Self { kind: ProblemKind::Failed, code: code.to_owned(), message: why.to_string(), again: Again::No }
    }
}

impl Faults for Fault {
    fn check(answer: Response) -> Result<Response, Self> {
        check(answer)
    }

    fn of_transport(error: &HttpError) -> Self {
        let (kind, code) = transport(error);
        Self { kind, code: code.to_owned(), again: error.again(), message: error.to_string() }
    }

    fn late() -> Self {
        Self::of_ours("deadline", "the time was over; ask for fewer regions or services at once, or allow more time")
    }

    fn silent(place: &str, times: u32, time: Duration) -> Self {
        Self::of_ours(SILENT, silence(place, times, time))
    }

    fn spent() -> Self {
        let why = "answers have as much together as those of one task may; ask for fewer regions or services at once";
        Self::of_ours(SPENT, why)
    }

    fn again(&self) -> Again {
        self.again
    }

    fn is_throttled(&self) -> bool {
        self.kind == ProblemKind::Throttled
    }
}

/// Returns an answer of the 200s, or the fault it carries.
fn check(answer: Response) -> Result<Response, Fault> {
    let status = answer.status();
    if (200..300).contains(&status) {
        return Ok(answer);
    }
    let later = answer.retry_after().map_or(Again::Yes, Again::After);
    let Some((code, message)) = told(&answer) else {
        let (kind, again) = match status {
            401 | 403 => (ProblemKind::Denied, Again::No),
            429 => (ProblemKind::Throttled, later),
            404 | 405 | 501 => (ProblemKind::NotAvailable, Again::No),
            500 if is_page(&answer) => (ProblemKind::NotAvailable, Again::No),
            // What stands before a service answers so while it is away.
            500 | 502..=504 => (ProblemKind::Failed, later),
            _ => (ProblemKind::Failed, Again::No),
        };
        let message = format!("the endpoint answered status {status}, and not as the service does");
        return Err(Fault { kind, code: format!("http_{status}"), message, again });
    };
    let is = |codes: &[&str]| codes.contains(&code.as_str());
    let message = if is(&EXPIRED) { format!("{message}{}", expired(&message)) } else { message };
    let (kind, again) = if status == 429 || is(&THROTTLING) {
        (ProblemKind::Throttled, later)
    } else if is(&DENYING) {
        (ProblemKind::Denied, Again::No)
    } else if status == 501 || is(&MISSING) {
        (ProblemKind::NotAvailable, Again::No)
    } else if matches!(status, 500 | 502..=504) || is(&PASSING) {
        (ProblemKind::Failed, later)
    } else if matches!(status, 401 | 403) {
        (ProblemKind::Denied, Again::No)
    } else {
        (ProblemKind::Failed, Again::No)
    };
    Err(Fault { kind, code, message, again })
}

/// What to do about keys that have expired, after what the service says.
fn expired(message: &str) -> String {
    let end = if message.ends_with('.') { "" } else { "." };
    format!(
        "{end} Give the host new keys for the credential `{CREDENTIAL}`, or a role whose keys it renews itself \
         (`role_arn` in credentials.toml), and see that its clock is right"
    )
}

/// Reads code and message in any of the protocols' forms.
fn told(answer: &Response) -> Option<(String, String)> {
    let body = answer.text().ok()?.trim();
    if body.starts_with('<') { told_by_xml(body) } else { told_by_json(answer, body) }
}

fn told_by_xml(body: &str) -> Option<(String, String)> {
    let document = xml::parse(body).ok()?;
    let error = xml::root(&document).find("Error");
    let code = error.text("Code")?.to_owned();
    Some((code, error.text("Message").unwrap_or_default().to_owned()))
}

fn told_by_json(answer: &Response, body: &str) -> Option<(String, String)> {
    let told: Value = serde_json::from_str(body).unwrap_or_default();
    let first = |names: &[&str]| names.iter().find_map(|name| told.get(name)?.as_str());
    // `com.amazonaws.dynamodb.v20120810#ResourceNotFoundException` and
    // `ResourceNotFoundException:http://internal.amazon.com/…` are both in use.
    let code = answer.header("x-amzn-errortype").or_else(|| first(&["__type", "code", "Code", "ErrorCode"]))?;
    let code = code.split(':').next().unwrap_or_default();
    let code = code.rsplit('#').next().unwrap_or_default();
    let message = first(&["message", "Message", "errorMessage"]).unwrap_or_default();
    (!code.is_empty()).then(|| (code.to_owned(), message.to_owned()))
}

/// Reports whether an answer is an HTML page.
fn is_page(answer: &Response) -> bool {
    let body = answer.text().unwrap_or_default().trim_start().as_bytes();
    ["<!doctype html", "<html"]
        .iter()
        .any(|start| body.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start.as_bytes())))
}
