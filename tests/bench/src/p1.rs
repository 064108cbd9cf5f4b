//! P1: one task with three `state.get` calls through gate, journal and meters over a
//! state port in memory, beside the same component with a `HashMap` behind its imports. The
//! same over SQLite is printed with it, without a target.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use serde_json::json;
use troupe_core::grant::StateGrant;
use troupe_core::view::Durability;
use troupe_core::{AgentName, Caller, Grants, KeySpace, Result, SystemClock, TenantId, limits};
use troupe_sandbox::{
    Entry, JournalRow, Ledger, LiveGrants, NoLedger, Sandbox, SandboxConfig, StateChange, StateOutcome,
};
use troupe_store::{StateSpace, Store};

use crate::bare::Bare;
use crate::host::{self, Failure};
use crate::invocation::{invocation, no_configuration};
use crate::report::{Row, Target, median};

/// Calls in one round, and rounds; the two sides take turns round by round.
const CALLS: u32 = 200;
const ROUNDS: usize = 51;
const KEYS: [&str; 3] = ["a", "b", "c"];

/// State in memory.
struct Memory(Arc<HashMap<String, Vec<u8>>>);

#[async_trait]
impl Ledger for Memory {
    async fn get(&mut self, _space: KeySpace, key: &str) -> Result<Option<Entry>> {
        Ok(self.0.get(key).map(|value| Entry { value: value.clone(), revision: 1 }))
    }

    async fn list(&mut self, space: KeySpace, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>> {
        NoLedger.list(space, prefix, after, limit).await
    }

    async fn write(&mut self, rows: Vec<JournalRow>, row: JournalRow, change: StateChange) -> Result<StateOutcome> {
        NoLedger.write(rows, row, change).await
    }
}

/// State in the store.
#[derive(Clone)]
struct Stored {
    store: Store,
    tenant: TenantId,
    agent: AgentName,
}

#[async_trait]
impl Ledger for Stored {
    async fn get(&mut self, _space: KeySpace, key: &str) -> Result<Option<Entry>> {
        // A new deployment has the first copy of its key space.
        let space = StateSpace { tenant: &self.tenant, agent: &self.agent, instance: None, generation: 1 };
        let found = self.store.state_get(space, key).await?;
        Ok(found.map(|(value, revision)| Entry { value, revision }))
    }

    async fn list(&mut self, space: KeySpace, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>> {
        NoLedger.list(space, prefix, after, limit).await
    }

    async fn write(&mut self, rows: Vec<JournalRow>, row: JournalRow, change: StateChange) -> Result<StateOutcome> {
        NoLedger.write(rows, row, change).await
    }
}

/// A store in which the agent `counter` has kept three numbers.
async fn seeded(dir: &Path, component: &[u8]) -> std::result::Result<Stored, Failure> {
    let tenant = TenantId::default();
    let caller = Caller::owner(tenant.clone());
    let runtime = host::start(dir).await?;
    host::publish(&runtime, &caller, "counter", "1.0.0", component, None).await?;
    host::swap(&runtime, &caller, "counter", "1.0.0").await?;
    for key in KEYS {
        let input = json!({ "key": key, "value": "14" });
        host::ask(&runtime, &caller, "counter", "put", input, Durability::Full).await?;
    }
    runtime.stop(Duration::from_secs(5)).await;
    Ok(Stored { store: host::store(dir).await?, tenant, agent: "counter".parse()? })
}

pub async fn run(component: &[u8]) -> std::result::Result<Vec<Row>, Failure> {
    let dir = tempfile::tempdir_in(crate::guest::workspace().join("target"))?;
    let stored = seeded(dir.path(), component).await?;
    let map: HashMap<String, Vec<u8>> = KEYS.map(|key| (key.to_owned(), b"14".to_vec())).into_iter().collect();
    let input = json!({ "keys": KEYS }).to_string();
    let sandbox =
        Sandbox::new(SandboxConfig { clock: Arc::new(SystemClock), places: limits::INVOCATIONS_MAX, cache: None })?;
    let (agent, _) = sandbox.compile(component)?;
    let bare = Bare::new(sandbox.engine(), component, map.clone())?;
    let map = Arc::new(map);
    let configuration = no_configuration()?;
    let grants = Grants { state: Some(StateGrant { bytes: 1 << 20, keys: 10, instances: false }), ..Grants::default() };
    let grants = LiveGrants::new(grants);
    let ours = async |ledger: Box<dyn Ledger>| -> Result<String> {
        let invocation = invocation(grants.clone(), ledger, &configuration);
        sandbox.perform(&agent, invocation, "sum", &input).await.result
    };
    let memory = || Box::new(Memory(Arc::clone(&map)));
    let sqlite = || Box::new(stored.clone());
    // All must do the work that is measured.
    assert_eq!(ours(memory()).await?, r#"{"count":42}"#);
    assert_eq!(ours(sqlite()).await?, r#"{"count":42}"#);
    assert_eq!(bare.perform("sum", &input).await?, r#"{"count":42}"#);
    let (mut values, mut references, mut over_sqlite) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for _ in 0..CALLS {
            ours(memory()).await?;
        }
        values.push(micros(start.elapsed()) / f64::from(CALLS));
        let start = Instant::now();
        for _ in 0..CALLS {
            bare.perform("sum", &input).await?;
        }
        references.push(micros(start.elapsed()) / f64::from(CALLS));
        let start = Instant::now();
        for _ in 0..CALLS {
            ours(sqlite()).await?;
        }
        over_sqlite.push(micros(start.elapsed()) / f64::from(CALLS));
    }
    let reference = median(references);
    Ok(vec![
        Row {
            id: "P1",
            what: "task with three state.get through the gate, state in memory / HashMap behind the imports",
            value: median(values),
            unit: "us",
            reference: Some(reference),
            target: Some(Target::Times(1.5)),
        },
        Row {
            id: "P1b",
            what: "the same with state in SQLite / HashMap behind the imports",
            value: median(over_sqlite),
            unit: "us",
            reference: Some(reference),
            target: None,
        },
    ])
}

pub fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}
