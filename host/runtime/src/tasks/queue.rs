//! What is pending, in the order in which it shall run: higher priority first, then
//! older first. The store is the record; this is the order in memory.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;
use troupe_core::{AgentName, Code, Error, Result, TaskId, TenantId, limits};

type Item = (i32, Reverse<TaskId>, TenantId);

/// The queue.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    heap: Mutex<BinaryHeap<Item>>,
    /// Tasks of agents that cannot serve, until they can.
    parked: Mutex<HashMap<(TenantId, AgentName), Vec<Item>>>,
    added: Notify,
    closed: AtomicBool,
}

impl Queue {
    /// Refuses further tasks while too many wait.
    pub(crate) fn require_room(&self) -> Result<()> {
        let waiting = self.lock().len();
        if waiting < limits::PENDING_MAX {
            return Ok(());
        }
        Err(Error::new(
            Code::LimitConcurrency,
            format!("{waiting} tasks wait already, the most this host queues; try again later"),
        ))
    }

    pub(crate) fn push(&self, priority: i32, tenant: TenantId, task: TaskId) {
        self.lock().push((priority, Reverse(task), tenant));
        self.added.notify_one();
    }

    /// Sets a task aside until [`Queue::resume`].
    pub(crate) fn park(&self, priority: i32, tenant: TenantId, agent: AgentName, task: TaskId) {
        let mut parked = self.parked.lock().unwrap_or_else(PoisonError::into_inner);
        parked.entry((tenant.clone(), agent)).or_default().push((priority, Reverse(task), tenant));
    }

    /// Queues what was set aside for an agent.
    pub(crate) fn resume(&self, tenant: &TenantId, agent: &AgentName) {
        let mut parked = self.parked.lock().unwrap_or_else(PoisonError::into_inner);
        let tasks = parked.remove(&(tenant.clone(), agent.clone())).unwrap_or_default();
        drop(parked);
        for (priority, Reverse(task), tenant) in tasks {
            self.push(priority, tenant, task);
        }
    }

    /// The next task to run; `None` once closed.
    pub(crate) async fn pop(&self) -> Option<(TenantId, TaskId)> {
        loop {
            let added = self.added.notified();
            if self.closed.load(Ordering::SeqCst) {
                return None;
            }
            if let Some((_, Reverse(task), tenant)) = self.lock().pop() {
                return Some((tenant, task));
            }
            added.await;
        }
    }

    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.added.notify_one();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BinaryHeap<Item>> {
        self.heap.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
