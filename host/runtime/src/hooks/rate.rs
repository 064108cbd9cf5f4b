//! How much comes to a hook before anything of it is looked at.
//!
//! Each hook has a bucket that fills by so many tokens a second up to a burst; a message takes one. What comes to
//! paths that are no hook's takes one of a bucket of them all, so that nobody has the host look for hooks without
//! end. A hook is known for a few seconds, as a key is, so a flood is refused without a look at the store.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;
use troupe_core::{Code, Error, Result, limits};
use troupe_store::HookRow;

/// What is known of hooks, and how much came to each.
#[derive(Debug)]
pub(crate) struct Rates(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    hooks: HashMap<String, Known>,
    /// For what is not known.
    others: Bucket,
}

#[derive(Debug)]
struct Known {
    row: Option<HookRow>,
    looked_at: Instant,
    bucket: Bucket,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Default for Rates {
    fn default() -> Self {
        Self(Mutex::new(Inner { hooks: HashMap::new(), others: Bucket::full() }))
    }
}

impl Bucket {
    fn full() -> Self {
        Self { tokens: f64::from(limits::HOOK_BURST), at: Instant::now() }
    }

    fn is_full(&self, now: Instant) -> bool {
        self.filled(now) >= f64::from(limits::HOOK_BURST)
    }

    fn filled(&self, now: Instant) -> f64 {
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        (self.tokens + since * f64::from(limits::HOOK_PER_SECOND)).min(f64::from(limits::HOOK_BURST))
    }

    fn take(&mut self, now: Instant) -> Result<()> {
        (self.tokens, self.at) = (self.filled(now), now);
        if self.tokens < 1.0 {
            let message = format!("more than {} messages a second came to this hook", limits::HOOK_PER_SECOND);
            return Err(Error::new(Code::LimitEvents, message).with("retry_after_ms", 1_000));
        }
        self.tokens -= 1.0;
        Ok(())
    }
}

impl Rates {
    /// A hook that is known, which takes one message more; none if it has to be looked for.
    pub(super) fn known(&self, id: &str) -> Result<Option<HookRow>> {
        let now = Instant::now();
        let mut inner = self.inner();
        match inner.hooks.get_mut(id) {
            Some(known) => {
                known.bucket.take(now)?;
                let is_fresh = now.saturating_duration_since(known.looked_at) < limits::KEY_CACHE_TIME_MAX;
                Ok(known.row.clone().filter(|_| is_fresh))
            }
            None => inner.others.take(now).map(|()| None),
        }
    }

    /// Keeps a hook that was found.
    pub(super) fn learn(&self, row: HookRow) -> Result<HookRow> {
        let now = Instant::now();
        let mut inner = self.inner();
        // Those to which nothing came for long are as good as new.
        inner.hooks.retain(|_, known| !known.bucket.is_full(now));
        let known = inner.hooks.entry(row.secret.id.clone());
        let known = known.or_insert_with(|| Known { row: None, looked_at: now, bucket: Bucket::full() });
        (known.row, known.looked_at) = (Some(row.clone()), now);
        Ok(row)
    }

    /// Has a hook that was changed be looked for again.
    pub(super) fn forget(&self, id: &str) {
        if let Some(known) = self.inner().hooks.get_mut(id) {
            known.row = None;
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
