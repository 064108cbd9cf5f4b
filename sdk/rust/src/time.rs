//! The time as the invocation sees it, and waiting for it to pass.
//!
//! The clock stands still while the agent computes and moves when the host delivers
//! something, so that an invocation can be replayed exactly. In unit tests it is the test
//! host's, which a sleep moves forward at once.

use std::time::{Duration, SystemTime};

use crate::backend;

/// The whole milliseconds that do not fall short of a time.
pub(crate) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

/// Returns the time.
pub fn now() -> SystemTime {
    backend::now()
}

/// Waits; whatever else is awaited beside it goes on.
///
/// ```
/// use std::time::Duration;
/// use troupe_sdk::prelude::*;
///
/// # let _host = troupe_sdk::test::Host::start();
/// let before = time::now();
/// time::sleep(Duration::from_secs(2)).wait();
/// assert_eq!(time::now(), before + Duration::from_secs(2));
/// ```
pub fn sleep(time: Duration) -> impl Future<Output = ()> {
    backend::sleep(time)
}
