//! Components in memory, by digest: loaded and asked once, shared by every deployment, and
//! at hand for a while after the last, so that a rollback needs no disk.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

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
}

impl Components {
    pub(crate) fn get(&self, digest: &Digest) -> Option<Loaded> {
        self.lock().by_digest.get(digest).cloned()
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
