//! What is known of how the calls of a release ended: the newest of them, in memory. Routes of
//! one release share it, as long as the release is not taken out of the deployment.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use troupe_core::limits;

use super::judge::Observation;

/// The newest ends of calls of a release. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    calls: Mutex<Calls>,
    /// A call ended badly, so somebody may want to look at once.
    bad: Notify,
}

#[derive(Debug, Default)]
struct Calls {
    newest: VecDeque<Observation>,
    /// How many there have been.
    seen: u64,
}

impl Tally {
    /// Takes the end of a call in.
    pub(crate) fn note(&self, call: Observation) {
        let mut calls = self.lock();
        calls.newest.push_back(call);
        calls.seen += 1;
        if calls.newest.len() > limits::TALLY_CALLS_MAX {
            calls.newest.pop_front();
        }
        drop(calls);
        if call.failed.is_some() || call.denied {
            self.0.bad.notify_one();
        }
    }

    /// How many calls there have been.
    pub(crate) fn seen(&self) -> u64 {
        self.lock().seen
    }

    /// The calls after the first `seen`, oldest first, as far as they are remembered; `seen`
    /// is moved on behind them.
    pub(crate) fn since(&self, seen: &mut u64) -> Vec<Observation> {
        let calls = self.lock();
        let wanted = usize::try_from(calls.seen.saturating_sub(*seen)).unwrap_or(usize::MAX);
        *seen = calls.seen;
        calls.newest.iter().skip(calls.newest.len().saturating_sub(wanted)).copied().collect()
    }

    /// Returns when a call has ended badly since this was last waited for.
    pub(crate) async fn bad(&self) {
        self.0.bad.notified().await;
    }

    /// Whether both are of the same release in the same deployment.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn lock(&self) -> MutexGuard<'_, Calls> {
        self.0.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_calls_are_told_once_and_memory_is_bounded() {
        let tally = Tally::default();
        let call = |us| Observation { failed: None, denied: false, latency_us: us, memory_bytes: 0 };
        let mut seen = 0;
        (0..3).for_each(|us| tally.note(call(us)));
        assert_eq!(tally.since(&mut seen).len(), 3);
        assert_eq!(tally.since(&mut seen), []);
        tally.note(call(7));
        assert_eq!(tally.since(&mut seen), [call(7)]);
        (0..2 * limits::TALLY_CALLS_MAX as u64).for_each(|us| tally.note(call(us)));
        let told = tally.since(&mut seen);
        assert_eq!((told.len(), told[0].latency_us), (limits::TALLY_CALLS_MAX, limits::TALLY_CALLS_MAX as u64));
    }
}
