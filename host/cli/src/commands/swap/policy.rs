//! `troupe policy`, and the policy that the options of `troupe swap` say.

use std::process::ExitCode;

use troupe_core::view::{
    AffinityBy, CanaryPolicy, CanaryStep, DrainMode, DrainPolicy, OnFailure, RehearsePolicy, StandingPolicy,
    SwapPolicy, Undecided, WatchPolicy,
};
use troupe_core::{Code, Error, Result};

use crate::args::{Args, How, Policy, PolicyVerb};
use crate::client::{Client, segment};
use crate::output;
use crate::time::seconds;

pub(crate) async fn run(args: &Args, command: &Policy) -> Result<ExitCode> {
    let path = format!("/api/v1/deployments/{}/policy", segment(&command.agent));
    let client = Client::new(args)?;
    let standing: StandingPolicy = match &command.verb {
        None => client.get(&path).await?,
        Some(PolicyVerb::Set { how }) => {
            let policy = said(how)?;
            if policy == SwapPolicy::default() {
                let message = "the policy says nothing; say `--rehearse`, `--canary`, `--watch` or `--policy`";
                return Err(Error::new(Code::RequestInvalid, message));
            }
            client.put(&path, &policy).await?
        }
        Some(PolicyVerb::Remove) => client.delete(&path).await?,
    };
    output::answer(args.json, &standing, show)?;
    Ok(ExitCode::SUCCESS)
}

fn show(standing: &StandingPolicy) -> String {
    let agent = &standing.agent;
    let Some(policy) = &standing.policy else {
        return format!(
            "a swap of {agent} gives all calls to the release at once; `troupe policy {agent} set` says otherwise"
        );
    };
    let mut out = format!("a swap of {agent}, unless it is told otherwise\n");
    for line in lines(policy) {
        out.push_str(&format!("  {line}\n"));
    }
    if let (Some(by), Some(at)) = (&standing.by, &standing.changed_at) {
        out.push_str(&format!("set by {by} at {at}\n"));
    }
    out
}

/// What a policy says, a line a step.
fn lines(policy: &SwapPolicy) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(rehearse) = &policy.rehearse {
        let then = if rehearse.only_tell { "tells what is otherwise" } else { "ends at what is otherwise" };
        lines.push(format!("repeats the last {} recorded invocations on it, and {then}", rehearse.last));
    }
    if let Some(canary) = &policy.canary {
        let by = match canary.by {
            AffinityBy::Task => "each by itself",
            AffinityBy::Principal => "by who asks",
        };
        let steps = canary
            .steps
            .iter()
            .map(|step| format!("{} % for {} calls and {} s", step.weight, step.min_calls, step.min_seconds));
        lines.push(format!("gives it a part of the calls, {by}: {}", steps.collect::<Vec<_>>().join(", ")));
    }
    if let Some(watch) = &policy.watch {
        lines.push(format!("watches it for {} s once it has all calls", watch.seconds));
    }
    if policy.canary.is_some() || policy.watch.is_some() {
        lines.push(match policy.on_failure {
            OnFailure::Rollback => "goes back when it is found worse".to_owned(),
            OnFailure::Hold => "waits for an operator when it is found worse".to_owned(),
        });
    }
    if let Some(drain) = &policy.drain {
        lines.push(format!("lets calls on the release before go on for {} s", drain.seconds));
    }
    lines
}

/// The policy that the options of a command say; the default one if they say nothing.
pub(super) fn said(command: &How) -> Result<SwapPolicy> {
    if let Some(text) = &command.policy {
        return read_policy(text);
    }
    let (min_seconds, max_seconds) =
        (seconds("--step-time", &command.step_time)?, seconds("--step-time-max", &command.step_time_max)?);
    let step = |weight: &u8| CanaryStep { weight: *weight, min_calls: command.step_calls, min_seconds };
    let canary = (!command.canary.is_empty()).then(|| CanaryPolicy {
        steps: command.canary.iter().map(step).collect(),
        by: if command.by_task { AffinityBy::Task } else { AffinityBy::Principal },
        max_seconds,
        undecided: Undecided::Stop,
    });
    let watch = command.watch.as_deref().map(|time| seconds("--watch", time)).transpose()?;
    let drain = command.drain.as_deref().map(|time| seconds("--drain", time)).transpose()?;
    let rehearse = command.rehearse.map(|last| RehearsePolicy { last, ..RehearsePolicy::default() });
    Ok(SwapPolicy {
        rehearse,
        canary,
        watch: watch.map(|seconds| WatchPolicy { seconds }),
        on_failure: if command.hold { OnFailure::Hold } else { OnFailure::Rollback },
        drain: drain.map(|seconds| DrainPolicy { mode: DrainMode::Wait, seconds }),
        ..SwapPolicy::default()
    })
}

fn read_policy(text: &str) -> Result<SwapPolicy> {
    let wrong = |why: String| Error::new(Code::RequestInvalid, format!("the policy {why}"));
    let read = |path: &str| {
        std::fs::read_to_string(path).map_err(|error| wrong(format!("`{path}` cannot be read ({})", error.kind())))
    };
    let text = match text.strip_prefix('@') {
        Some(path) => read(path)?,
        None => text.to_owned(),
    };
    serde_json::from_str(&text).map_err(|error| wrong(format!("is not one: {error}")))
}
