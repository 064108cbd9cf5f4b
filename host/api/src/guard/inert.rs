//! What an answer may do in a browser: nothing.
//!
//! *The attack:* what an agent calls itself, logs or answers is markup or a script, and a browser that opens
//! an answer of the API, or guesses its type, runs it as a page of this host; a page of another site shows one
//! in a frame; an address with an id in it is told on as a referrer. *The rule:* each answer says that nothing
//! in it is run or loaded, that its type is the one that it names, that nobody frames it, and that its address
//! is told to nobody. What has a policy of its own, as a page for people, keeps it. A program that calls by gRPC
//! is no browser, and is told none of this.

use axum::response::Response;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};
use http::{HeaderName, HeaderValue};

/// What is said of an answer that says nothing itself.
static SAID: [(HeaderName, HeaderValue); 4] = [
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
];

/// Says of an answer that it does nothing in a browser.
pub(super) fn inert(response: &mut Response) {
    let headers = response.headers_mut();
    if headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc")) {
        return;
    }
    for (name, value) in &SAID {
        headers.entry(name).or_insert_with(|| value.clone());
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;

    use super::*;

    fn told(answer: impl IntoResponse) -> Response {
        let mut response = answer.into_response();
        inert(&mut response);
        response
    }

    #[test]
    fn what_an_answer_says_itself_stays_and_a_call_of_grpc_is_told_nothing() {
        let answer = told("text");
        for (name, value) in &SAID {
            assert_eq!(&answer.headers()[name], value);
        }
        let own = [(CONTENT_SECURITY_POLICY, "default-src 'none'; form-action 'self'")];
        let answer = told((own, "page"));
        assert_eq!(answer.headers()[CONTENT_SECURITY_POLICY], "default-src 'none'; form-action 'self'");
        assert_eq!(answer.headers()[X_FRAME_OPTIONS], "DENY");
        let answer = told(([(CONTENT_TYPE, "application/grpc")], ""));
        assert_eq!(answer.headers().len(), 1, "{:?}", answer.headers());
    }
}
