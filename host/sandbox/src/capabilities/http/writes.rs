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
        let ended = || Error::new(Code::Cancelled, "the invocation ended before the request was sent");
        let (tell, told) = oneshot::channel();
        {
            let mut writes = self.lock();
            let under_way = writes.as_mut().ok_or_else(ended)?;
            // Those that are over are let go of, so that the set does not grow with each write.
            while under_way.try_join_next().is_some() {}
            under_way.spawn(async move {
                // Nobody may wait for it any more.
                let _ = tell.send(work.await);
            });
        }
        told.await.map_err(|_| ended())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_write_goes_on_to_its_end_and_none_begins_after_the_invocation_s() {
        let writes = Writes::default();
        assert_eq!(writes.perform(async { 1 }).await.unwrap(), 1);
        let (begin, begun) = oneshot::channel();
        let (done, seen) = oneshot::channel();
        {
            let mut let_go = Box::pin(writes.perform(async move {
                begun.await.unwrap();
                done.send(()).unwrap();
            }));
            assert!(futures::poll!(&mut let_go).is_pending());
        }
        begin.send(()).unwrap();
        writes.ended().await;
        seen.await.unwrap();
        assert_eq!(writes.perform(async { 2 }).await.unwrap_err().code, Code::Cancelled);
    }
}
