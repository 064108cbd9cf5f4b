//! P8: what a task costs on a host with a thousand tenants of twelve agents each, beside one with a
//! tenant of twelve; and, without a target, on the way there, and with up to a million tasks behind it.
//!
//! The large hosts are grown from a small one by copying its rows, which is how their databases would
//! look, without the hours that it takes to get there.

use std::time::{Duration, Instant};

use serde_json::json;
use troupe_core::view::Durability;
use troupe_core::{Caller, TenantId};
use troupe_runtime::Runtime;

use crate::base::{Base, Database, Kind};
use crate::host::{self, Failure};
use crate::report::{Row, Target, median};

const AGENTS: usize = 12;
/// The number of tenants that has a target.
const WIDE: usize = 1_000;
/// What there is on each host, beside which the first is the reference.
const SIZES: [Size; 7] = [
    Size { tenants: 1, tasks: 0, ids: ["", ""], what: "" },
    Size { tenants: 10, tasks: 0, ids: ["P8 a", "P8 p"], what: "a durable task at 10 tenants x 12 agents / at 1 x 12" },
    Size { tenants: 100, tasks: 0, ids: ["P8 b", "P8 q"], what: "the same at 100 x 12" },
    Size { tenants: 1_000, tasks: 0, ids: ["P8", "P8 r"], what: "the same at 1,000 x 12" },
    Size { tenants: 1, tasks: 10_000, ids: ["P8 c", "P8 s"], what: "the same at 1 x 12 with 10,000 tasks behind it" },
    Size { tenants: 1, tasks: 100_000, ids: ["P8 d", "P8 t"], what: "the same with 100,000 tasks behind it" },
    Size { tenants: 1, tasks: 1_000_000, ids: ["P8 e", "P8 u"], what: "the same with 1,000,000 tasks behind it" },
];
/// Tasks in a round, and rounds; the hosts take turns.
const CALLS: usize = 240;
const ROUNDS: usize = 15;

pub async fn run(kind: Kind, echo: &[u8]) -> Result<Vec<Row>, Failure> {
    let mut hosts = Vec::new();
    for size in &SIZES {
        hosts.push((Grown::new(kind, echo, size.tenants, size.tasks).await?, Vec::new()));
    }
    for round in 0..ROUNDS {
        for (host, found) in &mut hosts {
            found.push(host.cost(round).await?);
        }
    }
    let mut costs = Vec::new();
    for (host, found) in hosts {
        host.runtime.stop(Duration::from_secs(5)).await;
        host.base.remove().await?;
        costs.push(median(found));
    }
    let small = costs.first().copied();
    let row = |(size, value): (&Size, f64)| {
        let [id, id_on_postgres] = size.ids;
        let id = if kind == Kind::Postgres { id_on_postgres } else { id };
        let target = (size.tenants == WIDE).then_some(Target::Times(1.1));
        Row { id, what: size.what, value, unit: "us", reference: small, target }
    };
    Ok(SIZES.iter().zip(costs).skip(1).map(row).collect())
}

/// What there is on a host.
struct Size {
    tenants: usize,
    /// Tasks behind it.
    tasks: usize,
    /// Of the row on SQLite, and on PostgreSQL.
    ids: [&'static str; 2],
    what: &'static str,
}

/// A host that has grown.
struct Grown {
    runtime: Runtime,
    tenants: usize,
    base: Base,
}

impl Grown {
    async fn new(kind: Kind, echo: &[u8], tenants: usize, tasks: usize) -> Result<Self, Failure> {
        let base = Base::new(kind).await?;
        let caller = Caller::owner(TenantId::default());
        let runtime = host::start_on(base.dir.path(), base.store().await?).await?;
        for agent in 0..AGENTS {
            let agent = name(agent);
            host::publish_as(&runtime, &caller, "echo", &agent, "1.0.0", echo).await?;
            host::swap(&runtime, &caller, &agent, "1.0.0").await?;
        }
        host::ask(&runtime, &caller, &name(0), "version", json!({}), Durability::Full).await?;
        runtime.stop(Duration::from_secs(5)).await;
        grow(&base, tenants, tasks).await?;
        Ok(Self { runtime: host::start_on(base.dir.path(), base.store().await?).await?, tenants, base })
    }

    /// What a task costs, in microseconds, of tasks that go to all tenants and agents in turn.
    async fn cost(&self, round: usize) -> Result<f64, Failure> {
        let began = Instant::now();
        for call in 0..CALLS {
            let number = round * CALLS + call;
            // Far from the one before, so that nothing of it is at hand.
            let tenant = tenant(number * 389 % self.tenants)?;
            let caller = Caller::owner(tenant);
            host::ask(&self.runtime, &caller, &name(number % AGENTS), "version", json!({}), Durability::Full).await?;
        }
        Ok(began.elapsed().as_secs_f64() * 1e6 / CALLS as f64)
    }
}

fn name(agent: usize) -> String {
    format!("agent-{agent}")
}

fn tenant(number: usize) -> Result<TenantId, Failure> {
    if number == 0 { Ok(TenantId::default()) } else { Ok(format!("tenant-{number}").parse()?) }
}

/// Copies what the tenant `default` has to others, and its task to its past.
async fn grow(base: &Base, tenants: usize, tasks: usize) -> Result<(), Failure> {
    let mut database = base.raw().await?;
    database.begin().await?;
    let numbers = |most: usize| {
        format!("with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < {most})")
    };
    if tenants > 1 {
        let number = numbers(tenants - 1);
        for (table, key) in [("tenants", "name"), ("releases", "tenant"), ("deployments", "tenant")] {
            copy(&mut database, &number, table, &[(key, "'tenant-' || n")], "").await?;
        }
    }
    if tasks > 0 {
        let number = numbers(tasks);
        let id = match base.kind {
            Kind::Sqlite => "printf('01900000-%04x-7%03x-8000-%012x', n / 65536, n % 4096, n)",
            Kind::Postgres => {
                "'01900000-' || lpad(to_hex(n / 65536), 4, '0') || '-7' || lpad(to_hex(n % 4096), 3, '0') || '-8000-' \
                 || lpad(to_hex(n), 12, '0')"
            }
        };
        copy(&mut database, &number, "tasks", &[("id", id)], "").await?;
        copy(&mut database, &number, "journal_heads", &[("task", id)], "").await?;
        copy(&mut database, &number, "feed", &[("seq", "1000 + n")], "and seq = 1").await?;
        database.execute("update feed_heads set seq = (select max(seq) from feed)", &[]).await?;
    }
    database.commit().await?;
    Ok(database.execute("analyze", &[]).await?)
}

/// Copies the rows of the tenant `default` once for each number, some columns changed.
async fn copy(
    database: &mut Database,
    numbers: &str,
    table: &str,
    changed: &[(&str, &str)],
    which: &str,
) -> Result<(), Failure> {
    let names = database.columns(table).await?;
    let value = |name: &String| {
        let new = changed.iter().find(|(column, _)| column == name);
        new.map_or_else(|| format!("{table}.{name}"), |(_, value)| (*value).to_owned())
    };
    let values: Vec<String> = names.iter().map(value).collect();
    let key = if table == "tenants" { "name" } else { "tenant" };
    let statement = format!(
        "insert into {table} ({}) {numbers} select {} from {table}, numbers where {table}.{key} = 'default' {which}",
        names.join(", "),
        values.join(", ")
    );
    Ok(database.execute(&statement, &[]).await?)
}
