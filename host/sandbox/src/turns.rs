//! Whose turn it is to compute.
//!
//! The attack: guests that compute without end, in all the places that a tenant may have.
//! Each keeps a thread until it is looked at, and whatever becomes ready meanwhile, a
//! neighbour's call, a door, the store, stands behind all of them. The rule: a guest computes
//! for a slice as it likes; one that wants more waits for a *turn*, of which there are as many
//! as the machine has cores. Tenants take turns, within a tenant its agents do, and within an
//! agent whoever waits longest is first: so a hundred guests that compute on and on take from a
//! neighbour what one of them would. A guest gives its turn back after each slice, and whenever
//! it waits for something. The default: a host has more threads than
//! turns, so whatever is not a guest that computes on and on finds one that is free, and the
//! system shares the cores out among them.
//!
//! ```text
//! computes ──slice over──▶ stands in line ──turn──▶ computes for a slice ──▶ stands in line …
//!     ▲                                                  │
//!     └──────────── what it waits for is there ◂── waits, without a turn
//! ```
//!
//! A guest that ends within its first slice never comes here but to see that it has no turn to
//! give back.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use troupe_core::TenantId;

use crate::component::AgentId;

/// The turns of a process. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Turns(Arc<Mutex<Line>>);

/// What one guest has of them: a turn, or none. Clones are the same guest's.
#[derive(Debug, Clone)]
pub(crate) struct Turn {
    turns: Turns,
    held: Arc<Mutex<Option<Taken>>>,
}

/// A turn that somebody has. It is the next one's when this is dropped.
#[derive(Debug)]
struct Taken(Turns);

/// Who waits to be told that it is its turn.
type Waiter = oneshot::Sender<Taken>;

/// Those who wait, and the turns that nobody wants.
#[derive(Debug)]
struct Line {
    /// Above zero only while nobody waits.
    free: usize,
    waiting: Ring<TenantId, Ring<AgentId, VecDeque<Waiter>>>,
}

/// What takes turns: the first comes next, and last after that, if it has something left.
#[derive(Debug)]
struct Ring<K, T>(VecDeque<(K, T)>);

impl<K, T> Default for Ring<K, T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<K: PartialEq, T: Default> Ring<K, T> {
    /// What is kept under a key, which is last if it is new.
    fn of(&mut self, key: K) -> Option<&mut T> {
        let at = self.0.iter().position(|(known, _)| *known == key).unwrap_or_else(|| {
            self.0.push_back((key, T::default()));
            self.0.len() - 1
        });
        self.0.get_mut(at).map(|(_, kept)| kept)
    }

    /// Takes something out of the first that has anything.
    fn next<U>(&mut self, mut take: impl FnMut(&mut T) -> Option<U>) -> Option<U> {
        loop {
            let (key, mut kept) = self.0.pop_front()?;
            // What is found empty does not come again.
            if let Some(found) = take(&mut kept) {
                self.0.push_back((key, kept));
                return Some(found);
            }
        }
    }
}

impl Turns {
    /// One for each core of the machine.
    pub(crate) fn of_this_machine() -> Self {
        Self::new(std::thread::available_parallelism().map_or(1, usize::from))
    }

    fn new(count: usize) -> Self {
        Self(Arc::new(Mutex::new(Line { free: count, waiting: Ring::default() })))
    }

    /// A guest that has none yet.
    pub(crate) fn guest(&self) -> Turn {
        Turn { turns: self.clone(), held: Arc::default() }
    }

    /// Stands in line until it is this guest's turn.
    async fn take(&self, tenant: TenantId, agent: AgentId) -> Option<Taken> {
        let told = {
            let mut line = self.line();
            if line.free > 0 {
                line.free -= 1;
                return Some(Taken(self.clone()));
            }
            let (waiter, told) = oneshot::channel();
            line.waiting.of(tenant)?.of(agent)?.push_back(waiter);
            told
        };
        // Nobody is taken out of the line but to be told.
        told.await.ok()
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    /// Who is next; nobody, and then the turn is free, if nobody waits any more.
    fn next(&mut self) -> Option<Waiter> {
        let next = self.waiting.next(|agents| agents.next(waits));
        if next.is_none() {
            self.free += 1;
        }
        next
    }
}

/// The first who still waits.
fn waits(waiters: &mut VecDeque<Waiter>) -> Option<Waiter> {
    std::iter::from_fn(|| waiters.pop_front()).find(|waiter| !waiter.is_closed())
}

impl Drop for Taken {
    fn drop(&mut self) {
        let next = self.0.line().next();
        if let Some(next) = next {
            // Whoever has gone away this very moment leaves it to the one behind.
            drop(next.send(Self(self.0.clone())));
        }
    }
}

impl Turn {
    /// Lets others compute, and waits for the next turn, as a guest of this agent.
    pub(crate) fn next(&self, tenant: &TenantId, agent: AgentId) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let (turn, tenant) = (self.clone(), tenant.clone());
        Box::pin(async move {
            turn.give_back();
            // Others are looked at, also where nobody else wants a turn.
            tokio::task::yield_now().await;
            let next = turn.turns.take(tenant, agent).await;
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
mod tests;
