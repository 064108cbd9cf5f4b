//! P3: swapping to a release whose code is compiled: from the accepted request to the
//! first answer of the new release, beside reading and loading the same code,
//! instantiating it once, and one commit that reaches the disk.

use std::time::Instant;

use serde_json::json;
use troupe_core::view::{Durability, SwapRequest};
use troupe_core::{Caller, TenantId};
use troupe_runtime::Runtime;

use crate::base;
use crate::host::{self, Failure};
use crate::p1::micros;
use crate::report::{Row, Target, median};

const ROUNDS: usize = 101;

pub async fn run(old: &[u8], new: &[u8]) -> Result<Vec<Row>, Failure> {
    let dir = tempfile::tempdir_in(crate::guest::workspace().join("target"))?;
    let runtime = host::start(dir.path()).await?;
    let caller = Caller::owner(TenantId::default());
    for (version, component) in [("1.0.0", old), ("2.0.0", new)] {
        host::publish(&runtime, &caller, "echo", version, component, None).await?;
    }
    let mut database = base::alone(dir.path(), base::COMMITS).await?;
    let sandbox = host::sandbox(dir.path())?;
    let digests = [old, new].map(troupe_core::Digest::of);
    let (mut values, mut references) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let next: semver::Version = if round % 2 == 0 { "1.0.0" } else { "2.0.0" }.parse()?;
        let start = Instant::now();
        runtime.begin_swap(&caller, "echo", SwapRequest { version: next.clone(), epoch: None, policy: None }).await?;
        let answer = version(&runtime, &caller).await?;
        values.push(micros(start.elapsed()));
        assert_eq!(answer, next.to_string());

        let digest = digests.get(round % 2).ok_or("two digests")?;
        let start = Instant::now();
        let agent = sandbox.load(digest).ok_or("the code is in the cache")?;
        sandbox.instantiate(&agent).await?;
        sqlx::query("insert into commits (n) values ($1)").bind(round as i64).execute(&mut database).await?;
        references.push(micros(start.elapsed()));
    }
    runtime.stop(std::time::Duration::from_secs(5)).await;
    Ok(vec![Row {
        id: "P3",
        what: "swap of a compiled release to its first answer / load code, instantiate, one fsynced commit",
        value: median(values),
        unit: "us",
        reference: Some(median(references)),
        target: Some(Target::Times(2.0)),
    }])
}

async fn version(runtime: &Runtime, caller: &Caller) -> Result<String, Failure> {
    let output = host::ask(runtime, caller, "echo", "version", json!({}), Durability::None).await?;
    Ok(output.get("version").and_then(|version| version.as_str()).unwrap_or_default().to_owned())
}
