//! Ready before visible: at each step of a swap something fails. Who asked is told what, by a code
//! and in words, and nothing else happens: no call sees the release, and the route, its epoch and
//! the answers are as they were; what comes next is none the worse for it.
//!
//! A publish refuses most of what is wrong here (`suites/artifact`, `suites/trust`), so releases
//! get past it: their blobs and rows are written while the host is down. That is as if another
//! build had looked less closely, or the disk or somebody had changed them since.

use std::cell::Cell;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use futures::future::join;
use insta::assert_snapshot;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use troupe_core::{Digest, TenantId};
use troupe_package::{Release, SigningKey};
use troupe_registry::Layout;
use troupe_store::{NewRelease, NewSignatureRow, Store};
use troupe_tests::odd::{Odd, component};
use troupe_tests::processes::children_of;
use troupe_tests::{Answer, Client, Guest, Host, guests, redacted};

use super::under_load::on_record;
use super::{begin, over, reaches};
use crate::faults::store;
use crate::host;

/// Time between two calls.
const PACE: Duration = Duration::from_millis(10);

/// An agent that serves, what it is asked, and a good release of it beside the one that serves,
/// 1.0.0.
#[derive(Clone, Copy)]
struct Agent {
    name: &'static str,
    skill: &'static str,
    good: &'static str,
}

const ECHO: Agent = Agent { name: "echo", skill: "version", good: "2.0.0" };
const KEEPER: Agent = Agent { name: "keeper", skill: "dump", good: "1.1.0" };
const ODD: Agent = Agent { name: "odd", skill: "good", good: "1.1.0" };

/// What goes wrong.
enum Fault {
    /// It is the release's.
    Release(Release),
    /// Nobody has signed it.
    Unsigned(Release),
    /// The disk damages its component.
    Damaged(Release),
    /// The process that compiles it is killed.
    Killed(Release),
}

/// A failure at a step.
struct Failure {
    step: &'static str,
    agent: Agent,
    fault: Fault,
    /// How it is swapped in by steps; at once otherwise.
    policy: Option<Value>,
    status: u16,
    code: &'static str,
}

fn watched() -> Value {
    json!({ "watch": { "seconds": 1 } })
}

/// The same guest whose component has bytes of its own, so that its code is not there.
fn other(number: u32) -> Guest {
    guests().echo_2.marked(9_000 + number)
}

/// An odd agent whose component does this when it starts.
fn starting(fields: &str) -> Vec<u8> {
    Odd { fields: fields.to_owned(), ..Odd::default() }.component()
}

/// An odd agent that takes less than the one before: where there was any object, only an array.
fn narrower() -> Guest {
    const BEFORE: &str = r#""effect":"read","input":{"type":"object"},"#;
    const AFTER: &str = r#""effect":"read","input":{"type":"array"} ,"#;
    let mut odd = Odd::default().guest();
    let text = String::from_utf8(odd.profile.to_json()).unwrap();
    let narrow = text.replace(r#""input":{"type":"object"}"#, r#""input":{"type":"array"}"#);
    odd.profile = troupe_package::Profile::parse(&narrow).unwrap();
    let places: Vec<usize> =
        (0..odd.component.len()).filter(|at| odd.component[*at..].starts_with(BEFORE.as_bytes())).collect();
    assert_eq!(places.len(), 2, "a schema for each skill");
    for at in places {
        odd.component[at..at + BEFORE.len()].copy_from_slice(AFTER.as_bytes());
    }
    odd
}

/// A failure at each step of a swap, in their order, each with a release of its own; at once and by
/// steps where a swap can fail so.
fn failures() -> Vec<Failure> {
    let (echo, counter) = (&guests().echo, &guests().counter);
    let mut all = Vec::new();
    let mut version = 0;
    let mut next = || {
        version += 1;
        format!("3.0.{version}")
    };
    let mut both = |step, agent, status, code, fault: &dyn Fn(String) -> Fault| {
        for policy in [None, Some(watched())] {
            all.push(Failure { step, agent, fault: fault(next()), policy, status, code });
        }
    };
    let echo_with = |component: &[u8]| echo.with_component(component.to_vec());
    let cut = &echo.component[..9];
    let state = json!({ "state": { "bytes": "1 KiB", "keys": 1 } });
    both("digest", ECHO, 422, "artifact.digest", &|v| Fault::Damaged(other(1).release(&v)));
    both("signature", ECHO, 422, "artifact.signature", &|v| Fault::Unsigned(echo.release(&v)));
    both("approval", ECHO, 409, "release.pending_approval", &|v| {
        Fault::Release(echo.asking(state.clone()).release(&v))
    });
    both("contract", ECHO, 409, "swap.incompatible", &|v| Fault::Release(counter.called("echo").release(&v)));
    both("contract", ODD, 409, "swap.incompatible", &|v| Fault::Release(narrower().release(&v)));
    both("contract", ECHO, 409, "swap.state", &|v| Fault::Release(echo.keeping(2, "2..=2").release(&v)));
    both("compile", ECHO, 422, "artifact.malformed", &|v| Fault::Release(echo_with(cut).release(&v)));
    both("compile", ECHO, 422, "artifact.world", &|v| Fault::Release(echo_with(&component("(component)")).release(&v)));
    both("compile", ECHO, 422, "artifact.compile_limit", &|v| Fault::Killed(other(2).release(&v)));
    both("instantiate", ECHO, 422, "artifact.init", &|v| {
        Fault::Release(echo_with(&starting("(func $trap unreachable) (start $trap)")).release(&v))
    });
    both("health", ECHO, 422, "profile.invalid", &|v| Fault::Release(echo_with(&counter.component).release(&v)));
    let spins = starting("(func $spin (loop (br 0))) (start $spin)");
    let by_steps = |step, agent, fault, policy, status, code| Failure {
        step,
        agent,
        fault: Fault::Release(fault),
        policy: Some(policy),
        status,
        code,
    };
    all.push(by_steps(
        "instantiate",
        ECHO,
        echo_with(&spins).release("3.1.0"),
        watched(),
        422,
        "artifact.init_timeout",
    ));
    let rehearse = json!({ "rehearse": {} });
    all.push(by_steps("rehearse", ECHO, guests().echo_2.release("3.1.1"), rehearse, 409, "swap.unhealthy"));
    let drain = json!({ "drain": { "mode": "wait", "seconds": 5 } });
    let traps = super::migration::keeper(2, "traps", 0).release("3.1.2");
    all.push(by_steps("migrate", KEEPER, traps, drain, 409, "guest.trap"));
    all
}

impl Failure {
    fn release(&self) -> &Release {
        match &self.fault {
            Fault::Release(release) | Fault::Unsigned(release) | Fault::Damaged(release) | Fault::Killed(release) => {
                release
            }
        }
    }

    fn version(&self) -> String {
        self.release().manifest.version.to_string()
    }

    fn is_killed(&self) -> bool {
        matches!(self.fault, Fault::Killed(_))
    }
}

/// Writes a release past the host, which is down, as a publish that looks at nothing would.
async fn smuggle(layout: &Layout, store: &Store, failure: &Failure, key: &SigningKey) {
    let (release, reference) = (failure.release(), failure.release().manifest.release());
    let digest = layout.put(release).unwrap();
    let signature = key.sign(&reference, &digest).unwrap();
    let signature = NewSignatureRow { key: key.public().id(), payload: signature.payload, signature: signature.bytes };
    let is_signed = !matches!(failure.fault, Fault::Unsigned(_));
    let component = Digest::of(&release.component);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let new = NewRelease {
        release: reference,
        digest,
        component,
        manifest: text(release.manifest.to_json()),
        profile: text(release.profile.to_json()),
        signatures: is_signed.then_some(signature).into_iter().collect(),
        image: None,
    };
    store.publish(&TenantId::default(), new, None).await.unwrap();
}

/// Damages the component of a release.
fn damage(data_dir: &Path, release: &Release) {
    let blob = data_dir.join("releases/blobs/sha256").join(Digest::of(&release.component).hex());
    std::fs::write(blob, b"\0asm").unwrap();
}

/// A host on which three agents serve, with a release for each failure.
async fn with(failures: &[Failure]) -> Host {
    let mut host = host().await;
    let client = host.client();
    let keeper = super::migration::keeper(1, "good", 0);
    for (agent, guest) in [(KEEPER, keeper), (ODD, Odd::default().guest())] {
        for version in ["1.0.0", agent.good] {
            client.publish(guest.archive(version)).await.of(201);
        }
        client.swap(agent.name, "1.0.0").await.of(200);
    }
    let granted = json!({ "grants": { "state": { "bytes": 1_024, "keys": 10 } } });
    client.put("/api/v1/deployments/keeper/grants", &granted).await.of(200);
    client.run("keeper", "add", json!({ "name": "a", "by": 1 })).await.output();
    host.stop().await;
    let (key, store) = (host.key().unwrap(), store(&host).await);
    let layout = Layout::open(&host.data_dir().join("releases")).unwrap();
    for failure in failures {
        smuggle(&layout, &store, failure, &key).await;
    }
    store.close().await;
    for failure in failures {
        if let Fault::Damaged(release) = &failure.fault {
            damage(&host.data_dir(), release);
        }
    }
    host.start().await;
    host
}

/// Asks an agent again and again while something is done, at least once before, during and after;
/// each answer must be of one release and epoch.
async fn while_asked<T>(
    client: &Client,
    agent: Agent,
    version: &str,
    epoch: &Value,
    done: impl Future<Output = T>,
) -> T {
    let ask = async || {
        let task = client.run(agent.name, agent.skill, json!({})).await.of(200);
        assert_eq!(task["status"], "completed", "{task:#}");
        let ran = (&task["release"]["version"], &task["release"]["epoch"]);
        assert_eq!(ran, (&json!(version), epoch), "{task:#}");
        if agent.name == "echo" {
            assert_eq!(task["output"], json!({ "version": version }));
        }
    };
    ask().await;
    let is_over = Cell::new(false);
    let doing = async {
        let done = done.await;
        is_over.set(true);
        done
    };
    let asking = async {
        while !is_over.get() {
            ask().await;
            tokio::time::sleep(PACE).await;
        }
    };
    let (done, ()) = join(doing, asking).await;
    ask().await;
    done
}

/// Kills whatever compiles for a host until something is done.
async fn killing<T>(host: &Host, kills: bool, done: impl Future<Output = T>) -> T {
    let mut done = std::pin::pin!(done);
    loop {
        for child in children_of(host.pid()).into_iter().filter(|_| kills) {
            // It may have ended by itself since.
            let _ = kill_process(Pid::from_raw(child.pid).unwrap(), Signal::KILL);
        }
        tokio::select! {
            biased;
            done = &mut done => return done,
            () = tokio::time::sleep(Duration::from_millis(2)) => {}
        }
    }
}

/// The ids of the swaps on record, newest first.
async fn swaps(client: &Client, agent: Agent) -> Vec<Value> {
    let page = client.get(&format!("/api/v1/deployments/{}/swaps?limit=500", agent.name)).await.of(200);
    page["items"].as_array().unwrap().iter().map(|swap| swap["id"].clone()).collect()
}

/// What the audit holds of a swap to a release, whatever became of it.
async fn records(client: &Client, agent: Agent, version: &str) -> Vec<Value> {
    let mut found = Vec::new();
    for kind in ["swap", "canary", "swap_decided", "swap_refused"] {
        let path = format!("/api/v1/audit?agent={}&kind={kind}&limit=500", agent.name);
        let page = client.get(&path).await.of(200);
        found.extend(page["items"].as_array().unwrap().iter().filter(|record| record["version"] == version).cloned());
    }
    found
}

/// A swap at once that must be refused: no swap is on record, but that it was. Returns what was said.
async fn at_once(host: &Host, client: &Client, failure: &Failure) -> String {
    let (agent, version) = (failure.agent, failure.version());
    let before = swaps(client, agent).await;
    let refused: Answer = killing(host, failure.is_killed(), client.swap(agent.name, &version)).await;
    let problem = refused.problem(failure.status, failure.code);
    assert_eq!(swaps(client, agent).await, before);
    let records = records(client, agent, &version).await;
    let [record] = records.as_slice() else { panic!("not one record: {records:#?}") };
    assert_eq!((&record["kind"], &record["code"]), (&json!("swap_refused"), &json!(failure.code)), "{record:#}");
    assert_eq!(
        (&record["principal"], &record["details"]["reason"]),
        (&json!("owner"), &problem["detail"]),
        "{record:#}"
    );
    format!("at once: {}: {}", failure.code, problem["detail"].as_str().unwrap())
}

/// A swap by steps that must come to nothing, which is on record with the reason. Returns what was
/// said.
async fn by_steps(host: &Host, client: &Client, failure: &Failure, policy: &Value) -> String {
    let (agent, version) = (failure.agent, failure.version());
    let decided = async {
        let id = begin(client, agent.name, &version, policy).await;
        if failure.code == "release.pending_approval" {
            reaches(client, agent.name, &id, "awaiting_approval").await;
            let path = format!("/api/v1/agents/{}/releases/{version}/reject", agent.name);
            client.post(&path, &json!({ "reason": "it asks for too much" })).await.of(200);
        }
        over(client, agent.name, &id).await
    };
    let swap = killing(host, failure.is_killed(), decided).await;
    let (state, reason) = (&swap["state"], &swap["state"]["reason"]);
    let (outcome, code) = match failure.step {
        "approval" => ("rejected", "release.rejected"),
        "rehearse" => ("differs", failure.code),
        _ => ("refused", failure.code),
    };
    assert_eq!((&state["outcome"], &reason["code"]), (&json!(outcome), &json!(code)), "{swap:#}");
    assert_eq!((&swap["epoch"], &state["weight"]), (&Value::Null, &json!(0)), "{swap:#}");
    assert_eq!(swaps(client, agent).await[0], swap["id"]);
    let records = records(client, agent, &version).await;
    let [record] = records.as_slice() else { panic!("not one record: {records:#?}") };
    let (details, message) = (&record["details"], reason["message"].as_str().unwrap());
    assert_eq!((&record["kind"], &record["code"]), (&json!("swap_decided"), &json!(code)), "{record:#}");
    assert_eq!((&details["outcome"], &details["reason"]), (&json!(outcome), &json!(message)), "{record:#}");
    // How many of those that were asked differ is not the same each time.
    let said = if failure.step == "rehearse" { message.split(" in ").next().unwrap() } else { message };
    format!("by steps: {outcome}, {code}: {said}")
}

/// Has a release fail; epoch and answers must stay as they were, and nobody have it in the way. Returns
/// what was said.
async fn comes_to_nothing(host: &Host, client: &Client, failure: &Failure) -> String {
    let agent = failure.agent;
    let path = format!("/api/v1/deployments/{}", agent.name);
    let before = client.get(&path).await.of(200);
    let epoch = &before["epoch"];
    let came = while_asked(client, agent, "1.0.0", epoch, async {
        match &failure.policy {
            None => at_once(host, client, failure).await,
            Some(policy) => by_steps(host, client, failure, policy).await,
        }
    });
    let came = came.await;
    println!("{}: {came}", failure.step);
    assert_eq!(client.get(&path).await.of(200), before, "{}: {came}", failure.step);
    // It stands in nobody's way.
    for version in [agent.good, "1.0.0"] {
        let swapped = client.swap(agent.name, version).await.of(200);
        while_asked(client, agent, version, &swapped["deployment"]["epoch"], async {}).await;
    }
    let after = client.get(&path).await.of(200);
    assert_eq!(after["epoch"], epoch.as_u64().unwrap() + 2, "{}", failure.step);
    came
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn j136_a_release_that_traps_while_it_is_warmed_is_refused_and_epoch_and_answers_stay() {
    let mut failures = failures();
    failures.retain(|failure| failure.code == "artifact.init");
    let host = with(&failures).await;
    let mut said = Vec::new();
    for failure in &failures {
        said.push(comes_to_nothing(&host, &host.client(), failure).await);
    }
    assert_snapshot!(said.join("\n"), @"
    at once: artifact.init: the agent cannot describe itself: the agent trapped: wasm trap: wasm `unreachable` instruction executed
    by steps: refused, artifact.init: the agent cannot describe itself: the agent trapped: wasm trap: wasm `unreachable` instruction executed
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_a_failure_at_each_step_of_a_swap_leaves_epoch_and_answers_as_they_were_and_says_why() {
    let failures = failures();
    let host = with(&failures).await;
    let client = host.client();
    let mut said = String::new();
    for failure in &failures {
        let came = comes_to_nothing(&host, &client, failure).await;
        // Writing to a String does not fail.
        let _ = writeln!(said, "{} {came}", failure.step);
    }
    // Of all that failed nothing ever ran.
    let ran = on_record(&client).await;
    let of_failures = ran.values().filter(|version| version.as_str().unwrap().starts_with('3')).count();
    assert_eq!((of_failures, ran.is_empty()), (0, false));
    assert_snapshot!(redacted(&said), @r#"
    digest at once: artifact.digest: the bytes of blob [digest] have the digest [digest]; publish the release again
    digest by steps: refused, artifact.digest: the bytes of blob [digest] have the digest [digest]; publish the release again
    signature at once: artifact.signature: echo@3.0.3 is not signed, and the rule for `*` wants 1 signature; `troupe trust show` lists the keys, `troupe sign` signs
    signature by steps: refused, artifact.signature: echo@3.0.4 is not signed, and the rule for `*` wants 1 signature; `troupe trust show` lists the keys, `troupe sign` signs
    approval at once: release.pending_approval: echo@3.0.5 asks for more than echo@1.0.0 (new grant state: state: up to 1 KiB and 1 keys), and waits for approval; `troupe release diff echo@3.0.5` shows all of it, `troupe release approve echo@3.0.5` lets it serve
    approval by steps: rejected, release.rejected: it asks for too much
    contract at once: swap.incompatible: echo@3.0.7 does not keep what echo@1.0.0 promises its callers: skill `echo`: it is gone; `troupe release diff echo@3.0.7` shows all of it, and `troupe release approve echo@3.0.7 --breaking` lets it serve all the same
    contract by steps: refused, swap.incompatible: echo@3.0.8 does not keep what echo@1.0.0 promises its callers: skill `echo`: it is gone; `troupe release diff echo@3.0.8` shows all of it, and `troupe release approve echo@3.0.8 --breaking` lets it serve all the same
    contract at once: swap.incompatible: odd@3.0.9 does not keep what odd@1.0.0 promises its callers: skill `act`, input at `/type`: it asks for `type` "array", which is not shown of all that was taken before; `troupe release diff odd@3.0.9` shows all of it, and `troupe release approve odd@3.0.9 --breaking` lets it serve all the same
    contract by steps: refused, swap.incompatible: odd@3.0.10 does not keep what odd@1.0.0 promises its callers: skill `act`, input at `/type`: it asks for `type` "array", which is not shown of all that was taken before; `troupe release diff odd@3.0.10` shows all of it, and `troupe release approve odd@3.0.10 --breaking` lets it serve all the same
    contract at once: swap.state: echo@3.0.11 reads state of `state.version` 2..=2, and the release that serves writes 1; publish a release that reads both, or one that exports `lifecycle` and migrates
    contract by steps: refused, swap.state: echo@3.0.12 reads state of `state.version` 2..=2, and the release that serves writes 1; publish a release that reads both, or one that exports `lifecycle` and migrates
    compile at once: artifact.malformed: this is not a component the host can run: failed to parse WebAssembly module: unexpected end-of-file (at offset 0x9)
    compile by steps: refused, artifact.malformed: this is not a component the host can run: failed to parse WebAssembly module: unexpected end-of-file (at offset 0x9)
    compile at once: artifact.world: the component does not export `troupe:agent/skills@0.1.0`, so it is not an agent; build it against the world `troupe:agent/agent`
    compile by steps: refused, artifact.world: the component does not export `troupe:agent/skills@0.1.0`, so it is not an agent; build it against the world `troupe:agent/agent`
    compile at once: artifact.compile_limit: the component could not be checked within 240 s of processor time and 4 GiB of memory
    compile by steps: refused, artifact.compile_limit: the component could not be checked within 240 s of processor time and 4 GiB of memory
    instantiate at once: artifact.init: the agent cannot describe itself: the agent trapped: wasm trap: wasm `unreachable` instruction executed
    instantiate by steps: refused, artifact.init: the agent cannot describe itself: the agent trapped: wasm trap: wasm `unreachable` instruction executed
    health at once: profile.invalid: the component describes itself otherwise than the release does; build the release again
    health by steps: refused, profile.invalid: the component describes itself otherwise than the release does; build the release again
    instantiate by steps: refused, artifact.init_timeout: the agent cannot describe itself: it did not start and answer within 10 s
    rehearse by steps: differs, swap.unhealthy: it answers otherwise
    migrate by steps: refused, guest.trap: keeper@3.1.2 did not bring the state of the deployment from version 1: the agent trapped: wasm trap: wasm `unreachable` instruction executed
    "#);
}
