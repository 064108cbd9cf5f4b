//! The tasks of groups.

use troupe_core::view::{Member, TaskFailure, TaskStatus};
use troupe_core::{GroupId, Result, StepName, TaskId, TenantId};

use crate::Store;
use crate::fault::{Done, Failed};
use crate::rows::{Columns as _, broken, number};
use crate::sql::{Row, query};
use crate::tasks;
use crate::writer::Tx;

/// A task of a group.
#[derive(Debug, Clone, PartialEq)]
pub struct MemberRow {
    /// As what it is of the group.
    pub member: Member,
    /// The task.
    pub task: TaskId,
    /// Where it is in its life.
    pub status: TaskStatus,
    /// The length of its output in bytes; nothing if there is none.
    pub output_bytes: Option<u64>,
}

/// A task of a group that has ended.
#[derive(Debug, Clone, PartialEq)]
pub struct MemberEnd {
    /// As what it is of the group.
    pub member: Member,
    /// The number of its end among those of its group.
    pub number: u64,
    /// How it ended.
    pub status: TaskStatus,
    /// Why it did not complete.
    pub failure: Option<TaskFailure>,
}

impl Store {
    /// Lists the tasks of a group, by step and item.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn group_members(&self, tenant: &TenantId, id: GroupId) -> Result<Vec<MemberRow>> {
        let rows = query(
            "select g.*, t.status, octet_length(t.output) as bytes from group_tasks g
             join tasks t on t.tenant = g.tenant and t.id = g.task
             where g.tenant = $1 and g.group_id = $2 order by g.step, g.item, g.compensates",
        )
        .bind(tenant.as_str())
        .bind(id.to_string())
        .fetch_all(&mut self.reader().await?)
        .await
        .map_err(Failed::from)?;
        let read = |row: &Row| {
            let output_bytes = row.get_as::<Option<i64>>("bytes")?.and_then(|bytes| u64::try_from(bytes).ok());
            Ok(MemberRow { member: member(row)?, task: row.parsed("task")?, status: status(row)?, output_bytes })
        };
        Ok(rows.iter().map(read).collect::<Done<_>>()?)
    }

    /// Lists the ends of a group's tasks after the one with this number, in the order in which they ended.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn group_ends(&self, tenant: &TenantId, id: GroupId, after: u64) -> Result<Vec<MemberEnd>> {
        let rows = query(
            "select g.*, t.status, t.failure from group_tasks g
             join tasks t on t.tenant = g.tenant and t.id = g.task
             where g.tenant = $1 and g.group_id = $2 and g.ended > $3 order by g.ended",
        )
        .bind(tenant.as_str())
        .bind(id.to_string())
        .bind(number(after)?)
        .fetch_all(&mut self.reader().await?)
        .await
        .map_err(Failed::from)?;
        let read = |row: &Row| {
            let failure: Option<&str> = row.get_as("failure")?;
            let failure = failure.map(serde_json::from_str).transpose().map_err(|error| broken("failure", error))?;
            Ok(MemberEnd { member: member(row)?, number: row.number("ended")?, status: status(row)?, failure })
        };
        Ok(rows.iter().map(read).collect::<Done<_>>()?)
    }

    /// How many bytes the outputs of a step's tasks have together.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn step_output_bytes(&self, tenant: &TenantId, id: GroupId, step: &StepName) -> Result<u64> {
        let row = query(
            "select coalesce(sum(octet_length(t.output)), 0) as bytes from group_tasks g
             join tasks t on t.tenant = g.tenant and t.id = g.task
             where g.tenant = $1 and g.group_id = $2 and g.step = $3 and g.compensates = 0",
        )
        .bind(tenant.as_str())
        .bind(id.to_string())
        .bind(step.as_str())
        .fetch_one(&mut self.reader().await?)
        .await
        .map_err(Failed::from)?;
        Ok(row.number("bytes")?)
    }

    /// Reads the outputs of a step's tasks, as JSON, each with the number of its item, in their order.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn step_outputs(
        &self,
        tenant: &TenantId,
        id: GroupId,
        step: &StepName,
    ) -> Result<Vec<(u32, Option<String>)>> {
        let rows = query(
            "select g.item, t.output from group_tasks g
             join tasks t on t.tenant = g.tenant and t.id = g.task
             where g.tenant = $1 and g.group_id = $2 and g.step = $3 and g.compensates = 0 order by g.item",
        )
        .bind(tenant.as_str())
        .bind(id.to_string())
        .bind(step.as_str())
        .fetch_all(&mut self.reader().await?)
        .await
        .map_err(Failed::from)?;
        Ok(rows.iter().map(|row| Ok((row.number("item")?, row.get_as("output")?))).collect::<Done<_>>()?)
    }

    /// The task that a group made as this, if it has.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn member_task(&self, tenant: &TenantId, member: &Member) -> Result<Option<TaskId>> {
        let row = query(
            "select task from group_tasks
             where tenant = $1 and group_id = $2 and step = $3 and item = $4 and compensates = $5",
        )
        .bind(tenant.as_str())
        .bind(member.group.to_string())
        .bind(member.step.as_str())
        .bind(i64::from(member.item))
        .bind(i64::from(member.compensates))
        .fetch_optional(&mut self.reader().await?)
        .await
        .map_err(Failed::from)?;
        Ok(row.map(|row| row.parsed("task")).transpose()?)
    }
}

/// Notes the task that a group makes as this. There is one, or this fails.
pub(crate) async fn joined(tx: &mut Tx, tenant: &TenantId, member: &Member, task: TaskId) -> Done<()> {
    query("insert into group_tasks (tenant, group_id, step, item, compensates, task) values ($1, $2, $3, $4, $5, $6)")
        .bind(tenant.as_str())
        .bind(member.group.to_string())
        .bind(member.step.as_str())
        .bind(i64::from(member.item))
        .bind(i64::from(member.compensates))
        .bind(task.to_string())
        .execute(&mut tx.connection)
        .await?;
    Ok(())
}

/// Has a group hear that a task of it has ended.
pub(crate) async fn ended(tx: &mut Tx, tenant: &TenantId, member: &Member, task: TaskId) -> Done<()> {
    query(
        "update group_tasks set ended = 1 + (
            select coalesce(max(ended), 0) from group_tasks where tenant = $1 and group_id = $2)
         where tenant = $1 and group_id = $2 and step = $3 and item = $4 and compensates = $5 and task = $6",
    )
    .bind(tenant.as_str())
    .bind(member.group.to_string())
    .bind(member.step.as_str())
    .bind(i64::from(member.item))
    .bind(i64::from(member.compensates))
    .bind(task.to_string())
    .execute(&mut tx.connection)
    .await?;
    query("update task_groups set changes = changes + 1 where tenant = $1 and id = $2 and ended_at is null")
        .bind(tenant.as_str())
        .bind(member.group.to_string())
        .execute(&mut tx.connection)
        .await?;
    Ok(())
}

fn member(row: &Row) -> Done<Member> {
    Ok(Member {
        group: row.parsed("group_id")?,
        step: row.parsed("step")?,
        item: row.number("item")?,
        compensates: row.truth("compensates")?,
    })
}

fn status(row: &Row) -> Done<TaskStatus> {
    tasks::status(row.get_as("status")?)
}
