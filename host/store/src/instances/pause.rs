//! Pausing an instance: what it has not begun stays pending until somebody resumes it.
//!
//! *The rule:* it stands in the row of the instance alone, and the statement that takes a task looks there
//! (`tasks/claim.rs`), so that whatever queues a task, none of a paused instance begins. *The default:* one
//! that is stopped is paused no longer, since what it had accepted comes to its end.

use troupe_core::audit::AuditKind;
use troupe_core::{AgentName, InstanceId, Result, TenantId};

use super::{InstanceRow, find, not_found, stopped_for_good};
use crate::Store;
use crate::fault::Done;
use crate::sql::{Scalar, query, query_scalar};
use crate::writer::Tx;

impl Store {
    /// Pauses an instance, or lets it go on, as `by` asked; one that is so already stays as it is. Tells
    /// the feed `instance.paused` or `instance.resumed`, and the audit.
    ///
    /// # Errors
    /// [`Code::InstanceNotFound`](troupe_core::Code::InstanceNotFound);
    /// [`Code::InstanceStopped`](troupe_core::Code::InstanceStopped).
    pub async fn pause_instance(
        &self,
        tenant: &TenantId,
        id: InstanceId,
        pause: bool,
        by: &str,
    ) -> Result<InstanceRow> {
        let (tenant, by) = (tenant.clone(), by.to_owned());
        self.write(move |tx| Box::pin(set(tx, tenant, id, pause, by))).await
    }

    /// How many tasks of an instance have not begun, and are not put off.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn pending_of_instance(&self, tenant: &TenantId, id: InstanceId) -> Result<u64> {
        let count = query_scalar(
            "select count(*) from tasks where tenant = $1 and instance = $2 and status = 'pending' and wake_at is null",
        );
        self.counted(count.bind(tenant.as_str()).bind(id.to_string())).await
    }

    /// The same of an agent.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn pending_of_agent(&self, tenant: &TenantId, agent: &AgentName) -> Result<u64> {
        let count = query_scalar(
            "select count(*) from tasks where tenant = $1 and agent = $2 and status = 'pending' and wake_at is null",
        );
        self.counted(count.bind(tenant.as_str()).bind(agent.as_str())).await
    }

    /// The same of all agents of a tenant.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn pending_of_tenant(&self, tenant: &TenantId) -> Result<u64> {
        let count =
            query_scalar("select count(*) from tasks where tenant = $1 and status = 'pending' and wake_at is null");
        self.counted(count.bind(tenant.as_str())).await
    }

    async fn counted(&self, count: Scalar) -> Result<u64> {
        let count: i64 = count.fetch_one(&mut self.reader().await?).await.map_err(crate::fault::Failed::from)?;
        Ok(u64::try_from(count).unwrap_or_default())
    }
}

async fn set(tx: &mut Tx, tenant: TenantId, id: InstanceId, pause: bool, by: String) -> Done<InstanceRow> {
    let mut row = find(&mut tx.connection, &tenant, id).await?.ok_or_else(|| not_found(id))?;
    if row.stopped_at.is_some() {
        return Err(stopped_for_good(id).into());
    }
    if row.paused_at.is_some() == pause {
        return Ok(row);
    }
    row.paused_at = pause.then_some(tx.now);
    query("update instances set paused_at = $3 where tenant = $1 and id = $2")
        .bind(tenant.as_str())
        .bind(id.to_string())
        .bind(row.paused_at.map(troupe_core::Timestamp::as_millis))
        .execute(&mut tx.connection)
        .await?;
    let (event, kind) = match pause {
        true => ("instance.paused", AuditKind::InstancePaused),
        false => ("instance.resumed", AuditKind::InstanceResumed),
    };
    row.tell(tx, event).await?;
    let entry = row.entry(kind, Some(&by));
    tx.audit(&tenant, entry).await?;
    Ok(row)
}
