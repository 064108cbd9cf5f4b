//! A value that is got from somebody else, kept, and got again before it ends.
//!
//! The attack is on whoever hands out tokens: a thousand invocations start at once and each
//! asks for one, or a server that refuses is asked again by every request. The rule: one
//! request for a new value at a time, whoever waits for it; a value is renewed while the
//! old one still serves; after a failure nobody asks again for a while, twice as long each
//! time. A caller that goes away does not end what others wait for. The default: what has
//! ended is not used.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::time::timeout;
use troupe_core::{Clock, Code, Error, Result, Timestamp};

/// How long before its end a token is renewed: a fifth of its life, at most this. Clocks
/// differ by seconds, and an exchange may fail a few times.
const MARGIN_MAX: Duration = Duration::from_secs(5 * 60);
/// How long before its end a token is used no more: it must arrive before that.
const GUARD_MAX: Duration = Duration::from_secs(10);
/// How long a value that is only read again now and then is used when reading fails: long
/// enough for a restart of whoever keeps it, short enough that a withdrawn one goes.
const STALE_MAX: Duration = Duration::from_secs(5 * 60);
/// How long a caller waits for a new value that has an old one.
const RENEWAL_WAIT_MAX: Duration = Duration::from_secs(2);
/// The pause after the first failure; each further one doubles it.
const PAUSE_FIRST: Duration = Duration::from_secs(1);
/// The longest pause: what was mended is noticed within a minute.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// A value, and how long it is good for from now on.
pub(super) struct Minted<T> {
    pub(super) value: T,
    renew_after: Duration,
    ends_after: Duration,
}

impl<T> Minted<T> {
    /// A token that a server refuses when its life is over.
    pub(super) fn living(value: T, life: Duration) -> Self {
        let renew_after = life.saturating_sub((life / 5).min(MARGIN_MAX));
        Self { value, renew_after, ends_after: life.saturating_sub((life / 10).min(GUARD_MAX)) }
    }

    /// The same life for what is made of the value.
    pub(super) fn try_map<U>(self, make: impl FnOnce(T) -> Result<U>) -> Result<Minted<U>> {
        let Self { value, renew_after, ends_after } = self;
        Ok(Minted { value: make(value)?, renew_after, ends_after })
    }

    /// A value that is read again after a while, to see whether it has changed.
    pub(super) const fn read(value: T, every: Duration) -> Self {
        Self { value, renew_after: every, ends_after: every.saturating_add(STALE_MAX) }
    }
}

type Mint<T> = Box<dyn Fn() -> BoxFuture<'static, Result<Minted<T>>> + Send + Sync>;

/// A value with whoever makes it.
pub(super) struct Cached<T> {
    clock: Arc<dyn Clock>,
    mint: Mint<T>,
    state: Mutex<State<T>>,
    turn: Arc<tokio::sync::Mutex<()>>,
}

struct State<T> {
    held: Option<Held<T>>,
    failed: Option<Failed>,
}

struct Held<T> {
    value: Arc<T>,
    renew_at: Timestamp,
    ends_at: Timestamp,
}

struct Failed {
    code: Code,
    message: String,
    pause: Duration,
    until: Timestamp,
}

/// What a look at the state shows.
enum Look<T> {
    Fresh(Arc<T>),
    /// It still serves, and it is time to renew it.
    Due(Arc<T>),
    Missing,
}

impl<T: Send + Sync + 'static> Cached<T> {
    pub(super) fn new(
        clock: Arc<dyn Clock>,
        mint: impl Fn() -> BoxFuture<'static, Result<Minted<T>>> + Send + Sync + 'static,
    ) -> Arc<Self> {
        let state = Mutex::new(State { held: None, failed: None });
        Arc::new(Self { clock, mint: Box::new(mint), state, turn: Arc::default() })
    }

    /// Returns the value, getting or renewing it where that is due.
    ///
    /// # Errors
    /// Whatever kept it from being got, now or a moment ago.
    pub(super) async fn get(self: &Arc<Self>) -> Result<Arc<T>> {
        match self.look()? {
            Look::Fresh(value) => Ok(value),
            Look::Due(value) => {
                let Ok(turn) = Arc::clone(&self.turn).try_lock_owned() else { return Ok(value) };
                let renewed = timeout(RENEWAL_WAIT_MAX, self.renew(turn)).await;
                Ok(renewed.ok().and_then(Result::ok).unwrap_or(value))
            }
            Look::Missing => {
                let turn = Arc::clone(&self.turn).lock_owned().await;
                match self.look()? {
                    Look::Fresh(value) | Look::Due(value) => Ok(value),
                    Look::Missing => self.renew(turn).await,
                }
            }
        }
    }

    fn look(&self) -> Result<Look<T>> {
        let now = self.clock.now();
        let state = self.state();
        let paused = state.failed.as_ref().filter(|failed| now < failed.until);
        match (state.held.as_ref().filter(|held| now < held.ends_at), paused) {
            (Some(held), None) if now >= held.renew_at => Ok(Look::Due(Arc::clone(&held.value))),
            (Some(held), _) => Ok(Look::Fresh(Arc::clone(&held.value))),
            (None, Some(failed)) => Err(Error::new(failed.code, failed.message.clone())),
            (None, None) => Ok(Look::Missing),
        }
    }

    /// Gets the value anew, to the end, whoever waits for it.
    async fn renew(self: &Arc<Self>, turn: tokio::sync::OwnedMutexGuard<()>) -> Result<Arc<T>> {
        let own = Arc::clone(self);
        let renewed = tokio::spawn(async move {
            let minted = (own.mint)().await;
            let kept = own.keep(minted);
            drop(turn);
            kept
        });
        renewed.await.map_err(Error::internal)?
    }

    fn keep(&self, minted: Result<Minted<T>>) -> Result<Arc<T>> {
        let now = self.clock.now();
        let mut state = self.state();
        match minted {
            Ok(Minted { value, renew_after, ends_after }) => {
                let value = Arc::new(value);
                let (renew_at, ends_at) = (now.plus(renew_after), now.plus(ends_after));
                *state = State { held: Some(Held { value: Arc::clone(&value), renew_at, ends_at }), failed: None };
                Ok(value)
            }
            Err(error) => {
                let pause = state.failed.as_ref().map_or(PAUSE_FIRST, |failed| (failed.pause * 2).min(PAUSE_MAX));
                tracing::warn!(cause = error.cause_chain(), "{error}");
                let message = error.message.clone();
                state.failed = Some(Failed { code: error.code, message, pause, until: now.plus(pause) });
                Err(error)
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> std::fmt::Debug for Cached<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cached").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

    use troupe_core::clock::ManualClock;

    use super::*;

    /// A server of numbers, each a minute old at most, that can be made to refuse.
    struct Bench {
        clock: Arc<ManualClock>,
        asked: Arc<AtomicU64>,
        refuses: Arc<AtomicBool>,
        cached: Arc<Cached<u64>>,
    }

    impl Bench {
        fn new(life: impl Fn(u64) -> Minted<u64> + Send + Sync + 'static) -> Self {
            let clock = Arc::new(ManualClock::new(Timestamp::from_millis(0)));
            let (asked, refuses) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
            let (count, refusing, life) = (Arc::clone(&asked), Arc::clone(&refuses), Arc::new(life));
            let cached = Cached::new(clock.clone(), move || {
                let (count, refusing, life) = (Arc::clone(&count), Arc::clone(&refusing), Arc::clone(&life));
                Box::pin(async move {
                    let number = count.fetch_add(1, Ordering::SeqCst) + 1;
                    tokio::task::yield_now().await;
                    if refusing.load(Ordering::SeqCst) {
                        return Err(Error::new(Code::UnavailableUpstream, "no more numbers"));
                    }
                    Ok(life(number))
                })
            });
            Self { clock, asked, refuses, cached }
        }

        fn token() -> Self {
            Self::new(|number| Minted::living(number, Duration::from_secs(60)))
        }

        async fn after(&self, seconds: u64) -> Result<u64> {
            self.clock.advance(Duration::from_secs(seconds));
            self.cached.get().await.map(|value| *value)
        }

        fn asked(&self) -> u64 {
            self.asked.load(Ordering::SeqCst)
        }
    }

    #[tokio::test]
    async fn one_exchange_serves_everybody_who_asks_meanwhile() {
        let bench = Bench::token();
        let all = futures::future::join_all((0..100).map(|_| bench.cached.get())).await;
        assert!(all.into_iter().all(|value| *value.unwrap() == 1));
        assert_eq!((bench.after(47).await.unwrap(), bench.asked()), (1, 1));
    }

    #[tokio::test]
    async fn a_token_is_renewed_before_it_ends() {
        let bench = Bench::token();
        assert_eq!(bench.after(0).await.unwrap(), 1);
        assert_eq!(bench.after(48).await.unwrap(), 2);
        assert_eq!(bench.after(200).await.unwrap(), 3);
    }

    #[tokio::test]
    async fn the_old_value_serves_while_a_new_one_cannot_be_had_and_not_longer() {
        let bench = Bench::token();
        bench.after(0).await.unwrap();
        bench.refuses.store(true, Ordering::SeqCst);
        assert_eq!(bench.after(50).await.unwrap(), 1);
        let error = bench.after(5).await.unwrap_err();
        assert_eq!((error.code, error.message.as_str()), (Code::UnavailableUpstream, "no more numbers"));
        bench.refuses.store(false, Ordering::SeqCst);
        assert_eq!(bench.after(10).await.unwrap(), bench.asked());
    }

    #[tokio::test]
    async fn after_a_failure_nobody_asks_again_for_a_while_that_grows() {
        let bench = Bench::token();
        bench.refuses.store(true, Ordering::SeqCst);
        for _ in 0..10 {
            bench.after(0).await.unwrap_err();
        }
        assert_eq!(bench.asked(), 1);
        for (seconds, asked) in [(1, 2), (1, 2), (1, 3), (3, 3), (1, 4)] {
            bench.after(seconds).await.unwrap_err();
            assert_eq!(bench.asked(), asked);
        }
    }

    #[tokio::test]
    async fn what_is_read_now_and_then_changes_without_a_restart_and_bears_a_short_absence() {
        let bench = Bench::new(|number| Minted::read(number, Duration::from_secs(5)));
        assert_eq!(bench.after(0).await.unwrap(), 1);
        assert_eq!(bench.after(5).await.unwrap(), 2);
        bench.refuses.store(true, Ordering::SeqCst);
        assert_eq!(bench.after(60).await.unwrap(), 2);
        bench.after(600).await.unwrap_err();
    }

    #[tokio::test]
    async fn a_caller_that_goes_away_does_not_end_what_others_wait_for() {
        let bench = Bench::token();
        {
            let mut first = Box::pin(bench.cached.get());
            assert!(futures::poll!(&mut first).is_pending());
        }
        assert_eq!((bench.after(0).await.unwrap(), bench.asked()), (1, 1));
    }
}
