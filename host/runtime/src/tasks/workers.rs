//! What runs in this process: the switch and the lease of each attempt.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use troupe_core::{TaskId, TenantId};
use troupe_sandbox::{Stop, StopReason};

/// The attempts that run here.
#[derive(Debug, Clone, Default)]
pub(crate) struct Workers(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    running: Mutex<HashMap<TaskId, Worker>>,
    idle: Notify,
}

#[derive(Debug, Clone)]
struct Worker {
    tenant: TenantId,
    /// 0 until the attempt has its lease.
    lease_number: u64,
    stop: Stop,
}

/// An attempt's place among the workers; gone when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    workers: Workers,
    task: TaskId,
}

impl Workers {
    /// Notes that a task is about to run here, from before it has its lease: whoever finds
    /// it running finds its switch. `None` if it is here already.
    pub(crate) fn enter(&self, tenant: TenantId, task: TaskId, stop: Stop) -> Option<Place> {
        match self.lock().entry(task) {
            Entry::Occupied(_) => None,
            Entry::Vacant(vacant) => {
                vacant.insert(Worker { tenant, lease_number: 0, stop });
                metrics::gauge!("troupe_tasks_running").increment(1.0);
                Some(Place { workers: self.clone(), task })
            }
        }
    }

    /// Whether a task runs here.
    pub(crate) fn has(&self, task: TaskId) -> bool {
        self.lock().contains_key(&task)
    }

    /// Stops a tenant's task, if it runs here.
    pub(crate) fn stop(&self, tenant: &TenantId, task: TaskId, reason: StopReason) {
        if let Some(worker) = self.lock().get(&task).filter(|worker| worker.tenant == *tenant) {
            worker.stop.now(reason);
        }
    }

    /// Whether a tenant's task runs here and was stopped.
    pub(crate) fn is_stopped(&self, tenant: &TenantId, task: TaskId) -> bool {
        let running = self.lock();
        running.get(&task).is_some_and(|worker| worker.tenant == *tenant && worker.stop.reason().is_some())
    }

    /// Stops everything of a tenant that runs here.
    pub(crate) fn stop_tenant(&self, tenant: &TenantId, reason: StopReason) {
        for worker in self.lock().values().filter(|worker| worker.tenant == *tenant) {
            worker.stop.now(reason);
        }
    }

    /// The leases that this process holds.
    pub(crate) fn leases(&self) -> Vec<(TenantId, TaskId, u64)> {
        let running = self.lock();
        let held = running.iter().filter(|(_, worker)| worker.lease_number > 0);
        held.map(|(task, worker)| (worker.tenant.clone(), *task, worker.lease_number)).collect()
    }

    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    /// Waits until nothing runs.
    pub(crate) async fn idle(&self) {
        loop {
            let emptied = self.0.idle.notified();
            if self.count() == 0 {
                return;
            }
            emptied.await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<TaskId, Worker>> {
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Notes the lease that the attempt holds; it is renewed from now on.
    pub(crate) fn holds(&self, lease_number: u64) {
        if let Some(worker) = self.workers.lock().get_mut(&self.task) {
            worker.lease_number = lease_number;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut running = self.workers.lock();
        running.remove(&self.task);
        metrics::gauge!("troupe_tasks_running").decrement(1.0);
        if running.is_empty() {
            self.workers.0.idle.notify_waiters();
        }
    }
}
