//! What figures of tasks are made of: the newest, without what they were asked and answered.
//!
//! The danger: a tenant of a million tasks has a host read all of them for a page that somebody looks at; or one busy
//! agent's tasks are all that is seen. The rule: figures are of a bounded number of the newest of each agent, which
//! an index gives in their order, so a page costs the same whatever there has been.

use troupe_core::view::{OpenTasks, TaskFailure, TaskStatus, TaskUsage};
use troupe_core::{AgentName, InstanceId, Result, TaskId, TenantId, Timestamp};

use super::row::status;
use super::usage;
use crate::Store;
use crate::fault::{Done, Failed};
use crate::rows::Columns as _;
use crate::sql::{Builder, Row, query};

/// Which tasks figures shall be of; what is absent does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FigureFilter {
    /// Those of this agent.
    pub agent: Option<AgentName>,
    /// Those of this instance.
    pub instance: Option<InstanceId>,
}

/// What became of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskFigure {
    /// The task.
    pub task: TaskId,
    /// Its agent.
    pub agent: AgentName,
    /// Where it is in its life.
    pub status: TaskStatus,
    /// The code of its failure.
    pub code: Option<String>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When its first attempt began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// What it has used.
    pub usage: TaskUsage,
}

impl FigureFilter {
    fn push(&self, select: &mut Builder, tenant: &TenantId) {
        select.push(" from tasks where tenant = ").push_bind(tenant.as_str());
        if let Some(agent) = &self.agent {
            select.push(" and agent = ").push_bind(agent.as_str());
        }
        if let Some(instance) = self.instance {
            select.push(" and instance = ").push_bind(instance.to_string());
        }
    }
}

impl Store {
    /// Reads the names of a tenant's agents, also of those that were deleted.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn agents_ever(&self, tenant: &TenantId) -> Result<Vec<AgentName>> {
        let rows = query("select distinct agent from releases where tenant = $1 order by agent")
            .bind(tenant.as_str())
            .fetch_all(&mut self.reader().await?)
            .await
            .map_err(Failed::from)?;
        Ok(rows.iter().map(|row| row.parsed("agent")).collect::<Done<_>>()?)
    }

    /// Reads at most `limit` of a tenant's tasks, newest first.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn task_figures(&self, tenant: &TenantId, filter: &FigureFilter, limit: u32) -> Result<Vec<TaskFigure>> {
        let mut select = Builder::new(
            "select id, agent, status, failure, created_at, coalesce(first_started_at, started_at) as started_at, ended_at,
                memory_bytes, compute_us, host_calls, sent_bytes, received_bytes",
        );
        filter.push(&mut select, tenant);
        select.push(" order by id desc limit ").push_bind(i64::from(limit));
        let rows = select.build().fetch_all(&mut self.reader().await?).await.map_err(Failed::from)?;
        Ok(rows.iter().map(figure).collect::<Done<_>>()?)
    }

    /// Counts a tenant's tasks that have not ended.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn open_tasks(&self, tenant: &TenantId, filter: &FigureFilter) -> Result<OpenTasks> {
        let mut select = Builder::new("select status, count(*) as count");
        filter.push(&mut select, tenant);
        select.push(" and status in ('awaiting_approval', 'pending', 'running', 'suspended') group by status");
        let rows = select.build().fetch_all(&mut self.reader().await?).await.map_err(Failed::from)?;
        let counted = |mut open: OpenTasks, row: &Row| {
            open.add(status(row.get_as("status")?)?, row.number("count")?);
            Done::Ok(open)
        };
        Ok(rows.iter().try_fold(OpenTasks::default(), counted)?)
    }
}

fn figure(row: &Row) -> Done<TaskFigure> {
    let failure: Option<&str> = row.get_as("failure")?;
    let failure = failure.and_then(|text| serde_json::from_str::<TaskFailure>(text).ok());
    Ok(TaskFigure {
        task: row.parsed("id")?,
        agent: row.parsed("agent")?,
        status: status(row.get_as("status")?)?,
        code: failure.map(|failure| failure.code.to_string()),
        created_at: row.at("created_at")?,
        started_at: row.at_option("started_at")?,
        ended_at: row.at_option("ended_at")?,
        usage: usage::read(row)?,
    })
}
