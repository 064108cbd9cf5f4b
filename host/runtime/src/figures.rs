//! How a tenant's tasks go: what is open, and what became of those that were asked for last.
//!
//! Nothing is counted as it happens and kept beside the tasks: the figures are made of the newest tasks
//! themselves when somebody looks, so they are right over a restart and cost nothing else. `/metrics` has the
//! counters of this process, of every tenant, for whoever watches it all the time.

use std::collections::BTreeMap;

use troupe_core::view::{AgentFigures, CostView, FailedView, MemoryView, RuntimeStatus, TaskStatus, TookView};
use troupe_core::{AgentName, Caller, InstanceId, Result, Scope, TenantId, limits};
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
        let tasks = self.newest(&caller.tenant, &filter).await?;
        let mut by_agent: BTreeMap<&AgentName, Vec<&TaskFigure>> = BTreeMap::new();
        for task in &tasks {
            by_agent.entry(&task.agent).or_default().push(task);
        }
        Ok(RuntimeStatus {
            ready: self.require_ready().is_ok(),
            stopped_at: self.stopped_at(&caller.tenant).await?,
            open,
            looked_at: tasks.len() as u64,
            since: tasks.iter().map(|task| task.created_at).min(),
            agents: by_agent.into_iter().map(|(agent, tasks)| figures(agent, instance, &tasks)).collect(),
        })
    }
}

impl Runtime {
    /// The newest tasks that figures are made of: of one agent or instance many, of each of them fewer, so that
    /// none is hidden by another.
    async fn newest(&self, tenant: &TenantId, filter: &FigureFilter) -> Result<Vec<TaskFigure>> {
        if filter.agent.is_some() || filter.instance.is_some() {
            return self.store.task_figures(tenant, filter, limits::FIGURES_TASKS_MAX).await;
        }
        let agents = self.store.agents_ever(tenant).await?;
        let most = each_of(agents.len());
        let mut tasks = Vec::new();
        for agent in agents {
            // Beyond that many agents the rest are asked for by name.
            if tasks.len() >= 2 * limits::FIGURES_TASKS_MAX as usize {
                break;
            }
            let filter = FigureFilter { agent: Some(agent), instance: None };
            tasks.extend(self.store.task_figures(tenant, &filter, most).await?);
        }
        Ok(tasks)
    }
}

/// How many tasks of each of so many agents are looked at.
fn each_of(agents: usize) -> u32 {
    let agents = u32::try_from(agents).unwrap_or(u32::MAX).max(1);
    (2 * limits::FIGURES_TASKS_MAX / agents)
        .clamp(limits::FIGURES_TASKS_PER_AGENT_MIN, limits::FIGURES_TASKS_PER_AGENT_MAX)
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

#[cfg(test)]
mod tests {
    use troupe_core::view::TaskUsage;
    use troupe_core::{TaskId, Timestamp};

    use super::*;

    /// A task that began at `started` and ended `took` later, in milliseconds.
    fn task(number: u64, status: TaskStatus, started: Option<i64>, took: i64, memory_bytes: u64) -> TaskFigure {
        let task: TaskId = format!("0199a2f0-6c1e-7d3a-9b52-{number:012x}").parse().unwrap();
        TaskFigure {
            task,
            agent: "aws".parse().unwrap(),
            status,
            code: (status == TaskStatus::Failed).then(|| "guest.failed".to_owned()),
            created_at: Timestamp::from_millis(0),
            started_at: started.map(Timestamp::from_millis),
            ended_at: status.is_final().then(|| Timestamp::from_millis(started.unwrap_or(0) + took)),
            usage: TaskUsage { memory_bytes, ..TaskUsage::default() },
        }
    }

    #[test]
    fn figures_are_the_nearest_ranks_of_what_ended_and_held_something() {
        let mut tasks: Vec<TaskFigure> =
            (1..=200).map(|ms| task(ms, TaskStatus::Completed, Some(1_000), ms as i64, ms * 10)).collect();
        // One that runs and one that never began took nothing that anybody knows.
        tasks.push(task(201, TaskStatus::Running, Some(5), 0, 0));
        tasks.push(task(202, TaskStatus::Cancelled, None, 9_000, 0));
        tasks.push(task(203, TaskStatus::Failed, Some(0), 60_000, 0));
        let tasks: Vec<&TaskFigure> = tasks.iter().rev().collect();
        let figures = figures(&"aws".parse().unwrap(), None, &tasks);
        // Of 201 that ended, 101 took no more than 101 ms, 191 no more than 191 ms, 199 no more than 199 ms.
        assert_eq!(figures.took, Some(TookView { p50_ms: 101, p95_ms: 191, p99_ms: 199, most_ms: 60_000 }));
        let memory = MemoryView { p50_bytes: 1_000, p95_bytes: 1_900, p99_bytes: 1_980, most_bytes: 2_000 };
        assert_eq!(figures.memory, Some(memory));
        let counts = [figures.tasks, figures.completed, figures.failed, figures.cancelled, figures.in_doubt];
        assert_eq!(counts, [203, 200, 1, 1, 0]);
        assert_eq!(figures.last_failure.map(|failed| failed.code).as_deref(), Some("guest.failed"));
    }

    #[test]
    fn of_many_agents_fewer_each_are_looked_at_and_of_none_nothing() {
        assert_eq!([0, 1, 20, 21, 100, 1_000_000].map(each_of), [1_000, 1_000, 1_000, 952, 200, 50]);
    }
}
