//! The processor time that an invocation takes: its guest, and what the host does for it
//! where the guest would otherwise wait. Time in which its thread does something else, or
//! nothing, does not count, so that what a task costs does not depend on how busy the host is, and two
//! releases can be held against each other on one that is.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// What was taken so far. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Compute {
    taken: Arc<AtomicU64>,
}

impl Compute {
    /// Counts what a future takes, on whichever threads it is polled.
    pub(crate) async fn measure<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        poll_fn(|context| {
            let before = of_this_thread();
            let polled = work.as_mut().poll(context);
            self.taken.fetch_add(of_this_thread().saturating_sub(before), Ordering::Relaxed);
            polled
        })
        .await
    }

    /// What was taken.
    pub(crate) fn taken(&self) -> Duration {
        Duration::from_nanos(self.taken.load(Ordering::Relaxed))
    }
}

/// Processor time of this thread so far, in nanoseconds.
fn of_this_thread() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let [seconds, nanoseconds] = [time.tv_sec, time.tv_nsec].map(|part| u64::try_from(part).unwrap_or(0));
    seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn computing_counts_and_waiting_does_not() {
        let compute = Compute::default();
        compute.measure(tokio::time::sleep(Duration::from_millis(200))).await;
        assert!(compute.taken() < Duration::from_millis(100), "{:?}", compute.taken());
        let same = compute.clone();
        let until = Duration::from_millis(20);
        same.measure(async {
            let before = of_this_thread();
            while of_this_thread() - before < 20_000_000 {}
        })
        .await;
        assert!(compute.taken() >= until, "{:?}", compute.taken());
    }
}
