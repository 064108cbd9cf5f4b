//! Watching a task while it runs: the events of one task, as a door passes them on.

use std::sync::Arc;

use serde_json::value::RawValue;
use troupe_core::view::{Progress, StreamEnd, StreamEndReason, TaskView};
use troupe_core::{Caller, Result, Scope, TaskId, TenantId};
use troupe_store::task_not_found;

use super::position::Position;
use super::query::view;
use super::reader::Reader;
use super::waits::Wait;
use super::watchers::{Channel, Watchers};
use crate::Runtime;

/// Something that happened to a running task.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum TaskEvent {
    /// The task as it stands: the first event, whenever it is suspended or taken up again, and
    /// when it has ended.
    Task(Box<TaskView>),
    /// How far it is.
    Progress(Progress),
    /// A part of its output.
    Partial(Arc<RawValue>),
    /// This many parts were passed over: the watcher was too slow, or away for too long.
    Missed(u64),
    /// Nothing more comes.
    End(StreamEnd),
}

/// The events of one task, from now to its end.
#[derive(Debug)]
pub struct TaskEvents {
    task: TaskId,
    first: Option<TaskView>,
    channel: Option<Channel>,
    watchers: Watchers,
    /// What was told by the channel that is gone.
    position: Position,
    /// What `end` is yet to say.
    ending: Option<StreamEndReason>,
    /// Who reads them, if that is a client that may be let in no more.
    reader: Option<Reader>,
    counted: Option<Wait>,
}

impl TaskEvents {
    /// The next event; the last is `End`, after which there is none.
    pub async fn next(&mut self) -> Option<TaskEvent> {
        if let Some(view) = self.first.take() {
            if view.status.is_final() {
                self.leave(StreamEndReason::Done);
            }
            return Some(TaskEvent::Task(Box::new(view)));
        }
        let Some(channel) = self.channel.as_mut() else { return self.end() };
        let (event, why) = match &mut self.reader {
            None => (channel.next().await, StreamEndReason::HostStopping),
            Some(reader) => tokio::select! {
                biased;
                () = reader.refused() => (None, StreamEndReason::Refused),
                event = channel.next() => (event, StreamEndReason::HostStopping),
            },
        };
        match &event {
            Some(TaskEvent::Task(task)) if task.status.is_final() => self.leave(StreamEndReason::Done),
            Some(_) => {}
            None => {
                self.leave(why);
                return self.end();
            }
        }
        event
    }

    /// Whether whoever comes back has been told everything.
    pub const fn is_over(&self) -> bool {
        self.first.is_none() && self.channel.is_none()
    }

    /// Where a reader goes on who has read every event so far: the id of the last.
    pub fn position(&self) -> String {
        self.channel.as_ref().map_or(&self.position, |channel| &channel.position).to_string()
    }

    fn end(&mut self) -> Option<TaskEvent> {
        let reason = self.ending.take()?;
        let resume = (reason != StreamEndReason::Done).then(|| self.position());
        Some(TaskEvent::End(StreamEnd { reason, resume }))
    }

    fn leave(&mut self, why: StreamEndReason) {
        if let Some(channel) = self.channel.take() {
            self.ending = Some(why);
            self.position = channel.position.clone();
            drop(channel);
            self.watchers.leave(self.task);
        }
    }
}

impl Drop for TaskEvents {
    fn drop(&mut self) {
        self.leave(StreamEndReason::Done);
    }
}

impl Runtime {
    /// Watches a task: its state now, then what happens until it ends, until the caller is let in
    /// no more, or until the host stops. With the id of an event that was read before, what came
    /// after it.
    ///
    /// # Errors
    /// [`troupe_core::Code::TaskNotFound`]; [`troupe_core::Code::LimitConcurrency`] if it has not
    /// ended and too many wait already; [`troupe_core::Code::UnavailableHost`] when the host stops;
    /// [`troupe_core::Code::RequestInvalid`] for what is no id of an event.
    pub async fn watch_task(&self, caller: &Caller, task: TaskId, after: Option<&str>) -> Result<TaskEvents> {
        caller.require(Scope::Read)?;
        let after = after.map(str::parse).transpose()?;
        let reader = Reader::new(self, caller);
        let mut watched = self.watch_from(&caller.tenant, task, after, None).await?;
        // It may have been refused since it was let in.
        self.check_caller(caller).await?;
        watched.reader = Some(reader);
        Ok(watched)
    }

    /// Watches a task for somebody who waits, and is counted already or here.
    pub(crate) async fn watch(&self, tenant: &TenantId, task: TaskId, counted: Option<Wait>) -> Result<TaskEvents> {
        self.watch_from(tenant, task, None, counted).await
    }

    /// Watches a task for a reader of something that it belongs to, who is counted already.
    pub(crate) async fn watch_read(
        &self,
        tenant: &TenantId,
        task: TaskId,
        after: Option<&str>,
        reader: &Reader,
        counted: Wait,
    ) -> Result<TaskEvents> {
        let after = after.map(str::parse).transpose()?;
        let mut watched = self.watch_from(tenant, task, after, Some(counted)).await?;
        watched.reader = Some(reader.again());
        Ok(watched)
    }

    async fn watch_from(
        &self,
        tenant: &TenantId,
        task: TaskId,
        after: Option<Position>,
        counted: Option<Wait>,
    ) -> Result<TaskEvents> {
        let is_new = after.is_none();
        // Watching begins before reading, so an end in between is not missed.
        let channel = Some(self.watchers.watch(task, after));
        let (watchers, position) = (self.watchers.clone(), Position::default());
        let mut watched =
            TaskEvents { task, first: None, channel, watchers, position, ending: None, reader: None, counted };
        // Nor is a stop in between, which ends all watching.
        self.require_ready()?;
        let row = self.store.task(tenant, task).await?;
        let first = row.as_ref().map(view).ok_or_else(|| task_not_found(task))?;
        if watched.counted.is_none() && !first.status.is_final() {
            watched.counted = Some(self.waits.enter(tenant)?);
        }
        if let Some(channel) = &mut watched.channel {
            if is_new {
                channel.position.join(first.attempt);
            }
            if !channel.position.stands(&first) {
                if first.status.is_final() {
                    watched.leave(StreamEndReason::Done);
                }
                return Ok(watched);
            }
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
            channel: Some(watchers.watch(task, None)),
            watchers: watchers.clone(),
            position: Position::default(),
            ending: None,
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
        let done = StreamEnd { reason: StreamEndReason::Done, resume: None };
        assert!(matches!(stays.next().await, Some(TaskEvent::End(end)) if end == done));
        assert!(stays.next().await.is_none());

        drop(watching(&watchers, task, None));
        assert!(watchers.is_empty());
    }

    #[tokio::test]
    async fn a_host_that_stops_says_so_and_where_to_go_on() {
        let task: TaskId = "0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b".parse().unwrap();
        let watchers = Watchers::default();
        let mut events = watching(&watchers, task, None);
        watchers.close();
        let end = StreamEnd { reason: StreamEndReason::HostStopping, resume: Some("0._.0.".to_owned()) };
        assert!(matches!(events.next().await, Some(TaskEvent::End(found)) if found == end));
        assert!(events.next().await.is_none());
    }
}
