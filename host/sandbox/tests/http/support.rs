//! A sandbox with a way out, a guest that sends what it is told, and what both leave behind.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use troupe_core::{Code, Digest, Effect, Error, Grants, KeySpace, Result, SystemClock, TenantId, Timestamp};
use troupe_egress::credentials::{Credential, Reach, Secret};
use troupe_egress::{AwsCredentials, Endpoint, EndpointMap};
use troupe_sandbox::{
    Agent, Answer, CacheKey, Call, Credentials, Egress, Entry, Facts, HttpCall, Invocation, JournalRow, Ledger,
    LogRecord, Observer, Outcome, Sandbox, SandboxConfig, StateChange, StateOutcome, Stop,
};

use super::server::Server;

pub const SECRET_KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
pub const SESSION_TOKEN: &str = "IQoJb3JpZ2luX2VjEXAMPLETOKENvZ3VhcmQgdGhpcyB3ZWxs";
pub const BEARER: &str = "tok_4f9a8b7c6d5e4f3a2b1c";
pub const CHAT: &str = "chat_9f8e7d6c5b4a39281706";

/// The guests, built once for all tests of the process.
const GUESTS: [&str; 3] = ["fetch", "sleeper", "weave"];

fn guest(name: &str) -> &'static [u8] {
    static BUILT: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    let built = BUILT.get_or_init(|| GUESTS.iter().map(|name| build(name)).collect());
    &built[GUESTS.iter().position(|guest| *guest == name).unwrap()]
}

/// Where the guests' machine code is, compiled once for all tests of the process.
fn compiled() -> &'static Path {
    static COMPILED: OnceLock<tempfile::TempDir> = OnceLock::new();
    let dir = COMPILED.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let cache = Some((dir.path().to_owned(), CacheKey([1; 32])));
        let sandbox = Sandbox::new(SandboxConfig { clock: Arc::new(SystemClock), places: 1, cache }).unwrap();
        for name in GUESTS {
            let (_, code) = sandbox.compile(guest(name)).unwrap();
            sandbox.keep(&Digest::of(guest(name)), &code).unwrap();
        }
        dir
    });
    dir.path()
}

fn build(name: &str) -> Vec<u8> {
    let guests = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/guests");
    let target = std::env::var_os("TROUPE_GUESTS_TARGET")
        .map_or_else(|| guests.join("../../target/guests/sandbox"), PathBuf::from);
    let status = Command::new(env!("CARGO"))
        .current_dir(&guests)
        .args(["build", "--quiet", "--release", "--target", "wasm32-wasip2", "--package", &format!("guest-{name}")])
        .env("CARGO_TARGET_DIR", &target)
        .env_remove("RUSTFLAGS")
        .status()
        .unwrap();
    assert!(status.success(), "the guest `{name}` does not build");
    std::fs::read(target.join(format!("wasm32-wasip2/release/guest_{name}.wasm"))).unwrap()
}

/// What the ledger was told, in order, and what the server had seen by then.
#[derive(Debug, Clone)]
pub struct Recorded {
    pub rows: Vec<JournalRow>,
    pub requests_seen: usize,
}

pub struct Bench {
    pub server: Server,
    sandbox: Sandbox,
    agent: Agent,
    pub ceiling: Effect,
    /// Whether invocations may be suspended.
    pub suspends: bool,
    /// So many commits are taken, and no more.
    pub commits_max: usize,
    pub time: Duration,
    pub recorded: Arc<Mutex<Vec<Recorded>>>,
    /// How often state was written.
    pub writes: Arc<AtomicU64>,
    pub log: Arc<Mutex<Vec<LogRecord>>>,
}

impl Bench {
    /// A bench whose operator has mapped `api.example.com` and all of AWS to the server.
    pub async fn new() -> Self {
        Self::with(|egress| egress).await
    }

    pub async fn with(change: impl FnOnce(Egress) -> Egress) -> Self {
        Self::of("fetch", change).await
    }

    /// A bench with a guest of its own.
    pub async fn of(name: &str, change: impl FnOnce(Egress) -> Egress) -> Self {
        let server = Server::start().await;
        let mut endpoints = EndpointMap::default();
        let endpoint = || Endpoint::parse(&format!("http://127.0.0.1:{}", server.port)).unwrap();
        endpoints.map_host("api.example.com", endpoint());
        endpoints.map_aws(endpoint());
        let egress = Egress { endpoints, credentials: Arc::new(Keys), ..Egress::default() };
        let cache = Some((compiled().to_path_buf(), CacheKey([1; 32])));
        let sandbox = Sandbox::new(SandboxConfig { clock: Arc::new(SystemClock), places: 1, cache }).unwrap();
        let sandbox = sandbox.with_egress(change(egress));
        let agent = sandbox.load(&Digest::of(guest(name))).unwrap();
        Self {
            server,
            sandbox,
            agent,
            ceiling: Effect::Destructive,
            suspends: false,
            commits_max: usize::MAX,
            time: Duration::from_secs(30),
            recorded: Arc::default(),
            writes: Arc::default(),
            log: Arc::default(),
        }
    }

    /// A bench with a guest of its own, which is suspended when it waits so long for what
    /// lies so far ahead.
    pub async fn suspending(name: &str, after: Duration, ahead: Duration) -> Self {
        let mut bench = Self::of(name, |egress| egress).await;
        bench.sandbox = bench.sandbox.with_suspension(after, ahead);
        bench.suspends = true;
        bench
    }

    /// Performs a skill and returns the whole outcome.
    pub async fn outcome(&self, grants: Value, skill: &str, input: Value) -> Outcome {
        let invocation = self.invocation(json!({ "http": grants }));
        self.perform(invocation, skill, input).await
    }

    pub async fn perform(&self, invocation: Invocation, skill: &str, input: Value) -> Outcome {
        self.sandbox.perform(&self.agent, invocation, skill, &input.to_string()).await
    }

    /// An invocation that may do what is granted.
    pub fn invocation(&self, grants: Value) -> Invocation {
        let grants: Grants = serde_json::from_value(grants).unwrap();
        let now = Timestamp::from_millis(1_700_000_000_000);
        Invocation {
            facts: Facts {
                tenant: TenantId::default(),
                session: None,
                instance: None,
                user: None,
                trace: String::new(),
                attempt: 1,
                deadline: now.plus(Duration::from_secs(30)),
                latest: now.plus(Duration::from_secs(30)),
                configuration: Arc::from(RawValue::NULL.to_owned()),
            },
            grants: grants.into(),
            ceiling: self.ceiling,
            ledger: Box::new(Remembering {
                suspends: self.suspends,
                commits_max: self.commits_max,
                recorded: Arc::clone(&self.recorded),
                server: self.server.clone(),
                writes: Arc::clone(&self.writes),
            }),
            directories: None,
            artifacts: None,
            observer: Arc::new(Watching(Arc::clone(&self.log))),
            stop: Stop::default(),
            time: self.time,
            life: self.time,
            memory_bytes: 128 << 20,
            output_bytes: 16 << 20,
            seed: [7; 32],
            started_at: now,
            recording: None,
        }
    }

    /// Performs `fetch` of requests and returns the answers.
    pub async fn fetch(&self, grants: Value, requests: Value) -> Vec<Value> {
        let outcome = self.outcome(grants, "fetch", json!({ "requests": requests })).await;
        let output: Value = serde_json::from_str(&outcome.result.unwrap()).unwrap();
        output["answers"].as_array().unwrap().clone()
    }

    /// Performs `fetch` of one request that asks for failures in words.
    pub async fn one(&self, grants: Value, mut request: Value) -> Value {
        let mut headers = request["headers"].as_array().cloned().unwrap_or_default();
        headers.push(json!(["troupe-explain", "true"]));
        request["headers"] = headers.into();
        self.fetch(grants, json!([request])).await.remove(0)
    }
}

/// The sentence of a refused request, without what follows the semicolon.
pub fn sentence(answer: &Value) -> String {
    answer["sentence"].as_str().unwrap_or_else(|| panic!("not refused: {answer}")).to_owned()
}

/// The HTTP calls of a journal, each with its answer.
pub fn http_rows(rows: &[JournalRow]) -> Vec<(HttpCall, Option<Answer>)> {
    rows.iter()
        .filter_map(|row| match Call::decode(&row.call) {
            Ok(Call::Http(call)) => Some((call, Answer::decode(&row.answer).ok())),
            _ => None,
        })
        .collect()
}

/// The operator's keys.
#[derive(Debug)]
struct Keys;

#[async_trait]
impl Credentials for Keys {
    async fn credential(&self, _tenant: &TenantId, name: &str) -> Result<Option<Arc<Credential>>> {
        let key = || AwsCredentials::new("AKIAEXAMPLE".into(), SECRET_KEY.into(), Some(SESSION_TOKEN.into()));
        match name {
            "aws:default" => Ok(Some(Arc::new(Credential::aws(key()).unwrap()))),
            "token:wiki" => Ok(Some(Arc::new(Credential::bearer(BEARER, example()).unwrap()))),
            "token:broken" => Err(Error::new(Code::CredentialsInvalid, "the file of tokens cannot be read")),
            _ => Ok(None),
        }
    }

    async fn secret(&self, _tenant: &TenantId, name: &str) -> Result<Option<Arc<Secret>>> {
        let chat = || Secret::new(CHAT.to_owned().into(), example()).map(Arc::new);
        (name == "chat").then(chat).transpose()
    }
}

fn example() -> Reach {
    Reach::to(vec!["api.example.com".parse().unwrap()])
}

struct Watching(Arc<Mutex<Vec<LogRecord>>>);

impl Observer for Watching {
    fn log(&self, record: LogRecord) {
        self.0.lock().unwrap().push(record);
    }
    fn progress(&self, _number: u64, _progress: troupe_core::view::Progress) {}
    fn partial(&self, _number: u64, _part: String) {}
}

/// A ledger that remembers what it is told. A key holds whatever was written last, to any.
struct Remembering {
    suspends: bool,
    commits_max: usize,
    recorded: Arc<Mutex<Vec<Recorded>>>,
    server: Server,
    writes: Arc<AtomicU64>,
}

#[async_trait]
impl Ledger for Remembering {
    async fn get(&mut self, _space: KeySpace, _key: &str) -> Result<Option<Entry>> {
        let revision = self.writes.load(Ordering::SeqCst);
        Ok((revision > 0).then(|| Entry { value: revision.to_string().into_bytes(), revision }))
    }

    async fn list(
        &mut self,
        _space: KeySpace,
        _prefix: &str,
        _after: Option<&str>,
        _limit: u32,
    ) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    async fn write(&mut self, mut rows: Vec<JournalRow>, row: JournalRow, change: StateChange) -> Result<StateOutcome> {
        let outcome = StateOutcome::Written(self.writes.fetch_add(1, Ordering::SeqCst) + 1);
        rows.push(JournalRow { answer: Answer::of_change(change.space, &outcome).encode(), ..row });
        self.record(rows).await?;
        Ok(outcome)
    }

    async fn record(&mut self, rows: Vec<JournalRow>) -> Result<()> {
        if self.recorded.lock().unwrap().len() >= self.commits_max {
            return Err(Error::new(Code::StaleEpoch, "the lease is lost"));
        }
        let requests_seen = self.server.requests().len();
        self.recorded.lock().unwrap().push(Recorded { rows, requests_seen });
        Ok(())
    }

    fn may_suspend(&self) -> bool {
        self.suspends
    }
}
