//! How a tenant's tasks go: what is open, and what became of those that were asked for last.
//!
//! Nothing is counted as it happens and kept beside the tasks: the figures are made of the newest tasks
//! themselves when somebody looks, so they are right over a restart and cost nothing else. `/metrics` has the
//! counters of this process, of every tenant, for whoever watches it all the time.

use std::collections::BTreeMap;

use troupe_core::view::{AgentFigures, CostView, FailedView, MemoryView, RuntimeStatus, TaskStatus, TookView};
use troupe_core::{AgentName, Caller, InstanceId, Result, Scope, limits};
use troupe_store::{FigureFilter, TaskFigure, instance_not_found};

use crate::{Runtime, agents};

impl Runtime {
    /// How the tasks of the caller's tenant go; those of one agent or instance if one is named.
    ///
    /// # Errors
    /// [`AuthScope`](troupe_core::Code::AuthScope); [`AgentNotFound`](troupe_core::Code::AgentNotFound) for a name
    /// that is none; [`InstanceNotFound`](troupe_core::Code::InstanceNotFound).
    pub async fn runtime_status(
        &self,
        caller: &Caller,
        agent: Option<String>,
        instance: Option<InstanceId>,
    ) -> Result<RuntimeStatus> {
        caller.require(Scope::Read)?;
        let agent = agent.map(|name| name.parse::<AgentName>().map_err(|_| agents::unknown(&name))).transpose()?;
        if let Some(id) = instance {
            self.store.instance(&caller.tenant, id).await?.ok_or_else(|| instance_not_found(id))?;
        }
        let filter = FigureFilter { agent, instance };
        let open = self.store.open_tasks(&caller.tenant, &filter).await?;
        let tasks = self.store.task_figures(&caller.tenant, &filter, limits::FIGURES_TASKS_MAX).await?;
        let mut by_agent: BTreeMap<&AgentName, Vec<&TaskFigure>> = BTreeMap::new();
        for task in &tasks {
            by_agent.entry(&task.agent).or_default().push(task);
        }
        Ok(RuntimeStatus {
            ready: self.require_ready().is_ok(),
            stopped_at: self.stopped_at(&caller.tenant).await?,
            open,
            looked_at: tasks.len() as u64,
            since: tasks.last().map(|task| task.created_at),
            agents: by_agent.into_iter().map(|(agent, tasks)| figures(agent, instance, &tasks)).collect(),
        })
    }
}

/// The figures of an agent's tasks, newest first.
fn figures(agent: &AgentName, instance: Option<InstanceId>, tasks: &[&TaskFigure]) -> AgentFigures {
    let count = |status| tasks.iter().filter(|task| task.status == status).count() as u64;
    let took = |task: &&TaskFigure| Some(task.ended_at?.since(task.started_at?).as_millis());
    let times = tasks.iter().filter_map(took).map(|ms| u64::try_from(ms).unwrap_or(u64::MAX));
    // One that never ran held nothing.
    let memory = tasks.iter().map(|task| task.usage.memory_bytes).filter(|bytes| *bytes > 0);
    let failed = tasks.iter().find(|task| matches!(task.status, TaskStatus::Failed | TaskStatus::InDoubt));
    AgentFigures {
        agent: agent.to_string(),
        instance,
        tasks: tasks.len() as u64,
        completed: count(TaskStatus::Completed),
        failed: count(TaskStatus::Failed),
        cancelled: count(TaskStatus::Cancelled),
        in_doubt: count(TaskStatus::InDoubt),
        took: TookView::of(times.collect()),
        memory: MemoryView::of(memory.collect()),
        cost: tasks.iter().map(|task| task.usage.cost()).fold(CostView::default(), CostView::and),
        last_failure: failed.and_then(|task| {
            Some(FailedView { task: task.task, code: task.code.clone().unwrap_or_default(), at: task.ended_at? })
        }),
    }
}
