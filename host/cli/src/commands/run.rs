//! `troupe run`: ask for a skill, watch it work, print the answer.

use std::io::{IsTerminal as _, Read as _};
use std::pin::pin;
use std::process::ExitCode;

use futures::StreamExt as _;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use troupe_core::view::{Durability, NewTask, Progress, TaskStatus, TaskView};
use troupe_core::{Code, Error, Result};

use crate::args::{Args, Run};
use crate::client::Client;
use crate::human::document;
use crate::output;

pub(crate) async fn run(args: &Args, command: &Run) -> Result<ExitCode> {
    let request = NewTask {
        agent: command.agent.clone(),
        skill: command.skill.clone(),
        input: input(&command.input)?,
        idempotency_key: command.idempotency_key.clone(),
        timeout_ms: command.timeout.map(|seconds| seconds.saturating_mul(1000)),
        priority: 0,
        durability: Durability::Full,
    };
    let client = Client::new(args)?;
    let mut task: TaskView = client.post("/api/v1/tasks", &request).await?;
    if command.detach {
        output::answer(args.json, &task, super::tasks::show)?;
        return Ok(ExitCode::SUCCESS);
    }
    if !task.status.is_final() {
        tokio::select! {
            ended = follow(&client, &task) => task = ended?,
            _ = tokio::signal::ctrl_c() => {
                let cancelled: Result<TaskView> = client.post(&format!("/api/v1/tasks/{}/cancel", task.id), &()).await;
                match cancelled {
                    Ok(_) => output::note("interrupted; the task is cancelled"),
                    Err(error) => output::note(&format!("interrupted; the task was not cancelled: {error}")),
                }
                return Ok(ExitCode::from(output::INTERRUPTED));
            }
        }
    }
    finish(args, &task)
}

fn finish(args: &Args, task: &TaskView) -> Result<ExitCode> {
    if args.json {
        output::answer(true, task, |_| String::new())?;
    } else if let Some(answer) = &task.output {
        output::line(&document(answer));
    } else if let Some(failure) = task.failure.clone() {
        return Ok(output::fail(false, &failure.into()));
    }
    Ok(if task.status == TaskStatus::Completed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Follows a task to its end and shows its progress.
async fn follow(client: &Client, task: &TaskView) -> Result<TaskView> {
    let bar = bar();
    let path = format!("/api/v1/tasks/{}", task.id);
    let mut events = pin!(client.events(&format!("{path}/events")).await?);
    while let Some(event) = events.next().await {
        let event = event?;
        match event.name.as_str() {
            "progress" => show(&bar, serde_json::from_str(&event.data).map_err(Error::internal)?),
            "task" => {
                let task: TaskView = serde_json::from_str(&event.data).map_err(Error::internal)?;
                if task.status.is_final() {
                    bar.finish_and_clear();
                    return Ok(task);
                }
            }
            _ => {}
        }
    }
    bar.finish_and_clear();
    // The stream ended before the task, as when the host stops; it may know more later.
    client.get(&path).await
}

fn bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(1000);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {bar:24} {percent:>3}% {wide_msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(std::time::Duration::from_millis(120));
    bar
}

fn show(bar: &ProgressBar, progress: Progress) {
    if bar.is_hidden() {
        let percent = progress.fraction.map(|fraction| format!("{:>3.0}% ", fraction * 100.0)).unwrap_or_default();
        output::note(&format!("{percent}{}", progress.message));
        return;
    }
    if let Some(fraction) = progress.fraction {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a fraction is between 0 and 1")]
        bar.set_position((fraction.clamp(0.0, 1.0) * 1000.0) as u64);
    }
    bar.set_message(progress.message);
}

/// Reads the input: JSON text, `@FILE`, or `-`.
fn input(argument: &str) -> Result<Value> {
    let unreadable = |what: &str, error: std::io::Error| {
        let message = format!("the input {what} cannot be read ({})", error.kind());
        Error::new(Code::InputInvalid, message).with_cause(error)
    };
    let text = if argument == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(|error| unreadable("from standard input", error))?;
        text
    } else if let Some(path) = argument.strip_prefix('@') {
        std::fs::read_to_string(path).map_err(|error| unreadable(&format!("`{path}`"), error))?
    } else {
        argument.to_owned()
    };
    serde_json::from_str(&text).map_err(|error| {
        Error::new(
            Code::InputInvalid,
            format!("the input is not JSON: {error}; quote it as in --input '{{\"text\":\"hello\"}}'"),
        )
    })
}
