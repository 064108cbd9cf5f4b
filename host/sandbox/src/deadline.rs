//! When an invocation is cut off, and what its guest is told of that.
//!
//! The deadline bounds what an invocation does. A wait for which it was suspended is not its
//! doing, so the deadline moves on by as much as such a wait took, at the moment that the
//! wait ends; what ends it tells the journal how much that was, so that a guest which is
//! answered from its journal is told the same deadlines at the same places. The time of the
//! task bounds all of it and never moves.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use troupe_core::{Code, Error, Timestamp};

use crate::invocation::Facts;

/// The deadline of one invocation. Clones are the same deadline.
#[derive(Debug, Clone)]
pub(crate) struct Deadline(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// As it was when the invocation began.
    first: Timestamp,
    /// The end of the task's time.
    latest: Timestamp,
    /// How long the invocation was suspended, as far as its guest has come to know.
    suspended_ms: AtomicU64,
    ends_at: watch::Sender<Instant>,
    /// Never later than this.
    last: Instant,
    /// What is left once the wait that it was suspended in has ended.
    time: Duration,
}

impl Deadline {
    /// The deadline of an invocation that begins now and may run for `time`, its task for
    /// `life`. One that was suspended has `again` to come back to its wait, and its `time`
    /// from there on.
    pub(crate) fn new(facts: &Facts, time: Duration, life: Duration, again: Option<Duration>) -> Self {
        let now = Instant::now();
        let last = later(now, life);
        Self(Arc::new(Inner {
            first: facts.deadline,
            latest: facts.latest,
            suspended_ms: AtomicU64::new(0),
            ends_at: watch::Sender::new(later(now, again.unwrap_or(time)).min(last)),
            last,
            time,
        }))
    }

    /// What the guest is told.
    pub(crate) fn told(&self) -> Timestamp {
        let suspended = Duration::from_millis(self.0.suspended_ms.load(Ordering::Relaxed));
        self.0.first.plus(suspended).min(self.0.latest)
    }

    /// Moves it on by a wait that the invocation was suspended for, long ago.
    pub(crate) fn moved_on(&self, by: Duration) {
        let ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.0.suspended_ms.fetch_add(ms, Ordering::Relaxed);
    }

    /// Moves it on by the wait that ends now.
    pub(crate) fn wakes(&self, suspended: Duration) {
        self.moved_on(suspended);
        self.0.ends_at.send_replace(later(Instant::now(), self.0.time).min(self.0.last));
    }

    /// Whether it has passed.
    pub(crate) fn has_passed(&self) -> bool {
        Instant::now() >= *self.0.ends_at.borrow()
    }

    /// Waits until it has passed.
    pub(crate) async fn passed(&self) {
        let mut moves = self.0.ends_at.subscribe();
        loop {
            let at = *moves.borrow_and_update();
            tokio::select! {
                () = tokio::time::sleep_until(at) => return,
                // The sender lives as long as `self`.
                _ = moves.changed() => {}
            }
        }
    }

    /// What an invocation that it ends is told, which may take `whole`, its task `life`.
    pub(crate) fn error(&self, whole: Duration, life: Duration) -> Error {
        let message = if life > whole && Instant::now() >= self.0.last {
            let ms = life.as_millis();
            format!("the task did not end within its {ms} ms, suspended or not; give it a longer lifetime")
        } else {
            format!("the agent did not end within its {} ms; give the task a longer timeout", whole.as_millis())
        };
        Error::new(Code::LimitDeadline, message)
    }
}

fn later(now: Instant, by: Duration) -> Instant {
    now.checked_add(by).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;
    use troupe_core::TenantId;

    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_000_000);

    fn deadline(time_s: u64, life_s: u64, again_s: Option<u64>) -> Deadline {
        let facts = Facts {
            tenant: TenantId::default(),
            session: None,
            instance: None,
            user: None,
            trace: String::new(),
            attempt: 1,
            deadline: START.plus(Duration::from_secs(time_s)),
            latest: START.plus(Duration::from_secs(life_s)),
            configuration: Arc::from(RawValue::NULL.to_owned()),
        };
        let seconds = Duration::from_secs;
        Deadline::new(&facts, seconds(time_s), seconds(life_s), again_s.map(seconds))
    }

    /// What is left until it passes, to the second above.
    fn left_s(deadline: &Deadline) -> u64 {
        let left = deadline.0.ends_at.borrow().saturating_duration_since(Instant::now());
        left.as_secs() + u64::from(left.subsec_nanos() > 0)
    }

    #[tokio::test]
    async fn a_suspended_wait_does_not_count_and_the_tasks_time_does() {
        let twice = deadline(100, 600, Some(300));
        assert_eq!((twice.told(), left_s(&twice)), (START.plus(Duration::from_secs(100)), 300));
        twice.wakes(Duration::from_secs(250));
        assert_eq!((twice.told(), left_s(&twice)), (START.plus(Duration::from_secs(350)), 100));

        let bounded = deadline(100, 120, Some(300));
        bounded.moved_on(Duration::from_secs(3_600));
        assert_eq!((bounded.told(), left_s(&bounded)), (START.plus(Duration::from_secs(120)), 120));
    }

    #[tokio::test]
    async fn who_waits_for_it_learns_that_it_came_nearer() {
        let deadline = deadline(0, 600, Some(300));
        let waits = deadline.clone();
        let waits = tokio::spawn(async move { waits.passed().await });
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(!deadline.has_passed() && !waits.is_finished());
        deadline.wakes(Duration::from_secs(9));
        tokio::time::timeout(Duration::from_secs(60), waits).await.unwrap().unwrap();
        assert!(deadline.has_passed());
    }
}
