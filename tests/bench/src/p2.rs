//! P2: tasks through the REST door, authenticated, validated and metered, each on a fresh instance,
//! asked for by 32 connections: `durability: none` beside `wasmtime serve`, and durable beside the
//! smaller of that and its database alone, to which 32 writers hand the same rows, many of which
//! share a commit.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use serde_json::json;
use tokio::sync::{mpsc, oneshot};
use troupe_core::view::Durability;
use troupe_core::{Caller, TenantId};

use crate::base::{Base, Database, Kind, Value};
use crate::doors;
use crate::host::{self, Failure};
use crate::load::{self, CONNECTIONS};
use crate::report::{Row, Target, median};
use crate::served::{self, Pool};

/// How long each side is asked in a round, and rounds; the sides take turns.
const TIME: Duration = Duration::from_secs(2);
const ROUNDS: usize = 7;

/// Where those rows go.
const SCHEMA: &str = "create table rows (task integer, part integer, bytes blob, primary key (task, part)) strict";

const SCHEMA_ON_POSTGRES: &str = "create table rows (task bigint, part bigint, bytes bytea, primary key (task, part))";

/// What the rows of a task hold that is awaited and makes no calls, in bytes: the task, its journal's
/// head, and three events of the feed. Such a task needs one commit.
const ROWS: [usize; 5] = [600, 300, 250, 250, 250];
static BYTES: [u8; 600] = [7; 600];

pub async fn run(kind: Kind, echo: &[u8], hello: &[u8]) -> Result<Vec<Row>, Failure> {
    let base = Base::new(kind).await?;
    let caller = Caller::owner(TenantId::default());
    let runtime = host::start_on(base.dir.path(), base.store().await?).await?;
    host::publish(&runtime, &caller, "echo", "1.0.0", echo, None).await?;
    host::swap(&runtime, &caller, "echo", "1.0.0").await?;
    let (address, stopper) = doors::open(&runtime, &caller).await?;
    let (ships, tuned) = (served::start(hello, Pool::AsItShips).await?, served::start(hello, Pool::Tuned).await?);
    let mut alone = Alone::start(&base).await?;

    let (none, full) = (task(address, Durability::None)?, task(address, Durability::Full)?);
    let mut found: [Vec<f64>; 5] = Default::default();
    for _ in 0..ROUNDS {
        let round = [
            load::ask(address, &none, TIME).await?,
            load::ask(tuned, &hello_to(tuned)?, TIME).await?,
            load::ask(ships, &hello_to(ships)?, TIME).await?,
            load::ask(address, &full, TIME).await?,
            alone.commits(TIME).await?,
        ];
        for (all, one) in found.iter_mut().zip(round) {
            all.push(one);
        }
    }
    let sync = alone.sync().await?;
    stopper.stop();
    runtime.stop(Duration::from_secs(5)).await;
    let [none, tuned, ships, full, alone_rate] = found.map(median);
    base.remove().await?;
    let row = |id, what, value, reference, target| Row { id, what, value, unit: "/s", reference, target };
    let least = Some(tuned.min(alone_rate));
    if kind == Kind::Postgres {
        return Ok(vec![
            row(
                "P2a p",
                "tasks through REST, not durable, with PostgreSQL behind / wasmtime serve with its pool tuned",
                none,
                Some(tuned),
                Some(Target::AtLeast(1.3)),
            ),
            row(
                "P2b p",
                "durable tasks, on PostgreSQL / the smaller of wasmtime serve and PostgreSQL with the same rows",
                full,
                least,
                Some(Target::AtLeast(0.9)),
            ),
            row("P2b q", "PostgreSQL with the same rows and 32 writers", alone_rate, None, None),
        ]);
    }
    Ok(vec![
        row(
            "P2a",
            "tasks through REST, not durable / wasmtime serve with its pool tuned",
            none,
            Some(tuned),
            Some(Target::AtLeast(1.3)),
        ),
        row("P2a s", "the same / wasmtime serve as it ships", none, Some(ships), None),
        row(
            "P2b",
            "durable tasks through REST / the smaller of wasmtime serve and SQLite with the same rows",
            full,
            least,
            Some(Target::AtLeast(0.9)),
        ),
        row("P2b l", "SQLite with the same rows and 32 writers", alone_rate, None, None),
        Row {
            id: "P2b f",
            what: "one sync of that disk, median",
            value: sync,
            unit: "us",
            reference: None,
            target: None,
        },
    ])
}

/// The request that asks for a task and waits for its end.
fn task(server: SocketAddr, durability: Durability) -> Result<Request<Bytes>, Failure> {
    let body = json!({ "agent": "echo", "skill": "version", "input": {}, "durability": durability });
    let request = Request::post("/api/v1/tasks?wait=5")
        .header(HOST, server.to_string())
        .header(AUTHORIZATION, format!("Bearer {}", doors::TOKEN))
        .header(CONTENT_TYPE, "application/json");
    Ok(request.body(Bytes::from(body.to_string()))?)
}

fn hello_to(server: SocketAddr) -> Result<Request<Bytes>, Failure> {
    Ok(Request::get("/").header(HOST, server.to_string()).body(Bytes::new())?)
}

/// SQLite with nothing around it but one writer that commits for all who wait.
struct Alone {
    work: mpsc::Sender<oneshot::Sender<()>>,
    file: std::fs::File,
}

impl Alone {
    async fn start(base: &Base) -> Result<Self, Failure> {
        let schema = match base.kind {
            Kind::Sqlite => SCHEMA,
            Kind::Postgres => SCHEMA_ON_POSTGRES,
        };
        let database = base.alone(schema).await?;
        let (work, waiting) = mpsc::channel(CONNECTIONS);
        tokio::spawn(commit(database, waiting));
        Ok(Self { work, file: std::fs::File::create(base.dir.path().join("synced"))? })
    }

    /// Has 32 writers write the rows of tasks; returns how many tasks a second.
    async fn commits(&self, time: Duration) -> Result<f64, Failure> {
        let until = Instant::now() + time;
        let mut writers = tokio::task::JoinSet::new();
        for _ in 0..CONNECTIONS {
            let work = self.work.clone();
            writers.spawn(async move {
                let mut done = 0_u32;
                while Instant::now() < until {
                    let (kept, waits) = oneshot::channel();
                    if work.send(kept).await.is_err() || waits.await.is_err() {
                        return done;
                    }
                    done += 1;
                }
                done
            });
        }
        let done: u32 = writers.join_all().await.into_iter().sum();
        Ok(f64::from(done) / time.as_secs_f64())
    }

    /// The median of a sync, in microseconds.
    async fn sync(&mut self) -> Result<f64, Failure> {
        let mut file = self.file.try_clone()?;
        let took = tokio::task::spawn_blocking(move || {
            let mut took = Vec::new();
            for _ in 0..201 {
                std::io::Write::write_all(&mut file, &[1; 4096])?;
                let began = Instant::now();
                file.sync_data()?;
                took.push(began.elapsed().as_secs_f64() * 1e6);
            }
            Ok::<_, std::io::Error>(took)
        })
        .await??;
        Ok(median(took))
    }
}

/// Commits for everybody who waits, together.
async fn commit(mut database: Database, mut waiting: mpsc::Receiver<oneshot::Sender<()>>) {
    let mut task = 0_i64;
    let mut all = Vec::with_capacity(CONNECTIONS);
    while waiting.recv_many(&mut all, CONNECTIONS).await > 0 {
        if write(&mut database, &mut task, all.len()).await.is_err() {
            return;
        }
        for one in all.drain(..) {
            let _ = one.send(());
        }
    }
}

/// Writes the rows of so many tasks in one transaction.
async fn write(database: &mut Database, task: &mut i64, count: usize) -> sqlx::Result<()> {
    database.begin().await?;
    for _ in 0..count {
        *task += 1;
        for (part, bytes) in (0_i64..).zip(ROWS) {
            let values =
                [Value::Number(*task), Value::Number(part), Value::Bytes(BYTES.get(..bytes).unwrap_or(&BYTES))];
            database.execute("insert into rows (task, part, bytes) values ($1, $2, $3)", &values).await?;
        }
    }
    database.commit().await
}
