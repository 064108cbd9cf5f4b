//! The feed, as doors read it.

use std::time::Duration;

use troupe_core::view::{FeedEvent, Page};
use troupe_core::{Caller, Result, Scope, limits};

use crate::Runtime;

impl Runtime {
    /// Events after the number `after`, oldest first; waits up to `wait` for the first.
    ///
    /// # Errors
    /// [`troupe_core::Code::AuthScope`]; [`troupe_core::Code::LimitConcurrency`] if there is
    /// nothing yet and too many wait already.
    pub async fn feed(&self, caller: &Caller, after: u64, limit: u32, wait: Duration) -> Result<Page<FeedEvent>> {
        caller.require(Scope::Read)?;
        let limit = limit.clamp(1, limits::PAGE_MAX);
        let mut changes = self.store.watch(&caller.tenant);
        let until = tokio::time::Instant::now() + wait.min(limits::WAIT_MAX);
        let mut counted = None;
        loop {
            // Marked as seen before reading, so a commit in between wakes the wait.
            changes.borrow_and_update();
            let items = self.store.feed(&caller.tenant, after, limit).await?;
            if items.is_empty() && !wait.is_zero() {
                if counted.is_none() {
                    counted = Some(self.waits.enter(&caller.tenant)?);
                }
                if tokio::time::timeout_at(until, changes.changed()).await.is_ok_and(|changed| changed.is_ok()) {
                    continue;
                }
            }
            if counted.is_some() {
                self.check_caller(caller).await?;
            }
            let next = items.last().map(|event| event.seq.to_string());
            return Ok(Page { items, next });
        }
    }
}
