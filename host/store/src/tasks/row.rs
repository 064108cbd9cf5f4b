//! A task as a row.

use troupe_core::view::{ArtifactView, Member, RanOn, Retry, TaskBudget, TaskFailure, TaskStatus, TaskUsage};
use troupe_core::{AgentName, Cause, Code, Error, InstanceId, SessionId, SkillName, TaskId, TenantId, Timestamp};

use super::{Asked, usage};
use crate::NeededApproval;
use crate::fault::Done;
use crate::journal::Of;
use crate::rows::{Columns as _, broken, json, number};
use crate::sql::{self, Argument, Connection, Row, query};
use crate::writer::Tx;

/// A task as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskRow {
    /// The id.
    pub id: TaskId,
    /// The tenant.
    pub tenant: TenantId,
    /// The agent.
    pub agent: AgentName,
    /// The skill.
    pub skill: SkillName,
    /// The instance that it is for.
    pub instance: Option<InstanceId>,
    /// The session that it belongs to.
    pub session: Option<SessionId>,
    /// The input, as JSON.
    pub input: String,
    /// Where it is in its life.
    pub status: TaskStatus,
    /// Higher runs first.
    pub priority: i32,
    /// Which attempt this is, from 1; 0 before the first.
    pub attempt: u32,
    /// Who asked.
    pub principal: String,
    /// The key under which the same request gives this task.
    pub idempotency_key: Option<String>,
    /// What the request named to be kept together with others in a canary.
    pub affinity: Option<String>,
    /// What made it, of one that an agent asked for or that handles an event.
    pub cause: Option<Cause>,
    /// The task that this one asks for once more.
    pub retry_of: Option<TaskId>,
    /// The approval that it waits or waited for before it runs.
    pub approval: Option<NeededApproval>,
    /// The task group that made it, and as what.
    pub group: Option<Member>,
    /// How long one attempt may run, in milliseconds; what it is suspended does not count.
    pub timeout_ms: u64,
    /// How long it may take in all, in milliseconds, suspended or not; as long as an attempt
    /// may run when absent.
    pub lifetime_ms: Option<u64>,
    /// How it is tried again.
    pub retry: Option<Retry>,
    /// The most that it may cost together with all below it.
    pub budget: Option<TaskBudget>,
    /// How many of its tries failed and were followed by another.
    pub retries: u32,
    /// What its attempt has left beside the output.
    pub artifacts: Vec<ArtifactView>,
    /// What it has used, in all runs of its attempts that have ended.
    pub usage: TaskUsage,
    /// What the attempt runs or ran on.
    pub release: Option<RanOn>,
    /// The output, as JSON, once completed.
    pub output: Option<String>,
    /// Why it did not complete; while it waits for its next try, why the last failed.
    pub failure: Option<TaskFailure>,
    /// Who runs it; absent when nobody does.
    pub lease: Option<Lease>,
    /// When it is taken up again, while it is suspended; when it is queued, while it is pending and
    /// its time has not come.
    pub wake_at: Option<Timestamp>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When the attempt began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// The right to run a task for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// A random id of the process that holds it.
    pub owner: String,
    /// Rises with every claim of the task; 1 is the first.
    pub number: u64,
    /// When it ends unless it is renewed.
    pub until: Timestamp,
}

impl TaskRow {
    /// What it was asked for.
    pub(crate) fn asked(&self) -> Asked<'_> {
        Asked { agent: self.agent.as_str(), skill: self.skill.as_str(), input: &self.input, instance: self.instance }
    }

    /// Whose rows its journal has.
    pub(crate) const fn attempt_of(&self) -> Of<'_> {
        Of { tenant: &self.tenant, task: self.id, attempt: self.attempt }
    }

    /// What the feed calls it.
    pub(crate) fn subject(&self) -> String {
        subject(self.id)
    }
}

/// What the feed calls a task.
pub(crate) fn subject(id: TaskId) -> String {
    format!("task/{id}")
}

/// The error for a task that the tenant does not have.
pub fn not_found(id: TaskId) -> Error {
    Error::new(Code::TaskNotFound, format!("there is no task {id}"))
}

/// Reads one task, in or outside a transaction.
pub(crate) async fn find(connection: &mut dyn Connection, tenant: &TenantId, id: TaskId) -> Done<Option<TaskRow>> {
    let row = query("select * from tasks where tenant = $1 and id = $2")
        .bind(tenant.as_str())
        .bind(id.to_string())
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(read).transpose()
}

/// Writes new tasks, each with the fingerprint of its request.
pub(crate) async fn insert<'a>(tx: &mut Tx, tasks: impl Iterator<Item = (&'a TaskRow, &'a str)>) -> Done<()> {
    let rows = tasks.map(|(task, request)| columns(task, request)).collect::<Done<Vec<_>>>()?;
    let into = "insert into tasks
            (tenant, id, agent, skill, input, request, status, priority, attempt, principal, idempotency_key,
             caused_by, timeout_ms, version, digest, epoch, output, failure, lease_owner, lease_number, lease_until,
             created_at, started_at, ended_at, lifetime_ms, affinity, instance, wake_at, retry, retries, member, session,
             root, hops, outlives, ask_key, retry_of, approval, event, memory_bytes,
             compute_us, host_calls, sent_bytes, received_bytes, budget) ";
    sql::insert(&mut tx.connection, into, rows, "").await?;
    Ok(())
}

fn columns(task: &TaskRow, request: &str) -> Done<[Argument; 45]> {
    let [memory_bytes, compute_us, calls, sent_bytes, received_bytes] = usage::numbers(&task.usage)?;
    Ok([
        task.tenant.as_str().into(),
        task.id.to_string().into(),
        task.agent.as_str().into(),
        task.skill.as_str().into(),
        (&task.input).into(),
        request.into(),
        task.status.as_str().into(),
        i64::from(task.priority).into(),
        i64::from(task.attempt).into(),
        (&task.principal).into(),
        (&task.idempotency_key).into(),
        task.cause.as_ref().and_then(|cause| cause.by).map(|by| by.to_string()).into(),
        number(task.timeout_ms)?.into(),
        task.release.as_ref().map(|release| release.version.to_string()).into(),
        task.release.as_ref().map(|release| release.digest.to_string()).into(),
        task.release.as_ref().map(|release| number(release.epoch)).transpose()?.into(),
        (&task.output).into(),
        task.failure.as_ref().map(json).transpose()?.into(),
        task.lease.as_ref().map(|lease| lease.owner.as_str()).into(),
        task.lease.as_ref().map_or(Ok(0), |lease| number(lease.number))?.into(),
        task.lease.as_ref().map(|lease| lease.until.as_millis()).into(),
        task.created_at.as_millis().into(),
        task.started_at.map(Timestamp::as_millis).into(),
        task.ended_at.map(Timestamp::as_millis).into(),
        task.lifetime_ms.map(number).transpose()?.into(),
        (&task.affinity).into(),
        task.instance.map(|id| id.to_string()).into(),
        task.wake_at.map(Timestamp::as_millis).into(),
        task.retry.as_ref().map(json).transpose()?.into(),
        i64::from(task.retries).into(),
        task.group.as_ref().map(json).transpose()?.into(),
        task.session.map(|id| id.to_string()).into(),
        task.cause.as_ref().and_then(|cause| cause.root).map(|root| root.to_string()).into(),
        task.cause.as_ref().map_or(0, |cause| i64::from(cause.hops)).into(),
        i64::from(task.cause.as_ref().is_some_and(|cause| cause.outlives)).into(),
        task.cause.as_ref().and_then(|cause| cause.key.as_deref()).into(),
        task.retry_of.map(|id| id.to_string()).into(),
        task.approval.as_ref().map(|approval| approval.id.to_string()).into(),
        task.cause.as_ref().and_then(|cause| cause.event).map(number).transpose()?.into(),
        memory_bytes.into(),
        compute_us.into(),
        calls.into(),
        sent_bytes.into(),
        received_bytes.into(),
        task.budget.as_ref().map(json).transpose()?.into(),
    ])
}

/// Reads a row of all columns.
pub(crate) fn read(row: &Row) -> Done<TaskRow> {
    Ok(TaskRow {
        id: row.parsed("id")?,
        tenant: row.parsed("tenant")?,
        agent: row.parsed("agent")?,
        skill: row.parsed("skill")?,
        instance: row.parsed_option("instance")?,
        session: row.parsed_option("session")?,
        input: row.get_as("input")?,
        status: status(row.get_as("status")?)?,
        priority: priority(row)?,
        attempt: row.number("attempt")?,
        principal: row.get_as("principal")?,
        idempotency_key: row.get_as("idempotency_key")?,
        affinity: row.get_as("affinity")?,
        cause: cause(row)?,
        retry_of: row.parsed_option("retry_of")?,
        approval: row.parsed_option("approval")?.map(|id| NeededApproval { id, asked: None }),
        group: text(row, "member")?.map(serde_json::from_str).transpose().map_err(|error| broken("member", error))?,
        timeout_ms: row.number("timeout_ms")?,
        lifetime_ms: row.get_as::<Option<i64>>("lifetime_ms")?.map(|ms| unsigned("lifetime_ms", ms)).transpose()?,
        retry: text(row, "retry")?.map(serde_json::from_str).transpose().map_err(|error| broken("retry", error))?,
        budget: text(row, "budget")?.map(serde_json::from_str).transpose().map_err(|error| broken("budget", error))?,
        retries: row.number("retries")?,
        artifacts: artifacts(row)?,
        usage: usage::read(row)?,
        release: release(row)?,
        output: row.get_as("output")?,
        failure: text(row, "failure")?
            .map(serde_json::from_str)
            .transpose()
            .map_err(|error| broken("failure", error))?,
        lease: lease(row)?,
        wake_at: row.at_option("wake_at")?,
        created_at: row.at("created_at")?,
        started_at: row.at_option("started_at")?,
        ended_at: row.at_option("ended_at")?,
    })
}

fn artifacts(row: &Row) -> Done<Vec<ArtifactView>> {
    let all = text(row, "artifacts")?.map(serde_json::from_str).transpose();
    Ok(all.map_err(|error| broken("artifacts", error))?.unwrap_or_default())
}

fn cause(row: &Row) -> Done<Option<Cause>> {
    let (by, root) = (row.parsed_option("caused_by")?, row.parsed_option("root")?);
    let event = row.get_as::<Option<i64>>("event")?.map(|position| unsigned("event", position)).transpose()?;
    if by.is_none() && event.is_none() {
        return Ok(None);
    }
    let (hops, outlives, key) = (row.number("hops")?, row.truth("outlives")?, row.get_as("ask_key")?);
    Ok(Some(Cause { by, event, root, hops, outlives, key }))
}

fn text<'r>(row: &'r Row, column: &str) -> Done<Option<&'r str>> {
    row.get_as(column)
}

pub(crate) fn priority(row: &Row) -> Done<i32> {
    i32::try_from(row.get_as::<i64>("priority")?).map_err(|error| broken("priority", error))
}

fn unsigned(column: &str, value: i64) -> Done<u64> {
    u64::try_from(value).map_err(|error| broken(column, error))
}

pub(crate) fn status(text: &str) -> Done<TaskStatus> {
    TaskStatus::parse(text).ok_or_else(|| broken("status", text))
}

fn release(row: &Row) -> Done<Option<RanOn>> {
    let Some(version) = row.parsed_option("version")? else { return Ok(None) };
    Ok(Some(RanOn { version, digest: row.parsed("digest")?, epoch: row.number("epoch")? }))
}

fn lease(row: &Row) -> Done<Option<Lease>> {
    let Some(owner) = row.get_as("lease_owner")? else { return Ok(None) };
    Ok(Some(Lease { owner, number: row.number("lease_number")?, until: row.at("lease_until")? }))
}
