//! Holding the new work of an agent back while its state is brought to another form.
//!
//! Each deployment has one switch, which all routes of it share, whatever their epoch, and which several may
//! hold: a migration, and whoever makes a route ready that another host has changed. While it
//! is on nothing enters any of them, so once nothing runs either, nobody reads or writes state.
//! Tasks on disk stay in the queue, and calls whose clients wait do so here: each for a while at
//! most, and no more of them than requests may wait.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use troupe_core::{AgentName, Code, Error, Result, TenantId, limits};

use crate::Runtime;

/// The switch of a deployment, on while anybody holds its work back. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hold(Arc<watch::Sender<usize>>);

impl Hold {
    /// Whether new work is held back.
    pub(crate) fn is_on(&self) -> bool {
        *self.0.borrow() > 0
    }

    fn set(&self, on: bool) {
        self.0.send_modify(|holding| *holding = if on { *holding + 1 } else { holding.saturating_sub(1) });
    }

    /// Waits until new work is let in, to `until` or for as long as a call may wait for it.
    async fn released(&self, until: Instant, most: Duration) -> Waited {
        let most = Instant::now() + most;
        // The sender lives as long as `self`.
        let mut seen = self.0.subscribe();
        match tokio::time::timeout_at(until.min(most), seen.wait_for(|holding| *holding == 0)).await {
            Ok(_) => Waited::LetIn,
            Err(_) if until <= most => Waited::NoLonger,
            Err(_) => Waited::TooLong,
        }
    }
}

/// How a wait to be let in ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waited {
    LetIn,
    /// Its client waits no longer.
    NoLonger,
    /// Longer than a call may.
    TooLong,
}

/// New work of a deployment is held back for as long as this lives.
#[derive(Debug)]
pub(crate) struct Holding {
    runtime: Runtime,
    tenant: TenantId,
    agent: AgentName,
    hold: Hold,
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.hold.set(false);
        if !self.hold.is_on() {
            self.runtime.queue.resume(&self.tenant, &self.agent);
        }
    }
}

impl Runtime {
    /// Holds the new work of a deployment back.
    pub(crate) fn hold_back(&self, tenant: &TenantId, agent: &AgentName) -> Holding {
        let hold = self.routes.hold(tenant, agent);
        hold.set(true);
        Holding { runtime: self.clone(), tenant: tenant.clone(), agent: agent.clone(), hold }
    }

    /// Waits until the new work of a deployment is not held back any more, and says whether that
    /// came to pass by `until`.
    ///
    /// # Errors
    /// [`Code::SwapMigrating`] if it takes longer than a call may wait for it;
    /// [`Code::LimitConcurrency`] if too many wait already.
    pub(crate) async fn let_in(&self, tenant: &TenantId, agent: &AgentName, until: Instant) -> Result<bool> {
        let hold = self.routes.hold(tenant, agent);
        if !hold.is_on() {
            return Ok(true);
        }
        let _counted = self.waits.enter(tenant)?;
        match hold.released(until, limits::MIGRATION_HOLD_TIME_MAX).await {
            Waited::LetIn => Ok(true),
            Waited::NoLonger => Ok(false),
            Waited::TooLong => Err(migrating(agent)),
        }
    }
}

/// The error for new work that is held back.
pub(crate) fn migrating(agent: &AgentName) -> Error {
    let wait = limits::MIGRATION_RETRY_AFTER;
    let message = format!(
        "state of agent `{agent}` is brought to another form, and it takes no work meanwhile; try again in {} s, or ask \
         without a wait",
        wait.as_secs()
    );
    let wait = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    Error::new(Code::SwapMigrating, message).with("retry_after_ms", wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_call_waits_for_as_long_as_its_client_and_no_longer_than_one_may() {
        let hold = Hold::default();
        let (brief, long) = (Duration::from_millis(20), Duration::from_secs(3_600));
        let waits = async |time: Duration, most: Duration| hold.released(Instant::now() + time, most).await;
        assert_eq!(waits(Duration::ZERO, long).await, Waited::LetIn);
        hold.set(true);
        assert_eq!(waits(brief, long).await, Waited::NoLonger);
        assert_eq!(waits(long, brief).await, Waited::TooLong);
        let other = hold.clone();
        let (waited, ()) = tokio::join!(waits(long, long), async { other.set(false) });
        assert_eq!(waited, Waited::LetIn);
        let error = migrating(&"keeper".parse().unwrap());
        assert!(error.retryable && error.details["retry_after_ms"] == 5_000);
    }
}
