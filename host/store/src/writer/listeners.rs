//! Who waits for events of a tenant's feed.
//!
//! A commit wakes those who wait for a tenant of which it holds an event, and nobody else: a
//! busy neighbour costs them nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use troupe_core::TenantId;

/// Those who listen, by tenant. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Listeners(Arc<Mutex<HashMap<TenantId, watch::Sender<u64>>>>);

impl Listeners {
    /// Listens for events of a tenant, which are counted from here on.
    pub(crate) fn listen(&self, tenant: &TenantId) -> watch::Receiver<u64> {
        let mut all = self.lock();
        all.retain(|_, sender| sender.receiver_count() > 0);
        all.entry(tenant.clone()).or_insert_with(|| watch::Sender::new(0)).subscribe()
    }

    /// Tells of committed events, each by its tenant.
    pub(super) fn tell(&self, events: &[TenantId]) {
        let all = self.lock();
        for sender in events.iter().filter_map(|tenant| all.get(tenant)) {
            sender.send_modify(|count| *count += 1);
        }
    }

    /// Tells everybody that there will be no more.
    pub(super) fn close(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, watch::Sender<u64>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
