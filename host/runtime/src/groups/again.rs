//! Asking for what a group asked for once more.
//!
//! A group that has ended stays as it is, and so do its tasks: what is asked for is a new group of the same document,
//! on the releases that serve now, which names the one before as `retry_of`. All of its steps begin anew, also
//! those that had completed, since what they did is undone or was of the time in which they did it. One that
//! completed is not repeated: nobody is helped by doing twice what was done. One that was redacted cannot be.

use std::time::Duration;

use troupe_core::view::{GroupStatus, NewGroup, RetryGroup};
use troupe_core::{Caller, Code, Error, GroupId, Result, Scope};
use troupe_store::{GroupRow, group_not_found};

use super::{CreatedGroup, may_run};
use crate::Runtime;

impl Runtime {
    /// Makes a new group of what one that failed or was cancelled was asked for; with `wait`, answers when it has
    /// ended or the wait is over.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::GroupNotFound`]; [`Code::GroupNotEnded`]; [`Code::GroupNotRetryable`];
    /// [`Code::ConflictIdempotency`]; those of [`Runtime::create_group`].
    pub async fn retry_group(
        &self,
        caller: &Caller,
        id: GroupId,
        request: RetryGroup,
        wait: Option<Duration>,
    ) -> Result<CreatedGroup> {
        caller.require_for_some(Scope::Run)?;
        self.require_room()?;
        let before = self.store.group(&caller.tenant, id).await?.ok_or_else(|| group_not_found(id))?;
        may_run(caller, &before.group)?;
        check_ended(&before)?;
        let group = NewGroup { idempotency_key: request.idempotency_key, ..before.group };
        let (row, is_new) = self.group_once(caller, group, Some(id)).await?;
        if row.head.retry_of != Some(id) {
            let message = "this idempotency key came with another request before; use a new key for a new request";
            return Err(Error::new(Code::ConflictIdempotency, message).with("group", row.head.id.to_string()));
        }
        let (tenant, by, new) = (&caller.tenant, &caller.principal, row.head.id);
        tracing::info!(%tenant, group = %id, %new, by, "a task group is asked for once more");
        self.created(caller, &row, is_new, wait).await
    }
}

fn check_ended(row: &GroupRow) -> Result<()> {
    let (id, status) = (row.head.id, row.head.status);
    if !status.is_final() {
        let message = format!("task group {id} is {}; retry it when it has ended", status.as_str());
        return Err(Error::new(Code::GroupNotEnded, message));
    }
    if row.head.redacted.is_some() {
        let message = format!("task group {id} was redacted, so nobody knows what to retry; ask for it anew");
        return Err(Error::new(Code::GroupNotRetryable, message));
    }
    if status == GroupStatus::Completed {
        let message = format!(
            "task group {id} completed, so there is nothing to retry; ask for it anew if it shall be done twice"
        );
        return Err(Error::new(Code::GroupNotRetryable, message));
    }
    Ok(())
}
