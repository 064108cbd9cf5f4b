//! `troupe runtime`: how a tenant's tasks go, and whether any begin.

use std::process::ExitCode;
use std::time::Duration;

use troupe_core::Result;
use troupe_core::view::{AgentFigures, OpenTasks, RuntimeState, RuntimeStatus};

use crate::args::{Args, RuntimeArgs, RuntimeVerb};
use crate::client::Client;
use crate::human::{bytes, table};
use crate::output;

const PATH: &str = "/api/v1/runtime";

pub(crate) async fn run(args: &Args, command: &RuntimeArgs) -> Result<ExitCode> {
    let client = Client::new(args)?;
    match &command.verb {
        RuntimeVerb::Status { agent, instance } => {
            let agent = agent.iter().map(|agent| ("agent", agent.clone()));
            let query: Vec<_> = agent.chain(instance.iter().map(|id| ("instance", id.clone()))).collect();
            let status: RuntimeStatus = client.query(&format!("{PATH}/status"), &query).await?;
            output::answer(args.json, &status, show)?;
        }
        RuntimeVerb::Stop => stands(args, &client.post(&format!("{PATH}/stop"), &()).await?)?,
        RuntimeVerb::Start => stands(args, &client.post(&format!("{PATH}/start"), &()).await?)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn stands(args: &Args, state: &RuntimeState) -> Result<()> {
    output::answer(args.json, state, |state| match state.stopped_at {
        Some(at) => format!("no task begins since {at}; {}\n`troupe runtime start` lets them begin", open(&state.open)),
        None => format!("tasks begin; {}", open(&state.open)),
    })
}

fn open(open: &OpenTasks) -> String {
    let OpenTasks { running, pending, suspended, awaiting_approval } = open;
    format!("{running} running, {pending} pending, {suspended} suspended, {awaiting_approval} waiting for approval")
}

fn show(status: &RuntimeStatus) -> String {
    let takes = if status.ready { "takes work" } else { "takes no work" };
    let mut out = format!("the host {takes}; {}\n", open(&status.open));
    if let Some(at) = status.stopped_at {
        out.push_str(&format!("no task begins since {at}; `troupe runtime start` lets them begin\n"));
    }
    let Some(since) = status.since else {
        out.push_str("nothing was asked for yet");
        return out;
    };
    let row = |figures: &AgentFigures| {
        let ms = |of: fn(&troupe_core::view::TookView) -> u64| {
            figures.took.as_ref().map_or_else(|| "-".to_owned(), |took| format!("{} ms", of(took)))
        };
        let failure = figures.last_failure.as_ref();
        vec![
            figures.agent.clone(),
            figures.tasks.to_string(),
            (figures.failed + figures.in_doubt).to_string(),
            ms(|took| took.p50_ms),
            ms(|took| took.p95_ms),
            ms(|took| took.p99_ms),
            figures.memory.map_or_else(|| "-".to_owned(), |memory| bytes(memory.p95_bytes)),
            format!("{:.1} s", Duration::from_micros(figures.cost.compute_us).as_secs_f64()),
            figures.cost.calls.to_string(),
            bytes(figures.cost.sent_bytes.saturating_add(figures.cost.received_bytes)),
            failure.map_or_else(|| "-".to_owned(), |failure| format!("{} at {}", failure.code, failure.at)),
        ]
    };
    let rows: Vec<_> = status.agents.iter().map(row).collect();
    out.push_str(&format!("the newest {} tasks, since {since}:\n\n", status.looked_at));
    let heads = ["agent", "tasks", "failed", "p50", "p95", "p99", "memory", "cpu", "calls", "bytes", "last failure"];
    out.push_str(&table(&heads, &rows));
    out
}
