//! `troupe swap` and what decides about one: `canary`, `promote`, `rollback`, `swaps`.

mod follow;
pub(super) mod policy;
mod seen;

use std::process::ExitCode;

use serde::Deserialize;
use troupe_core::view::{CanaryRequest, Page, SwapOutcome, SwapPhase, SwapPolicy, SwapTo, SwapView, Swapped};
use troupe_core::{AgentName, Clock as _, ReleaseRef, Result, SystemClock};

use crate::args::{Args, Canary, Promote, Rollback, Swap, Swaps};
use crate::client::{Client, segment};
use crate::human::table;
use crate::output;

use super::releases;
use follow::Until;

pub(crate) async fn run(args: &Args, command: &Swap) -> Result<ExitCode> {
    let (agent, to) = target(&command.release)?;
    let path = format!("/api/v1/deployments/{agent}/swap");
    let policy = policy::said(&command.how)?;
    // Without a word the host goes by the agent's standing policy.
    let policy = (command.at_once || policy != SwapPolicy::default()).then_some(policy);
    let request = SwapTo { epoch: command.epoch, policy, downgrade: command.downgrade, ..to };
    let client = Client::new(args)?;
    let swapped = match client.post(&path, &request).await? {
        Answered::Done(swapped) => *swapped,
        Answered::Going(swap) => {
            releases::warn(&client, &swap.agent, &swap.to).await;
            if command.detach {
                output::answer(args.json, &swap, |swap| show(swap))?;
                return Ok(ExitCode::SUCCESS);
            }
            return follow::run(args, &client, *swap, Until::Decided).await;
        }
    };
    let version = &swapped.deployment.serving;
    releases::warn(&client, agent.as_str(), version).await;
    output::answer(args.json, &swapped, |swapped| {
        let mut text = format!("{agent}@{version} serves; epoch {}", swapped.deployment.epoch);
        for line in swapped.deployment.grants.lines() {
            text.push_str(&format!("\n  granted {line}"));
        }
        text
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The agent, and the version or the channel that stands after its `@`.
fn target(text: &str) -> Result<(AgentName, SwapTo)> {
    if let Some((agent, channel)) = text.split_once('@')
        && let (Ok(agent), Ok(channel)) = (agent.parse(), channel.parse())
    {
        return Ok((agent, SwapTo { channel: Some(channel), ..SwapTo::default() }));
    }
    let ReleaseRef { agent, version } = text.parse()?;
    Ok((agent, SwapTo { version: Some(version), ..SwapTo::default() }))
}

/// What a host says to a swap: it is over, or goes by steps.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Answered {
    Done(Box<Swapped>),
    Going(Box<SwapView>),
}

pub(crate) async fn canary(args: &Args, command: &Canary) -> Result<ExitCode> {
    let path = format!("/api/v1/deployments/{}/canary", segment(&command.agent));
    let client = Client::new(args)?;
    let swap: SwapView = client.post(&path, &CanaryRequest { weight: command.weight }).await?;
    if command.follow {
        return follow::run(args, &client, swap, Until::Decided).await;
    }
    output::answer(args.json, &swap, |swap| {
        format!("{}@{} has {} % of the calls; promote it or roll it back", swap.agent, swap.to, swap.state.weight)
    })?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn promote(args: &Args, command: &Promote) -> Result<ExitCode> {
    let path = format!("/api/v1/deployments/{}/promote", segment(&command.agent));
    let client = Client::new(args)?;
    let swap: SwapView = client.post(&path, &()).await?;
    if command.follow {
        return follow::run(args, &client, swap, Until::Decided).await;
    }
    output::answer(args.json, &swap, |swap| format!("{}@{} serves", swap.agent, swap.to))?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn rollback(args: &Args, command: &Rollback) -> Result<ExitCode> {
    let path = format!("/api/v1/deployments/{}/rollback", segment(&command.agent));
    let client = Client::new(args)?;
    let swap: SwapView = client.post(&path, &()).await?;
    if command.follow {
        return follow::run(args, &client, swap, Until::Back).await;
    }
    output::answer(args.json, &swap, serves)?;
    Ok(ExitCode::SUCCESS)
}

/// Which release serves after a swap that went back.
fn serves(swap: &SwapView) -> String {
    let serves = match swap.state.outcome {
        Some(SwapOutcome::Promoted) => Some(&swap.to),
        _ => swap.from.as_ref(),
    };
    serves.map_or_else(|| show(swap), |version| format!("{}@{version} serves", swap.agent))
}

pub(crate) async fn swaps(args: &Args, command: &Swaps) -> Result<ExitCode> {
    let client = Client::new(args)?;
    let path = format!("/api/v1/deployments/{}/swaps", segment(&command.agent));
    let Some(swap) = &command.swap else {
        let page: Page<SwapView> = client.query(&path, &[("limit", command.limit.to_string())]).await?;
        output::answer(args.json, &page, |page| list(&page.items))?;
        return Ok(ExitCode::SUCCESS);
    };
    let path = format!("{path}/{}", segment(swap));
    if command.abort {
        let swap: SwapView = client.post(&format!("{path}/abort"), &()).await?;
        output::answer(args.json, &swap, show)?;
        return Ok(ExitCode::SUCCESS);
    }
    let swap: SwapView = client.get(&path).await?;
    if command.follow {
        return follow::run(args, &client, swap, Until::Ended).await;
    }
    output::answer(args.json, &swap, show)?;
    Ok(ExitCode::SUCCESS)
}

fn list(swaps: &[SwapView]) -> String {
    if swaps.is_empty() {
        return "no swaps".to_owned();
    }
    let row = |swap: &SwapView| {
        vec![
            swap.id.to_string(),
            swap.from.as_ref().map(ToString::to_string).unwrap_or_default(),
            swap.to.to_string(),
            swap.state.phase.as_str().to_owned(),
            swap.state.outcome.map(|outcome| outcome.as_str().to_owned()).unwrap_or_default(),
            swap.started_at.to_string(),
        ]
    };
    table(&["swap", "from", "to", "phase", "outcome", "began"], &swaps.iter().map(row).collect::<Vec<_>>())
}

/// One swap.
fn show(swap: &SwapView) -> String {
    let state = &swap.state;
    let mut out = format!("swap     {}\nagent    {}\n", swap.id, swap.agent);
    if let Some(from) = &swap.from {
        out.push_str(&format!("from     {from}\n"));
    }
    out.push_str(&format!("to       {}\nphase    {}\n", swap.to, state.phase.as_str()));
    if state.weight > 0 {
        out.push_str(&format!("weight   {} %\n", state.weight));
    }
    if let Some(outcome) = state.outcome {
        out.push_str(&format!("outcome  {}\n", outcome.as_str()));
    }
    if let Some(reason) = &state.reason {
        out.push_str(&format!("reason   {} [{}]\n", reason.message, reason.code));
    }
    if let Some(rehearsal) = &state.rehearsal {
        out.push_str(&format!("tried    {}\n", follow::tried(rehearsal)));
    }
    if state.phase == SwapPhase::AwaitingApproval {
        let release = format!("{}@{}", swap.agent, swap.to);
        out.push_str(&format!("waits    for `troupe release approve {release}`\n"));
    }
    let seen = seen::whole(swap, SystemClock.now());
    if !seen.is_empty() {
        out.push_str(&format!("seen     {seen}\n"));
    }
    out
}
