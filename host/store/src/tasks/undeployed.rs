//! Tasks that wait for an agent which is deployed no longer: nobody will ever begin them, so they end.
//!
//! They are those that have not begun, or are to begin anew. What was accepted while another host had not yet
//! heard that the deployment is removed is among them, whenever it is found.

use troupe_core::view::{TaskFailure, TaskStatus};
use troupe_core::{AgentName, Code, Error, Result};

use super::{TaskEnd, TaskRow, end, row};
use crate::Store;
use crate::audit::Decided;
use crate::fault::Done;
use crate::sql::{Connection, query};

/// To SQLite a cross join is one whose order stays: removed deployments first.
const WAITING: &str = "select tasks.* from deployments
     cross join tasks
     where deployments.removed_at is not null and tasks.tenant = deployments.tenant
        and tasks.agent = deployments.agent and tasks.status in ('pending', 'awaiting_approval')
        and tasks.version is null limit $1";

impl Store {
    /// Ends at most `limit` tasks of whatever tenant that wait for an agent whose deployment was removed, as failed,
    /// and returns them. Where there is none nothing is written.
    ///
    /// # Errors
    /// When the store is unavailable; then nothing has changed.
    pub async fn end_undeployed(&self, limit: u32) -> Result<Vec<TaskRow>> {
        if waiting(&mut self.reader().await?, 1).await?.is_empty() {
            return Ok(Vec::new());
        }
        self.write(move |tx| {
            Box::pin(async move {
                let mut ended = Vec::new();
                for task in waiting(&mut tx.connection, limit).await? {
                    let failure = TaskFailure::from(&undeployed(&task.agent));
                    // What was decided in an earlier attempt the audit was told by the end of that.
                    let end = TaskEnd::unrun(TaskStatus::Failed, failure, tx.now, Decided::default());
                    ended.push(end::end(tx, &task.tenant, task.id, end).await?);
                }
                Ok(ended)
            })
        })
        .await
    }
}

async fn waiting(connection: &mut dyn Connection, limit: u32) -> Done<Vec<TaskRow>> {
    let rows = query(WAITING).bind(i64::from(limit)).fetch_all(connection).await?;
    rows.iter().map(row::read).collect()
}

fn undeployed(agent: &AgentName) -> Error {
    let message =
        format!("agent `{agent}` was undeployed before the task began; ask for it again when the agent is deployed");
    Error::new(Code::DeploymentNotFound, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::plan;

    #[tokio::test]
    async fn what_waits_for_a_removed_deployment_is_found_without_going_through_what_has_ended() {
        let plan = plan(WAITING).await;
        for index in ["INDEX deployments_removed", "INDEX tasks_by_agent_status"] {
            assert!(plan.iter().any(|step| step.contains(index)), "{plan:#?}");
        }
    }
}
