//! Watching a task while it runs.
//!
//! Progress and parts reach a watcher by different ways: of progress only the newest
//! counts, so a slow watcher skips what lies between; parts all count, so a watcher who
//! falls too far behind is told how many it missed. The end reaches everybody.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::value::RawValue;
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;
use troupe_core::view::{Progress, TaskView};
use troupe_core::{Caller, Result, Scope, TaskId, TenantId, limits};
use troupe_store::task_not_found;

use super::query::view;
use super::waits::Wait;
use crate::Runtime;

/// Parts that a slow watcher may be behind before it misses some.
const BEHIND_MAX: usize = 256;

/// Something that happened to a running task.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum TaskEvent {
    /// The task as it stands: the first event, whenever it is suspended or taken up again, and
    /// the last when it has ended.
    Task(Box<TaskView>),
    /// How far it is.
    Progress(Progress),
    /// A part of its output.
    Partial(Arc<RawValue>),
    /// This many parts were passed over, since the watcher was too slow.
    Missed(u64),
}

/// Those who watch, by task.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watchers(Arc<Mutex<HashMap<TaskId, Watched>>>);

#[derive(Debug)]
struct Watched {
    progress: watch::Sender<Option<Progress>>,
    line: broadcast::Sender<Line>,
}

/// What all watchers see in the same order.
#[derive(Debug, Clone)]
enum Line {
    Part(Arc<RawValue>),
    Stands(Box<TaskView>),
    End(Box<TaskView>),
}

impl Watchers {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<TaskId, Watched>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn progress(&self, task: TaskId, progress: Progress) {
        if let Some(watched) = self.lock().get(&task) {
            watched.progress.send_replace(Some(progress));
        }
    }

    pub(super) fn part(&self, task: TaskId, part: Arc<RawValue>) {
        if let Some(watched) = self.lock().get(&task) {
            let _ = watched.line.send(Line::Part(part));
        }
    }

    /// Tells the watchers how a task stands that has not ended.
    pub(crate) fn stands(&self, task: TaskId, view: impl FnOnce() -> TaskView) {
        if let Some(watched) = self.lock().get(&task) {
            let _ = watched.line.send(Line::Stands(Box::new(view())));
        }
    }

    /// Tells the watchers the end, and forgets them.
    pub(crate) fn end(&self, task: TaskId, view: impl FnOnce() -> TaskView) {
        if let Some(watched) = self.lock().remove(&task) {
            let _ = watched.line.send(Line::End(Box::new(view())));
        }
    }

    /// Forgets all watchers: their events end here.
    pub(crate) fn close(&self) {
        self.lock().clear();
    }

    fn watch(&self, task: TaskId) -> Channel {
        let mut all = self.lock();
        let watched = all.entry(task).or_insert_with(|| Watched {
            progress: watch::Sender::new(None),
            line: broadcast::Sender::new(BEHIND_MAX),
        });
        let mut progress = watched.progress.subscribe();
        if progress.borrow().is_some() {
            progress.mark_changed();
        }
        Channel { progress, line: watched.line.subscribe(), next_progress: Instant::now(), told: None, end: None }
    }

    /// Forgets a task that nobody watches any more; to be called after a channel is dropped.
    fn leave(&self, task: TaskId) {
        let mut all = self.lock();
        if all.get(&task).is_some_and(|watched| watched.line.receiver_count() == 0) {
            all.remove(&task);
        }
    }
}

/// The events of one task, from now to its end.
#[derive(Debug)]
pub struct TaskEvents {
    task: TaskId,
    first: Option<TaskView>,
    channel: Option<Channel>,
    watchers: Watchers,
    /// Who reads them, if that is a client that may be let in no more.
    reader: Option<Reader>,
    counted: Option<Wait>,
}

/// Somebody who was let in, and may be let in no more: by a key that is revoked, or a tenant
/// that is disabled.
#[derive(Debug)]
struct Reader {
    runtime: Runtime,
    caller: Caller,
    forgotten: watch::Receiver<u64>,
    /// What was forgotten when the caller was last looked at.
    seen: u64,
}

impl Reader {
    /// Returns once the caller is let in no more.
    async fn refused(&mut self) {
        loop {
            let seen = self.seen;
            let Ok(now) = self.forgotten.wait_for(|now| *now != seen).await.map(|now| *now) else {
                // There is nobody left who could forget.
                return std::future::pending().await;
            };
            match self.runtime.check_caller(&self.caller).await {
                Ok(()) => self.seen = now,
                Err(error) if error.retryable => tokio::time::sleep(limits::TICK).await,
                Err(_) => return,
            }
        }
    }
}

#[derive(Debug)]
struct Channel {
    progress: watch::Receiver<Option<Progress>>,
    line: broadcast::Receiver<Line>,
    /// Before this, progress waits: it comes no faster than a person reads.
    next_progress: Instant,
    /// The progress that was told last.
    told: Option<Progress>,
    /// The end, held back until the newest progress is told.
    end: Option<Box<TaskView>>,
}

impl TaskEvents {
    /// The next event; `None` after the end, and once whoever reads is let in no more.
    pub async fn next(&mut self) -> Option<TaskEvent> {
        if let Some(view) = self.first.take() {
            if view.status.is_final() {
                self.leave();
            }
            return Some(TaskEvent::Task(Box::new(view)));
        }
        let channel = self.channel.as_mut()?;
        let event = match &mut self.reader {
            None => channel.next().await,
            Some(reader) => tokio::select! {
                biased;
                () = reader.refused() => None,
                event = channel.next() => event,
            },
        };
        let goes_on = match &event {
            Some(TaskEvent::Task(task)) => !task.status.is_final(),
            event => event.is_some(),
        };
        if !goes_on {
            self.leave();
        }
        event
    }

    fn leave(&mut self) {
        if self.channel.take().is_some() {
            self.watchers.leave(self.task);
        }
    }
}

impl Channel {
    async fn next(&mut self) -> Option<TaskEvent> {
        if let Some(end) = self.end.take() {
            return Some(TaskEvent::Task(end));
        }
        tokio::select! {
            biased;
            Some(progress) = newest(&mut self.progress, self.next_progress) => Some(self.tell(progress)),
            line = self.line.recv() => match line {
                Ok(Line::Part(part)) => Some(TaskEvent::Partial(part)),
                Ok(Line::Stands(task)) => Some(TaskEvent::Task(task)),
                Ok(Line::End(end)) => {
                    let newest = self.progress.borrow_and_update().clone();
                    match newest.filter(|newest| self.told.as_ref() != Some(newest)) {
                        None => Some(TaskEvent::Task(end)),
                        Some(progress) => {
                            self.end = Some(end);
                            Some(self.tell(progress))
                        }
                    }
                }
                Err(broadcast::error::RecvError::Lagged(missed)) => Some(TaskEvent::Missed(missed)),
                Err(broadcast::error::RecvError::Closed) => None,
            },
        }
    }

    fn tell(&mut self, progress: Progress) -> TaskEvent {
        self.next_progress = Instant::now() + Duration::from_secs(1) / limits::PROGRESS_PER_SECOND;
        self.told = Some(progress.clone());
        TaskEvent::Progress(progress)
    }
}

/// The newest progress, not before `at`; `None` if there will be none.
async fn newest(progress: &mut watch::Receiver<Option<Progress>>, at: Instant) -> Option<Progress> {
    // The wait comes first: a change that was taken note of must not be dropped.
    tokio::time::sleep_until(at).await;
    progress.changed().await.ok()?;
    progress.borrow().clone()
}

impl Drop for TaskEvents {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Runtime {
    /// Watches a task: its state now, then what happens until it ends, or until the caller is
    /// let in no more.
    ///
    /// # Errors
    /// [`Code::TaskNotFound`]; [`Code::LimitConcurrency`] if it has not ended and too many
    /// wait already; [`Code::UnavailableHost`] when the host stops.
    pub async fn watch_task(&self, caller: &Caller, task: TaskId) -> Result<TaskEvents> {
        caller.require(Scope::Read)?;
        let mut forgotten = self.keyring.watch();
        let seen = *forgotten.borrow_and_update();
        let mut watched = self.watch(&caller.tenant, task, None).await?;
        // It may have been refused since it was let in.
        self.check_caller(caller).await?;
        watched.reader = Some(Reader { runtime: self.clone(), caller: caller.clone(), forgotten, seen });
        Ok(watched)
    }

    /// Watches a task for somebody who waits, and is counted already or here.
    pub(super) async fn watch(&self, tenant: &TenantId, task: TaskId, counted: Option<Wait>) -> Result<TaskEvents> {
        // Watching begins before reading, so an end in between is not missed.
        let channel = Some(self.watchers.watch(task));
        let watchers = self.watchers.clone();
        let mut watched = TaskEvents { task, first: None, channel, watchers, reader: None, counted };
        // Nor is a stop in between, which ends all watching.
        self.require_ready()?;
        let row = self.store.task(tenant, task).await?;
        let first = row.as_ref().map(view).ok_or_else(|| task_not_found(task))?;
        if watched.counted.is_none() && !first.status.is_final() {
            watched.counted = Some(self.waits.enter(tenant)?);
        }
        watched.first = Some(first);
        Ok(watched)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ended(task: TaskId) -> TaskView {
        let at = "2026-01-02T03:04:05.678Z";
        serde_json::from_value(json!({
            "id": task, "agent": "echo", "skill": "echo", "status": "completed", "input": {}, "attempt": 1,
            "priority": 0, "principal": "owner", "timeout_ms": 1, "created_at": at,
        }))
        .unwrap()
    }

    fn watching(watchers: &Watchers, task: TaskId, first: Option<TaskView>) -> TaskEvents {
        TaskEvents {
            task,
            first,
            channel: Some(watchers.watch(task)),
            watchers: watchers.clone(),
            reader: None,
            counted: None,
        }
    }

    #[tokio::test]
    async fn who_leaves_takes_the_end_from_nobody() {
        let task: TaskId = "0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b".parse().unwrap();
        let watchers = Watchers::default();
        let mut stays = watching(&watchers, task, None);
        // The task's end is on disk and not told yet, so this one reads it and leaves.
        let mut leaves = watching(&watchers, task, Some(ended(task)));
        assert!(matches!(leaves.next().await, Some(TaskEvent::Task(_))));
        drop(leaves);
        watchers.end(task, || ended(task));
        assert!(matches!(stays.next().await, Some(TaskEvent::Task(_))));
        assert!(stays.next().await.is_none());

        drop(watching(&watchers, task, None));
        assert!(watchers.lock().is_empty());
    }
}
