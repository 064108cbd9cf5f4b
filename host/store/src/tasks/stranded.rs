//! Tasks that began before state was brought to another form and have not ended: they cannot go
//! on, since the release they began on cannot read what is there now.
//!
//! The attack on correctness is repeating a write. The rule: an attempt that has written nothing
//! is given up, and the task begins anew on the release that serves; one that has ends
//! `in_doubt`, naming the call. None of them runs: they are suspended, or wait to be taken up
//! again, and are found by the epoch they began under. Those whose end was asked for end as cancelled ones do.

use troupe_core::view::{TaskFailure, TaskStatus};
use troupe_core::{AgentName, Code, Error, Result, TenantId};

use super::reading::{Ending, Told};
use super::recover::{self, Write};
use super::{Pending, Reading, TaskEnd, TaskRow, claim, end, row};
use crate::Store;
use crate::audit::{self, Decided};
use crate::fault::Done;
use crate::sql::{Connection, query, query_scalar};
use crate::writer::Tx;

/// To SQLite a cross join is one whose order stays: deployments first, most of which have never migrated.
const STRANDED: &str = "select tasks.* from deployments
     cross join tasks
     where tasks.tenant = deployments.tenant and tasks.agent = deployments.agent and deployments.state_since > 1 and tasks.status in ('pending', 'suspended')
        and tasks.cancel_requested = 0 and tasks.version is not null and tasks.epoch < deployments.state_since limit $1";

/// What became of stranded tasks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stranded {
    /// Those that begin anew.
    pub pending: Vec<Pending>,
    /// Those that have ended.
    pub ended: Vec<TaskRow>,
}

impl Stranded {
    /// Whether there was none.
    pub const fn is_empty(&self) -> bool {
        self.pending.is_empty() && self.ended.is_empty()
    }
}

impl Store {
    /// Settles at most `limit` tasks of whatever tenant that cannot go on since the state of
    /// their agent was brought to another form, in one commit.
    ///
    /// # Errors
    /// When the store is unavailable; then nothing has changed.
    pub async fn settle_stranded(&self, limit: u32, reading: Reading) -> Result<Stranded> {
        if stranded(&mut self.reader().await?, 1).await?.is_empty() {
            return Ok(Stranded::default());
        }
        self.ending(reading, move |tx, told| Box::pin(settle(tx, limit, reading, told))).await
    }

    /// Whether any task of an agent is on record as running.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn agent_runs(&self, tenant: &TenantId, agent: &AgentName) -> Result<bool> {
        Ok(any_running(&mut self.reader().await?, tenant, agent).await?)
    }
}

/// Whether anything of an agent runs.
pub(crate) async fn any_running(connection: &mut dyn Connection, tenant: &TenantId, agent: &AgentName) -> Done<bool> {
    let found: i64 =
        query_scalar("select exists (select 1 from tasks where tenant = $1 and agent = $2 and status = 'running')")
            .bind(tenant.as_str())
            .bind(agent.as_str())
            .fetch_one(connection)
            .await?;
    Ok(found != 0)
}

async fn stranded(connection: &mut dyn Connection, limit: u32) -> Done<Vec<TaskRow>> {
    let rows = query(STRANDED).bind(i64::from(limit)).fetch_all(connection).await?;
    rows.iter().map(row::read).collect()
}

async fn settle(tx: &mut Tx, limit: u32, reading: Reading, told: Told) -> Done<Ending<Stranded>> {
    let tasks = stranded(&mut tx.connection, limit).await?;
    let (mut settled, mut untold) = (Vec::new(), Vec::new());
    for task in tasks {
        let attempt = (task.tenant.clone(), task.id, task.attempt);
        match told.of(&mut tx.connection, &attempt).await? {
            Some(decided) => settled.push((task, decided)),
            None => untold.push(attempt),
        }
    }
    if !untold.is_empty() {
        return Ok(Ending::Untold(untold));
    }
    let mut outcome = Stranded::default();
    for (task, decided) in settled {
        match recover::last_write(&mut tx.connection, &task.tenant, task.id, task.attempt).await? {
            None => {
                audit::attempt(tx, &task, decided).await?;
                recover::anew(tx, &task.tenant, task.id).await?;
                outcome.pending.push(claim::pending(&task));
            }
            Some(write) => outcome.ended.push(doubt(tx, &task, &write, reading, decided).await?),
        }
    }
    Ok(Ending::Done(outcome))
}

async fn doubt(tx: &mut Tx, task: &TaskRow, write: &Write, reading: Reading, decided: Decided) -> Done<TaskRow> {
    let (call, agent) = ((reading.name)(&write.call), &task.agent);
    let what = if write.answered { "had taken effect" } else { "had been begun" };
    let message = format!(
        "state of {agent} was brought to another form after {call} {what}, so the task cannot go on; check what is \
         left to do before it is asked for again"
    );
    let error = Error::new(Code::InDoubt, message).with("call", call).with("number", write.number);
    let end = TaskEnd::unrun(TaskStatus::InDoubt, TaskFailure::from(&error), tx.now, decided);
    end::end(tx, &task.tenant, task.id, end).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::plan;

    #[tokio::test]
    async fn stranded_tasks_are_found_without_going_through_what_has_ended() {
        let plan = plan(STRANDED).await;
        assert!(plan.iter().any(|step| step.contains("INDEX tasks_by_agent_status")), "{plan:#?}");
    }
}
