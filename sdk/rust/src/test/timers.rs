//! The test host's clock, which moves only when everybody waits.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use super::world::with;

/// The first moment of the year 2026.
const START: Duration = Duration::from_secs(1_767_225_600);

pub struct Timers {
    since_epoch: Duration,
    next: u64,
    waiting: Vec<Waiting>,
}

struct Waiting {
    number: u64,
    due: Duration,
    waker: Waker,
}

impl Default for Timers {
    fn default() -> Self {
        Self { since_epoch: START, next: 0, waiting: Vec::new() }
    }
}

impl Timers {
    pub fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + self.since_epoch
    }

    pub fn set(&mut self, now: SystemTime) {
        self.since_epoch = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    }
}

/// A future that is done when a time has passed on the test host's clock.
pub struct Timer {
    number: u64,
    due: Duration,
}

impl Timer {
    pub fn new(time: Duration) -> Self {
        with(|world| {
            let timers = &mut world.timers;
            timers.next += 1;
            Self { number: timers.next, due: timers.since_epoch.saturating_add(time) }
        })
    }
}

impl Future for Timer {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        with(|world| {
            let timers = &mut world.timers;
            timers.waiting.retain(|waiting| waiting.number != self.number);
            if timers.since_epoch >= self.due {
                return Poll::Ready(());
            }
            timers.waiting.push(Waiting { number: self.number, due: self.due, waker: context.waker().clone() });
            Poll::Pending
        })
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        with(|world| world.timers.waiting.retain(|waiting| waiting.number != self.number));
    }
}

/// Moves the clock to the next timer that is due and wakes whoever waits for it.
pub fn deliver() {
    let next = with(|world| {
        let timers = &mut world.timers;
        let (position, _) =
            timers.waiting.iter().enumerate().min_by_key(|(_, waiting)| (waiting.due, waiting.number))?;
        let next = timers.waiting.remove(position);
        timers.since_epoch = timers.since_epoch.max(next.due);
        Some(next.waker)
    });
    #[expect(clippy::panic, reason = "a test that waits for nothing would never end")]
    match next {
        Some(waker) => waker.wake(),
        None => panic!("the agent waits for something that nothing under way will bring about"),
    }
}
