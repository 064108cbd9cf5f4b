//! A write that is on its way when its task is cut off: nobody can tell whether it took
//! effect, so the task ends in doubt and names it.

use std::time::Duration;

use serde_json::{Value, json};
use troupe_tests::Host;
use troupe_tests::server::Server;

use crate::host_that_sends;

/// A service that takes requests and never answers, and a host with an agent that may
/// send it any.
struct Silent {
    host: Host,
    server: Server,
}

impl Silent {
    async fn start() -> Self {
        let server = Server::silent().await;
        let host = host_that_sends(&server).await;
        Self { host, server }
    }

    /// Starts a task that sends one request, and waits until the service has it.
    async fn sent(&mut self, skill: &str, method: &str, timeout_ms: u64) -> String {
        let authority = format!("127.0.0.1:{}", self.server.port());
        let request = json!({ "method": method, "scheme": "http", "authority": authority, "path": "/orders" });
        let task = json!({
            "agent": "fetch", "skill": skill, "timeout_ms": timeout_ms,
            "input": { "requests": [request], "wait_ms": if skill == "abandon" { 500 } else { 0 } },
        });
        let task = self.host.client().post("/api/v1/tasks", &task).await.of(202);
        let requests = tokio::time::timeout(Duration::from_secs(20), self.server.came(1)).await.unwrap();
        assert!(requests[0].starts_with(&format!("{method} /orders HTTP/1.1\r\n")), "{requests:?}");
        task["id"].as_str().unwrap().to_owned()
    }

    async fn ended(&self, task: &str) -> Value {
        self.host.client().ended(task).await
    }

    /// Checks that a task is in doubt, and returns its failure's sentence.
    fn doubt(&self, task: &Value, ended_by: Option<&str>) -> String {
        assert_eq!((&task["status"], &task["failure"]["code"]), (&json!("in_doubt"), &json!("in_doubt")), "{task:#}");
        let details = &task["failure"]["details"];
        assert_eq!(details["call"], format!("http POST http://127.0.0.1:{}/orders", self.server.port()));
        assert_eq!(details["ended_by"].as_str(), ended_by);
        assert_eq!(task["failure"]["retryable"], json!(false));
        task["failure"]["message"].as_str().unwrap().replace(&self.server.port().to_string(), "[port]")
    }
}

#[tokio::test]
async fn a_write_under_way_at_the_deadline_leaves_its_task_in_doubt() {
    let mut silent = Silent::start().await;
    let task = silent.sent("fetch", "POST", 1_000).await;
    let sentence = silent.doubt(&silent.ended(&task).await, Some("limit.deadline"));
    insta::assert_snapshot!(sentence, @"the agent did not end within its 1000 ms; give the task a longer timeout; http POST http://127.0.0.1:[port]/orders was under way then: check whether it took effect before it is asked for again");
}

#[tokio::test]
async fn a_write_that_the_agent_did_not_wait_for_leaves_its_task_in_doubt_as_well() {
    let mut silent = Silent::start().await;
    let task = silent.sent("abandon", "POST", 2_000).await;
    silent.doubt(&silent.ended(&task).await, Some("limit.deadline"));
}

#[tokio::test]
async fn a_write_under_way_when_its_task_is_cancelled_leaves_it_in_doubt() {
    let mut silent = Silent::start().await;
    let task = silent.sent("fetch", "POST", 20_000).await;
    silent.host.client().post(&format!("/api/v1/tasks/{task}/cancel"), &Value::Null).await.of(200);
    let sentence = silent.doubt(&silent.ended(&task).await, Some("cancelled"));
    insta::assert_snapshot!(sentence, @"the task was cancelled; http POST http://127.0.0.1:[port]/orders was under way then: check whether it took effect before it is asked for again");
}

#[tokio::test]
async fn a_write_under_way_when_the_host_is_killed_leaves_its_task_in_doubt() {
    let mut silent = Silent::start().await;
    let task = silent.sent("fetch", "POST", 20_000).await;
    silent.host.kill().await;
    silent.host.start().await;
    let sentence = silent.doubt(&silent.ended(&task).await, None);
    insta::assert_snapshot!(sentence, @"http POST http://127.0.0.1:[port]/orders may have taken effect before the host stopped; check whether it did");
}

#[tokio::test]
async fn a_read_under_way_at_the_deadline_is_no_doubt() {
    let mut silent = Silent::start().await;
    let task = silent.sent("fetch", "GET", 1_000).await;
    let ended = silent.ended(&task).await;
    assert_eq!((&ended["status"], &ended["failure"]["code"]), (&json!("failed"), &json!("limit.deadline")));
}
