//! Seeing what agents there are.

use insta::assert_snapshot;
use troupe_tests::redacted_json;

use crate::{empty_host, host};

#[tokio::test]
async fn a_new_host_has_no_agents() {
    let host = empty_host().await;
    assert_snapshot!(redacted_json(&host.client().get("/api/v1/agents").await.of(200)), @r#"
    {
      "items": []
    }
    "#);
}

#[tokio::test]
async fn the_list_says_what_serves_and_what_is_newest() {
    let host = host().await;
    assert_snapshot!(redacted_json(&host.client().get("/api/v1/agents").await.of(200)), @r#"
    {
      "items": [
        {
          "name": "counter",
          "summary": "Keeps numbers and bytes in state.",
          "serving": "1.0.0",
          "newest": "1.0.0",
          "skills": [
            "sum",
            "increment",
            "get",
            "put",
            "put_bytes",
            "compare_and_set",
            "add",
            "put_for",
            "expire",
            "delete",
            "instance",
            "list"
          ]
        },
        {
          "name": "echo",
          "summary": "Answers what it was asked and who asked it.",
          "serving": "1.0.0",
          "newest": "2.0.0",
          "skills": [
            "echo",
            "version",
            "who",
            "sleep",
            "fail",
            "shout"
          ]
        },
        {
          "name": "hostile",
          "summary": "Misbehaves in one way a skill.",
          "serving": "1.0.0",
          "newest": "1.0.0",
          "skills": [
            "spin",
            "grow",
            "grow_gently",
            "recurse",
            "trap",
            "panic",
            "flood_progress",
            "flood_log",
            "flood_log_bytes",
            "flood_lines",
            "print_at_once",
            "huge_details",
            "random_after_refusal",
            "write_state",
            "forge_note",
            "huge_output",
            "host_calls",
            "handles",
            "environment",
            "open_file",
            "connect",
            "random",
            "stdout",
            "flood_stdout",
            "clock",
            "hoard_answers",
            "hoard_trailers",
            "backtrack",
            "sleep",
            "print",
            "wait_for_itself",
            "wait_for_many",
            "forge_handle",
            "mistake_handle",
            "read",
            "write",
            "headers"
          ]
        }
      ]
    }
    "#);
}

#[tokio::test]
async fn an_agent_shows_the_skills_of_the_release_that_serves() {
    let host = host().await;
    assert_snapshot!(redacted_json(&host.client().get("/api/v1/agents/counter").await.of(200)));
    let echo = host.client().get("/api/v1/agents/echo").await.of(200);
    assert_eq!((&echo["release"]["version"], &echo["newest"]), (&"1.0.0".into(), &"2.0.0".into()));
}

#[tokio::test]
async fn versions_are_listed_highest_first() {
    let host = host().await;
    assert_snapshot!(redacted_json(&host.client().get("/api/v1/agents/echo/versions").await.of(200)), @r#"
    {
      "items": [
        {
          "agent": "echo",
          "version": "2.0.0",
          "digest": "[digest]",
          "component": "[digest]",
          "published_at": "[time]"
        },
        {
          "agent": "echo",
          "version": "1.0.0",
          "digest": "[digest]",
          "component": "[digest]",
          "published_at": "[time]"
        }
      ]
    }
    "#);
}

#[tokio::test]
async fn an_agent_that_is_not_there_is_not_found_whatever_its_name() {
    let host = host().await;
    for path in ["/api/v1/agents/nobody", "/api/v1/agents/nobody/versions"] {
        let problem = host.client().get(path).await.problem(404, "agent.not_found");
        assert_eq!(problem["detail"], "there is no agent `nobody`; `troupe agents` lists those there are");
    }
    for name in ["..", "%2e%2e", "ECHO", "%00", "%1b%5b2J", "a%0ab"] {
        host.client().get(&format!("/api/v1/agents/x{name}")).await.problem(404, "agent.not_found");
    }
}
