//! `troupe tasks`: what was asked, what came of it and what it left, asking for it again, and forgetting it.

mod artifacts;
mod tree;

use std::process::ExitCode;

use troupe_core::Result;
use troupe_core::view::{Member, Page, RedactRequest, RetryTask, TaskStatus, TaskView};

use crate::args::{Args, Tasks};
use crate::client::{Client, segment};
use crate::human::{document, table};
use crate::output;

pub(crate) async fn run(args: &Args, command: &Tasks) -> Result<ExitCode> {
    let client = Client::new(args)?;
    let Some(task) = &command.task else {
        let mut query = vec![("limit", command.limit.to_string())];
        query.extend(command.agent.clone().map(|agent| ("agent", agent)));
        query.extend(command.status.clone().map(|status| ("status", status)));
        query.extend(command.instance.clone().map(|instance| ("instance", instance)));
        query.extend(command.session.clone().map(|session| ("session", session)));
        query.extend(command.caused_by.clone().map(|task| ("caused_by", task)));
        let page: Page<TaskView> = client.query("/api/v1/tasks", &query).await?;
        output::answer(args.json, &page, |page| list(&page.items))?;
        return Ok(ExitCode::SUCCESS);
    };
    let path = format!("/api/v1/tasks/{}", segment(task));
    if command.redact {
        let request = RedactRequest { documents: command.all };
        let task: TaskView = client.post(&format!("{path}/journal/redact"), &request).await?;
        output::answer(args.json, &task, |task| format!("redacted: task {}", task.id))?;
        return Ok(ExitCode::SUCCESS);
    }
    if command.artifacts {
        let list = artifacts::list(&client, &path).await?;
        output::answer(args.json, &list, |list| artifacts::show(&list.artifacts))?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(name) = &command.artifact {
        let wanted = (name.as_str(), command.output.as_deref(), command.force);
        let fetched = artifacts::fetch(args, &client, &path, wanted).await?;
        output::answer(args.json, &fetched, artifacts::Fetched::say)?;
        return Ok(ExitCode::SUCCESS);
    }
    if command.tree {
        let tree = tree::read(&client, &path).await?;
        output::answer(args.json, &tree, |tree| tree::show(tree.as_slice()))?;
        return Ok(ExitCode::SUCCESS);
    }
    if command.retry {
        let task: TaskView = client.post(&format!("{path}/retry"), &RetryTask::default()).await?;
        output::answer(args.json, &task, show)?;
        return Ok(ExitCode::SUCCESS);
    }
    let task: TaskView =
        if command.cancel { client.post(&format!("{path}/cancel"), &()).await? } else { client.get(&path).await? };
    output::answer(args.json, &task, show)?;
    Ok(ExitCode::SUCCESS)
}

fn list(tasks: &[TaskView]) -> String {
    if tasks.is_empty() {
        return "no tasks".to_owned();
    }
    let row = |task: &TaskView| {
        let release =
            task.release.as_ref().map_or_else(|| task.agent.clone(), |r| format!("{}@{}", task.agent, r.version));
        let failure = task.failure.as_ref().map(|failure| failure.code.clone()).unwrap_or_default();
        vec![
            task.id.to_string(),
            release,
            task.skill.clone(),
            task.status.as_str().to_owned(),
            task.created_at.to_string(),
            failure,
        ]
    };
    table(&["task", "release", "skill", "status", "created", "failure"], &tasks.iter().map(row).collect::<Vec<_>>())
}

/// One task, with its output or the reason why there is none.
pub(super) fn show(task: &TaskView) -> String {
    let mut out = format!(
        "task     {}\nagent    {}\nskill    {}\nstatus   {}\n",
        task.id,
        task.agent,
        task.skill,
        task.status.as_str()
    );
    if let Some(instance) = &task.instance {
        out.push_str(&format!("instance {instance}\n"));
    }
    if let Some(Member { group, step, compensates, .. }) = &task.group {
        let what = if *compensates { ", which it undoes" } else { "" };
        out.push_str(&format!("group    {group}, step {step}{what}\n"));
    }
    if let Some(parent) = &task.caused_by {
        out.push_str(&format!("asked by {parent}\n"));
    }
    if let Some(event) = &task.event {
        out.push_str(&format!("handles  event {event}\n"));
    }
    if let Some(before) = &task.retry_of {
        out.push_str(&format!("retry of {before}\n"));
    }
    if let Some(release) = &task.release {
        out.push_str(&format!("release  {}, epoch {}\n", release.version, release.epoch));
    }
    if let Some(retry) = &task.retry {
        out.push_str(&format!("tries    {} of {} failed\n", failed_tries(task), retry.tries));
    }
    if let Some(wake_at) = &task.wake_at {
        let what = if task.status == TaskStatus::Suspended { "wakes" } else { "begins" };
        out.push_str(&format!("{what:<8} {wake_at}\n"));
    }
    if let Some(failure) = &task.failure {
        out.push_str(&format!("failure  {} [{}]\n", failure.message, failure.code));
    }
    if let Some(output) = &task.output {
        out.push_str(&format!("\n{}", document(output)));
    }
    if !task.artifacts.is_empty() {
        out.push_str(&format!("\n{}", artifacts::show(&task.artifacts)));
    }
    out
}

/// How many tries came to nothing, the last among them if it was.
fn failed_tries(task: &TaskView) -> u32 {
    task.retries + u32::from(task.status == TaskStatus::Failed)
}
