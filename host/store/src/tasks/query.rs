//! Reading tasks.

use troupe_core::view::TaskStatus;
use troupe_core::{AgentName, InstanceId, Result, SessionId, TaskId, TenantId, limits};

use super::{TaskRow, row};
use crate::Store;
use crate::fault::Done;
use crate::rows::Columns as _;
use crate::sql::{Builder, Connection, Snapshot};

/// Which tasks a list shall show; what is absent does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskFilter {
    /// Of this agent.
    pub agent: Option<AgentName>,
    /// In this status.
    pub status: Option<TaskStatus>,
    /// For this instance.
    pub instance: Option<InstanceId>,
    /// Of this session.
    pub session: Option<SessionId>,
    /// That this task's agent asked for.
    pub caused_by: Option<TaskId>,
    /// Below this task, which no agent asked for.
    pub root: Option<TaskId>,
}

/// One page of tasks.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskPage {
    /// The tasks, newest first.
    pub tasks: Vec<TaskRow>,
    /// Whether there are more after the last one. A page may be shorter than its limit:
    /// inputs and outputs together stay below [`limits::STORE_PAGE_BYTES_MAX`], except
    /// those of a single task.
    pub more: bool,
}

impl Store {
    /// Reads one task.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn task(&self, tenant: &TenantId, task: TaskId) -> Result<Option<TaskRow>> {
        Ok(row::find(&mut self.reader().await?, tenant, task).await?)
    }

    /// Reads at most `limit` of the tenant's tasks, newest first, that are older than
    /// `after`.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn tasks(
        &self,
        tenant: &TenantId,
        filter: TaskFilter,
        after: Option<TaskId>,
        limit: u32,
    ) -> Result<TaskPage> {
        Ok(page(&mut self.reader().await?, tenant, &filter, after, limit).await?)
    }
}

/// First measures the rows, which does not read them, then reads as many as fit.
async fn page(
    connection: &mut dyn Connection,
    tenant: &TenantId,
    filter: &TaskFilter,
    after: Option<TaskId>,
    limit: u32,
) -> Done<TaskPage> {
    let mut snapshot = Snapshot::of(connection).await?;
    let measured = select(
        "octet_length(input) + coalesce(octet_length(output), 0) as bytes",
        tenant,
        filter,
        after,
        i64::from(limit) + 1,
    )
    .build()
    .fetch_all(&mut snapshot)
    .await?;
    let mut bytes = 0;
    let mut count = 0;
    for row in measured.iter().take(usize::try_from(limit).unwrap_or(usize::MAX)) {
        bytes += row.number::<u64>("bytes")?;
        if count > 0 && bytes > limits::STORE_PAGE_BYTES_MAX {
            break;
        }
        count += 1;
    }
    // Within a snapshot nothing is said again, so nothing may be planned before.
    let rows = select("*", tenant, filter, after, count).build().persistent(false).fetch_all(&mut snapshot).await?;
    snapshot.end().await?;
    let tasks = rows.iter().map(row::read).collect::<Done<Vec<_>>>()?;
    Ok(TaskPage { more: measured.len() > tasks.len(), tasks })
}

fn select(columns: &'static str, tenant: &TenantId, filter: &TaskFilter, after: Option<TaskId>, limit: i64) -> Builder {
    let mut query = Builder::new("select ");
    query.push(columns).push(" from tasks where tenant = ").push_bind(tenant.as_str());
    if let Some(agent) = &filter.agent {
        query.push(" and agent = ").push_bind(agent.as_str());
    }
    if let Some(status) = filter.status {
        query.push(" and status = ").push_bind(status.as_str());
    }
    if let Some(instance) = filter.instance {
        query.push(" and instance = ").push_bind(instance.to_string());
    }
    if let Some(session) = filter.session {
        query.push(" and session = ").push_bind(session.to_string());
    }
    if let Some(parent) = filter.caused_by {
        query.push(" and caused_by = ").push_bind(parent.to_string());
    }
    if let Some(root) = filter.root {
        query.push(" and root = ").push_bind(root.to_string());
    }
    if let Some(after) = after {
        query.push(" and id < ").push_bind(after.to_string());
    }
    query.push(" order by id desc limit ").push_bind(limit);
    query
}
