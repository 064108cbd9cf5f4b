//! Requests under way that may change something.
//!
//! What was sent cannot be called back, and what came of it belongs in the journal. So
//! such a request goes on to its answer though the guest lets go of it, and an invocation
//! that returns waits for it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use tokio::task::JoinSet;
use troupe_core::{Code, Error, Result};

/// The writes of one invocation; nothing after its end.
#[derive(Debug)]
pub(crate) struct Writes(Mutex<Option<JoinSet<()>>>);

impl Default for Writes {
    fn default() -> Self {
        Self(Mutex::new(Some(JoinSet::new())))
    }
}

impl Writes {
    /// Performs a write. It goes on though this future is dropped.
    ///
    /// # Errors
    /// [`Code::Cancelled`] if the invocation has ended.
    pub(super) async fn perform<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Result<T> {
        let (tell, told) = oneshot::channel();
        if let Some(under_way) = self.lock().as_mut() {
            while under_way.try_join_next().is_some() {}
            under_way.spawn(async move {
                // Whoever let go of it is not told.
                let _ = tell.send(work.await);
            });
        }
        told.await.map_err(|_| Error::new(Code::Cancelled, "the invocation ended before the request was sent"))
    }

    /// Waits for all that are under way; none begins from now on.
    pub(crate) async fn ended(&self) {
        let under_way = self.lock().take();
        if let Some(mut under_way) = under_way {
            while under_way.join_next().await.is_some() {}
        }
    }

    /// Ends all that are under way; none begins from now on.
    pub(crate) fn abort(&self) {
        drop(self.lock().take());
    }

    fn lock(&self) -> MutexGuard<'_, Option<JoinSet<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
