//! Locks: who holds what, who waits for it, and in which order.
//!
//! ```text
//!           acquire                       given by priority, then age
//!  free ───────────────▸ held ◀──────────────────────────────────────┐
//!   ▲                     │ │                                        │
//!   │  nobody waits       │ └─ release, lease over, task over, ──▸ handed on ◂── queue ◂── acquire
//!   └─────────────────────┘    taken by an operator                           │
//!                                                   task over, time over ◂────┘
//! ```
//!
//! The danger: two hold the same lock, or nobody is given one that is free, or those who wait do so
//! for each other for ever. The rule: each change is a part of somebody's transaction (an
//! invocation's commit, the end of its task, the sweep of what is over), and hands on what it frees
//! before that is committed; so a free lock has no queue. A task that would wait is looked for
//! among those that its lock's holder waits for (`cycle.rs`).
//!
//! *Tokens* are numbers of a tenant's one counter. So they rise for each name also after the name was
//! forgotten, which happens to the oldest that nobody holds once there are many. A token of a
//! forgotten name is outdated.

mod acquire;
mod cycle;
mod end;
mod give;
mod query;
mod row;

use tokio::sync::watch;
use troupe_core::{Fence, LockChange, LockName, LockOutcome, TenantId};

use crate::Store;
use crate::fault::Done;
use crate::rows::{Columns as _, number};
use crate::sql::{Connection, query};
use crate::tasks::Pin;
use crate::writer::Tx;
pub(crate) use end::{any_settled, task_over};
pub use query::LockCounts;
pub use row::{LockRow, LockWaitRow, not_found};

/// A change of a lock, as part of an invocation's commit.
#[derive(Debug, Clone)]
pub struct LockCommit {
    /// The change.
    pub change: LockChange,
    /// Makes the journalled answer of what came of it.
    pub encode: fn(&LockOutcome) -> Vec<u8>,
}

impl Store {
    /// Ticks after every commit by which somebody's wait for a lock has ended, or has begun.
    pub fn watch_locks(&self) -> watch::Receiver<u64> {
        self.listeners().locks()
    }

    /// Whether what a call of a task asked for was given, or will not be.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn lock_settled(&self, pin: &Pin, call: u64) -> troupe_core::Result<bool> {
        let mut reader = self.reader().await?;
        let wait = row::wait(&mut reader, &pin.tenant, pin.task, call).await?;
        Ok(wait.is_none_or(|wait| wait.settled.is_some() || wait.until.is_some_and(|until| until <= self.now())))
    }
}

/// Makes a change of a lock for an invocation that holds its task.
pub(crate) async fn apply(tx: &mut Tx, pin: &Pin, change: LockChange) -> Done<LockOutcome> {
    match change {
        LockChange::Acquire { name, number, priority, lease, wait, preempt } => {
            let asked = acquire::Asked { name, number, priority, lease, wait, preempt };
            acquire::acquire(tx, pin, asked).await
        }
        LockChange::Take { number } => end::take(tx, pin, number).await,
        LockChange::Leave { number } => end::leave(tx, pin, number).await,
        LockChange::Renew { lock, lease } => end::renew(tx, pin, &lock, lease).await,
        LockChange::Release { lock } => end::release(tx, pin, &lock).await,
    }
}

/// The newest token of the fence's lock, if it is another than the fence has; nothing if that is the
/// newest.
pub(crate) async fn stale(
    connection: &mut dyn Connection,
    tenant: &TenantId,
    fence: &Fence,
) -> Done<Option<Option<u64>>> {
    let found = query("select token from locks where tenant = $1 and name = $2")
        .bind(tenant.as_str())
        .bind(fence.name.as_str())
        .fetch_optional(connection)
        .await?;
    let newest = found.map(|row| row.number::<u64>("token")).transpose()?;
    Ok((newest != Some(fence.token)).then_some(newest))
}

/// The next number of a tenant.
async fn next(tx: &mut Tx, tenant: &TenantId) -> Done<u64> {
    let found = query(
        "insert into lock_numbers (tenant, last) values ($1, 1)
         on conflict (tenant) do update set last = lock_numbers.last + 1
         returning last",
    )
    .bind(tenant.as_str())
    .fetch_one(&mut tx.connection)
    .await?;
    found.number("last")
}

/// Notes for the log of the tenant what became of a lock.
async fn tell(tx: &mut Tx, tenant: &TenantId, kind: &str, name: &LockName, facts: &serde_json::Value) -> Done<()> {
    tx.announce(tenant, kind, &format!("lock/{name}"), facts);
    Ok(())
}

/// A span of time as columns hold it.
fn millis(time: std::time::Duration) -> Done<i64> {
    number(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}
