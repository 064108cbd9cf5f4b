//! The operator's session: a release on its way to traffic.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;
use troupe_tests::command::run_on;
use troupe_tests::{Client, guests};

use super::{session, shape, words};
use crate::{PROGRAM, empty_host};

const SECTION: &str = "A release on its way to traffic";

/// Calls that are under way at once.
const CALLERS: usize = 4;

/// Calls on record before the session begins: more than its longest rehearsal repeats.
const RECORDED: u64 = 520;

/// Calls of `trial` go on until this is dropped.
struct Callers {
    is_over: Arc<AtomicBool>,
    made: Arc<AtomicU64>,
}

impl Callers {
    fn begin(client: &Client) -> Self {
        let callers = Self { is_over: Arc::default(), made: Arc::default() };
        for _ in 0..CALLERS {
            let (client, is_over, made) = (client.clone(), callers.is_over.clone(), callers.made.clone());
            tokio::spawn(async move {
                while !is_over.load(Ordering::Relaxed) {
                    let number = made.fetch_add(1, Ordering::Relaxed);
                    client.run("trial", "work", json!({ "number": number })).await.of(200);
                }
            });
        }
        callers
    }

    async fn have_made(&self, calls: u64) {
        while self.made.load(Ordering::Relaxed) < calls {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Callers {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_session_of_an_operator_goes_as_the_readme_shows_it() {
    let trial = &guests().trial;
    let host = empty_host().await;
    let client = host.client();
    client.publish(trial.archive("1.0.0")).await.of(201);
    client.swap("trial", "1.0.0").await.of(200);
    let next = trial.configured(&json!({ "ms": 40 })).asking(json!({ "state": { "bytes": "1 MiB", "keys": 100 } }));
    std::fs::write(host.dir().join("trial.tar"), next.archive("1.1.0")).unwrap();
    let callers = Callers::begin(&client);
    callers.have_made(RECORDED).await;

    let (mut delta, mut went) = (String::new(), String::new());
    let mut differences = Vec::new();
    for (command, shown) in session(SECTION) {
        let mut words = words(&command);
        // A folder is built first, which takes a compiler: what it makes is at hand.
        if let [verb, agent, ..] = &mut words[..]
            && verb == "publish"
        {
            agent.push_str(".tar");
        }
        if let Some(at) = words.iter().position(|word| word == "--delta") {
            words[at + 1].clone_from(&delta);
        }
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let said = run_on(PROGRAM, &host, &words).await;
        let said = format!("{}{}", said.err, said.out);
        if let Some((_, digest)) = said.split_once("--delta ") {
            delta = digest.split('`').next().unwrap_or_default().trim().to_owned();
            delta.truncate("sha256:".len() + 64);
        }
        let typed = words.join(" ").replace("trial.tar", "trial");
        went.push_str(&format!("$ troupe {typed}\n{said}"));
        if shape(&shown) != shape(&said) {
            differences.push(format!("`troupe {command}`\nshown: {:#?}\nsaid: {:#?}", shape(&shown), shape(&said)));
        }
    }
    drop(callers);
    println!("{went}");
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
