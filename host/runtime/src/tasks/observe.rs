//! Watching a task while it runs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::value::RawValue;
use tokio::sync::broadcast;
use troupe_core::view::{Progress, TaskView};
use troupe_core::{Caller, Code, Error, Result, Scope, TaskId, TenantId, limits};
use troupe_sandbox::{LogLevel, LogRecord, Observer};

use super::query::view;
use crate::Runtime;

/// Events that a slow watcher may be behind before it misses some.
const BEHIND_MAX: usize = 256;

/// Something that happened to a running task.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum TaskEvent {
    /// The task as it stands: the first event, and the last when it has ended.
    Task(Box<TaskView>),
    /// How far it is.
    Progress(Progress),
    /// A part of its output.
    Partial(Arc<RawValue>),
}

/// Those who watch, by task.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watchers(Arc<Mutex<HashMap<TaskId, broadcast::Sender<TaskEvent>>>>);

impl Watchers {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<TaskId, broadcast::Sender<TaskEvent>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn send(&self, task: TaskId, event: TaskEvent) {
        if let Some(sender) = self.lock().get(&task) {
            let _ = sender.send(event);
        }
    }

    /// Tells the watchers the end, and forgets them.
    pub(crate) fn end(&self, task: TaskId, view: impl FnOnce() -> TaskView) {
        if let Some(sender) = self.lock().remove(&task) {
            let _ = sender.send(TaskEvent::Task(Box::new(view())));
        }
    }

    fn watch(&self, task: TaskId) -> broadcast::Receiver<TaskEvent> {
        let sender = || broadcast::Sender::new(BEHIND_MAX);
        self.lock().entry(task).or_insert_with(sender).subscribe()
    }

    /// Forgets a task that nobody watches any more.
    fn leave(&self, task: TaskId) {
        let mut watched = self.lock();
        if watched.get(&task).is_some_and(|sender| sender.receiver_count() <= 1) {
            watched.remove(&task);
        }
    }
}

/// The events of one task, from now to its end.
#[derive(Debug)]
pub struct TaskEvents {
    task: TaskId,
    first: Option<TaskView>,
    events: Option<broadcast::Receiver<TaskEvent>>,
    watchers: Watchers,
}

impl TaskEvents {
    /// The next event; `None` after the end. What a slow watcher missed is left out; the
    /// end never is.
    pub async fn next(&mut self) -> Option<TaskEvent> {
        if let Some(view) = self.first.take() {
            if view.status.is_final() {
                self.events = None;
            }
            return Some(TaskEvent::Task(Box::new(view)));
        }
        loop {
            let event = self.events.as_mut()?.recv().await;
            match event {
                Ok(TaskEvent::Task(view)) if view.status.is_final() => {
                    self.events = None;
                    return Some(TaskEvent::Task(view));
                }
                Ok(event) => return Some(event),
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}

impl Drop for TaskEvents {
    fn drop(&mut self) {
        self.watchers.leave(self.task);
    }
}

impl Runtime {
    /// Watches a task: its state now, then what happens until it ends.
    ///
    /// # Errors
    /// [`Code::TaskNotFound`].
    pub async fn watch_task(&self, caller: &Caller, task: TaskId) -> Result<TaskEvents> {
        caller.require(Scope::Read)?;
        // Watching begins before reading, so an end in between is not missed.
        let events = self.watchers.watch(task);
        let mut watched = TaskEvents { task, first: None, events: Some(events), watchers: self.watchers.clone() };
        let row = self.store.task(&caller.tenant, task).await?;
        let row = row.ok_or_else(|| Error::new(Code::TaskNotFound, format!("there is no task {task}")))?;
        watched.first = Some(view(&row));
        Ok(watched)
    }
}

/// Passes what a guest says to the log and to the watchers.
#[derive(Debug)]
pub(crate) struct TaskObserver {
    pub(crate) tenant: TenantId,
    pub(crate) task: TaskId,
    pub(crate) agent: String,
    pub(crate) watchers: Watchers,
    pub(crate) paced: Mutex<Option<tokio::time::Instant>>,
}

impl Observer for TaskObserver {
    fn log(&self, record: LogRecord) {
        let LogRecord { level, message, fields, .. } = record;
        let (tenant, task, agent) = (&self.tenant, &self.task, &self.agent);
        let fields = serde_json::Value::Object(fields.into_iter().map(|(k, v)| (k, v.into())).collect()).to_string();
        macro_rules! emit {
            ($level:ident) => {
                tracing::event!(target: "agent", tracing::Level::$level, %tenant, %task, agent, fields, "{message}")
            };
        }
        match level {
            LogLevel::Trace => emit!(TRACE),
            LogLevel::Debug => emit!(DEBUG),
            LogLevel::Info => emit!(INFO),
            LogLevel::Warn => emit!(WARN),
            LogLevel::Error => emit!(ERROR),
        }
    }

    fn progress(&self, progress: Progress) {
        let now = tokio::time::Instant::now();
        let mut paced = self.paced.lock().unwrap_or_else(PoisonError::into_inner);
        let pause = std::time::Duration::from_secs(1) / limits::PROGRESS_PER_SECOND;
        if paced.is_some_and(|last| now.duration_since(last) < pause) {
            return;
        }
        *paced = Some(now);
        drop(paced);
        self.watchers.send(self.task, TaskEvent::Progress(progress));
    }

    fn partial(&self, part: String) {
        if let Ok(part) = RawValue::from_string(part) {
            self.watchers.send(self.task, TaskEvent::Partial(Arc::from(part)));
        }
    }
}
