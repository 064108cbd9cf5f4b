//! What the host does for the state of deployments by itself.

use troupe_core::limits;

use crate::Runtime;

impl Runtime {
    /// Takes away keys that have ended, now and then, until the host stops.
    pub(crate) fn sweep_state(&self) {
        let runtime = self.clone();
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(limits::STATE_SWEEP_EVERY);
            loop {
                ticks.tick().await;
                if runtime.is_stopping() {
                    return;
                }
                runtime.sweep_state_now().await;
            }
        });
    }

    async fn sweep_state_now(&self) {
        loop {
            match self.store.sweep_state().await {
                // One that takes as many as it may leaves some behind.
                Ok(swept) if swept >= u64::from(limits::STATE_SWEEP_MAX) => {}
                Ok(_) => return,
                Err(error) => {
                    tracing::warn!(cause = error.cause_chain(), "ended keys were not swept away: {error}");
                    return;
                }
            }
        }
    }
}
