//! Stopping an invocation from outside: cancelled by its caller, expired by a drain, or
//! ended because the host shuts down.

use std::sync::Arc;

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use troupe_core::{Code, Error, limits};

/// Why an invocation is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StopReason {
    /// Its caller asked for it. The guest is told, and has a while to clean up.
    Cancelled,
    /// Whoever would hear of it is gone, or may not hear of it any more.
    Abandoned,
    /// Its release drained and its time was up.
    Drained,
    /// It no longer holds its lease: another host may have taken it.
    Lost,
}

impl StopReason {
    /// How long the guest goes on once it is stopped.
    const fn grace(self) -> Duration {
        match self {
            Self::Cancelled => limits::CANCEL_TIME_MAX,
            Self::Abandoned | Self::Drained | Self::Lost => Duration::ZERO,
        }
    }

    /// The error that the invocation ends with.
    pub fn error(self) -> Error {
        match self {
            Self::Cancelled | Self::Abandoned => Error::new(Code::Cancelled, "the task was cancelled"),
            Self::Drained => {
                Error::new(Code::SwapDrained, "the release was retired before the task ended; try again on the new one")
            }
            Self::Lost => Error::new(Code::StaleEpoch, "the task is no longer this host's to run"),
        }
    }
}

/// A switch that many hands hold; the first reason given stays, but that one which waits for nothing takes the
/// place of one that does.
#[derive(Debug, Clone)]
pub struct Stop(Arc<watch::Sender<Option<Stopped>>>);

/// That an invocation was stopped.
#[derive(Debug, Clone, Copy)]
struct Stopped {
    reason: StopReason,
    /// When the guest is cut off.
    ends_at: Instant,
}

impl Default for Stop {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }
}

impl Stop {
    /// Stops the invocation.
    pub fn now(&self, reason: StopReason) {
        let ends_at = Instant::now().checked_add(reason.grace()).unwrap_or_else(Instant::now);
        self.0.send_if_modified(|current| {
            let counts = current.is_none_or(|before| before.reason == StopReason::Cancelled && reason != before.reason);
            if counts {
                *current = Some(Stopped { reason, ends_at });
            }
            counts
        });
    }

    /// Has a guest that goes on from its record be told that its task was cancelled; the time in which it may
    /// clean up begins when it is told, since it has to come there first.
    pub fn before_it_goes_on(&self) {
        let ends_at = Instant::now().checked_add(limits::INVOCATION_TIME_MAX).unwrap_or_else(Instant::now);
        self.0.send_if_modified(|current| {
            let counts = current.is_none();
            if counts {
                *current = Some(Stopped { reason: StopReason::Cancelled, ends_at });
            }
            counts
        });
    }

    /// Notes that the guest was told.
    pub(crate) fn told(&self) {
        self.0.send_if_modified(|current| {
            let Some(stopped) = current else { return false };
            let latest = Instant::now().checked_add(stopped.reason.grace()).unwrap_or_else(Instant::now);
            let counts = latest < stopped.ends_at;
            stopped.ends_at = stopped.ends_at.min(latest);
            counts
        });
    }

    /// The reason, once stopped.
    pub fn reason(&self) -> Option<StopReason> {
        self.0.borrow().map(|stopped| stopped.reason)
    }

    /// The reason, once the guest is cut off for it.
    pub(crate) fn cut_off(&self) -> Option<StopReason> {
        self.0.borrow().filter(|stopped| Instant::now() >= stopped.ends_at).map(|stopped| stopped.reason)
    }

    /// Waits until the guest is cut off.
    pub(crate) async fn cuts_off(&self) -> StopReason {
        let mut seen = self.0.subscribe();
        loop {
            let stopped = *seen.borrow_and_update();
            let ends = async {
                match stopped {
                    Some(stopped) => {
                        tokio::time::sleep_until(stopped.ends_at).await;
                        stopped.reason
                    }
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                reason = ends => return reason,
                // The sender lives as long as `self`.
                _ = seen.changed() => {}
            }
        }
    }

    /// Waits until it is stopped.
    pub async fn stopped(&self) -> StopReason {
        let mut seen = self.0.subscribe();
        loop {
            if let Some(stopped) = *seen.borrow_and_update() {
                return stopped.reason;
            }
            // The sender lives as long as `self`, so a change always comes first.
            if seen.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}
