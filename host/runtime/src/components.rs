//! Components in memory, by digest: loaded and asked once, shared by every deployment, and
//! at hand for a while after the last, so that a rollback needs no disk.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use troupe_core::{Digest, limits};
use troupe_sandbox::Agent;

/// A component that has started here.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    pub(crate) agent: Agent,
    /// What it says of itself. It is told the same each time, time and seed included, so it
    /// answers the same.
    pub(crate) described: Arc<str>,
}

/// The components loaded last.
#[derive(Debug, Default)]
pub(crate) struct Components(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    by_digest: HashMap<Digest, Loaded>,
    order: VecDeque<Digest>,
    /// Those that stay until a time, however many others there are.
    kept: HashMap<Digest, (Loaded, Instant)>,
}

impl Components {
    pub(crate) fn get(&self, digest: &Digest) -> Option<Loaded> {
        let inner = self.lock();
        inner.by_digest.get(digest).or_else(|| inner.kept.get(digest).map(|(loaded, _)| loaded)).cloned()
    }

    /// Which components are loaded.
    pub(crate) fn digests(&self) -> HashSet<Digest> {
        let inner = self.lock();
        inner.by_digest.keys().chain(inner.kept.keys()).copied().collect()
    }

    /// Keeps a component that is loaded for a while.
    pub(crate) fn keep(&self, digest: &Digest, time: Duration) {
        let now = Instant::now();
        let mut inner = self.lock();
        inner.kept.retain(|_, (_, until)| *until > now);
        if let Some(loaded) = inner.by_digest.get(digest).cloned() {
            inner.kept.insert(*digest, (loaded, now + time));
        }
    }

    /// Keeps a component; the one kept longest goes when there are too many. Whoever
    /// uses it keeps it alive all the same.
    pub(crate) fn put(&self, digest: Digest, loaded: Loaded) {
        let mut inner = self.lock();
        if inner.by_digest.insert(digest, loaded).is_none() {
            inner.order.push_back(digest);
        }
        if inner.order.len() > limits::COMPONENTS_LOADED_MAX
            && let Some(oldest) = inner.order.pop_front()
        {
            inner.by_digest.remove(&oldest);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
