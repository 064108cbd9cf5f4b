//! How a group moves.

use troupe_core::view::{GroupProgress, GroupStatus, TaskFailure};
use troupe_core::{Code, Error, GroupId, Result, TenantId};

use super::{GroupRow, find, not_found, read, tell};
use crate::Store;
use crate::fault::Done;
use crate::rows::{json, number};
use crate::sql::query;
use crate::tasks::{self, TaskRow};
use crate::writer::Tx;

/// A group's next state, and what it makes by that.
#[derive(Debug, Clone)]
pub struct GroupMove {
    /// Where it is in its life.
    pub status: GroupStatus,
    /// Where each step is.
    pub state: String,
    /// How far it is.
    pub progress: GroupProgress,
    /// What came first of what keeps it from completing.
    pub failure: Option<TaskFailure>,
    /// The tasks that it makes, each pending and with what it is of the group.
    pub made: Vec<TaskRow>,
    /// Whether there is nothing more to be done of what has happened so far.
    pub is_whole: bool,
}

impl Store {
    /// Moves a group, in one transaction with the tasks that it makes. `seen` is the group as it was
    /// looked at. Tells the feed `task.created` of each task, and of the group's status if that is
    /// another one. False if somebody else was quicker; then nothing was written.
    ///
    /// # Errors
    /// [`Code::InstanceStopped`] and the like of a task that cannot be made; when the store is
    /// unavailable. Then nothing has changed.
    pub async fn move_group(&self, seen: &GroupRow, to: GroupMove) -> Result<bool> {
        let head = &seen.head;
        let seen = (head.tenant.clone(), head.id, seen.revision, seen.changes, head.status);
        self.write(move |tx| Box::pin(move_to(tx, seen, to))).await
    }

    /// Has a group hear that somebody asks for its end; returns it as it stands.
    ///
    /// # Errors
    /// [`Code::GroupEnded`] when it has ended or is on its way there; [`Code::GroupNotFound`].
    pub async fn cancel_group(&self, tenant: &TenantId, id: GroupId, by: &str) -> Result<GroupRow> {
        let (tenant, by) = (tenant.clone(), by.to_owned());
        self.write(move |tx| Box::pin(cancel(tx, tenant, id, by))).await
    }
}

async fn move_to(
    tx: &mut Tx,
    (tenant, id, revision, changes, before): (TenantId, GroupId, u64, u64, GroupStatus),
    to: GroupMove,
) -> Done<bool> {
    let GroupMove { status, state, progress, failure, made, is_whole } = to;
    let moved = query(
        "update task_groups set status = $4, state = $5, progress = $6, failure = $7, revision = revision + 1,
            looked = case when $10 is not null then changes when $8 <> 0 then $9 else looked end, ended_at = $10
         where tenant = $1 and id = $2 and revision = $3 and ended_at is null
         returning *",
    )
    .bind(tenant.as_str())
    .bind(id.to_string())
    .bind(number(revision)?)
    .bind(status.as_str())
    .bind(state)
    .bind(json(&progress)?)
    .bind(failure.as_ref().map(json).transpose()?)
    .bind(is_whole)
    .bind(number(changes)?)
    .bind(status.is_final().then_some(tx.now.as_millis()))
    .fetch_optional(&mut tx.connection)
    .await?;
    let Some(moved) = moved else { return Ok(false) };
    for task in made {
        tasks::create_task(tx, task).await?;
    }
    if status != before {
        let head = read(&moved)?.head;
        tell(tx, &head, &format!("group.{}", status.as_str())).await?;
    }
    Ok(true)
}

async fn cancel(tx: &mut Tx, tenant: TenantId, id: GroupId, by: String) -> Done<GroupRow> {
    let found = find(&mut tx.connection, &tenant, id).await?.ok_or_else(|| not_found(id))?;
    let status = found.head.status;
    if status.is_final() || status == GroupStatus::Compensating {
        let message = match status {
            GroupStatus::Compensating => format!("what group {id} did is being undone, which goes to its end"),
            _ => format!("group {id} has ended already: {}", status.as_str()),
        };
        return Err(Error::new(Code::GroupEnded, message).with("status", status.as_str()).into());
    }
    let row = query(
        "update task_groups set cancelled_by = coalesce(cancelled_by, $3), changes = changes + 1
         where tenant = $1 and id = $2 returning *",
    )
    .bind(tenant.as_str())
    .bind(id.to_string())
    .bind(by)
    .fetch_one(&mut tx.connection)
    .await?;
    read(&row)
}
