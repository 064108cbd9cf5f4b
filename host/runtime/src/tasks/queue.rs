//! The places to run in, and who waits for one. The store is the record of tasks; this is
//! their order in memory.
//!
//! ```text
//! an awaited call ──▶ a place at once, or in line for as long as its client waits ─┐
//! a task on disk ───▶ in line until its turn, or aside while its agent cannot serve┴─▶ a place
//! ```
//!
//! Places are shared out by what is free of them (`places.rs`), tasks that wait and calls that wait
//! by fixed shares (`shares.rs`): what is beyond one is refused at once. One task of the runtime hands places out
//! ([`Queue::next`]); nobody overtakes in line.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use troupe_core::{AgentName, Result, TaskId, TenantId, limits};

use super::line::{Item, Line};
use super::places::Places;
use super::shares::{Key, Most, Shares};

/// Tasks that wait.
const TASKS: Most =
    Most { all: limits::PENDING_MAX, tenant: limits::PENDING_PER_TENANT_MAX, agent: limits::PENDING_PER_AGENT_MAX };
/// Calls that wait with their clients.
const CALLS: Most = Most {
    all: limits::CALLS_WAITING_MAX,
    tenant: limits::CALLS_WAITING_PER_TENANT_MAX,
    agent: limits::CALLS_WAITING_PER_AGENT_MAX,
};

/// The queue.
#[derive(Debug, Clone, Default)]
pub(crate) struct Queue(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    waiting: Mutex<Waiting>,
    changed: Notify,
}

#[derive(Debug)]
struct Waiting {
    line: Line<What>,
    /// Tasks of agents that cannot serve, until they can.
    parked: HashMap<Key, Vec<(i32, TaskId)>>,
    /// Every task that is queued, parked, or about to begin: none is queued twice.
    known: HashMap<TaskId, Key>,
    places: Places,
    /// Known tasks and those that are being made.
    tasks: Shares,
    calls: Shares,
    closed: bool,
}

impl Default for Waiting {
    fn default() -> Self {
        Self {
            line: Line::default(),
            parked: HashMap::new(),
            known: HashMap::new(),
            places: Places::default(),
            tasks: Shares::new(TASKS),
            calls: Shares::new(CALLS),
            closed: false,
        }
    }
}

/// What waits in line.
#[derive(Debug)]
enum What {
    /// A task on disk.
    Task,
    /// A call; nobody waits at the other end any more once its wait is over.
    Call(oneshot::Sender<Slot>),
}

/// A place to run in; given back when dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    queue: Queue,
    key: Key,
}

/// A place in the queue for a task that is being made; given back when dropped.
#[derive(Debug)]
pub(crate) struct Room {
    queue: Queue,
    key: Key,
}

/// A task whose turn it is. The queue takes it no second time until this is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    queue: Queue,
    priority: i32,
    pub(crate) key: Key,
    pub(crate) task: TaskId,
    parked: bool,
}

/// A call that stands in line; out of it when dropped.
struct Standing<'a> {
    queue: &'a Queue,
    key: &'a Key,
    task: TaskId,
}

impl Queue {
    /// A place for a call whose client waits, for no longer than `wait`; none if there was
    /// none in time, or the host stops.
    ///
    /// # Errors
    /// [`LimitConcurrency`](troupe_core::Code::LimitConcurrency) if too many wait already.
    pub(crate) async fn slot(&self, key: &Key, priority: i32, task: TaskId, wait: Duration) -> Result<Option<Slot>> {
        let placed = {
            let mut waiting = self.lock();
            let Waiting { line, places, calls, closed, .. } = &mut *waiting;
            if *closed {
                return Ok(None);
            }
            if places.is_free(key) && !line.any(|other| places.is_free(other)) {
                places.take(key);
                return Ok(Some(Slot { queue: self.clone(), key: key.clone() }));
            }
            if let Some(full) = calls.full(key) {
                return Err(full.error(key, "calls wait for a place"));
            }
            calls.take(key);
            let (place, placed) = oneshot::channel();
            line.push(key, Item { priority, task, what: What::Call(place) });
            placed
        };
        let _standing = Standing { queue: self, key, task };
        self.0.changed.notify_one();
        // A place that comes too late goes back when it is dropped with its channel.
        Ok(tokio::time::timeout(wait, placed).await.ok().and_then(std::result::Result::ok))
    }

    /// Takes a place for a task that is about to be made.
    ///
    /// # Errors
    /// [`LimitConcurrency`](troupe_core::Code::LimitConcurrency) while too many wait.
    pub(crate) fn room(&self, key: &Key) -> Result<Room> {
        let mut waiting = self.lock();
        if let Some(full) = waiting.tasks.full(key) {
            return Err(full.error(key, "tasks wait"));
        }
        waiting.tasks.take(key);
        Ok(Room { queue: self.clone(), key: key.clone() })
    }

    /// Queues a pending task, unless it is there already.
    pub(crate) fn push(&self, priority: i32, tenant: TenantId, agent: AgentName, task: TaskId) {
        let key = (tenant, agent);
        let mut waiting = self.lock();
        if !waiting.known.contains_key(&task) {
            waiting.tasks.take(&key);
            waiting.line.push(&key, Item { priority, task, what: What::Task });
            waiting.known.insert(task, key);
            self.0.changed.notify_one();
        }
    }

    /// The same, unless its agent, its tenant or all have as many queued as they may.
    pub(crate) fn push_in_share(&self, priority: i32, tenant: TenantId, agent: AgentName, task: TaskId) {
        let key = (tenant, agent);
        if self.lock().tasks.full(&key).is_none() {
            self.push(priority, key.0, key.1, task);
        }
    }

    /// Forgets a task that shall not run any more.
    pub(crate) fn remove(&self, task: TaskId) {
        let mut waiting = self.lock();
        if let Some(key) = waiting.known.remove(&task) {
            waiting.tasks.give(&key);
            waiting.line.remove(&key, task);
            if let Some(parked) = waiting.parked.get_mut(&key) {
                parked.retain(|(_, parked)| *parked != task);
            }
        }
    }

    /// Forgets what was set aside, but for these.
    pub(crate) fn keep_parked(&self, tasks: &HashSet<TaskId>) {
        let mut waiting = self.lock();
        let Waiting { parked, known, tasks: shares, .. } = &mut *waiting;
        parked.retain(|key, items| {
            items.retain(|(_, task)| {
                let is_kept = tasks.contains(task);
                if !is_kept && known.remove(task).is_some() {
                    shares.give(key);
                }
                is_kept
            });
            !items.is_empty()
        });
    }

    /// Queues what was set aside for an agent.
    pub(crate) fn resume(&self, tenant: &TenantId, agent: &AgentName) {
        let mut waiting = self.lock();
        let key = (tenant.clone(), agent.clone());
        for (priority, task) in waiting.parked.remove(&key).unwrap_or_default() {
            waiting.line.push(&key, Item { priority, task, what: What::Task });
        }
        self.0.changed.notify_one();
    }

    /// Queues what was set aside for any agent of a tenant.
    pub(crate) fn resume_tenant(&self, tenant: &TenantId) {
        let mut waiting = self.lock();
        let Waiting { line, parked, .. } = &mut *waiting;
        for (key, items) in parked.extract_if(|(of, _), _| of == tenant) {
            for (priority, task) in items {
                line.push(&key, Item { priority, task, what: What::Task });
            }
        }
        self.0.changed.notify_one();
    }

    /// Queues a pending task, also if it was set aside. Whose turn it is begins no second time.
    pub(crate) fn push_again(&self, priority: i32, tenant: TenantId, agent: AgentName, task: TaskId) {
        {
            let mut waiting = self.lock();
            let key = (tenant.clone(), agent.clone());
            let aside = waiting.parked.get_mut(&key).map(|items| items.extract_if(.., |(_, of)| *of == task).count());
            if aside.is_some_and(|aside| aside > 0) {
                waiting.line.push(&key, Item { priority, task, what: What::Task });
                self.0.changed.notify_one();
            }
        }
        self.push(priority, tenant, agent, task);
    }

    /// The next task to run and its place, once there are both; none once closed. Calls in
    /// line get their places here.
    pub(crate) async fn next(&self) -> Option<(Turn, Slot)> {
        loop {
            let changed = self.0.changed.notified();
            loop {
                let (key, item) = {
                    let mut waiting = self.lock();
                    let Waiting { line, places, closed, .. } = &mut *waiting;
                    if *closed {
                        return None;
                    }
                    let Some((key, item)) = line.pop(|key| places.is_free(key)) else { break };
                    places.take(&key);
                    (key, item)
                };
                let slot = Slot { queue: self.clone(), key: key.clone() };
                match item.what {
                    What::Task => {
                        let Item { priority, task, .. } = item;
                        return Some((Turn { queue: self.clone(), priority, key, task, parked: false }, slot));
                    }
                    // If nobody waits for it any more, it comes back and is given back.
                    What::Call(place) => drop(place.send(slot)),
                }
            }
            changed.await;
        }
    }

    /// Hands out no more places. Whoever waits in line is told that there is none.
    pub(crate) fn close(&self) {
        let mut waiting = self.lock();
        waiting.closed = true;
        waiting.line.retain(|item| matches!(item.what, What::Task));
        self.0.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// Sets the task aside until [`Queue::resume`].
    pub(crate) fn park(mut self) {
        self.parked = true;
        let mut waiting = self.queue.lock();
        waiting.parked.entry(self.key.clone()).or_default().push((self.priority, self.task));
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.parked {
            let mut waiting = self.queue.lock();
            if waiting.known.remove(&self.task).is_some() {
                waiting.tasks.give(&self.key);
            }
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.queue.lock().tasks.give(&self.key);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let is_awaited = {
            let mut waiting = self.queue.lock();
            waiting.places.give(&self.key);
            !waiting.line.is_empty()
        };
        if is_awaited {
            self.queue.0.changed.notify_one();
        }
    }
}

impl Drop for Standing<'_> {
    fn drop(&mut self) {
        let mut waiting = self.queue.lock();
        waiting.calls.give(self.key);
        waiting.line.remove(self.key, self.task);
    }
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
