//! The time that a guest sees.
//!
//! It stands still while the guest computes and moves when the host delivers something to
//! it, so that a recorded invocation can be replayed to the bit, and so that a guest
//! cannot time anything finer than a millisecond.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use troupe_core::Timestamp;

/// The time as one guest sees it.
#[derive(Debug, Clone)]
pub(crate) struct GuestClock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    start: Timestamp,
    now_ms: AtomicI64,
}

impl GuestClock {
    /// The finest step that the clock takes.
    pub(crate) const RESOLUTION: Duration = Duration::from_millis(1);

    /// A clock that stands at `start`.
    pub(crate) fn new(start: Timestamp) -> Self {
        Self(Arc::new(Inner { start, now_ms: AtomicI64::new(start.as_millis()) }))
    }

    /// Moves the clock; it never goes back.
    pub(crate) fn deliver(&self, now: Timestamp) {
        self.0.now_ms.fetch_max(now.as_millis(), Ordering::Relaxed);
    }

    /// What the clock shows.
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.now_ms.load(Ordering::Relaxed))
    }

    /// How long the invocation has lasted, as the clock shows it.
    pub(crate) fn elapsed(&self) -> Duration {
        self.now().since(self.0.start)
    }

    /// The time at which [`GuestClock::elapsed`] is `elapsed`, to the next step.
    pub(crate) fn at(&self, elapsed: Duration) -> Timestamp {
        let steps = elapsed.as_nanos().div_ceil(Self::RESOLUTION.as_nanos());
        self.0.start.plus(Duration::from_millis(u64::try_from(steps).unwrap_or(u64::MAX)))
    }
}
