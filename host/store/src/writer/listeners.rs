//! Who waits for events of a tenant's feed, for locks, and for the bus; and who passes on what was moved.
//!
//! A commit wakes those who wait for a tenant of which it holds an event, and nobody else: a
//! busy neighbour costs them nothing. A commit of another host does as one of this.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{broadcast, watch};
use troupe_core::{TenantId, limits};

use crate::words::Words;

/// Those who listen, by tenant. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Listeners(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    all: Mutex<All>,
    heard: broadcast::Sender<Words>,
    said: broadcast::Sender<Words>,
    passed: broadcast::Sender<String>,
}

#[derive(Debug, Default)]
struct All {
    tenants: HashMap<TenantId, watch::Sender<u64>>,
    /// Of all tenants: those who wait for locks.
    locks: Option<watch::Sender<u64>>,
    /// Of all tenants: who hands out events of the bus.
    bus: Option<watch::Sender<u64>>,
    is_closed: bool,
}

impl Default for Listeners {
    fn default() -> Self {
        let channel = || broadcast::Sender::new(limits::WORDS_WAITING_MAX);
        let passed = broadcast::Sender::new(limits::WORDS_WAITING_MAX);
        Self(Arc::new(Shared { all: Mutex::default(), heard: channel(), said: channel(), passed }))
    }
}

impl Listeners {
    /// Listens for events of a tenant, of its feed and of the bus, which are counted from here on.
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

    /// Listens for commits by which an event of the bus has become due, or a delivery ready.
    pub(crate) fn bus(&self) -> watch::Receiver<u64> {
        let mut all = self.lock();
        let sender = watch::Sender::new(0);
        if all.is_closed { sender.subscribe() } else { all.bus.get_or_insert(sender).subscribe() }
    }

    /// What other hosts say.
    pub(crate) fn heard(&self) -> broadcast::Receiver<Words> {
        self.0.heard.subscribe()
    }

    /// What this host's commits have to say.
    pub(crate) fn said(&self) -> broadcast::Receiver<Words> {
        self.0.said.subscribe()
    }

    /// What hosts say that goes with no commit.
    pub(crate) fn passed(&self) -> broadcast::Receiver<String> {
        self.0.passed.subscribe()
    }

    /// Tells of it.
    pub(crate) fn pass_on(&self, text: String) {
        let _ = self.0.passed.send(text);
    }

    /// Tells of a commit of this host.
    pub(super) fn tell(&self, words: Words) {
        self.wake(&words);
        // Nobody may pass them on.
        let _ = self.0.said.send(words);
    }

    /// Tells of commits of another host.
    pub(crate) fn hear(&self, words: Words) {
        self.wake(&words);
        let _ = self.0.heard.send(words);
    }

    /// Wakes whoever waits for what has moved.
    pub(crate) fn wake(&self, words: &Words) {
        let all = self.lock();
        let tick = |sender: &watch::Sender<u64>| sender.send_modify(|count| *count += 1);
        if words.all_feeds {
            all.tenants.values().for_each(tick);
        } else {
            words.feeds.iter().filter_map(|tenant| all.tenants.get(tenant)).for_each(tick);
        }
        if words.locks {
            all.locks.iter().for_each(tick);
        }
        if words.bus {
            all.bus.iter().for_each(tick);
        }
    }

    /// Tells everybody that there will be no more.
    pub(super) fn close(&self) {
        *self.lock() = All { is_closed: true, ..All::default() };
    }

    fn lock(&self) -> MutexGuard<'_, All> {
        self.0.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
