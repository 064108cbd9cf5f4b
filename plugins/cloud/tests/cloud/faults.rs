//! Each error is taken for what it is, in the words of the cloud.

use serde_json::{Value, json};
use troupe_cloud::Fault;
use troupe_sdk::http::{self, HttpError};
use troupe_sdk::prelude::*;
use troupe_sdk::test::{Answer, Host};

use crate::client::{URL, client};

fn fault(answer: Answer) -> Fault {
    let _host = Host::start().respond("GET", URL, answer);
    client().ask(http::get(URL)).wait().unwrap_err()
}

#[test]
fn each_error_is_taken_for_what_it_is() {
    let azure = |code: &str| json!({ "error": { "code": code, "message": "told" } });
    let google = |code: u16, status: &str, reason: Option<&str>| {
        let details: Vec<Value> = reason.into_iter().map(|reason| json!({ "reason": reason })).collect();
        json!({ "error": { "code": code, "status": status, "message": "told", "details": details } })
    };
    let old = |reason: &str| json!({ "error": { "code": 403, "message": "told", "errors": [{ "reason": reason }] } });
    for (status, body, kind, code) in [
        (403, azure("AuthorizationFailed"), "denied", "AuthorizationFailed"),
        (401, azure("ExpiredAuthenticationToken"), "denied", "ExpiredAuthenticationToken"),
        (403, azure("SomethingNew"), "denied", "SomethingNew"),
        (409, azure("MissingSubscriptionRegistration"), "not_available", "MissingSubscriptionRegistration"),
        (404, azure("InvalidResourceType"), "not_available", "InvalidResourceType"),
        (400, azure("NoRegisteredProviderFound"), "not_available", "NoRegisteredProviderFound"),
        (404, azure("ResourceNotFound"), "failed", "ResourceNotFound"),
        (429, azure("OperationNotAllowed"), "throttled", "OperationNotAllowed"),
        (503, azure("ServerTimeout"), "failed", "ServerTimeout"),
        (400, json!({ "code": "BadRequest", "message": "told" }), "failed", "BadRequest"),
        (400, json!({ "odata.error": { "code": "Odd", "message": { "value": "told" } } }), "failed", "Odd"),
        (403, google(403, "PERMISSION_DENIED", None), "denied", "PERMISSION_DENIED"),
        (403, google(403, "PERMISSION_DENIED", Some("SERVICE_DISABLED")), "not_available", "SERVICE_DISABLED"),
        (403, google(403, "PERMISSION_DENIED", Some("IAM_PERMISSION_DENIED")), "denied", "IAM_PERMISSION_DENIED"),
        (429, google(429, "RESOURCE_EXHAUSTED", Some("RATE_LIMIT_EXCEEDED")), "throttled", "RATE_LIMIT_EXCEEDED"),
        (401, google(401, "UNAUTHENTICATED", None), "denied", "UNAUTHENTICATED"),
        (404, google(404, "NOT_FOUND", None), "failed", "NOT_FOUND"),
        (503, google(503, "UNAVAILABLE", None), "failed", "UNAVAILABLE"),
        (403, old("accessNotConfigured"), "not_available", "accessNotConfigured"),
        (403, old("rateLimitExceeded"), "throttled", "rateLimitExceeded"),
        (403, json!([google(403, "PERMISSION_DENIED", None)]), "denied", "PERMISSION_DENIED"),
    ] {
        let fault = fault(Answer::json(status, &body));
        assert_eq!((fault.kind.name(), fault.code.as_str(), fault.message.as_str()), (kind, code, "told"), "{body}");
    }
}

#[test]
fn what_does_not_answer_as_a_cloud_does_is_told_by_its_status() {
    for (answer, kind, code) in [
        (Answer::text(403, "Forbidden"), "denied", "http_403"),
        (Answer::text(404, "<html>nginx</html>"), "not_available", "http_404"),
        (Answer::new(405), "not_available", "http_405"),
        (Answer::json(501, json!({})), "not_available", "http_501"),
        (Answer::new(429), "throttled", "http_429"),
        (Answer::new(502), "failed", "http_502"),
        (Answer::new(302), "failed", "http_302"),
        (Answer::error(HttpError::Denied("no grant".to_owned())), "denied", "denied"),
        (Answer::error(HttpError::Unreachable("gone".to_owned())), "failed", "unreachable"),
        (Answer::error(HttpError::TooLarge("long".to_owned())), "failed", "too_large"),
    ] {
        let fault = fault(answer.clone());
        assert_eq!((fault.kind.name(), fault.code.as_str()), (kind, code), "{answer:?}");
    }
    let _host = Host::start().respond("GET", URL, Answer::text(200, "not JSON"));
    assert_eq!(client().read::<Value>(http::get(URL)).wait().unwrap_err().code, "unreadable");
}

#[test]
fn absent_is_what_the_cloud_itself_says_is_not_there() {
    let absent = |status, body: &str| fault(Answer::text(status, body)).is_absent();
    assert!(absent(404, r#"{"error":{"code":"ManagementPolicyNotFound","message":""}}"#));
    assert!(!absent(404, "no such page"));
    assert!(!absent(404, r#"{"error":{"code":"InvalidResourceType","message":""}}"#));
    assert!(!absent(403, r#"{"error":{"code":"AuthorizationFailed","message":""}}"#));
}

#[test]
fn of_a_message_as_long_as_a_page_the_beginning_is_kept() {
    let long = "é".repeat(100_000);
    let fault = fault(Answer::json(400, json!({ "error": { "code": "BadRequest", "message": long } })));
    assert_eq!((fault.message.chars().count(), fault.message.ends_with('…')), (1_001, true));
}
