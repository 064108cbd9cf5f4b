//! Runs folders against a host.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;
use troupe_core::grant::Place;
use troupe_tests::canary::canary;
use troupe_tests::oracle::{Good, Oracle, Subject};
use troupe_tests::service::{Reply, Service};
use troupe_tests::{Client, Guest, Host, guests};

use super::case::{self, Ask, Case, FILE, Words};
use super::judge::{judge, refusals};
use crate::PROGRAM;
use crate::cases::asked::{Call, DOORS, Door, Outcome};
use crate::credentials::write_document;

/// What a key of a case's tenant may do.
const SCOPES: [&str; 5] = ["read", "run", "operate", "machine", "audit"];

/// How a folder ended.
#[derive(Debug)]
pub struct Told {
    /// Its name.
    pub name: String,
    /// What it is about, or what is otherwise than it says.
    pub result: Result<String, String>,
}

/// A case that is ready to run.
struct Ready {
    case: Case,
    guest: &'static Guest,
    services: [Service; 2],
    machine: PathBuf,
}

/// Runs every folder. The host and a bystander are watched over all of them, and each tenant by
/// itself.
pub async fn outcomes(folders: &[PathBuf]) -> Vec<Told> {
    let machine = TempDir::new().unwrap();
    let mut host = Host::new(PROGRAM, &["serve", "--listen", "127.0.0.1:0"]);
    let secret = canary();
    host.canaries().watch(&secret);
    let mut ready = Vec::new();
    for folder in folders {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let prepared = prepare(folder, machine.path(), &secret).await;
        ready.push((name, prepared));
    }
    let tables = ready.iter().filter_map(|(name, ready)| Some(document(name, ready.as_ref().ok()?)));
    host = host.with_secret("CASE_CANARY", &secret);
    write_document(&host, &tables.collect::<String>());
    host.start().await;
    let mut under_way = Vec::new();
    for (name, ready) in ready {
        let begun = match ready {
            Ok(ready) => begin(&host, &name, &ready).await.map(|subject| (ready, subject)),
            Err(why) => Err(why),
        };
        under_way.push((name, begun));
    }
    let oracle = if under_way.iter().any(|(_, begun)| begun.is_ok()) { Some(watch(&host).await) } else { None };
    let mut outcomes = Vec::new();
    for (name, begun) in under_way {
        let result = match begun {
            Ok((ready, subject)) => run(&ready, subject).await.map(|()| ready.case.about),
            Err(why) => Err(why),
        };
        outcomes.push(Told { name, result });
    }
    if let Some(oracle) = oracle {
        oracle.holds().await;
    }
    outcomes
}

/// Watches the host, on which an agent of nobody's case serves.
async fn watch(host: &Host) -> Oracle<'_> {
    let client = host.client();
    client.publish(guests().counter.archive("1.0.0")).await.of(201);
    client.swap("counter", "1.0.0").await.of(200);
    Oracle::watch_with(host, good("counter").expect("a good call")).await
}

/// A call that an agent answers well whatever it is granted.
fn good(agent: &str) -> Option<Good> {
    match agent {
        "asker" => Some(Good { agent: "asker", skill: "children", input: json!({ "ask": [] }), output: json!([]) }),
        "counter" => Some(Good { agent: "counter", skill: "instance", input: json!({}), output: Value::Null }),
        "fetch" => Some(Good::fetch()),
        "files" => Some(Good {
            agent: "files",
            skill: "fill",
            input: json!({ "directory": "none", "files": 0, "bytes": 0 }),
            output: json!({ "written": 0 }),
        }),
        "janitor" => Some(Good { agent: "janitor", skill: "keep", input: json!({ "things": [] }), output: json!(0) }),
        "herald" => {
            Some(Good { agent: "herald", skill: "publish", input: json!({ "publish": [] }), output: json!([]) })
        }
        "scribe" => Some(Good { agent: "scribe", skill: "names", input: json!({ "names": [] }), output: json!([]) }),
        "locker" => Some(Good { agent: "locker", skill: "in_turn", input: json!({ "names": [] }), output: json!([]) }),
        _ => None,
    }
}

/// Reads a case and makes what it needs.
async fn prepare(folder: &Path, machine: &Path, canary: &str) -> Result<Ready, String> {
    let name = folder.file_name().unwrap_or_default();
    // A grant leads through no link, and temporary directories may be reached by one.
    let machine = machine.canonicalize().expect("a directory").join(name);
    fs::create_dir(&machine).expect("a new directory");
    let services = [echo().await, echo().await];
    let words = Words {
        port: services[0].port(),
        elsewhere: services[1].port(),
        machine: machine.to_str().expect("a path of text").to_owned(),
        canary: canary.to_owned(),
    };
    let case = case::read(folder, &words)?;
    let guest = guests().named(&case.agent).ok_or_else(|| {
        format!("{}/{FILE}: `agent`: there is no test agent `{}`", name.to_string_lossy(), case.agent)
    })?;
    let ready = Ready { case, guest, services, machine };
    ready.fill_machine().map_err(|error| format!("{}/{FILE}: `machine`: {error}", name.to_string_lossy()))?;
    Ok(ready)
}

/// A service that gives back what it was sent, and of which no connection is left open.
async fn echo() -> Service {
    Service::start(|request| Reply::text(200, request.text()).with("connection", "close")).await
}

/// What the operator of a case's tenant keeps.
fn document(name: &str, ready: &Ready) -> String {
    let table = |kind: &str, field: &str, kept: &BTreeMap<String, case::Bound>| -> String {
        let each = |(kept, bound): (&String, &case::Bound)| {
            format!(
                "[tenant.{name}.{kind}.\"{kept}\"]\n{field} = {{ env = \"CASE_CANARY\" }}\n\
                 to = {{ hosts = [\"127.0.0.1\"], scheme = \"http\", port = {}, path_prefix = \"{}\" }}\n",
                ready.services[0].port(),
                bound.path_prefix
            )
        };
        kept.iter().map(each).collect()
    };
    table("secrets", "value", &ready.case.secrets) + &table("credentials", "token", &ready.case.credentials)
}

impl Ready {
    fn fill_machine(&self) -> std::io::Result<()> {
        let machine = &self.case.machine;
        for place in machine.places.values() {
            fs::create_dir_all(self.machine.join(place))?;
        }
        let made = |path: &String| -> std::io::Result<PathBuf> {
            let path = self.machine.join(path);
            fs::create_dir_all(path.parent().unwrap_or(&self.machine))?;
            Ok(path)
        };
        for (path, text) in &machine.files {
            fs::write(made(path)?, text)?;
        }
        for (path, target) in &machine.links {
            symlink(target, made(path)?)?;
        }
        Ok(())
    }

    /// The requests that came to the services.
    fn sent(&self) -> Vec<String> {
        let seen = self.services.iter().flat_map(Service::seen);
        seen.map(|request| format!("{} {}", request.method, request.target)).collect()
    }
}

/// Brings a case as far as to what is denied, in a tenant of its own.
async fn begin(host: &Host, name: &str, ready: &Ready) -> Result<Subject, String> {
    let (case, agent) = (&ready.case, ready.case.agent.as_str());
    let good = good(agent).ok_or_else(|| format!("`agent`: no good call of `{agent}` is known"))?;
    host.client().make_tenant(name).await;
    let client = host.client().with_key(name, &SCOPES).await.fresh();
    let mut guest = ready.guest.clone();
    guest.manifest.capabilities = case.asks.clone().unwrap_or_else(|| case.grants.clone());
    client.publish(guest.archive("1.0.0")).await.of(201);
    client.swap(agent, "1.0.0").await.of(200);
    let mut grants = case.grants.grants();
    for directory in &mut grants.files {
        let place = case.machine.places.get(&directory.name).map(|place| ready.machine.join(place));
        directory.path = place.map_or(Place::Own, |place| Place::At(place.to_string_lossy().into_owned()));
    }
    client.put(&format!("/api/v1/deployments/{agent}/grants"), &json!({ "grants": grants })).await.of(200);
    for before in &case.before {
        let refused = refusals(&ask(&client, Door::Rest, agent, before).await);
        if !refused.is_empty() {
            return Err(format!("`before`: {} was refused: {refused:?}", before.skill));
        }
    }
    if agent == "files" {
        // A directory is kept open from its first use on.
        for directory in &grants.files {
            client.run(agent, "list", json!({ "directory": directory.name, "limit": 1 })).await.output();
        }
    }
    Ok(Subject::begin(client, good).await)
}

/// Asks for what is denied, through one door after another.
async fn run(ready: &Ready, mut subject: Subject) -> Result<(), String> {
    let (case, code) = (&ready.case, &ready.case.expect.code);
    let (mut wrong, mut sent) = (Vec::new(), ready.sent().len());
    for door in DOORS {
        let outcome = ask(subject.client(), door, &case.agent, &case.ask).await;
        // What a guest makes of an argument that means nothing is no decision.
        if code.starts_with("denied.") || code.starts_with("limit.") {
            subject.decides_often(code, 1);
        }
        let all = ready.sent();
        let judged = judge(&case.expect, &refusals(&outcome), all.get(sent..).unwrap_or_default());
        wrong.extend(judged.err().map(|why| format!("{door:?}: {why}")));
        sent = all.len();
    }
    wrong.extend(subject.wrong().await);
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
}

async fn ask(client: &Client, door: Door, agent: &str, ask: &Ask) -> Outcome {
    Call::new(agent, &ask.skill, ask.input.clone()).by(door, client).await
}
