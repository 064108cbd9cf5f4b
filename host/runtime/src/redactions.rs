//! Forgetting what a task group's tasks, or an event, held.
//!
//! *The danger:* what was to be forgotten lies on where nobody looked: in the tasks of a group, in those that handled an
//! event, in a half that the end of the host left. *The rule:* what a group or an event holds itself goes first, with the
//! note who had that done; its tasks follow, each with journal and documents; and a row says that they are yet to, until
//! they are, so whoever looks next goes on: every few minutes, and at each start. *The default:* what other agents were asked on the way is theirs, and is found by
//! the tree of each task. What is left, ids, times, topics, codes and the digests of the audit, stays as it is.

use troupe_core::view::{EventView, GroupView};
use troupe_core::{Caller, Code, GroupId, Result, Scope, TaskId, TenantId};
use troupe_store::{group_not_ended, group_not_found};

use crate::Runtime;
use crate::groups::{agents_of, state_without_words};
use crate::journals::{may_have_left, redact};

impl Runtime {
    /// Redacts a task group that has ended, and its tasks: what is left says which were made, and when.
    ///
    /// # Errors
    /// [`Code::AuthScope`] for an agent that the caller may not operate; [`Code::GroupNotFound`];
    /// [`Code::GroupNotEnded`].
    pub async fn redact_group(&self, caller: &Caller, id: GroupId) -> Result<GroupView> {
        caller.require_for_some(Scope::Operate)?;
        self.require_ready()?;
        let row = self.store.group(&caller.tenant, id).await?.ok_or_else(|| group_not_found(id))?;
        agents_of(&row.group)
            .try_for_each(|agent| crate::agents::permitted(caller, Scope::Operate, agent).map(drop))?;
        // What follows overwrites the state: one that was read before the group ended would take the place of its last.
        if !row.head.status.is_final() {
            return Err(group_not_ended(id, row.head.status));
        }
        let state = state_without_words(&row)?;
        let (runtime, by) = (self.clone(), caller.clone());
        // A client that goes away does not leave half of it done.
        let redacting = tokio::spawn(async move {
            let (tenant, principal) = (&by.tenant, &by.principal);
            runtime.store.redact_group(tenant, id, state, principal).await?;
            runtime.redact_members(tenant, id, principal).await?;
            tracing::info!(%tenant, group = %id, principal, "a task group was redacted");
            runtime.group_seen(&by, id).await
        });
        redacting.await.map_err(troupe_core::Error::internal)?
    }

    /// Redacts an event that is settled, and the tasks that handled it.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::EventNotFound`]; [`Code::EventOpen`].
    pub async fn redact_event(&self, caller: &Caller, event: &str) -> Result<EventView> {
        caller.require(Scope::Operate)?;
        self.require_ready()?;
        let position = crate::events::position(event)?;
        let (runtime, by) = (self.clone(), caller.clone());
        let redacting = tokio::spawn(async move {
            let (tenant, principal) = (&by.tenant, &by.principal);
            runtime.store.redact_event(tenant, position, principal).await?;
            runtime.redact_handlers(tenant, position, principal).await?;
            tracing::info!(%tenant, event = position, principal, "an event was redacted");
            runtime.event_seen(tenant, position).await
        });
        redacting.await.map_err(troupe_core::Error::internal)?
    }

    /// Goes on with what the end of the host, or an error that has passed, cut short; what cannot be finished yet keeps
    /// nobody from the rest.
    pub(crate) async fn finish_whole_redactions(&self) -> Result<()> {
        for (tenant, group, by) in self.store.redacting_groups().await? {
            finished(
                &format!("task group {group} of tenant `{tenant}`"),
                self.redact_members(&tenant, group, &by).await,
            );
        }
        for (tenant, event, by) in self.store.redacting_events().await? {
            finished(&format!("event {event} of tenant `{tenant}`"), self.redact_handlers(&tenant, event, &by).await);
        }
        Ok(())
    }

    async fn redact_members(&self, tenant: &TenantId, group: GroupId, by: &str) -> Result<()> {
        let tasks = self.store.unredacted_members(tenant, group).await?;
        self.redact_tasks(tenant, tasks, by).await?;
        self.store.group_redacted(tenant, group).await
    }

    async fn redact_handlers(&self, tenant: &TenantId, position: u64, by: &str) -> Result<()> {
        let tasks = self.store.unredacted_handlers(tenant, position).await?;
        self.redact_tasks(tenant, tasks, by).await?;
        self.store.event_redacted(tenant, position).await
    }

    async fn redact_tasks(&self, tenant: &TenantId, tasks: Vec<TaskId>, by: &str) -> Result<()> {
        let mut sweeps = false;
        for task in tasks {
            sweeps |= self.store.task(tenant, task).await?.as_ref().is_some_and(may_have_left);
            match self.store.redact(tenant, task, redact(true), Some(by)).await {
                Err(error) if error.code != Code::TaskNotFound => return Err(error),
                _ => {}
            }
        }
        if sweeps {
            self.sweep_forgotten().await;
        }
        Ok(())
    }
}

/// Tells what came of going on with a redaction.
pub(crate) fn finished<T>(what: &str, redacted: Result<T>) {
    match redacted {
        Ok(_) => tracing::warn!("the redaction of {what}, which was cut short, is finished"),
        Err(error) => {
            tracing::warn!(cause = error.cause_chain(), "the redaction of {what} is not finished yet: {error}");
        }
    }
}
