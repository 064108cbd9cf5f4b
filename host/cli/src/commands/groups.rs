//! `troupe groups`: tasks that need one another.

mod follow;

use std::future::ready;
use std::pin::pin;
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};
use troupe_core::view::{
    GroupStatus, GroupSummary, GroupView, NewGroup, Page, Redaction, RetryGroup, StepStatus, StepView,
};
use troupe_core::{Code, Error, Result};

use super::interrupt::interrupted;
use super::run::text;
use crate::args::{Args, Groups, GroupsVerb, ListGroups, RunGroup};
use crate::client::{Client, segment};
use crate::human::{document, table};
use crate::output;

const PATH: &str = "/api/v1/task-groups";

fn of(group: &str) -> String {
    format!("{PATH}/{}", segment(group))
}

pub(crate) async fn run(args: &Args, command: &Groups) -> Result<ExitCode> {
    let client = Client::new(args)?;
    let group: GroupView = match &command.verb {
        None => return list(args, &client, &ListGroups { limit: 20, status: None }).await,
        Some(GroupsVerb::List(which)) => return list(args, &client, which).await,
        Some(GroupsVerb::Run(asked)) => return run_group(args, &client, asked).await,
        Some(GroupsVerb::Watch { group }) => {
            let group = client.get(&of(group)).await?;
            return finish(args, &follow::to_its_end(args.json, &client, group).await?);
        }
        Some(GroupsVerb::Get { group }) => client.get(&of(group)).await?,
        Some(GroupsVerb::Cancel { group }) => client.post(&format!("{}/cancel", of(group)), &()).await?,
        Some(GroupsVerb::Retry { group, idempotency_key }) => {
            let request = RetryGroup { idempotency_key: idempotency_key.clone() };
            client.post(&format!("{}/retry", of(group)), &request).await?
        }
        Some(GroupsVerb::Redact { group }) => client.post(&format!("{}/redact", of(group)), &()).await?,
    };
    output::answer(args.json, &group, show)?;
    Ok(ExitCode::SUCCESS)
}

async fn list(args: &Args, client: &Client, which: &ListGroups) -> Result<ExitCode> {
    let mut query = vec![("limit", which.limit.to_string())];
    query.extend(which.status.clone().map(|status| ("status", status)));
    let page: Page<GroupSummary> = client.query(PATH, &query).await?;
    output::answer(args.json, &page, |page| rows(&page.items))?;
    Ok(ExitCode::SUCCESS)
}

async fn run_group(args: &Args, client: &Client, asked: &RunGroup) -> Result<ExitCode> {
    let argument = if asked.file == "-" { asked.file.clone() } else { format!("@{}", asked.file) };
    let mut group: NewGroup = serde_json::from_str(&text(&argument)?)
        .map_err(|error| Error::new(Code::RequestInvalid, format!("`{}` is no task group: {error}", asked.file)))?;
    group.idempotency_key = asked.idempotency_key.clone().or(group.idempotency_key);
    // Listening begins before asking, so that no group is left behind by a Ctrl-C.
    let mut interrupts = signal(SignalKind::interrupt()).map_err(Error::internal)?;
    let mut asked_for = pin!(client.post::<GroupView>(PATH, &group));
    let group = tokio::select! {
        group = &mut asked_for => group?,
        _ = interrupts.recv() => return interrupted(args, client, asked_for, &mut interrupts).await,
    };
    if asked.detach {
        output::answer(args.json, &group, show)?;
        return Ok(ExitCode::SUCCESS);
    }
    let id = group.summary.id;
    let ended = tokio::select! {
        ended = follow::to_its_end(args.json, client, group.clone()) => ended,
        _ = interrupts.recv() => return interrupted(args, client, ready(Ok(group)), &mut interrupts).await,
    };
    let lost = |error: Error| error.context(format!("lost sight of group {id}, see `troupe groups get {id}`"));
    finish(args, &ended.map_err(lost)?)
}

fn finish(args: &Args, group: &GroupView) -> Result<ExitCode> {
    output::answer(args.json, group, show)?;
    let is_completed = group.summary.status == GroupStatus::Completed;
    Ok(if is_completed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn rows(groups: &[GroupSummary]) -> String {
    if groups.is_empty() {
        return "no groups yet; `troupe groups run FILE` runs one".to_owned();
    }
    let row = |group: &GroupSummary| {
        vec![
            group.id.to_string(),
            group.status.as_str().to_owned(),
            format!("{} of {}", group.progress.ended, group.progress.steps),
            group.created_at.to_string(),
            group.failure.as_ref().map(|failure| failure.code.clone()).unwrap_or_default(),
        ]
    };
    table(&["group", "status", "steps", "created", "failure"], &groups.iter().map(row).collect::<Vec<_>>())
}

/// One group, with the outputs of the steps that no other needs.
fn show(group: &GroupView) -> String {
    let summary = &group.summary;
    let mut out = format!(
        "group    {}\nstatus   {}\nsteps    {} of {} ended\n",
        summary.id,
        summary.status.as_str(),
        summary.progress.ended,
        summary.progress.steps
    );
    if let Some(before) = &summary.retry_of {
        out.push_str(&format!("retry of {before}\n"));
    }
    if let Some(failure) = &summary.failure {
        out.push_str(&format!("failure  {} [{}]\n", failure.message, failure.code));
    }
    if let Some(Redaction { at, by }) = &summary.redacted {
        out.push_str(&format!("redacted {at}, by {by}\n"));
    }
    let rows: Vec<_> = group.all_steps().into_iter().map(row).collect();
    out.push_str(&format!("\n{}", table(&["step", "asks", "needs", "status", "task", "undone", "failure"], &rows)));
    for step in &group.steps {
        let is_last = !group.steps.iter().any(|other| other.needs.contains(&step.name));
        if let Some(output) = step.output.as_ref().filter(|_| is_last) {
            out.push_str(&format!("\n{}\n{}", step.name, document(output)));
        }
    }
    out
}

fn row(step: &StepView) -> Vec<String> {
    let task = match (&step.items, step.tasks.first()) {
        (Some(items), _) => format!("{} of {}", items.completed, items.all),
        (None, Some(task)) => task.task.to_string(),
        (None, None) => "-".to_owned(),
    };
    let needs: Vec<&str> = step.needs.iter().map(|need| need.own()).collect();
    let asks = if step.steps.is_empty() { format!("{} {}", step.agent, step.skill) } else { "a group".to_owned() };
    vec![
        step.name.to_string(),
        asks,
        needs.join(" "),
        step.status.as_str().to_owned(),
        task,
        undone(step),
        step.failure.as_ref().map(|failure| failure.code.clone()).unwrap_or_default(),
    ]
}

/// How much of a step is undone.
fn undone(step: &StepView) -> String {
    let (all, done) = (step.compensations.len(), |status| {
        step.compensations.iter().filter(move |undo| undo.status == status).count()
    });
    match (all, done(StepStatus::Completed), done(StepStatus::Failed)) {
        (0, ..) => String::new(),
        (all, done, 0) if all == done => "yes".to_owned(),
        (_, _, failed) if failed > 0 => "failed".to_owned(),
        _ => "not yet".to_owned(),
    }
}
