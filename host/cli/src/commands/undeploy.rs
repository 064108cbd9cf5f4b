//! `troupe undeploy` and `troupe agents delete`: an agent out of service, and gone.

use std::process::ExitCode;

use troupe_core::view::{AgentDeleted, AgentDetail, DeploymentView, StateAfter, Undeployed};
use troupe_core::{Code, Result};

use crate::args::{Args, DeleteAgent, Undeploy};
use crate::client::{Client, segment};
use crate::{ask, output};

pub(crate) async fn run(args: &Args, command: &Undeploy) -> Result<ExitCode> {
    let client = Client::new(args)?;
    let path = format!("/api/v1/deployments/{}", segment(&command.agent));
    let state = StateAfter::from(command.state);
    let mut query = vec![format!("state={}", state.as_str())];
    query.extend(command.drain.map(|seconds| format!("drain_seconds={seconds}")));
    let mut epoch = command.epoch;
    if !command.yes {
        match client.get::<DeploymentView>(&path).await {
            // Of one that was removed before the state may still go.
            Err(error) if error.code == Code::DeploymentNotFound && state == StateAfter::Remove => {
                ask::sure(&format!("Remove the state that {} has left", command.agent))?;
            }
            there => {
                let there = there?;
                ask::sure(&format!("Undeploy {}@{}, {}", there.agent, there.serving, goes(state)))?;
                // What was shown, and nothing that came after it.
                epoch = epoch.or(Some(there.epoch));
            }
        }
    }
    query.extend(epoch.map(|epoch| format!("epoch={epoch}")));
    let undeployed: Undeployed = client.delete(&format!("{path}?{}", query.join("&"))).await?;
    output::answer(args.json, &undeployed, |done| {
        let (agent, served, epoch) = (&done.agent, &done.served, done.epoch);
        let runs = match done.running {
            0 => String::new(),
            running => format!("; {running} of its tasks still run, until {} at most", done.drain_until),
        };
        format!("{agent} is not deployed any more (it was {agent}@{served}, epoch {epoch}), {}{runs}", went(done.state))
    })?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn delete(args: &Args, command: &DeleteAgent) -> Result<ExitCode> {
    let client = Client::new(args)?;
    let path = format!("/api/v1/agents/{}", segment(&command.agent));
    let state = StateAfter::from(command.state);
    if !command.yes {
        let there: AgentDetail = client.get(&path).await?;
        ask::sure(&format!("Delete {} with all its releases, {}", there.summary.name, goes(state)))?;
    }
    let deleted: AgentDeleted = client.delete(&format!("{path}?state={}", state.as_str())).await?;
    output::answer(args.json, &deleted, |deleted| {
        let versions: Vec<String> = deleted.versions.iter().map(ToString::to_string).collect();
        format!("{} is deleted ({}), {}", deleted.agent, versions.join(", "), went(deleted.state))
    })?;
    Ok(ExitCode::SUCCESS)
}

const fn goes(state: StateAfter) -> &'static str {
    match state {
        StateAfter::Keep => "keeping its state",
        StateAfter::Remove => "and remove its state",
    }
}

const fn went(state: StateAfter) -> &'static str {
    match state {
        StateAfter::Keep => "its state is kept",
        StateAfter::Remove => "its state is removed",
    }
}
