//! Waiting for a lock, and for what is awaited besides, such as the end of a task that another agent was asked
//! for: the host learns from the store when it is given, or will not be, and when it has come to pass.

use std::sync::atomic::Ordering;

use troupe_core::Awaited;

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

    /// Whether what the guest awaits has come to pass.
    ///
    /// # Errors
    /// A store that cannot go on; the invocation ends with it.
    pub(crate) async fn has_come_to_pass(&self, awaited: Awaited) -> troupe_core::Result<bool> {
        self.ledger().await?.awaited_over(awaited).await
    }

    /// Waits until what the guest awaits has come to pass.
    pub(crate) async fn comes_to_pass(&self, awaited: Awaited) {
        self.until(|| self.has_come_to_pass(awaited)).await;
    }

    /// Waits until what the call `number` asked for was given, or will not be.
    pub(crate) async fn lock_settled(&self, number: u64) {
        self.until(|| self.is_lock_settled(number)).await;
    }

    /// Waits until something that the store brings about is so.
    async fn until<F>(&self, is_so: impl Fn() -> F + Send + Sync)
    where
        F: Future<Output = troupe_core::Result<bool>> + Send,
    {
        let Ok(Some(mut moves)) = self.ledger().await.map(|ledger| ledger.locks_moved()) else { return };
        loop {
            moves.borrow_and_update();
            match is_so().await {
                Ok(false) => {}
                Ok(true) => return,
                Err(error) => return self.fail(error),
            }
            // The store is gone, and with it whoever would bring it about.
            if moves.changed().await.is_err() {
                return;
            }
        }
    }
}
