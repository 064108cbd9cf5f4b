//! `troupe run`: ask for a skill, watch it work, print the answer.

use std::future::ready;
use std::io::{IsTerminal as _, Read as _};
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use futures::StreamExt as _;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};
use troupe_core::view::{NewTask, Progress, Retry, TaskFailure, TaskStatus, TaskView};
use troupe_core::{Code, Error, Result, Timestamp};

use super::interrupt::interrupted;
use crate::args::{Args, Run};
use crate::client::Client;
use crate::human::document;
use crate::output;
use crate::time::seconds;

pub(crate) async fn run(args: &Args, command: &Run) -> Result<ExitCode> {
    let milliseconds = |option: &str, text: &Option<String>| {
        text.as_ref().map(|text| seconds(option, text).map(|seconds| seconds.saturating_mul(1000))).transpose()
    };
    let pause_ms = milliseconds("--pause", &command.pause)?;
    let retry = command.tries.map(|tries| {
        let retry = Retry::of(tries);
        Retry { pause_ms: pause_ms.unwrap_or(retry.pause_ms), ..retry }
    });
    let request = NewTask {
        instance: command.instance.clone(),
        idempotency_key: command.idempotency_key.clone(),
        affinity: command.affinity.clone(),
        timeout_ms: command.timeout.map(|seconds| seconds.saturating_mul(1000)),
        lifetime_ms: command.lifetime.map(|seconds| seconds.saturating_mul(1000)),
        delay_ms: milliseconds("--delay", &command.delay)?,
        retry,
        budget: command.budget,
        ..NewTask::new(&command.agent, &command.skill, input(&command.input)?)
    };
    let client = Client::new(args)?;
    // Listening begins before asking, so that no task is left behind by a Ctrl-C.
    let mut interrupts = signal(SignalKind::interrupt()).map_err(Error::internal)?;
    let mut asked = pin!(client.post::<TaskView>("/api/v1/tasks", &request));
    let mut task = tokio::select! {
        task = &mut asked => task?,
        _ = interrupts.recv() => return interrupted(args, &client, asked, &mut interrupts).await,
    };
    if command.detach {
        output::answer(args.json, &task, super::tasks::show)?;
        return Ok(ExitCode::SUCCESS);
    }
    if !task.status.is_final() {
        let ended = tokio::select! {
            ended = follow(&client, &task) => ended,
            _ = interrupts.recv() => return interrupted(args, &client, ready(Ok(task)), &mut interrupts).await,
        };
        task =
            ended.map_err(|error| error.context(format!("lost sight of task {0}, see `troupe tasks {0}`", task.id)))?;
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
    } else {
        let (id, status) = (task.id, task.status.as_str());
        output::note(&format!("the host stopped telling while task {id} was {status}; see `troupe tasks {id}`"));
    }
    Ok(if task.status == TaskStatus::Completed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Follows a task to its end and shows its progress.
async fn follow(client: &Client, task: &TaskView) -> Result<TaskView> {
    let bar = bar();
    let path = format!("/api/v1/tasks/{}", task.id);
    let events_path = format!("{path}/events");
    let mut events = pin!(client.follow(&events_path, |line| bar.suspend(|| output::note(line))));
    let (mut wakes, mut approval) = (None, None);
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
                if let Some(id) = task.approval.filter(|_| task.status == TaskStatus::AwaitingApproval)
                    && approval.replace(id) != Some(id)
                {
                    let note =
                        format!("the task waits for approval; `troupe approvals show {id}` shows what it would do");
                    bar.suspend(|| output::note(&note));
                }
                if let Some(wake_at) = task.wake_at
                    && wakes.replace(wake_at) != Some(wake_at)
                {
                    bar.suspend(|| output::note(&waits(&task, wake_at)));
                }
            }
            _ => {}
        }
    }
    bar.finish_and_clear();
    // All was told before, to whoever read its last event.
    client.get(&path).await
}

/// What a task waits for that has a time to wake at.
fn waits(task: &TaskView, wake_at: Timestamp) -> String {
    match (task.status, &task.failure) {
        (TaskStatus::Suspended, _) => format!("suspended until {wake_at}; the task goes on by itself"),
        (_, Some(failure)) => {
            let TaskFailure { message, code, .. } = failure;
            let tries = task.retry.map_or(0, |retry| retry.tries);
            format!("try {} of {tries} failed: {message} [{code}]; the next begins at {wake_at}", task.retries)
        }
        (_, None) => format!("the task begins at {wake_at}"),
    }
}

pub(super) fn bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(1000);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {bar:24} {percent:>3}% {wide_msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

pub(super) fn show(bar: &ProgressBar, progress: Progress) {
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
pub(super) fn input(argument: &str) -> Result<Value> {
    serde_json::from_str(&text(argument)?).map_err(|error| {
        Error::new(
            Code::InputInvalid,
            format!("the input is not JSON: {error}; quote it as in --input '{{\"text\":\"hello\"}}'"),
        )
    })
}

/// Reads what an argument means: itself, `@FILE`, or `-` for standard input.
pub(super) fn text(argument: &str) -> Result<String> {
    let unreadable = |what: &str, error: std::io::Error| {
        let message = format!("the input {what} cannot be read ({})", error.kind());
        Error::new(Code::InputInvalid, message).with_cause(error)
    };
    if argument == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(|error| unreadable("from standard input", error))?;
        return Ok(text);
    }
    match argument.strip_prefix('@') {
        Some(path) => std::fs::read_to_string(path).map_err(|error| unreadable(&format!("`{path}`"), error)),
        None => Ok(argument.to_owned()),
    }
}
