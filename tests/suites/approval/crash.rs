//! Killed while somebody decides about a release: it is decided or it is not, said once, and a swap
//! that waits goes on by itself or waits on.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};
use troupe_tests::{Answer, Client, Host, guests, seed};

use super::{reaches, swap_of};
use crate::faults::instant;
use crate::host;
use crate::postgres::Base;

/// How a decision is asked for, and what it is called once it is made.
#[derive(Clone, Copy)]
struct Decision {
    verb: &'static str,
    made: &'static str,
}

const APPROVE: Decision = Decision { verb: "approve", made: "approved" };
const REJECT: Decision = Decision { verb: "reject", made: "rejected" };

/// A release that asks for more than the one that serves, in code that is there already.
async fn publish(client: &Client, version: &str) {
    let api = format!("api-{}", version.replace('.', "-"));
    let asks = json!({ "http": [{ "id": api, "host": format!("{api}.example.com"), "methods": ["GET"] }] });
    let published = client.publish(guests().echo.asking(asks).archive(version)).await.of(201);
    assert_eq!(published["status"], "pending_approval");
}

/// Begins a swap that waits for approval, and then tries the release for as long as nobody decides.
async fn waiting(client: &Client, version: &str) -> String {
    let steps = json!([{ "weight": 1, "min_calls": 1_000_000, "min_seconds": 0 }]);
    let request = json!({ "version": version, "policy": { "canary": { "steps": steps } } });
    let swap = client.post("/api/v1/deployments/echo/swap", &request).await.of(202);
    let id = swap["id"].as_str().unwrap().to_owned();
    reaches(client, "echo", &id, "awaiting_approval").await;
    id
}

/// Decides about a release; nothing if the host dies before it says so.
async fn decide(client: &Client, decision: Decision, version: &str) -> Option<Answer> {
    let release = format!("/api/v1/agents/echo/releases/{version}");
    let mut request = json!({ "reason": "looked at" });
    if decision.verb == APPROVE.verb {
        let asked = client.request(reqwest::Method::GET, &format!("{release}/diff"));
        request["delta"] = client.try_send(asked).await.ok()?.of(200)["delta"].take();
    }
    let path = format!("{release}/{}", decision.verb);
    client.try_send(client.request(reqwest::Method::POST, &path).json(&request)).await.ok()
}

/// Everything on all pages of a list.
async fn all(client: &Client, path: &str) -> Vec<Value> {
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let page = client.get(&format!("{path}limit=500{after}")).await.of(200);
        all.extend(page["items"].as_array().unwrap().iter().cloned());
        let next = &page["next"];
        let Some(next) = next.as_str().map(str::to_owned).or_else(|| next.as_u64().map(|next| next.to_string())) else {
            return all;
        };
        after = format!("&after={next}");
    }
}

/// How often feed and audit tell that a release was decided about.
async fn told(client: &Client, decision: Decision, version: &str) -> (usize, usize) {
    let events = all(client, "/api/v1/feed?").await;
    let (kind, subject) = (format!("release.{}", decision.made), format!("release/echo@{version}"));
    let events = events.iter().filter(|event| event["type"] == kind && event["subject"] == subject).count();
    let records = all(client, &format!("/api/v1/audit?kind=release_{}&agent=echo&", decision.made)).await;
    (events, records.iter().filter(|record| record["version"] == version).count())
}

/// Checks that a decision was made whole or not at all, and goes on from there as an operator would;
/// returns whether it was.
async fn whole(client: &Client, decision: Decision, version: &str, swap: &str) -> bool {
    let approvals = all(client, "/api/v1/approvals?agent=echo&").await;
    let approval = approvals.iter().find(|approval| approval["version"] == version).unwrap();
    let is_made = approval["status"] == decision.made;
    assert!(is_made || approval["status"] == "pending", "{approval:#}");
    let once = usize::from(is_made);
    assert_eq!(told(client, decision, version).await, (once, once), "{approval:#}");
    if !is_made {
        assert_eq!(swap_of(client, "echo", swap).await["state"]["phase"], "awaiting_approval");
        decide(client, decision, version).await.unwrap().of(200);
    }
    let serves = client.run("echo", "version", json!({})).await.of(200);
    assert_eq!((&serves["status"], &serves["output"]["version"]), (&json!("completed"), &json!("1.0.0")));
    if decision.made == "approved" {
        let tried = reaches(client, "echo", swap, "canary").await;
        assert_eq!(tried["state"]["outcome"], Value::Null, "{tried:#}");
        let aborted = client.post(&format!("/api/v1/deployments/echo/swaps/{swap}/abort"), &Value::Null).await.of(200);
        assert_eq!(aborted["state"]["outcome"], "aborted");
    } else {
        let ended = reaches(client, "echo", swap, "ended").await;
        assert_eq!(ended["state"]["outcome"], "rejected", "{ended:#}");
    }
    assert_eq!(told(client, decision, version).await, (1, 1));
    is_made
}

/// Decides about a release, kills the host once `when` has come, and looks at what is there; returns
/// whether the decision is.
async fn killed(
    host: &mut Host,
    decision: Decision,
    version: &str,
    when: impl AsyncFnOnce(&Client, &str, &tokio::task::JoinHandle<Option<Answer>>),
) -> bool {
    let client = host.client();
    publish(&client, version).await;
    let swap = waiting(&client, version).await;
    let deciding = tokio::spawn({
        let (client, version) = (client.clone(), version.to_owned());
        async move { decide(&client, decision, &version).await }
    });
    when(&client, &swap, &deciding).await;
    host.dies().await;
    let acknowledged = deciding.await.unwrap().is_some_and(|answer| answer.status == 200);
    let is_made = whole(&host.client(), decision, version, &swap).await;
    assert!(is_made || !acknowledged, "a decision that was acknowledged is gone");
    is_made
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s11_a_decision_that_is_killed_at_any_instant_is_made_or_is_not() {
    killed_while_it_decides(host().await, seed::kills()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s11_a_decision_that_is_killed_at_any_instant_is_made_or_is_not_on_postgres() {
    let Some(base) = Base::new() else { return };
    killed_while_it_decides(base.host_with_echo().await, seed::kills_on_postgres()).await;
}

async fn killed_while_it_decides(mut host: Host, kills: usize) {
    let mut random = seed::seeded("decision");
    let mut window = Duration::MAX;
    for (number, decision) in [APPROVE, REJECT].into_iter().enumerate() {
        // A host that has just started does it more slowly, and each of these has.
        host.dies().await;
        let (client, version) = (host.client(), format!("1.1.{number}"));
        publish(&client, &version).await;
        let swap = waiting(&client, &version).await;
        let asked = Instant::now();
        decide(&client, decision, &version).await.unwrap().of(200);
        window = window.min(asked.elapsed());
        assert!(whole(&client, decision, &version, &swap).await);
    }
    let (window, mut made) = (window.mul_f64(1.5), 0);
    for kill in 0..kills {
        let after = instant(&mut random, window);
        let decision = [APPROVE, REJECT][kill % 2];
        let when = async |_: &Client, _: &str, _: &_| tokio::time::sleep(after).await;
        made += usize::from(killed(&mut host, decision, &format!("1.2.{kill}"), when).await);
    }
    println!("killed {kills} times within {window:?}: {made} decided, the rest not");
}

/// When a database's log was written last.
fn written(data_dir: &Path) -> Option<SystemTime> {
    std::fs::metadata(data_dir.join("troupe.db-wal")).and_then(|log| log.modified()).ok()
}

/// Waits for what is looked at again and again.
async fn until(step: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(30);
    while !is_so().await {
        assert!(Instant::now() < until, "a decision is never {step}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s11_an_approval_that_is_killed_at_each_of_its_steps_is_given_or_is_not() {
    let mut host = host().await;
    let data_dir = host.data_dir();
    for (number, step) in
        ["asked for", "on its way to the disk", "answered", "taken up", "tried"].into_iter().enumerate()
    {
        // So that what is written from here on lengthens the log.
        host.dies().await;
        let when = async |client: &Client, swap: &str, deciding: &tokio::task::JoinHandle<Option<Answer>>| {
            let before = written(&data_dir);
            let phase = async || swap_of(client, "echo", swap).await["state"]["phase"].clone();
            match step {
                "asked for" => {}
                "on its way to the disk" => until(step, async || written(&data_dir) > before).await,
                "answered" => until(step, async || deciding.is_finished()).await,
                "taken up" => until(step, async || phase().await != "awaiting_approval").await,
                _ => until(step, async || phase().await == "canary").await,
            }
        };
        let is_made = killed(&mut host, APPROVE, &format!("1.3.{number}"), when).await;
        println!("{step}: {}", if is_made { "given" } else { "not given" });
        assert!(is_made || number < 2, "{step}");
    }
}
