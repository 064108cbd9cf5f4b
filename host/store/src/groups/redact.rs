//! Forgetting what the tasks of a group were asked and answered.
//!
//! What a group holds itself goes in one commit: the inputs of its document, its fingerprint, and the words of its
//! failures. The tasks that it made are redacted one after the other behind that, as tasks are; the row says until
//! then that they are yet to follow, so whoever is interrupted, or the next start, goes on.

use serde_json::Value;
use troupe_core::audit::{AuditEntry, AuditKind};
use troupe_core::view::{GroupStatus, NewGroup, NewStep, TaskFailure};
use troupe_core::{Code, Error, GroupId, Result, TaskId, TenantId};

use super::{GroupRow, find, not_found, tell};
use crate::Store;
use crate::fault::{Done, Failed};
use crate::rows::{Columns as _, json};
use crate::sql::query;
use crate::tasks::REDACTED;
use crate::writer::Tx;

impl Store {
    /// Forgets what a group that has ended holds; `state` is the state that it ended in without the words of failures,
    /// and nothing of what it was before: this looks only whether it has ended by now. Tells the
    /// feed `group.redacted`, and the audit. Of one that was redacted before nothing changes. Its tasks are still
    /// to be redacted.
    ///
    /// # Errors
    /// [`Code::GroupNotFound`]; [`Code::GroupNotEnded`].
    pub async fn redact_group(&self, tenant: &TenantId, id: GroupId, state: String, by: &str) -> Result<()> {
        let (of, by) = (tenant.clone(), by.to_owned());
        self.write(move |tx| Box::pin(redact(tx, of, id, state, by))).await?;
        self.fold_or_warn().await;
        Ok(())
    }

    /// Lists the tasks of a group that hold what they were asked.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn unredacted_members(&self, tenant: &TenantId, id: GroupId) -> Result<Vec<TaskId>> {
        let rows = query(
            "select g.task from group_tasks g join tasks t on t.tenant = g.tenant and t.id = g.task
             where g.tenant = $1 and g.group_id = $2 and t.request <> $3 order by g.task",
        )
        .bind(tenant.as_str())
        .bind(id.to_string())
        .bind(REDACTED)
        .fetch_all(&mut self.reader().await?)
        .await
        .map_err(Failed::from)?;
        Ok(rows.iter().map(|row| row.parsed("task")).collect::<Done<_>>()?)
    }

    /// Notes that the tasks of a group are redacted, too.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn group_redacted(&self, tenant: &TenantId, id: GroupId) -> Result<()> {
        let tenant = tenant.clone();
        self.write(move |tx| {
            Box::pin(async move {
                query("update task_groups set redacting = 0 where tenant = $1 and id = $2")
                    .bind(tenant.as_str())
                    .bind(id.to_string())
                    .execute(&mut tx.connection)
                    .await?;
                Ok(())
            })
        })
        .await
    }

    /// Lists groups whose tasks are yet to be redacted, and for whom.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn redacting_groups(&self) -> Result<Vec<(TenantId, GroupId, String)>> {
        let rows = query("select tenant, id, redacted_by from task_groups where redacting = 1 order by tenant, id")
            .fetch_all(&mut self.reader().await?)
            .await
            .map_err(Failed::from)?;
        let read = |row: &crate::sql::Row| Ok((row.parsed("tenant")?, row.parsed("id")?, row.get_as("redacted_by")?));
        Ok(rows.iter().map(read).collect::<Done<_>>()?)
    }
}

/// The error for a group that is not redacted yet, since it has not ended.
pub fn not_ended(id: GroupId, status: GroupStatus) -> Error {
    Error::new(Code::GroupNotEnded, format!("group {id} is {}; redact it when it has ended", status.as_str()))
}

async fn redact(tx: &mut Tx, tenant: TenantId, id: GroupId, state: String, by: String) -> Done<()> {
    let found = find(&mut tx.connection, &tenant, id).await?.ok_or_else(|| not_found(id))?;
    let GroupRow { head, group, .. } = found;
    if !head.status.is_final() {
        return Err(not_ended(id, head.status).into());
    }
    if head.redacted.is_some() {
        return Ok(());
    }
    let failure = head.failure.as_ref().map(TaskFailure::redacted);
    query(
        "update task_groups set document = $3, request = $4, state = $5, failure = $6, redacted_at = $7,
            redacted_by = $8, redacting = 1
         where tenant = $1 and id = $2",
    )
    .bind(tenant.as_str())
    .bind(id.to_string())
    .bind(json(&without_inputs(group))?)
    .bind(REDACTED)
    .bind(state)
    .bind(failure.as_ref().map(json).transpose()?)
    .bind(tx.now.as_millis())
    .bind(&by)
    .execute(&mut tx.connection)
    .await?;
    tell(tx, &head, "group.redacted").await?;
    let entry = AuditEntry::new(AuditKind::Redacted).by(Some(&by)).with("group", id.to_string());
    tx.audit(&tenant, entry.with("documents", true)).await
}

/// What a group asked for, without what its tasks were given.
fn without_inputs(mut group: NewGroup) -> NewGroup {
    forget_inputs(&mut group.steps);
    group
}

fn forget_inputs(steps: &mut [NewStep]) {
    for step in steps {
        if let Some(task) = &mut step.task {
            task.input = Value::Null;
        }
        if let Some(undo) = &mut step.compensate {
            undo.task.input = Value::Null;
        }
        if let Some(group) = &mut step.group {
            group.input = Value::Null;
            forget_inputs(&mut group.steps);
        }
    }
}
