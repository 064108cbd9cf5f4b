//! P3: swapping to a release whose code is compiled: from the accepted request to the
//! first answer of the new release, beside reading and mapping the same code,
//! instantiating it once, and one commit that reaches the disk.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Connection as _, SqliteConnection};
use troupe_core::view::{Durability, NewTask, SwapRequest};
use troupe_core::{Caller, SystemClock, SystemEntropy, TenantId};
use troupe_package::{Manifest, Profile, Release, write_archive};
use troupe_registry::Layout;
use troupe_runtime::admission::ChildAdmission;
use troupe_runtime::{Drain, GrantPolicy, Runtime, RuntimeConfig};
use troupe_sandbox::{CacheKey, Sandbox, SandboxConfig};
use troupe_store::Store;

use crate::p1::micros;
use crate::report::{Row, median};

/// The argument by which this program is its own admission child.
pub const ADMISSION: &str = "admission-child";

const ROUNDS: usize = 101;

type Failure = Box<dyn std::error::Error>;

pub async fn run(old: &[u8], new: &[u8]) -> Result<Vec<Row>, Failure> {
    let dir = tempfile::tempdir_in(crate::guest::workspace().join("target"))?;
    let runtime = start(dir.path()).await?;
    let caller = Caller::owner(TenantId::default());
    for (version, component) in [("1.0.0", old), ("2.0.0", new)] {
        publish(&runtime, &caller, version, component).await?;
    }
    let mut database = database(dir.path()).await?;
    let sandbox = sandbox(dir.path())?;
    let digests = [old, new].map(troupe_core::Digest::of);
    let (mut values, mut references) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let version: semver::Version = if round % 2 == 0 { "1.0.0" } else { "2.0.0" }.parse()?;
        let start = Instant::now();
        runtime.swap(&caller, "echo", SwapRequest { version: version.clone(), epoch: None }).await?;
        let answer = ask(&runtime, &caller).await?;
        values.push(micros(start.elapsed()));
        assert_eq!(answer, version.to_string());

        let digest = digests.get(round % 2).ok_or("two digests")?;
        let start = Instant::now();
        let agent = sandbox.load(digest).ok_or("the code is in the cache")?;
        sandbox.describe(&agent).await?;
        sqlx::query("insert into commits (n) values ($1)").bind(round as i64).execute(&mut database).await?;
        references.push(micros(start.elapsed()));
    }
    runtime.stop(std::time::Duration::from_secs(5)).await;
    Ok(vec![Row {
        id: "P3",
        what: "swap of a compiled release to its first answer / map code, instantiate, one fsynced commit",
        value: median(values),
        unit: "us",
        reference: Some(median(references)),
        target: Some(2.0),
    }])
}

fn sandbox(dir: &Path) -> Result<Sandbox, Failure> {
    let cache = Some((dir.join("compiled"), CacheKey([9; 32])));
    Ok(Sandbox::new(SandboxConfig { clock: Arc::new(SystemClock), cache })?)
}

async fn start(dir: &Path) -> Result<Runtime, Failure> {
    let config = RuntimeConfig {
        store: Store::open(&dir.join("troupe.db"), Arc::new(SystemClock)).await?,
        layout: Layout::open(&dir.join("releases"))?,
        sandbox: sandbox(dir)?,
        admission: Box::new(ChildAdmission::new(std::env::current_exe()?, ADMISSION)),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        grants: GrantPolicy::Approved,
        drain: Drain::Wait,
    };
    Ok(Runtime::start(config).await?)
}

async fn publish(runtime: &Runtime, caller: &Caller, version: &str, component: &[u8]) -> Result<(), Failure> {
    let profile: Profile = runtime.describe(caller, component.to_vec()).await?;
    let text = std::fs::read_to_string(crate::guest::workspace().join("tests/guests/echo/agent.toml"))?;
    let manifest = Manifest { version: version.parse()?, ..Manifest::parse(&text)? };
    let release = Release { manifest, profile, component: component.to_vec() };
    let mut archive = Vec::new();
    write_archive(&release, &mut archive)?;
    runtime.publish(caller, archive).await?;
    Ok(())
}

async fn ask(runtime: &Runtime, caller: &Caller) -> Result<String, Failure> {
    let request = NewTask {
        agent: "echo".to_owned(),
        skill: "version".to_owned(),
        input: serde_json::json!({}),
        idempotency_key: None,
        timeout_ms: None,
        priority: 0,
        durability: Durability::None,
    };
    let submitted = runtime.submit(caller, request, Some(std::time::Duration::from_secs(5))).await?;
    let output = submitted.task.output.ok_or("the task has an output")?;
    Ok(output.get("version").and_then(|version| version.as_str()).unwrap_or_default().to_owned())
}

/// A database of the same settings as the store's.
async fn database(dir: &Path) -> Result<SqliteConnection, Failure> {
    let options = SqliteConnectOptions::new()
        .filename(dir.join("reference.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    let mut database = SqliteConnection::connect_with(&options).await?;
    sqlx::query("create table commits (n integer)").execute(&mut database).await?;
    Ok(database)
}
