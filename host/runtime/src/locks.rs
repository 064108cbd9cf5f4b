//! Locks as operators see them, and what the host does for them by itself.
//!
//! *The attack:* an agent keeps others out for longer than it may, or for ever; or whoever operates one
//! agent takes locks from another's. *The rule:* a lease ends by the store's time, whoever holds it, and
//! what it frees is handed on at once; taking a lock away needs `operate` for the agent that holds it,
//! and is in the audit. *The default:* locks are shown to whoever may read the tenant.
//!
//! What an agent may take, and what a lock is, stands in `host/sandbox/src/gate/locks.rs` and
//! `host/store/src/locks.rs`.

use std::time::Duration;

use troupe_core::view::{LockView, LockWaitView, Page};
use troupe_core::{AgentName, Caller, Code, Error, LockName, LockOutcome, LockPattern, Result, Scope, limits, shown};
use troupe_store::{LockRow, LockWaitRow, lock_not_found};

use crate::Runtime;

/// Which locks to list.
#[derive(Debug, Clone, Default)]
pub struct LockQuery {
    /// Those whose names this pattern has.
    pub pattern: Option<String>,
    /// Those after this name.
    pub after: Option<String>,
    /// How many.
    pub limit: Option<u32>,
}

impl Runtime {
    /// Lists the locks that tasks of the tenant hold, by name.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::RequestInvalid`] for what is no pattern.
    pub async fn locks(&self, caller: &Caller, query: &LockQuery) -> Result<Page<LockView>> {
        caller.require(Scope::Read)?;
        let pattern: Option<LockPattern> = query.pattern.as_deref().map(read_pattern).transpose()?;
        let (limit, after) = (limits::page(query.limit), query.after.as_deref().unwrap_or_default());
        let rows = self.store.locks(&caller.tenant, pattern.as_ref(), after, limit + 1).await?;
        Ok(Page::of(rows, limit, |(row, _)| row.name.to_string(), |(row, waiting)| view(row, waiting, Vec::new())))
    }

    /// One lock that a task holds, with those who wait for it in the order in which they are given it.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::LockNotFound`].
    pub async fn lock(&self, caller: &Caller, name: &str) -> Result<LockView> {
        caller.require(Scope::Read)?;
        let (row, queue) = self.find_lock(caller, name).await?;
        Ok(view(row, queue.len() as u64, queue))
    }

    /// Takes a lock from the task that holds it, and gives it to the next; returns it as it was. With
    /// `token` it is taken only from whoever was given that one.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::LockNotFound`]; [`Code::LockConflict`].
    pub async fn release_lock(&self, caller: &Caller, name: &str, token: Option<u64>) -> Result<LockView> {
        caller.require_for_some(Scope::Operate)?;
        let (row, queue) = self.find_lock(caller, name).await?;
        caller.require_for(Scope::Operate, &row.agent)?;
        self.require_ready()?;
        // Whoever is given it between this look and the release keeps it.
        let token = token.unwrap_or(row.token);
        let row = self.store.release_lock(&caller.tenant, &row.name, token, &caller.principal).await?;
        let (tenant, lock, by, task) = (&caller.tenant, &row.name, &caller.principal, row.task);
        tracing::info!(%tenant, %lock, %task, by, "a lock was taken from the task that held it");
        Ok(view(row, queue.len() as u64, queue))
    }

    async fn find_lock(&self, caller: &Caller, name: &str) -> Result<(LockRow, Vec<LockWaitRow>)> {
        // What is no name is the name of none.
        let parsed: LockName = name.parse().map_err(|_| lock_not_found(&shown(name)))?;
        self.store.lock(&caller.tenant, &parsed).await?.ok_or_else(|| lock_not_found(name))
    }

    /// Ends leases and waits, each when it is over, until the host stops.
    pub(crate) fn keep_locks(&self) {
        let runtime = self.clone();
        tokio::spawn(async move {
            let mut moves = runtime.store.watch_locks();
            while !runtime.is_stopping() {
                moves.borrow_and_update();
                let pause = runtime.end_locks().await.unwrap_or_else(|error| {
                    tracing::warn!(cause = error.cause_chain(), "locks were not looked at: {error}");
                    limits::LEASE_RENEWAL
                });
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    // Somebody waits who did not.
                    Ok(()) = moves.changed() => {}
                }
            }
        });
    }

    /// Ends what is over, and returns for how long nothing will be that somebody waits for.
    async fn end_locks(&self) -> Result<Duration> {
        while self.store.end_locks(limits::LOCKS_ENDED_AT_ONCE).await? > 0 {}
        let counts = self.store.lock_counts().await?;
        metrics::gauge!("troupe_locks_held").set(counts.held as f64);
        metrics::gauge!("troupe_locks_waiting").set(counts.waiting as f64);
        let next = self.store.next_lock_end().await?;
        let left = next.map_or(limits::LEASE_RENEWAL, |next| next.since(self.clock.now()));
        Ok(left.clamp(limits::TICK, limits::LEASE_RENEWAL))
    }
}

/// Tells the metrics what came of a call about a lock.
pub(crate) fn meter(agent: &AgentName, outcome: &LockOutcome) {
    let agent = agent.to_string();
    let told = match outcome {
        LockOutcome::Given { waited, .. } => {
            metrics::histogram!("troupe_lock_wait_seconds", "agent" => agent.clone()).record(waited.as_secs_f64());
            "given"
        }
        LockOutcome::Waiting => "waiting",
        LockOutcome::Busy(_) => "busy",
        LockOutcome::Deadlock(_) => "deadlock",
        LockOutcome::TimedOut => "timed-out",
        LockOutcome::Lost(_) => "lost",
        LockOutcome::Full(_) => "full",
        LockOutcome::Renewed(_) | LockOutcome::Released | LockOutcome::Taken => return,
    };
    metrics::counter!("troupe_locks_total", "agent" => agent, "outcome" => told).increment(1);
}

fn read_pattern(text: &str) -> Result<LockPattern> {
    text.parse().map_err(|error: Error| Error::new(Code::RequestInvalid, error.message))
}

fn view(row: LockRow, waiting: u64, queue: Vec<LockWaitRow>) -> LockView {
    let LockRow { name, token, task, agent, priority, since, until, .. } = row;
    let wait = |wait: LockWaitRow| {
        let LockWaitRow { task, agent, priority, since, until, .. } = wait;
        LockWaitView { task, agent, priority, since, until }
    };
    LockView { name, token, task, agent, priority, since, until, waiting, queue: queue.into_iter().map(wait).collect() }
}
