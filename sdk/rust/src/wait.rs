//! Waiting for one thing, or for several at once.
//!
//! A skill is a plain method. Inside it, everything that takes time (a request, a sleep,
//! an `async` block of the agent's own) is a future: [`Wait::wait`] waits for one,
//! [`both`], [`all`] and [`at_most`] make one of many, and [`Turns`] bounds what is done at once
//! across all of them. There is one thread, so nothing needs to be locked or sent.
//!
//! ```
//! use troupe_sdk::prelude::*;
//! use troupe_sdk::test::{Answer, Host};
//!
//! # let _host = Host::start().respond("GET", "https://api.example.com/*", Answer::new(204));
//! let pages = (1..=3).map(|page| http::get("https://api.example.com/things").query("page", page).send());
//! for answer in wait::at_most(2, pages).wait() {
//!     assert_eq!(answer?.status(), 204);
//! }
//! # Ok::<(), http::HttpError>(())
//! ```

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use async_lock::{Semaphore, SemaphoreGuard};
use futures_util::StreamExt;
use futures_util::future::{join, join_all};
use futures_util::stream;

use crate::backend;

/// Waits for a future; in the prelude.
pub trait Wait: Future {
    /// Waits until the future is done and returns what it came to.
    fn wait(self) -> Self::Output;
}

impl<F: Future> Wait for F {
    fn wait(self) -> Self::Output {
        let mut future = pin!(self);
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let mut context = Context::from_waker(&waker);
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                return output;
            }
            if !woken.0.swap(false, Ordering::Relaxed) {
                backend::deliver();
            }
        }
    }
}

/// Whether the waiting future asked to be looked at again.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Waits for all of them at once; the answers stand in the order of the futures.
pub fn all<F: Future>(futures: impl IntoIterator<Item = F>) -> impl Future<Output = Vec<F::Output>> {
    join_all(futures)
}

/// Waits for two at once, which need not be alike.
pub fn both<A: Future, B: Future>(one: A, other: B) -> impl Future<Output = (A::Output, B::Output)> {
    join(one, other)
}

/// Waits for all of them, of which no more than `at_once` (and at least one) are under
/// way at a time; the answers stand in the order of the futures.
pub fn at_most<F: Future>(
    at_once: usize,
    futures: impl IntoIterator<Item = F>,
) -> impl Future<Output = Vec<F::Output>> {
    stream::iter(futures).buffered(at_once.max(1)).collect()
}

/// Turns of which a bounded number are taken at once, first come first served: a bound
/// that holds across everything the agent does, however it is nested.
///
/// ```
/// # use troupe_sdk::prelude::*;
/// # async fn ask() {}
/// let turns = wait::Turns::new(8);
/// let ask_in_turn = async || {
///     let _turn = turns.take().await;
///     ask().await
/// };
/// wait::all((0..100).map(|_| ask_in_turn())).wait();
/// ```
#[derive(Debug)]
pub struct Turns(Semaphore);

/// A turn that was taken; dropping it gives it back.
#[derive(Debug)]
pub struct Turn<'a>(#[expect(dead_code, reason = "the guard is held for its drop")] SemaphoreGuard<'a>);

impl Turns {
    /// Makes this many turns, at least one.
    pub const fn new(at_once: usize) -> Self {
        Self(Semaphore::new(if at_once == 0 { 1 } else { at_once }))
    }

    /// Waits for a turn.
    pub async fn take(&self) -> Turn<'_> {
        Turn(self.0.acquire().await)
    }
}
