//! Killed while agents write to a service outside, whose requests are counted: what was sent
//! is not sent again, unless it carries a token by which the service can tell.

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};
use troupe_tests::server::Server;
use troupe_tests::{Client, seed};

use super::{came, instant, kill_after};
use crate::host_that_sends;

/// How long after the first request the host dies, at most.
const WINDOW: Duration = Duration::from_millis(600);

/// Requests that each task sends, one after another.
const STEPS: usize = 3;

/// Asks for tasks one after another until the host is gone; those it accepted, each with its
/// label. Every request of a task has a path of its own, made of the label and the step.
async fn flood(client: Client, port: u16, label: String, tokens: bool) -> Vec<(String, String)> {
    let mut accepted = Vec::new();
    for number in 0.. {
        let label = format!("{label}-{number}");
        let request = |step: usize| {
            let headers = if tokens { json!([["troupe-idempotency", "idempotency-key"]]) } else { json!([]) };
            let path = format!("/{label}/{step}");
            json!({ "method": "POST", "scheme": "http", "authority": format!("127.0.0.1:{port}"), "path": path, "headers": headers })
        };
        let input = json!({ "requests": (0..STEPS).map(request).collect::<Vec<_>>() });
        let task = json!({ "agent": "fetch", "skill": "one_by_one", "input": input });
        let sent = client.try_send(client.request(reqwest::Method::POST, "/api/v1/tasks").json(&task)).await;
        let Ok(answer) = sent else { break };
        accepted.push((answer.of(202)["id"].as_str().unwrap().to_owned(), label));
    }
    accepted
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_outside_happen_once_whenever_the_host_dies() {
    let server = Server::start().await;
    let mut host = host_that_sends(&server).await;
    let mut random = seed::seeded("write outside");
    let (mut completed, mut in_doubt, mut again) = (0, 0, 0);
    for kill in 0..seed::kills() {
        let after = instant(&mut random, WINDOW);
        let client = host.client();
        let floods: Vec<_> = [false, true]
            .map(|tokens| tokio::spawn(flood(client.clone(), server.port(), format!("{kill}-{tokens}"), tokens)))
            .into();
        kill_after(&mut host, after).await;
        let accepted: Vec<Vec<(String, String)>> = join_all(floods).await.into_iter().map(Result::unwrap).collect();
        let client = host.client();
        for (tokens, accepted) in [false, true].into_iter().zip(accepted) {
            for (id, label) in accepted {
                let task: Value = client.ended(&id).await;
                let came = came(&server);
                let of = |step: usize| came.get(&format!("/{label}/{step}")).cloned().unwrap_or_default();
                let all: Vec<Vec<String>> = (0..STEPS).map(of).collect();
                if tokens {
                    assert_eq!(task["status"], "completed", "{task:#}");
                    again += all.iter().filter(|sent| sent.len() > 1).count();
                    for sent in &all {
                        assert!(!sent.is_empty() && sent.iter().all(|token| *token == sent[0]), "{label}: {all:?}");
                    }
                } else {
                    assert!(["completed", "in_doubt"].contains(&task["status"].as_str().unwrap()), "{task:#}");
                    assert!(all.iter().all(|sent| sent.len() <= 1), "{label}: {all:?}");
                    let whole = all.iter().all(|sent| sent.len() == 1);
                    assert!(whole || task["status"] == "in_doubt", "{label}: {all:?} {task:#}");
                }
                completed += usize::from(task["status"] == "completed");
                in_doubt += usize::from(task["status"] == "in_doubt");
            }
        }
    }
    println!("{completed} tasks completed, {in_doubt} in doubt; {again} requests were sent again with their token");
}
