//! S16: neighbours unmoved: how long the calls of one tenant take while another publishes a hundred
//! releases, of which ten have to be compiled, and swaps its hundred agents to them; beside the
//! same calls in quiet. Each of five rounds has a quiet window, one with swaps, and a quiet one
//! again: by how much the quiet ones differ from each other is the spread of the measurement.

use std::time::Duration;

use troupe_core::view::NewTenant;
use troupe_core::{Caller, TenantId};
use troupe_runtime::Runtime;

use crate::host::{self, Failure};
use crate::p4::{p99, under};
use crate::report::{Row, Target, median};

/// Rounds.
const ROUNDS: u32 = 5;
/// Agents that are swapped in each.
const AGENTS: u32 = 100;
/// Components that their new releases share.
const COMPONENTS: u32 = 10;
/// Time between two calls of the neighbour: 100 a second, which no host is busy with.
const PACE: Duration = Duration::from_millis(10);
/// How long a quiet window is at least: as long as one with swaps was seen to take.
const QUIET: Duration = Duration::from_secs(5);

pub async fn run(old: &[u8], new: &[u8]) -> Result<Vec<Row>, Failure> {
    let dir = tempfile::tempdir_in(crate::guest::workspace().join("target"))?;
    let runtime = host::start(dir.path()).await?;
    let neighbour = Caller::owner(TenantId::default());
    let busy = Caller::owner("busy".parse()?);
    runtime.create_tenant(&neighbour, NewTenant { name: "busy".parse()? }).await?;
    host::publish(&runtime, &neighbour, "echo", "1.0.0", old, None).await?;
    host::swap(&runtime, &neighbour, "echo", "1.0.0").await?;
    for agent in 0..AGENTS {
        let name = name(agent);
        host::publish_as(&runtime, &busy, "echo", &name, "1.0.0", old).await?;
        host::swap(&runtime, &busy, &name, "1.0.0").await?;
    }
    let rest = || async {
        tokio::time::sleep(QUIET).await;
        Ok::<(), Failure>(())
    };
    let (mut swapped, mut quiet, mut spread, mut failed) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for round in 1..=ROUNDS {
        let mut window = async |doing: std::pin::Pin<Box<dyn Future<Output = Result<(), Failure>> + '_>>| {
            let calls = under(&runtime, &neighbour, PACE, doing).await?;
            failed += calls.iter().filter(|took| took.is_none()).count();
            Ok::<f64, Failure>(p99(calls.into_iter().flatten().collect()))
        };
        let before = window(Box::pin(rest())).await?;
        swapped.push(window(Box::pin(swaps(&runtime, &busy, new, round))).await?);
        let after = window(Box::pin(rest())).await?;
        quiet.push(before);
        spread.push((after - before).abs());
    }
    runtime.stop(Duration::from_secs(5)).await;
    if failed > 0 {
        return Err(format!("S16: {failed} calls of the neighbour failed").into());
    }
    Ok(vec![
        Row {
            id: "S16",
            what: "p99 of a tenant's calls while another compiles ten components and swaps a hundred agents / in quiet",
            value: median(swapped),
            unit: "ms",
            reference: Some(median(quiet)),
            target: Some(Target::TimesAndMore(1.10, median(spread))),
        },
        Row {
            id: "S16 f",
            what: "calls among them that failed",
            value: 0.0,
            unit: "",
            reference: Some(0.0),
            target: Some(Target::More(0.0)),
        },
    ])
}

fn name(agent: u32) -> String {
    format!("echo-{agent}")
}

/// Publishes a new release of each agent and swaps to it.
async fn swaps(runtime: &Runtime, caller: &Caller, component: &[u8], round: u32) -> Result<(), Failure> {
    let version = format!("2.{round}.0");
    for agent in 0..AGENTS {
        let marked = marked(component, round * COMPONENTS + agent % COMPONENTS);
        host::publish_as(runtime, caller, "echo", &name(agent), &version, &marked).await?;
    }
    for agent in 0..AGENTS {
        host::swap(runtime, caller, &name(agent), &version).await?;
    }
    Ok(())
}

/// A component with a custom section (id 0) of 9 bytes, a name of 4 and a number, so that its code
/// is not there.
fn marked(component: &[u8], number: u32) -> Vec<u8> {
    [component, &[0, 9, 4], b"mark", &number.to_le_bytes()].concat()
}
