//! The clocks a guest sees.
//!
//! Both clocks stand still while the guest computes and move when the host delivers
//! something to it, so that a recorded invocation can be replayed to the bit, and so
//! that a guest cannot time anything finer than a millisecond.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use troupe_core::Timestamp;
use wasmtime_wasi::{HostMonotonicClock, HostWallClock};

/// The time as one guest sees it, and how often it looked.
#[derive(Debug, Clone)]
pub(crate) struct GuestClock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    start: Timestamp,
    now_ms: AtomicI64,
    looks: AtomicU64,
}

impl GuestClock {
    /// A clock that stands at `start`.
    pub(crate) fn new(start: Timestamp) -> Self {
        Self(Arc::new(Inner { start, now_ms: AtomicI64::new(start.as_millis()), looks: AtomicU64::new(0) }))
    }

    /// Moves the clock; it never goes back.
    pub(crate) fn deliver(&self, now: Timestamp) {
        self.0.now_ms.fetch_max(now.as_millis(), Ordering::Relaxed);
    }

    /// How often the guest has read a clock.
    pub(crate) fn looks(&self) -> u64 {
        self.0.looks.load(Ordering::Relaxed)
    }

    fn now(&self) -> Timestamp {
        self.0.looks.fetch_add(1, Ordering::Relaxed);
        Timestamp::from_millis(self.0.now_ms.load(Ordering::Relaxed))
    }
}

const RESOLUTION: Duration = Duration::from_millis(1);

impl HostWallClock for GuestClock {
    fn resolution(&self) -> Duration {
        RESOLUTION
    }

    fn now(&self) -> Duration {
        GuestClock::now(self).since(Timestamp::from_millis(0))
    }
}

impl HostMonotonicClock for GuestClock {
    fn resolution(&self) -> u64 {
        u64::try_from(RESOLUTION.as_nanos()).unwrap_or(1)
    }

    fn now(&self) -> u64 {
        u64::try_from(GuestClock::now(self).since(self.0.start).as_nanos()).unwrap_or(u64::MAX)
    }
}
