//! Killed between performing a write outside and recording what came of it: the service that
//! gets the request ends the host there and then, or right after it has answered. What was
//! sent is sent again under the same token alone; else the task ends in doubt and names it.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::RngExt as _;
use serde_json::{Value, json};
use troupe_tests::server::{Server, Trap};
use troupe_tests::{Client, seed};

use super::came;
use crate::host_that_sends;

/// Kills for each of `TROUPE_KILLS`: these take no longer than a restart, and with the 30 of a
/// change that lands they are a hundred and eighty.
const KILLS_EACH: usize = 6;

/// Tasks under way when the host dies; every second one sends tokens.
const TASKS: usize = 4;

/// Requests that each task sends, one after another.
const STEPS: usize = 3;

/// Longest between an answer and the end of the host that gets it.
const ANSWERED_MAX: Duration = Duration::from_millis(3);

struct Accepted {
    id: String,
    label: String,
    tokens: bool,
}

/// Asks for tasks; those that the host accepted before it died.
async fn accepted(client: &Client, port: u16, kill: usize) -> Vec<Accepted> {
    let mut accepted = Vec::new();
    for number in 0..TASKS {
        let (label, tokens) = (format!("{kill}-{number}"), number % 2 == 0);
        let request = |step: usize| {
            let headers = if tokens { json!([["troupe-idempotency", "idempotency-key"]]) } else { json!([]) };
            json!({
                "method": "POST", "scheme": "http", "authority": format!("127.0.0.1:{port}"),
                "path": format!("/{label}/{step}"), "headers": headers,
            })
        };
        let input = json!({ "requests": (0..STEPS).map(request).collect::<Vec<_>>() });
        let task = json!({ "agent": "fetch", "skill": "one_by_one", "input": input });
        let sent = client.try_send(client.request(reqwest::Method::POST, "/api/v1/tasks").json(&task)).await;
        let Ok(answer) = sent else { break };
        accepted.push(Accepted { id: answer.of(202)["id"].as_str().unwrap().to_owned(), label, tokens });
    }
    accepted
}

/// Checks what became of a task; whether a request of it had come and was not on record.
fn check(task: &Value, sent: &Accepted, port: u16, came: &BTreeMap<String, Vec<String>>) -> bool {
    let path = |step: usize| format!("/{}/{step}", sent.label);
    let all: Vec<&[String]> = (0..STEPS).map(|step| came.get(&path(step)).map_or(&[][..], Vec::as_slice)).collect();
    if sent.tokens {
        assert_eq!(task["status"], "completed", "{task:#}");
        for requests in &all {
            assert!(!requests.is_empty() && !requests[0].is_empty(), "{}: {all:?}", sent.label);
            assert!(requests.iter().all(|token| *token == requests[0]), "{}: {all:?}", sent.label);
        }
        return all.iter().any(|requests| requests.len() > 1);
    }
    assert!(all.iter().all(|requests| requests.len() <= 1), "{}: {all:?}", sent.label);
    if task["status"] == "completed" {
        assert!(all.iter().all(|requests| requests.len() == 1), "{}: {all:?}", sent.label);
        return false;
    }
    // Those before it are done, it may be, and those after it were not begun.
    assert_eq!((&task["status"], &task["failure"]["code"]), (&json!("in_doubt"), &json!("in_doubt")), "{task:#}");
    let named = task["failure"]["details"]["call"].as_str().unwrap();
    let call = |step: usize| format!("http POST http://127.0.0.1:{port}{}", path(step));
    let step = (0..STEPS).find(|step| call(*step) == named).unwrap_or_else(|| panic!("{task:#}"));
    assert!(all[..step].iter().all(|requests| requests.len() == 1), "{}: {all:?}", sent.label);
    assert!(all[step + 1..].iter().all(|requests| requests.is_empty()), "{}: {all:?}", sent.label);
    all[step].len() == 1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_was_performed_and_not_recorded_is_in_doubt_or_repeated_under_its_token() {
    let server = Server::start().await;
    let mut host = host_that_sends(&server).await;
    let mut random = seed::seeded("performed");
    let wanted = KILLS_EACH * seed::kills();
    let (mut kills, mut between, mut in_doubt) = (0, 0, 0);
    while between < wanted {
        assert!(kills < 2 * wanted, "only {between} of {kills} kills came between a request and its record");
        let answered = (random.random_range(0..3) == 0).then(|| ANSWERED_MAX.mul_f64(random.random::<f64>()));
        server.trap(Trap { pid: host.pid(), after: random.random_range(0..TASKS * STEPS / 2), answered });
        let sent = accepted(&host.client(), server.port(), kills).await;
        host.died().await;
        host.comes_back().await;
        let mut caught = false;
        for sent in sent {
            let task = host.client().ended(&sent.id).await;
            caught |= check(&task, &sent, server.port(), &came(&server));
            in_doubt += usize::from(task["status"] == "in_doubt");
        }
        kills += 1;
        between += usize::from(caught);
    }
    println!("{kills} kills, {between} between a request and its record; {in_doubt} tasks in doubt");
}
