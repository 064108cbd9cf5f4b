//! Who waits for events of a tenant's feed, and for locks.
//!
//! A commit wakes those who wait for a tenant of which it holds an event, and nobody else: a
//! busy neighbour costs them nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use troupe_core::TenantId;

/// Those who listen, by tenant. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Listeners(Arc<Mutex<All>>);

#[derive(Debug, Default)]
struct All {
    tenants: HashMap<TenantId, watch::Sender<u64>>,
    /// Of all tenants: those who wait for locks.
    locks: Option<watch::Sender<u64>>,
    is_closed: bool,
}

impl Listeners {
    /// Listens for events of a tenant, which are counted from here on.
    pub(crate) fn listen(&self, tenant: &TenantId) -> watch::Receiver<u64> {
        let tenants = &mut self.lock().tenants;
        tenants.retain(|_, sender| sender.receiver_count() > 0);
        tenants.entry(tenant.clone()).or_insert_with(|| watch::Sender::new(0)).subscribe()
    }

    /// Listens for commits by which somebody's wait for a lock has ended, or has begun.
    pub(crate) fn locks(&self) -> watch::Receiver<u64> {
        let mut all = self.lock();
        let sender = watch::Sender::new(0);
        // Whoever comes after the end hears that it is the end.
        if all.is_closed { sender.subscribe() } else { all.locks.get_or_insert(sender).subscribe() }
    }

    /// Tells of such a commit.
    pub(super) fn tell_of_locks(&self) {
        if let Some(sender) = &self.lock().locks {
            sender.send_modify(|count| *count += 1);
        }
    }

    /// Tells of committed events, each by its tenant.
    pub(super) fn tell(&self, events: &[TenantId]) {
        let all = self.lock();
        for sender in events.iter().filter_map(|tenant| all.tenants.get(tenant)) {
            sender.send_modify(|count| *count += 1);
        }
    }

    /// Tells everybody that there will be no more.
    pub(super) fn close(&self) {
        *self.lock() = All { is_closed: true, ..All::default() };
    }

    fn lock(&self) -> MutexGuard<'_, All> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
