//! P8: what a task costs on a host with a thousand tenants of twelve agents each, beside one with a
//! tenant of twelve; and, without a target, on one with a million tasks behind it.
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
const TENANTS: usize = 1_000;
const TASKS: usize = 1_000_000;
/// Tasks in a round, and rounds; the hosts take turns.
const CALLS: usize = 240;
const ROUNDS: usize = 15;

pub async fn run(kind: Kind, echo: &[u8]) -> Result<Vec<Row>, Failure> {
    let small = Grown::new(kind, echo, 1, 0).await?;
    let wide = Grown::new(kind, echo, TENANTS, 0).await?;
    let old = Grown::new(kind, echo, 1, TASKS).await?;
    let mut found: [Vec<f64>; 3] = Default::default();
    for round in 0..ROUNDS {
        for (all, host) in found.iter_mut().zip([&small, &wide, &old]) {
            all.push(host.cost(round).await?);
        }
    }
    for host in [small, wide, old] {
        host.runtime.stop(Duration::from_secs(5)).await;
        host.base.remove().await?;
    }
    let [small, wide, old] = found.map(median);
    let row = |id, what, value, target| Row { id, what, value, unit: "us", reference: Some(small), target };
    if kind == Kind::Postgres {
        return Ok(vec![
            row("P8 p", "the same, on PostgreSQL", wide, Some(Target::Times(1.1))),
            row("P8 q", "the same at 1 x 12 with 1,000,000 tasks behind it / without, on PostgreSQL", old, None),
        ]);
    }
    Ok(vec![
        row("P8", "a durable task at 1,000 tenants x 12 agents / at 1 x 12", wide, Some(Target::Times(1.1))),
        row("P8 h", "the same at 1 x 12 with 1,000,000 tasks behind it / without", old, None),
    ])
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
