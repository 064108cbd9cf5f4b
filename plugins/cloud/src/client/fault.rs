//! What an error of a cloud means.
//!
//! Azure says `{"error": {"code": "AuthorizationFailed", "message": …}}`, an older service of it the same without
//! `error` around it; Google says `{"error": {"code": 403, "status": "PERMISSION_DENIED", "message": …,
//! "details": [{"reason": "SERVICE_DISABLED"}]}}`, and an older service `"errors": [{"reason": …}]`. The most exact
//! word there is, is the code: the reason, else the status, else the code.
//!
//! | sign | kind |
//! |---|---|
//! | a code that `data/codes.json` knows | what it says there |
//! | the host denied the request; status 401 or 403 | denied |
//! | status 501; status 404 or 405 that is not in the cloud's form | not available |
//! | status 429 | throttled |
//! | anything else | failed |
//!
//! Throttled requests are tried again, as are statuses that say that the fault is the service's own, and answers
//! that never came.

use std::time::Duration;

use serde_json::Value;
use troupe_estate::ProblemKind;
use troupe_sdk::http::{Again, HttpError, Response};

use super::asking::Faults;
use super::codes;

/// Most characters of a message that are kept. Some services put a whole page into it, and a row is kept for each of
/// thousands of resources.
const MESSAGE_CHARS_MAX: usize = 1_000;

/// Why there is no answer that can be used.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// What it means for whoever asked.
    pub kind: ProblemKind,
    /// The cloud's code, or our own in lower case.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// The answer's status, if there was an answer.
    pub status: Option<u16>,
    again: Again,
}

impl Fault {
    /// An answer came that is not what the service promises.
    pub fn unreadable(why: impl std::fmt::Display) -> Self {
        Self::of_ours("unreadable", why)
    }

    /// A fault that the agent found itself; its code is in lower case. It is not tried again.
    pub fn of_ours(code: &str, why: impl std::fmt::Display) -> Self {
        let (code, message) = (code.to_owned(), why.to_string());
        Self { kind: ProblemKind::Failed, code, message, status: None, again: Again::No }
    }

    /// Reports whether the cloud says, in its own form, that there is no such thing: often that is an answer.
    pub fn is_absent(&self) -> bool {
        self.status == Some(404) && self.kind == ProblemKind::Failed
    }
}

impl Faults for Fault {
    fn check(answer: Response) -> Result<Response, Self> {
        check(answer)
    }

    fn of_transport(error: &HttpError) -> Self {
        let (kind, code) = transport(error);
        Self { kind, code: code.to_owned(), message: error.to_string(), status: None, again: error.again() }
    }

    fn late() -> Self {
        Self::of_ours("deadline", "the time was over; ask for less at once, or allow more time")
    }

    fn silent(place: &str, times: u32, time: Duration) -> Self {
        Self::of_ours(SILENT, silence(place, times, time))
    }

    fn spent() -> Self {
        Self::of_ours(SPENT, "answers have as much together as those of one task may; ask for less at once")
    }

    fn again(&self) -> Again {
        self.again
    }

    fn is_throttled(&self) -> bool {
        self.kind == ProblemKind::Throttled
    }
}

/// The code of what was not asked since its place is silent.
pub const SILENT: &str = "silent";

/// The code of what was not asked since there is no room for its answer.
pub const SPENT: &str = "spent";

/// Says why something was not asked.
pub fn silence(place: &str, times: u32, time: Duration) -> String {
    let seconds = time.as_secs();
    format!(
        "{place} left requests without an answer for {seconds} s, {times} times in a row, so it was not asked for \
         this; ask for it later, or without it"
    )
}

/// What it means that no answer came, and our code for it.
pub const fn transport(error: &HttpError) -> (ProblemKind, &'static str) {
    match error {
        HttpError::Denied(_) => (ProblemKind::Denied, "denied"),
        HttpError::Timeout(_) => (ProblemKind::Failed, "timeout"),
        HttpError::Unreachable(_) => (ProblemKind::Failed, "unreachable"),
        HttpError::TooLarge(_) => (ProblemKind::Failed, "too_large"),
        _ => (ProblemKind::Failed, "failed"),
    }
}

/// Returns an answer of the 200s, or the fault it carries.
fn check(answer: Response) -> Result<Response, Fault> {
    let status = answer.status();
    if (200..300).contains(&status) {
        return Ok(answer);
    }
    let told = told(&answer);
    let kind = match (told.as_ref().and_then(|(code, _)| codes::kind_of(code)), status) {
        // A service that asks for patience says so by its status, whatever it calls it.
        (_, 429) => ProblemKind::Throttled,
        (Some(kind), _) => kind,
        (None, 401 | 403) => ProblemKind::Denied,
        (None, 501) => ProblemKind::NotAvailable,
        (None, 404 | 405) if told.is_none() => ProblemKind::NotAvailable,
        (None, _) => ProblemKind::Failed,
    };
    let may_pass = kind == ProblemKind::Throttled
        || (kind == ProblemKind::Failed && matches!(status, 408 | 500 | 502 | 503 | 504));
    let again = match wait(&answer) {
        _ if !may_pass => Again::No,
        Some(time) => Again::After(time),
        None => Again::Yes,
    };
    let (code, message) = told.unwrap_or_else(|| {
        let message = format!("the endpoint answered status {status}, and not as the service does");
        (format!("http_{status}"), message)
    });
    Err(Fault { kind, code, message, status: Some(status), again })
}

/// How long the service asks to wait. Beside `retry-after`, Azure's Cost Management has headers of its own whose
/// names end so, and Resource Graph says when its quota is whole again, as `HH:MM:SS`.
fn wait(answer: &Response) -> Option<Duration> {
    let seconds = |value: &str| value.trim().parse().ok().map(Duration::from_secs);
    let clock = |value: &str| {
        let mut parts = value.trim().split(':').map(|part| part.parse::<u64>().ok());
        let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
        let minutes = hours.saturating_mul(60).saturating_add(minutes);
        Some(Duration::from_secs(minutes.saturating_mul(60).saturating_add(seconds)))
    };
    answer
        .headers()
        .iter()
        .filter_map(|(name, value)| match name.to_ascii_lowercase().as_str() {
            "x-ms-user-quota-resets-after" => clock(value),
            name if name.ends_with("retry-after") => seconds(value),
            _ => None,
        })
        .max()
}

/// The beginning of a long text.
fn shortened(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(MESSAGE_CHARS_MAX) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// Reads code and message in any of the forms.
fn told(answer: &Response) -> Option<(String, String)> {
    let told: Value = serde_json::from_str(answer.text().ok()?).ok()?;
    // Some of Google's endpoints that answer in a stream put the error into a list.
    let told = told.get(0).unwrap_or(&told);
    let error = ["error", "odata.error"].iter().find_map(|name| told.get(name)).unwrap_or(told);
    let text = |value: Option<&Value>| value.and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    let reason = |list: &str| {
        let reasons = error.get(list)?.as_array()?;
        reasons.iter().find_map(|one| text(one.get("reason")))
    };
    let code = reason("details")
        .or_else(|| reason("errors"))
        .or_else(|| text(error.get("status")))
        .or_else(|| text(error.get("code")))
        .or_else(|| text(Some(error)))?;
    let message = error.get("message").or_else(|| told.get("error_description"));
    let message = text(message).or_else(|| text(message.and_then(|message| message.get("value"))));
    Some((shortened(code), message.map(shortened).unwrap_or_default()))
}
