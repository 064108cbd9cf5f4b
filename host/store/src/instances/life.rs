//! How an instance lives: until it is healthy, while it is, in error, and restarted.
//!
//! *The danger:* an instance that cannot work is asked on and on, by whoever needs it, and each try costs
//! others; or it is given up for good over an outage of a minute. *The rule:* what fails so often in a row
//! that it is no accident brings it into error, where it begins nothing and loses nothing. The host restarts it
//! after pauses that double, as often in an hour as it may, and then leaves it to a person. *The default:* an
//! instance is well until something says otherwise.
//!
//! ```text
//!  started ─▸ starting ──good check──▸ idle, running ──so many bad checks, or traps, in a row──▸ error
//!   (where its health is checked)         ▲                                                       │
//!                ▲                        └──────── restarted, where it is not checked ───────────┤
//!                └───────────────────────────────── restarted ────────────────────────────────────┘
//! ```
//!
//! All of it stands in the row. Whoever checks an instance takes the check first, by moving its time on, and
//! what came of it counts if nobody has moved it since; a restart moves it, and so is the row's own fence.
//! So each check and each restart is made once, however many hosts look, and one that died with its host is made
//! again.

use std::time::Duration;

use serde_json::{Map, Value};
use troupe_core::audit::{AuditEntry, AuditKind};
use troupe_core::breaker::Ending;
use troupe_core::view::{InstanceFault, TaskFailure};
use troupe_core::{AgentName, Digest, Error, InstanceId, InstanceName, Result, TenantId, Timestamp, backoff, limits};

use super::{InstanceRow, find, not_found, read, stopped_for_good};
use crate::Store;
use crate::deployments;
use crate::fault::{Done, Failed};
use crate::rows::{Columns as _, broken, number};
use crate::sql::{Builder, Query, Row, query};
use crate::tasks::TaskRow;
use crate::writer::Tx;

/// Instances whose check is due.
const TO_CHECK: &str = "select *, 0 as running from instances
     where check_at is not null and stopped_at is null and paused_at is null and error_at is null";

/// Instances in error that the host restarts now.
const TO_RESTART: &str = "select *, 0 as running from instances where restart_at is not null and restart_at <= $1
     order by restart_at, tenant, id limit $2";

/// When the first of either is due.
const NEXT_CHECK: &str = "select min(check_at) as next from instances
     where check_at is not null and stopped_at is null and paused_at is null and error_at is null";
const NEXT_RESTART: &str = "select min(restart_at) as next from instances where restart_at is not null";

/// A statement about instances that leaves those of some agents out.
fn but_for(statement: &str, except: &[(TenantId, AgentName)]) -> Builder {
    let mut statement = Builder::new(statement);
    for (tenant, agent) in except {
        statement.push(" and not (tenant = ").push_bind(tenant.as_str());
        statement.push(" and agent = ").push_bind(agent.as_str()).push(")");
    }
    statement
}

/// The statement for those that are due.
fn to_check(now: Timestamp, except: &[(TenantId, AgentName)], limit: u32) -> Query {
    let mut statement = but_for(TO_CHECK, except);
    statement.push(" and check_at <= ").push_bind(now.as_millis());
    statement.push(" order by check_at, tenant, id limit ").push_bind(i64::from(limit));
    statement.build()
}

/// What the row of an instance says of its life.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Life {
    /// Whether it waits for its first good check.
    pub starting: bool,
    /// Why it is in error, while it is.
    pub error: Option<InErrorRow>,
    /// How many of its tasks in a row have ended by a trap.
    pub traps: u64,
    /// How many checks in a row were bad.
    pub failures: u64,
    /// When it is checked next; absent if it is not.
    pub check_at: Option<Timestamp>,
    /// When it was checked last.
    pub checked_at: Option<Timestamp>,
    /// When the host has restarted it within the last hour before it came into error.
    pub restarts: Vec<Timestamp>,
}

/// Why an instance is in error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InErrorRow {
    /// Since when it is.
    pub since: Timestamp,
    /// By what.
    pub by: InstanceFault,
    /// The code of the last failure.
    pub code: String,
    /// What is told people.
    pub message: String,
    /// When the host restarts it; absent if a person has to.
    pub restart_at: Option<Timestamp>,
}

/// What a check says.
#[derive(Debug, Clone, PartialEq)]
pub enum Checked {
    /// It is well.
    Good,
    /// It is not, and what it is allowed in a row.
    Bad(TaskFailure, u32),
    /// Nothing: it was not to be had, for reasons of others.
    Unknown,
    /// What serves by the route of this epoch has nothing to check. Where another serves by now, it says nothing.
    Unchecked {
        /// The epoch.
        epoch: u64,
    },
}

impl Life {
    /// One that begins; `checked` says whether its health is.
    pub(super) fn begun(now: Timestamp, checked: bool) -> Self {
        Self { starting: checked, check_at: checked.then_some(now), ..Self::default() }
    }

    /// Nothing is waited for any more, since the instance takes none.
    pub(super) fn over(&mut self) {
        *self = Self { checked_at: self.checked_at, ..Self::default() };
    }

    /// Reads it from a row of all columns.
    pub(super) fn read(row: &Row) -> Done<Self> {
        let fault = |text: String| InstanceFault::parse(&text).ok_or_else(|| broken("error_by", text));
        let error = match row.at_option("error_at")? {
            None => None,
            Some(since) => Some(InErrorRow {
                since,
                by: fault(row.get_as("error_by")?)?,
                code: row.get_as("error_code")?,
                message: row.get_as("error_message")?,
                restart_at: row.at_option("restart_at")?,
            }),
        };
        let restarts: &str = row.get_as("restarts")?;
        let restarts: Vec<i64> = serde_json::from_str(restarts).map_err(|error| broken("restarts", error))?;
        Ok(Self {
            starting: row.truth("starting")?,
            error,
            traps: row.number("traps")?,
            failures: row.number("health_failures")?,
            check_at: row.at_option("check_at")?,
            checked_at: row.at_option("checked_at")?,
            restarts: restarts.into_iter().map(Timestamp::from_millis).collect(),
        })
    }
}

impl InstanceRow {
    /// Whether it begins none of what is asked of it.
    pub const fn holds_back(&self) -> bool {
        self.stopped_at.is_none() && (self.paused_at.is_some() || self.life.error.is_some() || self.life.starting)
    }

    /// Writes its life.
    pub(super) async fn keep_life(&self, tx: &mut Tx) -> Done<()> {
        let Life { starting, error, traps, failures, check_at, checked_at, restarts } = &self.life;
        let error = error.as_ref();
        let restarts: Vec<i64> = restarts.iter().map(|at| at.as_millis()).collect();
        query(
            "update instances set starting = $3, error_at = $4, error_by = $5, error_code = $6, error_message = $7,
                restart_at = $8, traps = $9, health_failures = $10, check_at = $11, checked_at = $12, restarts = $13
             where tenant = $1 and id = $2",
        )
        .bind(self.tenant.as_str())
        .bind(self.id.to_string())
        .bind(*starting)
        .bind(error.map(|error| error.since.as_millis()))
        .bind(error.map(|error| error.by.as_str()))
        .bind(error.map(|error| error.code.as_str()))
        .bind(error.map(|error| error.message.as_str()))
        .bind(error.and_then(|error| error.restart_at).map(Timestamp::as_millis))
        .bind(number(*traps)?)
        .bind(number(*failures)?)
        .bind(check_at.map(Timestamp::as_millis))
        .bind(checked_at.map(Timestamp::as_millis))
        .bind(Value::from(restarts).to_string())
        .execute(&mut tx.connection)
        .await?;
        Ok(())
    }

    /// Brings it into error. Tells the feed `instance.error`, and the audit.
    async fn fail(&mut self, tx: &mut Tx, by: InstanceFault, code: &str, message: String) -> Done<()> {
        let now = tx.now;
        self.life.restarts.retain(|at| at.plus(limits::INSTANCE_RESTART_WINDOW) > now);
        let restart_at = self.pause(now).map(|pause| now.plus(pause));
        let error = InErrorRow { since: now, by, code: code.to_owned(), message, restart_at };
        let restarts = self.life.restarts.len();
        let mut facts = Map::from_iter([
            ("by".to_owned(), by.as_str().into()),
            ("code".to_owned(), code.into()),
            ("message".to_owned(), error.message.as_str().into()),
            ("restarts".to_owned(), restarts.into()),
        ]);
        facts.extend(restart_at.map(|at| ("restart_at".to_owned(), at.to_string().into())));
        self.life = Life { starting: false, error: Some(error), check_at: None, ..std::mem::take(&mut self.life) };
        self.keep_life(tx).await?;
        self.tell_of(tx, "instance.error", facts).await?;
        let entry = self.entry(AuditKind::InstanceError, None).with("by", by.as_str()).with("code", code);
        tx.audit(&self.tenant, entry.with("restarts", restarts)).await
    }

    /// How long the host waits before it restarts it; absent once it has done so as often as it may. The part
    /// that is left to chance follows from the id and the time, so that many that failed at once come back one
    /// after another, and half of it is never left out, so that pauses grow.
    fn pause(&self, now: Timestamp) -> Option<Duration> {
        let before = self.life.restarts.len();
        let tries = u32::try_from(before + 1).ok().filter(|_| before < limits::INSTANCE_RESTARTS_MAX)?;
        let half = backoff::bound(limits::INSTANCE_RESTART_PAUSE_FIRST, tries, limits::INSTANCE_RESTART_PAUSE_MAX) / 2;
        let drawn = Digest::of(format!("{}/{}/{}", self.tenant, self.id, now.as_millis()).as_bytes()).hex();
        let chance = drawn.get(..16).and_then(|hex| u64::from_str_radix(hex, 16).ok()).unwrap_or(u64::MAX);
        Some(half + backoff::part(half, chance))
    }

    /// What the audit is told of it.
    pub(super) fn entry(&self, kind: AuditKind, by: Option<&str>) -> AuditEntry {
        let entry = AuditEntry::new(kind).by(by).of(&self.agent).with("instance", self.id.to_string());
        self.name.iter().map(InstanceName::as_str).fold(entry, |entry, name| entry.with("name", name))
    }
}

impl Store {
    /// Restarts an instance, as `by` asked: it is in error and paused no longer, and everything that was counted
    /// of it is counted anew. One whose health is `checked` begins nothing before its first good check. Tells the
    /// feed `instance.restarted`, and the audit.
    ///
    /// # Errors
    /// [`Code::InstanceNotFound`](troupe_core::Code::InstanceNotFound);
    /// [`Code::InstanceStopped`](troupe_core::Code::InstanceStopped).
    pub async fn restart_instance(
        &self,
        tenant: &TenantId,
        id: InstanceId,
        by: &str,
        checked: bool,
    ) -> Result<InstanceRow> {
        let (tenant, by) = (tenant.clone(), by.to_owned());
        self.write(move |tx| Box::pin(restart_by(tx, tenant, id, by, checked))).await
    }

    /// Restarts an instance that is in error as `seen`, for the host, and returns it; nothing if that is not so
    /// any more. Tells the feed and the audit as [`Store::restart_instance`] does.
    ///
    /// # Errors
    /// When the store is unavailable; then nothing has changed.
    pub async fn restart_failed(&self, seen: &InstanceRow, checked: bool) -> Result<Option<InstanceRow>> {
        let seen = seen.clone();
        self.write(move |tx| Box::pin(restart_failed(tx, seen, checked))).await
    }

    /// Reads at most `limit` instances of any tenant whose health is to be checked now, but for those of some agents.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn instances_to_check(
        &self,
        now: Timestamp,
        except: &[(TenantId, AgentName)],
        limit: u32,
    ) -> Result<Vec<InstanceRow>> {
        self.due(to_check(now, except, limit)).await
    }

    /// Reads at most `limit` instances of any tenant that the host restarts now.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn instances_to_restart(&self, now: Timestamp, limit: u32) -> Result<Vec<InstanceRow>> {
        self.due(query(TO_RESTART).bind(now.as_millis()).bind(i64::from(limit))).await
    }

    async fn due(&self, statement: Query) -> Result<Vec<InstanceRow>> {
        let rows = statement.fetch_all(&mut self.reader().await?).await.map_err(Failed::from)?;
        Ok(rows.iter().map(read).collect::<Done<_>>()?)
    }

    /// When the first instance of any tenant is to be checked, but for those of some agents, or restarted.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn next_of_instances(&self, except: &[(TenantId, AgentName)]) -> Result<Option<Timestamp>> {
        let mut reader = self.reader().await?;
        let mut next = None;
        for statement in [but_for(NEXT_CHECK, except).build(), query(NEXT_RESTART)] {
            let row = statement.fetch_one(&mut reader).await.map_err(Failed::from)?;
            next = [next, row.at_option("next")?].into_iter().flatten().min();
        }
        Ok(next)
    }

    /// Takes the check of an instance that is due as `seen`, until `until`, and says whether it was to be had. If
    /// nobody says by then what came of it, it is due again.
    ///
    /// # Errors
    /// When the store is unavailable; then nothing has changed.
    pub async fn take_check(&self, seen: &InstanceRow, until: Timestamp) -> Result<bool> {
        let seen = seen.clone();
        self.write(move |tx| Box::pin(take(tx, seen, until))).await
    }

    /// Notes what came of a check that was taken until `until`, and when the next is; nothing if the instance was
    /// restarted or stopped since. Tells the feed `instance.ready` of the first good one, and
    /// `instance.error`, and returns the instance as it then is.
    ///
    /// # Errors
    /// When the store is unavailable; then nothing has changed.
    pub async fn checked_instance(
        &self,
        seen: &InstanceRow,
        until: Timestamp,
        checked: Checked,
        next_at: Timestamp,
    ) -> Result<Option<InstanceRow>> {
        let (tenant, id) = (seen.tenant.clone(), seen.id);
        self.write(move |tx| Box::pin(note(tx, tenant, id, until, checked, next_at))).await
    }

    /// Has those instances of an agent be checked that are not, from now on; says how many there are.
    ///
    /// # Errors
    /// When the store is unavailable; then nothing has changed.
    pub async fn check_instances(&self, tenant: &TenantId, agent: &AgentName) -> Result<u64> {
        let (tenant, agent) = (tenant.clone(), agent.clone());
        self.write(move |tx| Box::pin(check_all(tx, tenant, agent))).await
    }
}

async fn restart_by(tx: &mut Tx, tenant: TenantId, id: InstanceId, by: String, checked: bool) -> Done<InstanceRow> {
    let mut row = find(&mut tx.connection, &tenant, id).await?.ok_or_else(|| not_found(id))?;
    if row.stopped_at.is_some() {
        return Err(stopped_for_good(id).into());
    }
    row.paused_at = None;
    query("update instances set paused_at = null where tenant = $1 and id = $2")
        .bind(row.tenant.as_str())
        .bind(row.id.to_string())
        .execute(&mut tx.connection)
        .await?;
    row.life = Life { checked_at: row.life.checked_at, ..Life::begun(tx.now, checked) };
    restarted(tx, row, Some(&by)).await
}

async fn restart_failed(tx: &mut Tx, seen: InstanceRow, checked: bool) -> Done<Option<InstanceRow>> {
    let Some(mut row) = find(&mut tx.connection, &seen.tenant, seen.id).await? else { return Ok(None) };
    if row.stopped_at.is_some() || row.life.error != seen.life.error || row.life.error.is_none() {
        return Ok(None);
    }
    let mut restarts = std::mem::take(&mut row.life.restarts);
    restarts.push(tx.now);
    row.life = Life { checked_at: row.life.checked_at, restarts, ..Life::begun(tx.now, checked) };
    restarted(tx, row, None).await.map(Some)
}

async fn restarted(tx: &mut Tx, row: InstanceRow, by: Option<&str>) -> Done<InstanceRow> {
    row.keep_life(tx).await?;
    let by_whom = if by.is_some() { "person" } else { "host" };
    row.tell_of(tx, "instance.restarted", Map::from_iter([("by".to_owned(), by_whom.into())])).await?;
    let entry = row.entry(AuditKind::InstanceRestarted, by);
    tx.audit(&row.tenant, entry).await?;
    Ok(row)
}

async fn take(tx: &mut Tx, seen: InstanceRow, until: Timestamp) -> Done<bool> {
    let taken = query(
        "update instances set check_at = $4
         where tenant = $1 and id = $2 and check_at = $3
            and stopped_at is null and paused_at is null and error_at is null",
    )
    .bind(seen.tenant.as_str())
    .bind(seen.id.to_string())
    .bind(seen.life.check_at.map(Timestamp::as_millis))
    .bind(until.as_millis())
    .execute(&mut tx.connection)
    .await?;
    Ok(taken.rows_affected() > 0)
}

async fn note(
    tx: &mut Tx,
    tenant: TenantId,
    id: InstanceId,
    until: Timestamp,
    checked: Checked,
    next_at: Timestamp,
) -> Done<Option<InstanceRow>> {
    let Some(mut row) = find(&mut tx.connection, &tenant, id).await? else { return Ok(None) };
    if row.stopped_at.is_some() || row.life.error.is_some() || row.life.check_at != Some(until) {
        return Ok(None);
    }
    let checked = match checked {
        Checked::Unchecked { epoch } if epoch_of(tx, &row).await? != epoch => Checked::Unknown,
        checked => checked,
    };
    row.life.check_at = Some(next_at).filter(|_| !matches!(checked, Checked::Unchecked { .. }));
    let was_starting = row.life.starting;
    match checked {
        Checked::Unknown => {}
        Checked::Good | Checked::Unchecked { .. } => {
            row.life.checked_at = Some(tx.now);
            row.life.failures = 0;
            row.life.starting = false;
        }
        Checked::Bad(failure, most) => {
            row.life.checked_at = Some(tx.now);
            row.life.failures += 1;
            if row.life.failures >= u64::from(most) {
                let message = format!("its health was bad {} times in a row: {}", row.life.failures, failure.message);
                row.fail(tx, InstanceFault::Health, &failure.code, message).await?;
                return Ok(Some(row));
            }
        }
    }
    row.keep_life(tx).await?;
    if was_starting && !row.life.starting {
        row.tell(tx, "instance.ready").await?;
    }
    Ok(Some(row))
}

/// The epoch of the route of an instance's agent; 0 if there is none.
async fn epoch_of(tx: &mut Tx, row: &InstanceRow) -> Done<u64> {
    let deployment = deployments::find(&mut tx.connection, &row.tenant, &row.agent).await?;
    Ok(deployment.map_or(0, |deployment| deployment.epoch))
}

async fn check_all(tx: &mut Tx, tenant: TenantId, agent: AgentName) -> Done<u64> {
    let checked = query(
        "update instances set check_at = $3
         where tenant = $1 and agent = $2 and check_at is null and stopped_at is null and error_at is null",
    )
    .bind(tenant.as_str())
    .bind(agent.as_str())
    .bind(tx.now.as_millis())
    .execute(&mut tx.connection)
    .await?;
    Ok(checked.rows_affected())
}

/// Notes how an attempt of a task has ended, of one that is for an instance: one that trapped is counted, and one
/// that ended well begins the count anew.
pub(crate) async fn attempt_ended(tx: &mut Tx, task: &TaskRow, failure: Option<&TaskFailure>) -> Done<()> {
    let Some(id) = task.instance else { return Ok(()) };
    let ending = Ending::of(failure.cloned().map(Error::from).as_ref());
    if ending == Ending::Unknown {
        return Ok(());
    }
    let Some(mut row) = find(&mut tx.connection, &task.tenant, id).await? else { return Ok(()) };
    if row.stopped_at.is_some() || row.life.error.is_some() {
        return Ok(());
    }
    match (ending, failure) {
        (Ending::Failed, Some(failure)) => {
            row.life.traps += 1;
            if row.life.traps >= limits::INSTANCE_TRAPS {
                let (traps, task) = (row.life.traps, task.id);
                let message =
                    format!("{traps} of its tasks ended by a trap in a row, the last {task}: {}", failure.message);
                return row.fail(tx, InstanceFault::Traps, &failure.code, message).await;
            }
        }
        _ if row.life.traps == 0 => return Ok(()),
        _ => row.life.traps = 0,
    }
    row.keep_life(tx).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::plan;

    #[tokio::test]
    async fn what_is_due_is_found_without_looking_at_others() {
        let due = format!("{TO_CHECK} and check_at <= 0 order by check_at, tenant, id limit 1");
        let of = [due.as_str(), NEXT_CHECK, TO_RESTART, NEXT_RESTART];
        let indexes = ["instances_to_check", "instances_to_check", "instances_to_restart", "instances_to_restart"];
        for (statement, index) in of.into_iter().zip(indexes) {
            let plan = plan(statement).await;
            assert!(plan.iter().any(|step| step.contains(index)), "{plan:?}");
        }
    }
}
