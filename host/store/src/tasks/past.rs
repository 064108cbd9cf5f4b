//! Tasks of the past, for whoever repeats them on another release.

use troupe_core::view::{TaskFailure, TaskStatus};
use troupe_core::{AgentName, Result, SkillName, TaskId, TenantId};

use super::{TaskRow, row};
use crate::Store;
use crate::fault::{Done, Failed};
use crate::journal::{self, JournalHead, JournalRow, Withheld};
use crate::rows::{Columns as _, broken};
use crate::sql::{Builder, Row};

/// A task without its documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastTask {
    /// The id.
    pub id: TaskId,
    /// The skill.
    pub skill: SkillName,
    /// How it stands.
    pub status: TaskStatus,
    /// The attempt; 0 if it never began.
    pub attempt: u32,
    /// The code of its failure, if it failed.
    pub failure: Option<String>,
    /// Why the attempt's journal is not what was recorded, if it is not.
    pub withheld: Option<Withheld>,
}

/// Which of an agent's tasks; what is absent does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PastFilter {
    /// Of this skill.
    pub skill: Option<SkillName>,
    /// In this status.
    pub status: Option<TaskStatus>,
    /// Older than this one.
    pub before: Option<TaskId>,
}

/// A task with the journal of its last attempt, or why it comes without.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "there are a few at a time, and most are whole")]
pub enum RecordedTask {
    /// Both.
    Whole(TaskRow, JournalHead, Vec<JournalRow>),
    /// The journal is not what was recorded, or never was.
    Withheld(Withheld),
    /// The journal takes so many bytes.
    TooLarge(u64),
}

impl Store {
    /// Reads at most `limit` of an agent's tasks, newest first.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn past_tasks(
        &self,
        tenant: &TenantId,
        agent: &AgentName,
        filter: &PastFilter,
        limit: u32,
    ) -> Result<Vec<PastTask>> {
        let mut query: Builder = Builder::new(
            "select tasks.id as id, tasks.skill as skill, tasks.status as status, tasks.attempt as attempt,
                case when tasks.status = 'failed' then tasks.failure end as failure,
                case when heads.task is null then 'dropped' else heads.withheld end as withheld
             from tasks
                left join journal_heads heads on heads.tenant = tasks.tenant and heads.task = tasks.id
                    and heads.attempt = tasks.attempt
             where tasks.tenant = ",
        );
        query.push_bind(tenant.as_str()).push(" and tasks.agent = ").push_bind(agent.as_str());
        if let Some(skill) = &filter.skill {
            query.push(" and tasks.skill = ").push_bind(skill.as_str());
        }
        if let Some(status) = filter.status {
            query.push(" and tasks.status = ").push_bind(status.as_str());
        }
        if let Some(before) = filter.before {
            query.push(" and tasks.id < ").push_bind(before.to_string());
        }
        query.push(" order by tasks.id desc limit ").push_bind(i64::from(limit));
        let rows = query.build().fetch_all(&mut self.reader().await?).await.map_err(Failed::from)?;
        Ok(rows.iter().map(read).collect::<Done<_>>()?)
    }

    /// Reads a task that has ended and the journal of its last attempt, unless that takes more
    /// than `bytes_max` as it lies in the database.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn recorded_task(&self, tenant: &TenantId, task: TaskId, bytes_max: u64) -> Result<Option<RecordedTask>> {
        let mut connection = self.reader().await?;
        let mut query: Builder = Builder::new(
            "select tasks.*,
                heads.version as head_version, heads.digest as head_digest, heads.epoch as head_epoch,
                heads.configuration_revision as head_configuration_revision,
                heads.grants_revision as head_grants_revision, heads.deadline as head_deadline,
                heads.seed as head_seed, heads.started_at as head_started_at,
                case when heads.task is null then 'dropped' else heads.withheld end as head_withheld, ",
        );
        journal::push_bytes(&mut query);
        query
            .push(
                " from tasks
                    left join journal_heads heads on heads.tenant = tasks.tenant and heads.task = tasks.id
                        and heads.attempt = tasks.attempt
                  where tasks.tenant = ",
            )
            .push_bind(tenant.as_str())
            .push(" and tasks.id = ")
            .push_bind(task.to_string());
        let found = query.build().fetch_optional(&mut connection).await.map_err(Failed::from)?;
        let Some(found) = found else { return Ok(None) };
        let bytes: u64 = found.number("bytes")?;
        if let Some(why) = found.get_as::<Option<&str>>("head_withheld")?.map(Withheld::parse) {
            return Ok(Some(RecordedTask::Withheld(why)));
        }
        if bytes > bytes_max {
            return Ok(Some(RecordedTask::TooLarge(bytes)));
        }
        let (row, head) = (row::read(&found)?, journal::read_head(&found, "head_")?);
        Ok(Some(match journal::whole_rows(&mut connection, (tenant, task, row.attempt)).await? {
            Ok(rows) => RecordedTask::Whole(row, head, rows),
            Err(why) => RecordedTask::Withheld(why),
        }))
    }
}

fn read(row: &Row) -> Done<PastTask> {
    let failure: Option<&str> = row.get_as("failure")?;
    let failure: Option<TaskFailure> =
        failure.map(serde_json::from_str).transpose().map_err(|error| broken("failure", error))?;
    Ok(PastTask {
        id: row.parsed("id")?,
        skill: row.parsed("skill")?,
        status: row::status(row.get_as("status")?)?,
        attempt: row.number("attempt")?,
        failure: failure.map(|failure| failure.code),
        withheld: row.get_as::<Option<&str>>("withheld")?.map(Withheld::parse),
    })
}
