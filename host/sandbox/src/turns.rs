//! Whose turn it is to compute.
//!
//! The attack: guests that compute without end, in all the places that an agent may have.
//! Each keeps a thread until it is looked at, and whatever becomes ready meanwhile, a
//! neighbour's call, a door, the store, stands behind all of them. The rule: a guest computes
//! for a slice as it likes; one that wants more waits for a *turn*, of which there are as many
//! as the machine has cores, first come first served. It gives its turn back after each
//! slice, and whenever it waits for something. The default: a host has more threads than
//! turns, so whatever is not a guest that computes on and on finds one that is free, and the
//! system shares the cores out among them.
//!
//! ```text
//! computes ──slice over──▶ stands in line ──turn──▶ computes for a slice ──▶ stands in line …
//!     ▲                                                  │
//!     └──────────── what it waits for is there ◂── waits, without a turn
//! ```

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The turns of a process.
#[derive(Debug)]
pub(crate) struct Turns(Arc<Semaphore>);

/// What one guest has of them: a turn, or none. Clones are the same guest's.
#[derive(Debug, Clone)]
pub(crate) struct Turn {
    turns: Arc<Semaphore>,
    held: Arc<Mutex<Option<OwnedSemaphorePermit>>>,
}

impl Turns {
    /// One for each core of the machine.
    pub(crate) fn of_this_machine() -> Self {
        Self::new(std::thread::available_parallelism().map_or(1, usize::from))
    }

    fn new(count: usize) -> Self {
        Self(Arc::new(Semaphore::new(count)))
    }

    /// A guest that has none yet.
    pub(crate) fn guest(&self) -> Turn {
        Turn { turns: Arc::clone(&self.0), held: Arc::default() }
    }
}

impl Turn {
    /// Lets others compute, and waits for the next turn.
    pub(crate) fn next(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let turn = self.clone();
        Box::pin(async move {
            turn.give_back();
            // Others are looked at, also where nobody else wants a turn.
            tokio::task::yield_now().await;
            // The semaphore is never closed.
            let next = Arc::clone(&turn.turns).acquire_owned().await.ok();
            *turn.held.lock().unwrap_or_else(PoisonError::into_inner) = next;
        })
    }

    /// Drives a guest, and gives its turn back whenever it waits, and at its end.
    pub(crate) async fn drive<T>(&self, guest: impl Future<Output = T>) -> T {
        let mut guest = pin!(guest);
        poll_fn(|context| {
            let polled = guest.as_mut().poll(context);
            self.give_back();
            polled
        })
        .await
    }

    fn give_back(&self) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    const A_WHILE: Duration = Duration::from_millis(50);

    #[tokio::test]
    async fn a_guest_waits_for_a_turn_and_gives_it_back_while_it_waits_for_something_else() {
        let turns = Turns::new(1);
        let (first, second) = (turns.guest(), turns.guest());
        first.next().await;
        assert!(timeout(A_WHILE, second.next()).await.is_err(), "there is one turn alone");
        let waits = first.drive(std::future::pending::<()>());
        assert!(timeout(A_WHILE, waits).await.is_err());
        timeout(A_WHILE, second.next()).await.expect("a turn that was given back");
        // Whoever has one and wants another stands in line like everybody else.
        let line = tokio::spawn({
            let first = first.clone();
            async move { first.next().await }
        });
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        let again = second.clone();
        let again = tokio::spawn(async move { again.next().await });
        timeout(A_WHILE, line).await.expect("the turn of whoever waited first").unwrap();
        assert!(!again.is_finished());
        first.drive(async {}).await;
        timeout(A_WHILE, again).await.expect("a turn at the other's end").unwrap();
    }
}
