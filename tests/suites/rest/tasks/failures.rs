//! How a skill's own failures are told.

use insta::assert_snapshot;
use serde_json::{Value, json};
use troupe_tests::redacted_json;

use crate::host;

/// The failure of `fail` with a kind.
async fn failure(kind: &str, code: &str) -> Value {
    let host = host().await;
    let answer = host.client().run("echo", "fail", json!({ "kind": kind })).await;
    assert_eq!(answer.of(200)["status"], "failed");
    assert!(answer.header("troupe-release").is_some(), "a failure names its release too");
    answer.failure(code)
}

#[tokio::test]
async fn a_denied_call_is_told_with_its_facts() {
    assert_snapshot!(redacted_json(&failure("denied", "denied.capability").await), @r#"
    {
      "code": "denied.capability",
      "message": "the grant `nothing` is missing",
      "retryable": false,
      "details": {
        "grant": "nothing"
      }
    }
    "#);
}

#[tokio::test]
async fn an_input_that_the_skill_itself_refuses_is_told_with_its_facts() {
    assert_snapshot!(redacted_json(&failure("invalid-input", "input.invalid").await), @r#"
    {
      "code": "input.invalid",
      "message": "this kind is not welcome",
      "retryable": false,
      "details": {
        "path": "kind"
      }
    }
    "#);
}

#[tokio::test]
async fn what_is_unavailable_says_when_to_try_again() {
    assert_snapshot!(redacted_json(&failure("unavailable", "guest.unavailable").await), @r#"
    {
      "code": "guest.unavailable",
      "message": "nobody is at home",
      "retryable": true,
      "details": {
        "retry_after_ms": 1500
      }
    }
    "#);
}

#[tokio::test]
async fn a_plain_failure_is_told_with_its_facts() {
    assert_snapshot!(redacted_json(&failure("failed", "guest.failed").await), @r#"
    {
      "code": "guest.failed",
      "message": "it did not work",
      "retryable": false,
      "details": {
        "answer": 42
      }
    }
    "#);
}

#[tokio::test]
async fn a_skill_that_the_guest_does_not_know_is_not_found() {
    assert_snapshot!(redacted_json(&failure("unknown-skill", "skill.not_found").await), @r#"
    {
      "code": "skill.not_found",
      "message": "the agent has no skill `other`",
      "retryable": false
    }
    "#);
}

#[tokio::test]
async fn an_output_that_breaks_its_schema_never_reaches_the_caller() {
    let failure = failure("bad-output", "output.invalid").await;
    assert_snapshot!(redacted_json(&failure), @r#"
    {
      "code": "output.invalid",
      "message": "the agent's output breaks the schema: \"not a number\" is not of type \"object\"",
      "retryable": false,
      "details": {
        "faults": [
          {
            "path": "",
            "message": "\"not a number\" is not of type \"object\""
          }
        ]
      }
    }
    "#);
}
