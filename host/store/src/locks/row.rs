//! Locks and waits as rows.

use std::time::Duration;

use troupe_core::{AgentName, Code, Error, LockLoss, LockName, LockPriority, TaskId, TenantId, Timestamp};

use crate::fault::Done;
use crate::rows::{Columns as _, broken, number};
use crate::sql::{Connection, Row, query};

/// A lock that somebody holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockRow {
    /// The tenant.
    pub tenant: TenantId,
    /// What it is on.
    pub name: LockName,
    /// Its token.
    pub token: u64,
    /// The task that holds it.
    pub task: TaskId,
    /// The agent of that task.
    pub agent: AgentName,
    /// With which priority it asked.
    pub priority: LockPriority,
    /// For how long it was given.
    pub lease: Duration,
    /// Since when it holds it.
    pub since: Timestamp,
    /// When its lease ends.
    pub until: Timestamp,
}

/// Somebody who waits for a lock, or has not taken yet what it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockWaitRow {
    /// The task.
    pub task: TaskId,
    /// The number of the call that asked.
    pub number: u64,
    /// What the lock is on.
    pub name: LockName,
    /// The agent of the task.
    pub agent: AgentName,
    /// With which priority it asked.
    pub priority: LockPriority,
    /// For how long it asked.
    pub lease: Duration,
    /// Since when it waits.
    pub since: Timestamp,
    /// When it stops to wait; absent: with its task.
    pub until: Option<Timestamp>,
    /// Its place among those of its priority: lower came first.
    pub(super) place: u64,
    /// What came of it, if anything did.
    pub(super) settled: Option<Settled>,
}

/// What came of waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settled {
    /// The lock, with this token.
    Given(u64),
    /// Nothing in time.
    TimedOut,
}

/// The newest of a name, and who lost it last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    /// Who holds it, if anybody does.
    pub(super) held: Option<LockRow>,
    /// The last holder's token that lost it against its will, and why.
    pub(super) lost: Option<(u64, LockLoss)>,
}

impl Known {
    /// Why whoever had this token does not hold the lock any more.
    pub(super) fn loss(known: Option<&Self>, token: u64) -> LockLoss {
        let lost = known.and_then(|known| known.lost);
        lost.filter(|(lost, _)| *lost == token).map_or(LockLoss::Expired, |(_, why)| why)
    }
}

/// The error for a lock that nobody of the tenant holds.
pub fn not_found(name: &str) -> Error {
    let message = format!("nobody holds the lock `{name}`; `troupe locks` lists those that are held");
    Error::new(Code::LockNotFound, message)
}

/// What is known of a name, if anything is.
pub(super) async fn known(connection: &mut dyn Connection, tenant: &TenantId, name: &LockName) -> Done<Option<Known>> {
    let row = query("select * from locks where tenant = $1 and name = $2")
        .bind(tenant.as_str())
        .bind(name.as_str())
        .fetch_optional(connection)
        .await?;
    row.map(|row| {
        let reason: Option<&str> = row.get_as("lost_reason")?;
        let lost = match (row.get_as::<Option<i64>>("lost_token")?, reason.map(LockLoss::parse)) {
            (Some(_), Some(Some(why))) => Some((row.number("lost_token")?, why)),
            _ => None,
        };
        let is_held = row.get_as::<Option<&str>>("task")?.is_some();
        Ok(Known { held: is_held.then(|| read(&row)).transpose()?, lost })
    })
    .transpose()
}

/// Reads the row of a lock that somebody holds.
pub(super) fn read(row: &Row) -> Done<LockRow> {
    Ok(LockRow {
        tenant: row.parsed("tenant")?,
        name: row.parsed("name")?,
        token: row.number("token")?,
        task: row.parsed("task")?,
        agent: row.parsed("agent")?,
        priority: priority(row)?,
        lease: Duration::from_millis(row.number("lease_ms")?),
        since: row.at("since")?,
        until: row.at("until")?,
    })
}

/// A call that waits, or has not been told yet what came of it.
pub(super) async fn wait(
    connection: &mut dyn Connection,
    tenant: &TenantId,
    task: TaskId,
    call: u64,
) -> Done<Option<LockWaitRow>> {
    let row = query("select * from lock_waits where tenant = $1 and task = $2 and number = $3")
        .bind(tenant.as_str())
        .bind(task.to_string())
        .bind(number(call)?)
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(read_wait).transpose()
}

/// Reads the row of a wait.
pub(super) fn read_wait(row: &Row) -> Done<LockWaitRow> {
    let settled = match row.get_as::<Option<&str>>("settled")? {
        None => None,
        Some("given") => Some(Settled::Given(row.number("token")?)),
        Some(_) => Some(Settled::TimedOut),
    };
    Ok(LockWaitRow {
        task: row.parsed("task")?,
        number: row.number("number")?,
        name: row.parsed("name")?,
        agent: row.parsed("agent")?,
        priority: priority(row)?,
        lease: Duration::from_millis(row.number("lease_ms")?),
        since: row.at("since")?,
        until: row.at_option("until")?,
        place: row.number("place")?,
        settled,
    })
}

fn priority(row: &Row) -> Done<LockPriority> {
    let rank: usize = row.number("priority")?;
    LockPriority::ALL.get(rank).copied().ok_or_else(|| broken("priority", format!("{rank} is none")))
}

/// A priority as its column holds it.
pub(super) fn rank(priority: LockPriority) -> i64 {
    match priority {
        LockPriority::Low => 0,
        LockPriority::Normal => 1,
        LockPriority::High => 2,
        LockPriority::Critical => 3,
    }
}
