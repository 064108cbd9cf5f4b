//! Waiting for a lock: the host learns from the store when it is given, or will not be.

use std::sync::atomic::Ordering;

use super::Gate;

impl Gate {
    /// The number of the call that was made last.
    pub(crate) fn made(&self) -> u64 {
        self.0.calls.load(Ordering::Relaxed)
    }

    /// Whether what the call `number` asked for was given, or will not be.
    ///
    /// # Errors
    /// A store that cannot go on; the invocation ends with it.
    pub(crate) async fn is_lock_settled(&self, number: u64) -> troupe_core::Result<bool> {
        self.ledger().await?.lock_settled(number).await
    }

    /// Waits until what the call `number` asked for was given, or will not be.
    pub(crate) async fn lock_settled(&self, number: u64) {
        let Ok(Some(mut moves)) = self.ledger().await.map(|ledger| ledger.locks_moved()) else { return };
        loop {
            moves.borrow_and_update();
            match self.is_lock_settled(number).await {
                Ok(false) => {}
                Ok(true) => return,
                Err(error) => return self.fail(error),
            }
            // The store is gone, and with it whoever would give the lock.
            if moves.changed().await.is_err() {
                return;
            }
        }
    }
}
