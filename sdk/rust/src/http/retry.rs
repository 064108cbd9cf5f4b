//! Trying again, later and later.
//!
//! The wait before each further try is drawn between nothing and a bound that doubles
//! from try to try (exponential backoff with full jitter), so that agents which were
//! turned away together do not come back together. Other requests go on meanwhile.

use std::time::{Duration, SystemTime};

use super::HttpError;
use crate::{backend, invocation, time};

/// How often and how patiently something is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Tries in all, at least one.
    pub tries: u32,
    /// The bound of the first wait.
    pub first: Duration,
    /// The largest bound of a wait.
    pub most: Duration,
    /// When to have given up, if that is before the invocation's deadline.
    pub until: Option<SystemTime>,
}

/// What an error says about trying again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// It would fail again.
    No,
    /// It may succeed later.
    Yes,
    /// It may succeed when this time has passed, and not before.
    After(Duration),
}

impl Default for Retry {
    /// Five tries, waits of up to 200 ms, 400 ms, 800 ms and 1.6 s.
    fn default() -> Self {
        Self { tries: 5, first: Duration::from_millis(200), most: Duration::from_secs(10), until: None }
    }
}

impl Retry {
    /// Tries until it succeeds, the tries are used up, the error says no, or the wait
    /// would end after `until` or the invocation's deadline. Only what may be repeated
    /// belongs here.
    ///
    /// ```
    /// use troupe_sdk::http::Retry;
    /// use troupe_sdk::prelude::*;
    /// use troupe_sdk::test::{Answer, Host};
    ///
    /// # let _host = Host::start()
    /// #     .respond_once("GET", "https://api.example.com/", Answer::new(503))
    /// #     .respond("GET", "https://api.example.com/", Answer::new(200));
    /// let ask = async || http::get("https://api.example.com/").send().await?.success();
    /// let answer = Retry::default().run(ask, http::HttpError::again).wait()?;
    /// # assert_eq!(answer.status(), 200);
    /// # Ok::<(), Failure>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The error of the last try.
    pub async fn run<T, E>(
        &self,
        mut attempt: impl AsyncFnMut() -> Result<T, E>,
        again: impl Fn(&E) -> Again,
    ) -> Result<T, E> {
        let mut tried = 0;
        loop {
            let error = match attempt().await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            tried += 1;
            let least = match again(&error) {
                Again::No => return Err(error),
                Again::Yes => Duration::ZERO,
                Again::After(time) => time,
            };
            let wait = least.saturating_add(self.jitter(tried));
            let deadline = invocation::deadline();
            let until = self.until.map_or(deadline, |until| until.min(deadline));
            let in_time = time::now().checked_add(wait).is_some_and(|end| end < until);
            if tried >= self.tries || !in_time {
                return Err(error);
            }
            time::sleep(wait).await;
        }
    }

    /// Draws the wait after so many tries.
    fn jitter(&self, tried: u32) -> Duration {
        let doubled = 2_u32.checked_pow(tried.saturating_sub(1)).and_then(|factor| self.first.checked_mul(factor));
        let bound = doubled.map_or(self.most, |bound| bound.min(self.most));
        let bound_ms = u64::try_from(bound.as_millis()).unwrap_or(u64::MAX);
        // The bias of a remainder over 64 bits is nothing beside a jitter's purpose.
        Duration::from_millis(backend::random() % bound_ms.saturating_add(1))
    }
}

impl HttpError {
    /// Says whether to try again, for [`Retry::run`].
    pub const fn again(&self) -> Again {
        match self {
            Self::Status { retry_after: Some(time), .. } if self.is_temporary() => Again::After(*time),
            _ if self.is_temporary() => Again::Yes,
            _ => Again::No,
        }
    }
}
