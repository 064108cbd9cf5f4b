//! What is pending, in the order in which it shall run: higher priority first, then
//! older first. The store is the record; this is the order in memory.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use troupe_core::{AgentName, Code, Error, Result, TaskId, TenantId, limits};

type Item = (i32, Reverse<TaskId>, TenantId);

/// The queue.
#[derive(Debug, Clone, Default)]
pub(crate) struct Queue(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    waiting: Mutex<Waiting>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    heap: BinaryHeap<Item>,
    /// Tasks of agents that cannot serve, until they can.
    parked: HashMap<(TenantId, AgentName), Vec<Item>>,
    /// Every task that is queued, parked, or about to begin: none is queued twice.
    known: HashSet<TaskId>,
    /// Places taken for tasks that are being made.
    rooms: usize,
    closed: bool,
}

/// A place in the queue for a task that is being made; given back when dropped.
#[derive(Debug)]
pub(crate) struct Room(Queue);

/// A task whose turn it is. The queue takes it no second time until this is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    queue: Queue,
    priority: i32,
    pub(crate) tenant: TenantId,
    pub(crate) task: TaskId,
    parked: bool,
}

impl Queue {
    /// Takes a place for a task that is about to be made; refuses it while too many wait.
    pub(crate) fn room(&self) -> Result<Room> {
        let mut waiting = self.lock();
        let taken = waiting.known.len() + waiting.rooms;
        if taken >= limits::PENDING_MAX {
            return Err(Error::new(
                Code::LimitConcurrency,
                format!("{taken} tasks wait already, the most this host queues; try again later"),
            ));
        }
        waiting.rooms += 1;
        Ok(Room(self.clone()))
    }

    /// Queues a pending task, unless it is there already.
    pub(crate) fn push(&self, priority: i32, tenant: TenantId, task: TaskId) {
        let mut waiting = self.lock();
        if waiting.known.insert(task) {
            waiting.heap.push((priority, Reverse(task), tenant));
            self.0.changed.notify_one();
        }
    }

    /// Forgets a task that shall not run any more.
    pub(crate) fn remove(&self, task: TaskId) {
        let mut waiting = self.lock();
        if waiting.known.remove(&task) {
            let stays = |item: &Item| item.1.0 != task;
            waiting.heap.retain(stays);
            waiting.parked.values_mut().for_each(|items| items.retain(stays));
        }
    }

    /// Queues what was set aside for an agent.
    pub(crate) fn resume(&self, tenant: &TenantId, agent: &AgentName) {
        let mut waiting = self.lock();
        let items = waiting.parked.remove(&(tenant.clone(), agent.clone())).unwrap_or_default();
        waiting.heap.extend(items);
        self.0.changed.notify_one();
    }

    /// Queues what was set aside for any agent of a tenant.
    pub(crate) fn resume_tenant(&self, tenant: &TenantId) {
        let mut waiting = self.lock();
        let parked = waiting.parked.extract_if(|(parked, _), _| parked == tenant);
        let items: Vec<Item> = parked.flat_map(|(_, items)| items).collect();
        waiting.heap.extend(items);
        self.0.changed.notify_one();
    }

    /// Waits until there is a task to run; `false` once closed.
    pub(crate) async fn ready(&self) -> bool {
        loop {
            let changed = self.0.changed.notified();
            {
                let waiting = self.lock();
                if waiting.closed || !waiting.heap.is_empty() {
                    return !waiting.closed;
                }
            }
            changed.await;
        }
    }

    /// The next task to run, if there is one.
    pub(crate) fn pop(&self) -> Option<Turn> {
        let (priority, Reverse(task), tenant) = self.lock().heap.pop()?;
        Some(Turn { queue: self.clone(), priority, tenant, task, parked: false })
    }

    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.0.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// Sets the task aside until [`Queue::resume`].
    pub(crate) fn park(mut self, agent: AgentName) {
        self.parked = true;
        let mut waiting = self.queue.lock();
        let items = waiting.parked.entry((self.tenant.clone(), agent)).or_default();
        items.push((self.priority, Reverse(self.task), self.tenant.clone()));
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.parked {
            self.queue.lock().known.remove(&self.task);
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.0.lock().rooms -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(number: u64) -> TaskId {
        format!("0199a2f0-6c1e-7d3a-9b52-{number:012x}").parse().unwrap()
    }

    fn agent() -> AgentName {
        "echo".parse().unwrap()
    }

    #[test]
    fn a_task_is_queued_once_until_its_turn_is_over() {
        let queue = Queue::default();
        queue.push(0, TenantId::default(), task(1));
        queue.push(0, TenantId::default(), task(1));
        let turn = queue.pop().unwrap();
        queue.push(0, TenantId::default(), task(1));
        queue.push(0, TenantId::default(), task(2));
        assert_eq!(queue.pop().unwrap().task, task(2));
        drop(turn);
        queue.push(0, TenantId::default(), task(1));
        assert_eq!(queue.pop().unwrap().task, task(1));
    }

    #[test]
    fn what_is_parked_and_what_is_being_made_take_room_too() {
        let queue = Queue::default();
        for number in 1..limits::PENDING_MAX as u64 {
            queue.push(0, TenantId::default(), task(number));
        }
        queue.pop().unwrap().park(agent());
        let room = queue.room().unwrap();
        assert_eq!(queue.room().unwrap_err().code, Code::LimitConcurrency);
        drop(room);
        let room = queue.room().unwrap();
        queue.push(0, TenantId::default(), task(0));
        drop(room);
        assert!(queue.room().is_err());
        // The oldest went aside first.
        queue.remove(task(1));
        queue.room().unwrap();
        queue.resume(&TenantId::default(), &agent());
        assert_eq!(queue.pop().unwrap().task, task(0));
        assert_eq!(queue.pop().unwrap().task, task(2));
    }
}
