//! Reading tasks.

use serde_json::Value;
use troupe_core::view::{Page, TaskStatus, TaskView};
use troupe_core::{AgentName, Caller, InstanceId, Result, Scope, SessionId, TaskId, limits};
use troupe_store::{TaskFilter, TaskRow, task_not_found};

use crate::{Runtime, agents};

/// Which tasks to list.
#[derive(Debug, Clone, Default)]
pub struct TaskQuery {
    /// Those of one agent.
    pub agent: Option<String>,
    /// Those in one status.
    pub status: Option<TaskStatus>,
    /// Those for one instance.
    pub instance: Option<InstanceId>,
    /// Those of one session.
    pub session: Option<SessionId>,
    /// Those that one task's agent asked for.
    pub caused_by: Option<TaskId>,
    /// Those below one task, which no agent asked for.
    pub root: Option<TaskId>,
    /// Those older than this one.
    pub after: Option<TaskId>,
    /// How many; capped.
    pub limit: Option<u32>,
}

impl Runtime {
    /// Lists tasks, newest first.
    ///
    /// # Errors
    /// [`troupe_core::Code::AuthScope`], or a store that cannot be read.
    pub async fn tasks(&self, caller: &Caller, query: TaskQuery) -> Result<Page<TaskView>> {
        caller.require(Scope::Read)?;
        let agent =
            query.agent.map(|name| name.parse::<AgentName>().map_err(|_| agents::unknown(&name))).transpose()?;
        let limit = limits::page(query.limit);
        let TaskQuery { status, instance, session, caused_by, root, .. } = query;
        let filter = TaskFilter { agent, status, instance, session, caused_by, root };
        let page = self.store.tasks(&caller.tenant, filter, query.after, limit).await?;
        let next = page.tasks.last().filter(|_| page.more).map(|last| last.id.to_string());
        Ok(Page { items: page.tasks.iter().map(view).collect(), next })
    }

    /// One task.
    ///
    /// # Errors
    /// [`troupe_core::Code::TaskNotFound`].
    pub async fn task(&self, caller: &Caller, task: TaskId) -> Result<TaskView> {
        caller.require(Scope::Read)?;
        let row = self.store.task(&caller.tenant, task).await?;
        row.as_ref().map(view).ok_or_else(|| task_not_found(task))
    }

    /// The task that a caller names, if it may act for its agent by a scope.
    ///
    /// # Errors
    /// [`troupe_core::Code::AuthScope`]; [`troupe_core::Code::TaskNotFound`].
    pub(crate) async fn task_permitted(&self, caller: &Caller, scope: Scope, task: TaskId) -> Result<TaskRow> {
        caller.require_for_some(scope)?;
        let row = self.store.task(&caller.tenant, task).await?.ok_or_else(|| task_not_found(task))?;
        caller.require_for(scope, &row.agent)?;
        Ok(row)
    }
}

/// A task as `caller` may see it: what it was asked and what it answered is for readers.
pub(crate) fn view_for(caller: &Caller, row: &TaskRow) -> TaskView {
    seen_by(caller, view(row))
}

/// The same of one that was read already.
pub(super) fn seen_by(caller: &Caller, seen: TaskView) -> TaskView {
    if caller.require(Scope::Read).is_ok() {
        seen
    } else {
        TaskView { input: Value::Null, output: None, artifacts: Vec::new(), ..seen }
    }
}

/// A task's row as clients see it.
pub(crate) fn view(row: &TaskRow) -> TaskView {
    let document = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    TaskView {
        id: row.id,
        agent: row.agent.to_string(),
        skill: row.skill.to_string(),
        instance: row.instance,
        group: row.group.clone(),
        session: row.session,
        caused_by: row.cause.as_ref().and_then(|cause| cause.by),
        event: row.cause.as_ref().and_then(|cause| cause.event),
        root: row.cause.as_ref().and_then(|cause| cause.root),
        retry_of: row.retry_of,
        budget: row.budget,
        status: row.status,
        approval: row.approval.as_ref().map(|approval| approval.id),
        input: document(&row.input),
        output: row.output.as_deref().map(document),
        failure: row.failure.clone(),
        release: row.release.clone(),
        attempt: row.attempt,
        priority: row.priority,
        principal: row.principal.clone(),
        timeout_ms: row.timeout_ms,
        lifetime_ms: row.lifetime_ms,
        retry: row.retry,
        retries: row.retries,
        artifacts: row.artifacts.clone(),
        usage: row.usage,
        created_at: row.created_at,
        started_at: row.started_at,
        wake_at: row.wake_at,
        ended_at: row.ended_at,
    }
}
