//! The feed, as doors read it.

use std::time::Duration;

use troupe_core::view::{FeedEvent, Page};
use troupe_core::{Caller, Result, Scope, limits};

use crate::Runtime;

impl Runtime {
    /// Events after the number `after`, oldest first; waits up to `wait` for the first.
    ///
    /// # Errors
    /// [`troupe_core::Code::AuthScope`], or a store that cannot be read.
    pub async fn feed(&self, caller: &Caller, after: u64, limit: u32, wait: Duration) -> Result<Page<FeedEvent>> {
        caller.require(Scope::Read)?;
        let limit = limit.clamp(1, limits::PAGE_MAX);
        let mut changes = self.store.watch();
        let until = tokio::time::Instant::now() + wait.min(limits::WAIT_MAX);
        loop {
            // Marked as seen before reading, so a commit in between wakes the wait.
            changes.borrow_and_update();
            let items = self.store.feed(&caller.tenant, after, limit).await?;
            let waited =
                items.is_empty() && tokio::time::timeout_at(until, changes.changed()).await.is_ok_and(|c| c.is_ok());
            if !waited {
                let next = items.last().map(|event| event.seq.to_string());
                return Ok(Page { items, next });
            }
        }
    }
}
