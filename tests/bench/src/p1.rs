//! P1: one task with three `state.get` calls through gate, journal and meters over a
//! state port in memory, beside the same component with a `HashMap` behind its imports.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use serde_json::value::RawValue;
use troupe_core::grant::StateGrant;
use troupe_core::{Clock as _, Effect, Grants, Result, SystemClock, TenantId};
use troupe_sandbox::{
    Entry, Facts, Invocation, JournalRow, Ledger, NoLedger, Sandbox, SandboxConfig, StateOutcome, StateWrite, Stop,
};

use crate::bare::Bare;
use crate::report::{Row, median};

/// Calls in one round, and rounds; the two sides take turns round by round.
const CALLS: u32 = 200;
const ROUNDS: usize = 51;

/// State in memory.
struct Memory(Arc<HashMap<String, Vec<u8>>>);

#[async_trait]
impl Ledger for Memory {
    async fn get(&mut self, key: &str) -> Result<Option<Entry>> {
        Ok(self.0.get(key).map(|value| Entry { value: value.clone(), revision: 1 }))
    }

    async fn list(&mut self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>> {
        NoLedger.list(prefix, after, limit).await
    }

    async fn write(
        &mut self,
        rows: Vec<JournalRow>,
        row: JournalRow,
        write: StateWrite,
        bytes_max: u64,
        keys_max: u64,
    ) -> Result<StateOutcome> {
        NoLedger.write(rows, row, write, bytes_max, keys_max).await
    }
}

pub async fn run(component: &[u8]) -> std::result::Result<Vec<Row>, Box<dyn std::error::Error>> {
    let map: HashMap<String, Vec<u8>> =
        ["a", "b", "c"].map(|key| (key.to_owned(), b"14".to_vec())).into_iter().collect();
    let input = r#"{"keys":["a","b","c"]}"#.to_owned();
    let sandbox = Sandbox::new(SandboxConfig { clock: Arc::new(SystemClock), cache: None })?;
    let (agent, _) = sandbox.compile(component)?;
    let bare = Bare::new(sandbox.engine(), component, map.clone())?;
    let map = Arc::new(map);
    let configuration: Arc<RawValue> = Arc::from(RawValue::from_string("{}".to_owned())?);
    let ours = async || -> Result<String> {
        let started_at = SystemClock.now();
        let invocation = Invocation {
            facts: Facts {
                tenant: TenantId::default(),
                session: None,
                user: None,
                trace: String::new(),
                attempt: 1,
                deadline: started_at.plus(Duration::from_secs(60)),
                configuration: Arc::clone(&configuration),
            },
            grants: Grants { state: Some(StateGrant { bytes: 1 << 20, keys: 10 }), http: Vec::new() },
            ledger: Box::new(Memory(Arc::clone(&map))),
            observer: Arc::new(()),
            stop: Stop::default(),
            time: Duration::from_secs(60),
            ceiling: Effect::Write,
            memory_bytes: 64 << 20,
            output_bytes: 1 << 20,
            seed: [7; 32],
            started_at,
            recording: None,
        };
        sandbox.perform(&agent, invocation, "sum", &input).await.result
    };
    // Both must do the work that is measured.
    assert_eq!(ours().await?, r#"{"count":42}"#);
    assert_eq!(bare.perform("sum", &input).await?, r#"{"count":42}"#);
    let (mut values, mut references) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for _ in 0..CALLS {
            ours().await?;
        }
        values.push(micros(start.elapsed()) / f64::from(CALLS));
        let start = Instant::now();
        for _ in 0..CALLS {
            bare.perform("sum", &input).await?;
        }
        references.push(micros(start.elapsed()) / f64::from(CALLS));
    }
    Ok(vec![Row {
        id: "P1",
        what: "task with three state.get through the gate, state in memory / HashMap behind the imports",
        value: median(values),
        unit: "us",
        reference: Some(median(references)),
        target: Some(1.5),
    }])
}

pub fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}
