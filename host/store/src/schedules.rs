//! Schedules: tasks that are made again and again.
//!
//! The danger: a task is made twice for one time, by two that look at once or by one that dies in
//! between, or not at all. The rule: the task and the next time are one transaction, which changes
//! nothing unless the schedule is as it was when that time was looked at.

use serde_json::json;
use troupe_core::audit::{AuditEntry, AuditKind};
use troupe_core::view::{NewSchedule, TaskFailure};
use troupe_core::{AgentName, Code, Error, Result, ScheduleName, TaskId, TenantId, Timestamp, limits};

use crate::Store;
use crate::fault::{Done, Failed};
use crate::rows::{Columns as _, broken, json, number, room_for};
use crate::sql::{Connection, Row, query, query_scalar};
use crate::tasks::{self, Creation, TaskRow};
use crate::writer::Tx;

const DUE: &str = "select * from schedules where next_at <= $1 and (next_at, tenant, name) > ($2, $3, $4)
     order by next_at, tenant, name limit $5";

const NEXT: &str = "select min(next_at) as next from schedules where next_at > $1";

/// A schedule as it stands.
#[derive(Debug, Clone)]
pub struct ScheduleRow {
    /// The tenant.
    pub tenant: TenantId,
    /// Its name.
    pub name: ScheduleName,
    /// The agent that it asks.
    pub agent: AgentName,
    /// What was set.
    pub schedule: NewSchedule,
    /// Who set it.
    pub principal: String,
    /// When.
    pub changed_at: Timestamp,
    /// Rises with every change by somebody.
    pub revision: u64,
    /// When it makes the next task; absent while it is paused.
    pub next_at: Option<Timestamp>,
    /// When it was last its time.
    pub last_at: Option<Timestamp>,
    /// The last task that it made.
    pub last_task: Option<TaskId>,
    /// Why it made none when it was last its time.
    pub last_failure: Option<TaskFailure>,
}

/// A schedule to set.
#[derive(Debug, Clone)]
pub struct NewScheduleRow {
    /// Its name.
    pub name: ScheduleName,
    /// The agent that it asks.
    pub agent: AgentName,
    /// What is set.
    pub schedule: NewSchedule,
    /// When it makes the next task; absent if it is paused.
    pub next_at: Option<Timestamp>,
}

/// What came of a time of a schedule.
#[derive(Debug, Clone)]
pub enum Fired {
    /// It made this task.
    Made(Box<TaskRow>),
    /// It made none: its last one has not ended, or what is to be told says why.
    None,
    /// It was changed meanwhile, or somebody else was quicker; nothing was written.
    Changed,
}

impl Store {
    /// Sets a schedule, in place of the one of its name, as `by` asked. Tells the feed `schedule.set`,
    /// and the audit.
    ///
    /// # Errors
    /// [`Code::LimitSchedules`] when the tenant has as many as it may have.
    pub async fn set_schedule(&self, tenant: &TenantId, new: NewScheduleRow, by: &str) -> Result<ScheduleRow> {
        let (tenant, by) = (tenant.clone(), by.to_owned());
        self.write(move |tx| Box::pin(set(tx, tenant, new, by))).await
    }

    /// Removes a schedule, as `by` asked, and returns what it was. Tells the feed `schedule.removed`, and the audit.
    ///
    /// # Errors
    /// [`Code::ScheduleNotFound`].
    pub async fn remove_schedule(&self, tenant: &TenantId, name: &ScheduleName, by: &str) -> Result<ScheduleRow> {
        let (tenant, name, by) = (tenant.clone(), name.clone(), by.to_owned());
        self.write(move |tx| Box::pin(remove(tx, tenant, name, by))).await
    }

    /// Reads one schedule.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn schedule(&self, tenant: &TenantId, name: &ScheduleName) -> Result<Option<ScheduleRow>> {
        Ok(find(&mut self.reader().await?, tenant, name).await?)
    }

    /// Reads at most `limit` of the tenant's schedules, by name, those after `after`.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn schedules(&self, tenant: &TenantId, after: &str, limit: u32) -> Result<Vec<ScheduleRow>> {
        let rows = query("select * from schedules where tenant = $1 and name > $2 order by name limit $3")
            .bind(tenant.as_str())
            .bind(after)
            .bind(i64::from(limit))
            .fetch_all(&mut self.reader().await?)
            .await
            .map_err(Failed::from)?;
        Ok(rows.iter().map(read).collect::<Done<_>>()?)
    }

    /// Reads at most `limit` schedules of any tenant whose time has come, the longest due first: those
    /// that come after `after`, so that whoever cannot make the tasks of some reaches the others.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn due_schedules(
        &self,
        now: Timestamp,
        after: Option<&ScheduleRow>,
        limit: u32,
    ) -> Result<Vec<ScheduleRow>> {
        let before_all = Timestamp::from_millis(i64::MIN);
        let rows = query(DUE)
            .bind(now.as_millis())
            .bind(after.and_then(|row| row.next_at).unwrap_or(before_all).as_millis())
            .bind(after.map_or("", |row| row.tenant.as_str()))
            .bind(after.map_or("", |row| row.name.as_str()))
            .bind(i64::from(limit))
            .fetch_all(&mut self.reader().await?)
            .await
            .map_err(Failed::from)?;
        Ok(rows.iter().map(read).collect::<Done<_>>()?)
    }

    /// When the first schedule of any tenant is due of those that are not by `now`.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn next_schedule(&self, now: Timestamp) -> Result<Option<Timestamp>> {
        let row = query(NEXT).bind(now.as_millis()).fetch_one(&mut self.reader().await?).await.map_err(Failed::from)?;
        Ok(row.at_option("next")?)
    }

    /// Has a time of a schedule pass, in one transaction: the task that it makes, or why it makes
    /// none, and its next time. `seen` is the schedule as its time was looked at. Tells the feed
    /// `schedule.fired` and `task.created` of a task.
    ///
    /// # Errors
    /// When the store is unavailable; then nothing has changed.
    pub async fn fire_schedule(
        &self,
        seen: &ScheduleRow,
        next_at: Option<Timestamp>,
        made: Result<TaskRow, TaskFailure>,
    ) -> Result<Fired> {
        let seen = seen.clone();
        self.write(move |tx| Box::pin(fire(tx, seen, next_at, made))).await
    }
}

/// The error for a schedule that the tenant does not have.
pub fn not_found(name: &str) -> Error {
    let message = format!("there is no schedule `{name}`; `troupe schedules` lists those there are");
    Error::new(Code::ScheduleNotFound, message)
}

async fn find(connection: &mut dyn Connection, tenant: &TenantId, name: &ScheduleName) -> Done<Option<ScheduleRow>> {
    let row = query("select * from schedules where tenant = $1 and name = $2")
        .bind(tenant.as_str())
        .bind(name.as_str())
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(read).transpose()
}

async fn set(tx: &mut Tx, tenant: TenantId, new: NewScheduleRow, by: String) -> Done<ScheduleRow> {
    let NewScheduleRow { name, agent, schedule, next_at } = new;
    if find(&mut tx.connection, &tenant, &name).await?.is_none() {
        let there: i64 = query_scalar("select count(*) from schedules where tenant = $1")
            .bind(tenant.as_str())
            .fetch_one(&mut tx.connection)
            .await?;
        room_for("schedules", there, limits::SCHEDULES_MAX, Code::LimitSchedules)?;
    }
    let document = json(&schedule)?;
    let row = query(
        "insert into schedules (tenant, name, agent, document, principal, changed_at, revision, next_at)
         values ($1, $2, $3, $4, $5, $6, 1, $7)
         on conflict (tenant, name) do update set
            agent = excluded.agent, document = excluded.document, principal = excluded.principal,
            changed_at = excluded.changed_at, revision = schedules.revision + 1, next_at = excluded.next_at
         returning *",
    )
    .bind(tenant.as_str())
    .bind(name.as_str())
    .bind(agent.as_str())
    .bind(&document)
    .bind(&by)
    .bind(tx.now.as_millis())
    .bind(next_at.map(Timestamp::as_millis))
    .fetch_one(&mut tx.connection)
    .await?;
    let row = read(&row)?;
    tell(tx, &row, "schedule.set", json!({ "paused": schedule.paused })).await?;
    let entry = AuditEntry::new(AuditKind::Schedule).by(Some(&by)).of(&agent);
    let entry = entry.with("schedule", name.as_str()).with("cron", schedule.cron).with("paused", schedule.paused);
    tx.audit(&tenant, entry).await?;
    Ok(row)
}

async fn remove(tx: &mut Tx, tenant: TenantId, name: ScheduleName, by: String) -> Done<ScheduleRow> {
    let Some(row) = find(&mut tx.connection, &tenant, &name).await? else {
        return Err(not_found(name.as_str()).into());
    };
    query("delete from schedules where tenant = $1 and name = $2")
        .bind(tenant.as_str())
        .bind(name.as_str())
        .execute(&mut tx.connection)
        .await?;
    tell(tx, &row, "schedule.removed", json!({})).await?;
    let entry = AuditEntry::new(AuditKind::Schedule).by(Some(&by)).of(&row.agent).with("schedule", name.as_str());
    tx.audit(&tenant, entry.with("removed", true)).await?;
    Ok(row)
}

/// Has the schedules that ask an agent stand still, as part of the transaction that removes its deployment.
pub(crate) async fn pause_of(tx: &mut Tx, tenant: &TenantId, agent: &AgentName, by: &str) -> Done<()> {
    for ScheduleRow { name, agent, schedule, .. } in of_agent(tx, tenant, agent).await? {
        if !schedule.paused {
            let schedule = NewSchedule { paused: true, ..schedule };
            set(tx, tenant.clone(), NewScheduleRow { name, agent, schedule, next_at: None }, by.to_owned()).await?;
        }
    }
    Ok(())
}

/// Removes the schedules that ask an agent, as part of the transaction that deletes it.
pub(crate) async fn remove_of(tx: &mut Tx, tenant: &TenantId, agent: &AgentName, by: &str) -> Done<()> {
    for row in of_agent(tx, tenant, agent).await? {
        remove(tx, tenant.clone(), row.name, by.to_owned()).await?;
    }
    Ok(())
}

async fn of_agent(tx: &mut Tx, tenant: &TenantId, agent: &AgentName) -> Done<Vec<ScheduleRow>> {
    let rows = query("select * from schedules where tenant = $1 and agent = $2 order by name")
        .bind(tenant.as_str())
        .bind(agent.as_str())
        .fetch_all(&mut tx.connection)
        .await?;
    rows.iter().map(read).collect()
}

async fn fire(
    tx: &mut Tx,
    seen: ScheduleRow,
    next_at: Option<Timestamp>,
    made: Result<TaskRow, TaskFailure>,
) -> Done<Fired> {
    let made = match (made, seen.last_task) {
        (Ok(_), Some(last)) if !seen.schedule.overlap && tasks::goes_on(tx, &seen.tenant, last).await? => Err(None),
        (made, _) => made.map_err(Some),
    };
    let failure = made.as_ref().err().and_then(Option::as_ref).map(json).transpose()?;
    let passed = query(
        "update schedules set next_at = $5, last_at = $4, last_task = coalesce($6, last_task), last_failure = $7
         where tenant = $1 and name = $2 and revision = $3 and next_at = $4",
    )
    .bind(seen.tenant.as_str())
    .bind(seen.name.as_str())
    .bind(number(seen.revision)?)
    .bind(seen.next_at.map(Timestamp::as_millis))
    .bind(next_at.map(Timestamp::as_millis))
    .bind(made.as_ref().ok().map(|task| task.id.to_string()))
    .bind(failure)
    .execute(&mut tx.connection)
    .await?;
    if passed.rows_affected() == 0 {
        return Ok(Fired::Changed);
    }
    let Ok(task) = made else { return Ok(Fired::None) };
    tell(tx, &seen, "schedule.fired", json!({ "task": task.id.to_string() })).await?;
    let (Creation::New(task) | Creation::Existing(task)) = tasks::create_task(tx, task).await?;
    Ok(Fired::Made(Box::new(task)))
}

async fn tell(tx: &mut Tx, row: &ScheduleRow, kind: &str, mut facts: serde_json::Value) -> Done<()> {
    if let Some(facts) = facts.as_object_mut() {
        facts.insert("agent".to_owned(), row.agent.as_str().into());
    }
    tx.announce(&row.tenant, kind, &format!("schedule/{}", row.name), &facts);
    Ok(())
}

fn read(row: &Row) -> Done<ScheduleRow> {
    let document: &str = row.get_as("document")?;
    let failure: Option<&str> = row.get_as("last_failure")?;
    Ok(ScheduleRow {
        tenant: row.parsed("tenant")?,
        name: row.parsed("name")?,
        agent: row.parsed("agent")?,
        schedule: serde_json::from_str(document).map_err(|error| broken("document", error))?,
        principal: row.get_as("principal")?,
        changed_at: row.at("changed_at")?,
        revision: row.number("revision")?,
        next_at: row.at_option("next_at")?,
        last_at: row.at_option("last_at")?,
        last_task: row.parsed_option("last_task")?,
        last_failure: failure.map(serde_json::from_str).transpose().map_err(|error| broken("last_failure", error))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::plan;

    #[tokio::test]
    async fn what_is_due_is_found_without_looking_at_others() {
        for query in [DUE, NEXT] {
            let plan = plan(query).await;
            assert!(plan.iter().any(|step| step.contains("INDEX schedules_due")), "{plan:?}");
        }
    }
}
