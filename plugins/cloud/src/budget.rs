//! How long an agent may look, so that it has time left to tell.
//!
//! What the invocation's time does not suffice for is told as a problem beside what was found; being cut off would
//! lose both.

use std::time::{Duration, SystemTime};

use troupe_sdk::{invocation, time};

/// Most of the time that is kept for telling. Writing 16 MiB of output, the most there may be, takes less than a
/// second.
const TELLING_TIME_MAX: Duration = Duration::from_secs(5);

/// How long is looked, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// The time there is.
    pub time: Duration,
    /// When it is over.
    pub until: SystemTime,
}

impl Budget {
    /// The time until the invocation's deadline, but for a tenth of it, which is at most five seconds.
    pub fn of_invocation() -> Self {
        Self::between(time::now(), invocation::deadline())
    }

    fn between(now: SystemTime, deadline: SystemTime) -> Self {
        let left = deadline.duration_since(now).unwrap_or_default();
        let time = left.saturating_sub((left / 10).min(TELLING_TIME_MAX));
        Self { time, until: now + time }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_of_the_time_is_kept_for_telling() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        let looks = |seconds| Budget::between(now, now + Duration::from_secs(seconds)).time;
        assert_eq!(looks(10), Duration::from_secs(9));
        assert_eq!(looks(600), Duration::from_secs(595));
        assert_eq!(Budget::between(now, now - Duration::from_secs(1)), Budget { time: Duration::ZERO, until: now });
    }
}
