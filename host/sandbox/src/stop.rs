//! Stopping an invocation from outside: cancelled by its caller, expired by a drain, or
//! ended because the host shuts down.

use std::sync::Arc;

use tokio::sync::watch;
use troupe_core::{Code, Error};

/// Why an invocation is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StopReason {
    /// Its caller asked for it.
    Cancelled,
    /// Its release drained and its time was up.
    Drained,
    /// It no longer holds its lease: another host may have taken it.
    Lost,
}

impl StopReason {
    /// The error that the invocation ends with.
    pub fn error(self) -> Error {
        match self {
            Self::Cancelled => Error::new(Code::Cancelled, "the task was cancelled"),
            Self::Drained => {
                Error::new(Code::SwapDrained, "the release was retired before the task ended; try again on the new one")
            }
            Self::Lost => Error::new(Code::StaleEpoch, "the task is no longer this host's to run"),
        }
    }
}

/// A switch that many hands hold; the first reason given stays.
#[derive(Debug, Clone)]
pub struct Stop(Arc<watch::Sender<Option<StopReason>>>);

impl Default for Stop {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }
}

impl Stop {
    /// Stops the invocation.
    pub fn now(&self, reason: StopReason) {
        self.0.send_if_modified(|current| {
            let first = current.is_none();
            current.get_or_insert(reason);
            first
        });
    }

    /// The reason, once stopped.
    pub fn reason(&self) -> Option<StopReason> {
        *self.0.borrow()
    }

    /// Waits until it is stopped.
    pub async fn stopped(&self) -> StopReason {
        let mut seen = self.0.subscribe();
        loop {
            if let Some(reason) = *seen.borrow_and_update() {
                return reason;
            }
            // The sender lives as long as `self`, so a change always comes first.
            if seen.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}
