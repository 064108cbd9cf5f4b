//! P10: what the gate adds to one HTTP read: the same guest that sends the same requests to
//! the same service, through the gate and past it. Both send by the same client, each by
//! connections of its own, and the journal of ours waits in memory as it does until an
//! invocation's next commit. A write is printed beside it, through a whole host: it commits its intent
//! and its result, each synced, so it is told in commits.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use troupe_core::view::Durability;
use troupe_core::{Caller, Grants, SystemClock, TenantId, limits};
use troupe_sandbox::{Egress, NoLedger, Sandbox, SandboxConfig};

use crate::bare::Bare;
use crate::base;
use crate::host::{self, Failure};
use crate::invocation::{invocation, no_configuration};
use crate::p1::micros;
use crate::report::{Row, median};
use crate::server;

/// Reads of one invocation, and rounds of one invocation each. The two sides take turns every
/// few milliseconds, so that what else the machine does meets both.
const READS: usize = 50;
const ROUNDS: usize = 401;

/// Writes of one invocation, and rounds. A round also has an invocation without any.
const WRITES: usize = 20;
const WRITE_ROUNDS: usize = 15;

/// So many requests, one after the other.
pub fn asked(port: u16, method: &str, count: usize) -> Value {
    let authority = format!("127.0.0.1:{port}");
    let request = json!({ "method": method, "scheme": "http", "authority": authority, "path": "/v1/item" });
    json!({ "requests": vec![request; count] })
}

/// Leave to send them, as a manifest asks for it and as a grant.
pub fn http(port: u16) -> Value {
    let methods = ["GET", "POST"];
    json!({ "http": [{ "id": "item", "scheme": "http", "host": "127.0.0.1", "port": port, "methods": methods }] })
}

/// Whether so many answers came, each whole.
pub fn check(output: &Value, count: usize) -> Result<(), Failure> {
    let answers = output.as_array().ok_or("answers")?;
    let whole = answers.iter().filter(|answer| answer["status"] == 200 && answer["body_bytes"] == server::BODY_BYTES);
    if whole.count() == count && answers.len() == count {
        Ok(())
    } else {
        Err(format!("not answered: {output}").into())
    }
}

/// One read, on however many threads this runs: our figure and its reference.
pub async fn reads(component: &[u8], port: u16) -> Result<(f64, f64), Failure> {
    let config =
        SandboxConfig { clock: std::sync::Arc::new(SystemClock), places: limits::INVOCATIONS_MAX, cache: None };
    let sandbox = Sandbox::new(config)?.with_egress(Egress::default());
    let (agent, _) = sandbox.compile(component)?;
    let bare = Bare::new(sandbox.engine(), component, HashMap::new())?;
    let (grants, configuration): (Grants, _) = (serde_json::from_value(http(port))?, no_configuration()?);
    let input = asked(port, "GET", READS).to_string();
    let ours = async || {
        let invocation = invocation(grants.clone().into(), Box::new(NoLedger), &configuration);
        sandbox.perform(&agent, invocation, "one_by_one_whole", &input).await.result
    };
    check(&serde_json::from_str(&ours().await?)?, READS)?;
    check(&serde_json::from_str(&bare.perform("one_by_one_whole", &input).await?)?, READS)?;
    let each = |elapsed: Duration| micros(elapsed) / READS as f64;
    let (mut values, mut references) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let start = Instant::now();
        ours().await?;
        values.push(each(start.elapsed()));
        let start = Instant::now();
        bare.perform("one_by_one_whole", &input).await?;
        references.push(each(start.elapsed()));
    }
    Ok((median(values), median(references)))
}

/// One write.
pub async fn writes(component: &[u8], port: u16) -> Result<Row, Failure> {
    let dir = tempfile::tempdir_in(crate::guest::workspace().join("target"))?;
    let runtime = host::start(dir.path()).await?;
    let caller = Caller::owner(TenantId::default());
    host::publish(&runtime, &caller, "fetch", "1.0.0", component, Some(http(port))).await?;
    host::swap(&runtime, &caller, "fetch", "1.0.0").await?;
    let ask = async |count: usize| -> Result<Duration, Failure> {
        let start = Instant::now();
        let input = asked(port, "POST", count);
        let output = host::ask(&runtime, &caller, "fetch", "one_by_one_whole", input, Durability::Full).await?;
        let elapsed = start.elapsed();
        check(&output, count)?;
        Ok(elapsed)
    };
    let mut database = base::alone(dir.path(), base::COMMITS).await?;
    let (mut values, mut references) = (Vec::new(), Vec::new());
    for round in 0..WRITE_ROUNDS {
        // The first of them puts the task on disk, which is not its own.
        let (one, many) = (ask(1).await?, ask(1 + WRITES).await?);
        values.push(micros(many.saturating_sub(one)) / WRITES as f64);
        let start = Instant::now();
        for _ in 0..WRITES {
            sqlx::query("insert into commits (n) values ($1)").bind(round as i64).execute(&mut database).await?;
        }
        references.push(micros(start.elapsed()) / WRITES as f64);
    }
    runtime.stop(Duration::from_secs(5)).await;
    Ok(Row {
        id: "P10w",
        what: "one http write through a host: intent and result in SQLite / one fsynced commit",
        value: median(values),
        unit: "us",
        reference: Some(median(references)),
        target: None,
    })
}
