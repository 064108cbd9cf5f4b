//! Journals that an earlier build of the host recorded, replayed by this one.
//!
//! ```text
//!                     host of then      this host
//!  journal of then    recorded          `a_journal_of_an_earlier_build_is_identical…`
//!  journal of now     -                 `tests/suites/replay/thousand.rs`
//! ```
//!
//! `tests/golden/NAME.json` holds all that a replay needs: skill, input, configuration, what
//! the journal's head fixed, each row as bytes in hexadecimal with what it says beside it, and
//! the end. A host that reads rows another way, numbers calls, draws random numbers or moves
//! clocks another way, or changes what a guest is told, fails here. The guests are built from
//! their sources by the toolchain that `rust-toolchain.toml` names; the digest is that of this
//! build, and the behaviour is the sources'.
//!
//! `TROUPE_GOLDEN=NAME,NAME cargo test --workspace --test suites -- replay::golden` records
//! these anew. That is right for one that is new, or when a guest's sources or the toolchain changed, and wrong when
//! the host did: then journals in the field would not replay either. The agents of `plugins/` are not among them:
//! what they ask and answer changes with each of their releases.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};
use troupe_core::view::{RanOn, TaskStatus};
use troupe_core::{AgentName, InstanceId, SystemClock, TaskId, TenantId, Timestamp};
use troupe_store::{Decided, JournalHead, JournalRow, NewInstanceRow, Store, TaskRow};
use troupe_tests::server::Server;
use troupe_tests::{Client, Host, root};

use super::{host_of_all, replay};

/// What is recorded: agent, skill, and input. Together they use every capability there is, one is
/// suspended, and one is for an instance.
fn asked(name: &str, server: &Server) -> (&'static str, &'static str, Value) {
    let authority = format!("127.0.0.1:{}", server.port());
    match name {
        "shout" => ("echo", "shout", json!({ "text": "you" })),
        "fetch" => {
            let get = |path: &str| json!({ "scheme": "http", "authority": authority, "path": path });
            ("fetch", "fetch", json!({ "requests": [get("/v1/bytes/40000"), get("/elsewhere"), get("/v1/a")] }))
        }
        "nights" => ("sleeper", "nights", json!({ "key": "n", "nights": 2, "ms": 7_000 })),
        "instance" => {
            let input = json!({
                "authority": authority, "steps": 120, "plain": true, "all": true, "instance": true,
            });
            ("weave", "weave", input)
        }
        "locks" => {
            let input = json!({
                "authority": authority, "steps": 120, "plain": true, "all": true, "instance": true, "locks": true,
            });
            ("weave", "weave", input)
        }
        "medley" => ("weave", "weave", json!({ "authority": authority, "steps": 120, "plain": true, "all": true })),
        _ => ("weave", "weave", json!({ "authority": authority, "steps": 150, "plain": true })),
    }
}

const NAMES: [&str; 7] = ["weave", "shout", "fetch", "medley", "nights", "instance", "locks"];

/// Whether a journal is to be recorded anew.
fn is_recorded_anew(name: &str) -> bool {
    std::env::var("TROUPE_GOLDEN").is_ok_and(|anew| anew.split(',').any(|anew| anew == name))
}

fn path(name: &str) -> PathBuf {
    root().join("tests/golden").join(format!("{name}.json"))
}

async fn store(host: &Host) -> Store {
    Store::open(&host.data_dir().join("troupe.db"), Arc::new(SystemClock)).await.unwrap()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(text: &Value) -> Vec<u8> {
    let digits = text.as_str().unwrap().as_bytes();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// Records one invocation, as the document of the file.
async fn record(host: &mut Host, name: &str, (agent, skill, input): (&str, &str, Value)) {
    let client = host.client();
    let task = if input["instance"] == true {
        client.run_for(&client.start_instance(agent).await, agent, skill, input.clone()).await.of(200)
    } else {
        client.run(agent, skill, input.clone()).await.of(200)
    };
    assert_eq!(task["status"], "completed", "{task:#}");
    let id = task["id"].as_str().unwrap();
    let says = calls(&client, id).await;
    let says = |number: u64| says.iter().find(|call| call["number"] == number).cloned();
    host.stop().await;
    let store = store(host).await;
    let (head, rows) = store.journal(&TenantId::default(), id.parse().unwrap(), 1).await.unwrap().unwrap();
    store.close().await;
    host.start().await;
    let row = |row: JournalRow| {
        let says = says(row.number).map(|call| format!("{} -> {}", call["call"], call["answer"]));
        json!({
            "number": row.number, "at_ms": row.at.as_millis(), "write": row.write, "says": says,
            "call": hexadecimal(&row.call), "answer": row.answer.map(|answer| hexadecimal(&answer)),
        })
    };
    let recorded = json!({
        "about": "an invocation as a host recorded it; tests/suites/replay/golden.rs replays it",
        "agent": agent, "skill": skill, "instance": task["instance"], "input": input, "output": task["output"],
        "configuration_revision": head.configuration_revision,
        "started_at_ms": head.started_at.as_millis(), "deadline_ms": head.deadline.as_millis(),
        "seed": hexadecimal(&head.seed), "rows": rows.into_iter().map(row).collect::<Vec<_>>(),
    });
    std::fs::write(path(name), format!("{recorded:#}\n")).unwrap();
}

fn recorded(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(path(name)).unwrap()).unwrap()
}

/// What the journal of a task says of its calls.
async fn calls(client: &Client, task: &str) -> Vec<Value> {
    let page = client.get(&format!("/api/v1/tasks/{task}/journal?limit=500")).await.of(200);
    assert!(page["next"].is_null(), "the journal is longer than a page");
    page["calls"].as_array().unwrap().clone()
}

/// Puts a recorded invocation into a host's database, as a task that ran on what serves there.
async fn insert(store: &Store, golden: &Value, ran_on: RanOn, number: u64) -> String {
    let id: TaskId = format!("0199a2f0-6c1e-7d3a-9b52-{number:012x}").parse().unwrap();
    let millis = |name: &str| Timestamp::from_millis(golden[name].as_i64().unwrap());
    let (started_at, deadline) = (millis("started_at_ms"), millis("deadline_ms"));
    let head = JournalHead {
        release: ran_on.clone(),
        configuration_revision: golden["configuration_revision"].as_u64().unwrap(),
        grants_revision: 1,
        deadline,
        seed: bytes(&golden["seed"]).try_into().unwrap(),
        started_at,
    };
    let row = |row: &Value| JournalRow {
        number: row["number"].as_u64().unwrap(),
        at: Timestamp::from_millis(row["at_ms"].as_i64().unwrap()),
        call: bytes(&row["call"]),
        answer: row["answer"].is_string().then(|| bytes(&row["answer"])),
        write: row["write"].as_bool().unwrap(),
    };
    let agent: AgentName = golden["agent"].as_str().unwrap().parse().unwrap();
    let instance: Option<InstanceId> = golden["instance"].as_str().map(|id| id.parse().unwrap());
    if let Some(id) = instance {
        let new = NewInstanceRow {
            id,
            agent: agent.clone(),
            name: None,
            session: None,
            principal: "owner".to_owned(),
            checked: false,
        };
        store.start_instance(&TenantId::default(), new).await.unwrap();
    }
    let task = TaskRow {
        id,
        tenant: TenantId::default(),
        agent,
        skill: golden["skill"].as_str().unwrap().parse().unwrap(),
        instance,
        input: golden["input"].to_string(),
        status: TaskStatus::Completed,
        priority: 0,
        attempt: 1,
        principal: "owner".to_owned(),
        idempotency_key: None,
        affinity: None,
        session: None,
        cause: None,
        retry_of: None,
        approval: None,
        group: None,
        timeout_ms: 60_000,
        lifetime_ms: None,
        retry: None,
        budget: None,
        retries: 0,
        artifacts: Vec::new(),
        usage: Default::default(),
        release: Some(ran_on),
        output: Some(golden["output"].to_string()),
        failure: None,
        lease: None,
        wake_at: None,
        created_at: started_at,
        started_at: Some(started_at),
        ended_at: Some(started_at),
    };
    let rows = golden["rows"].as_array().unwrap().iter().map(row).collect();
    store.record(task, &head, rows, Decided::default()).await.unwrap();
    id.to_string()
}

/// Puts recorded invocations into a host's database, and has the host replay each: it must do the same,
/// call by call, and what is told of each call is what was told.
async fn replay_on(mut host: Host, goldens: &[Value]) {
    let mut ran_on = Vec::new();
    for golden in goldens {
        let agent = golden["agent"].as_str().unwrap();
        let deployment = host.client().get(&format!("/api/v1/deployments/{agent}")).await.of(200);
        let (version, digest) = (&deployment["serving"], &deployment["digest"]);
        let release = json!({ "version": version, "digest": digest, "epoch": 1 });
        ran_on.push(serde_json::from_value::<RanOn>(release).unwrap());
    }
    host.stop().await;
    let store = store(&host).await;
    let mut tasks = Vec::new();
    for (number, (golden, ran_on)) in (1..).zip(goldens.iter().zip(ran_on)) {
        tasks.push(insert(&store, golden, ran_on, number).await);
    }
    store.close().await;
    host.start().await;
    for (golden, task) in goldens.iter().zip(&tasks) {
        replay(&host.client(), task).await;
        let said = |call: &Value| json!(format!("{} -> {}", call["call"], call["answer"]));
        let said: Vec<Value> = calls(&host.client(), task).await.iter().map(said).collect();
        let rows = golden["rows"].as_array().unwrap().iter();
        let says: Vec<Value> = rows.map(|row| row["says"].clone()).filter(|says| !says.is_null()).collect();
        assert_eq!(said, says);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_of_an_earlier_build_is_identical_when_this_one_replays_it() {
    let server = Server::start().await;
    let mut host = host_of_all(&server).await;
    for name in NAMES.into_iter().filter(|name| is_recorded_anew(name)) {
        record(&mut host, name, asked(name, &server)).await;
    }
    // Nobody is there who could answer.
    drop(server);
    replay_on(host, &NAMES.map(recorded)).await;
}
