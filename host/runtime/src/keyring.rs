//! From a token to a [`Caller`].
//!
//! The attack: tokens are tried, used after they were revoked, or used after their time.
//! The rule: a token is known by its digest alone, and an unknown one costs one look into
//! an index whatever it is. What is revoked, or whose tenant is disabled, is forgotten here
//! with the commit, and a key in memory is read anew after two seconds, so that what
//! another process did to the store is seen as well. A key is taken for a minute beyond its
//! time, since clocks differ.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::time::Instant;
use troupe_core::{Caller, Code, Digest, Error, KeyId, Result, TenantId, Timestamp, Token, limits};
use troupe_store::KeyRow;

use crate::Runtime;
use crate::tenants::disabled;

/// The keys that were used a moment ago.
#[derive(Debug, Default)]
pub(crate) struct Keyring {
    known: Mutex<HashMap<Digest, Known>>,
    /// Rises whenever something is forgotten: what was read from the store before is not
    /// taken in after, and who was let in is looked at again.
    forgotten: watch::Sender<u64>,
}

/// What the name of a caller begins with that shows a key.
pub(crate) const KEY: &str = "key/";

/// A key as it was read.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) tenant: TenantId,
    pub(crate) id: KeyId,
    caller: Caller,
    expires_at: Option<Timestamp>,
    used_at: Option<Timestamp>,
    read_at: Instant,
}

impl Known {
    fn new(row: KeyRow, read_at: Instant) -> Self {
        let KeyRow { tenant, id, scopes, agents, expires_at, used_at, .. } = row;
        let caller = Caller { tenant: tenant.clone(), principal: format!("{KEY}{id}"), scopes, agents };
        Self { tenant, id, caller, expires_at, used_at, read_at }
    }

    fn is_fresh(&self, at: Instant) -> bool {
        at.duration_since(self.read_at) < limits::KEY_CACHE_TIME_MAX
    }
}

impl Keyring {
    fn get(&self, digest: &Digest, at: Instant) -> Option<Known> {
        self.lock().get(digest).filter(|known| known.is_fresh(at)).cloned()
    }

    fn forgotten(&self) -> u64 {
        *self.forgotten.borrow()
    }

    /// Changes whenever something is forgotten.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.forgotten.subscribe()
    }

    /// Takes a key in that was read when `forgotten` was what it is now.
    fn put(&self, digest: Digest, known: Known, forgotten: u64) {
        let mut all = self.lock();
        if self.forgotten() != forgotten {
            return;
        }
        if all.len() >= limits::KEYS_CACHED_MAX {
            all.retain(|_, kept| kept.is_fresh(known.read_at));
        }
        if all.len() < limits::KEYS_CACHED_MAX {
            all.insert(digest, known);
        }
    }

    /// Forgets the keys that `which` names.
    pub(crate) fn forget(&self, which: impl Fn(&Known) -> bool) {
        let mut all = self.lock();
        self.forgotten.send_modify(|forgotten| *forgotten += 1);
        all.retain(|_, known| !which(known));
    }

    /// Whether it is time to note that the key is used; true once a minute.
    fn note_use(&self, digest: &Digest, now: Timestamp) -> bool {
        let mut all = self.lock();
        let Some(known) = all.get_mut(digest) else { return false };
        let is_due = known.used_at.is_none_or(|used_at| now.since(used_at) >= limits::KEY_USE_STEP);
        if is_due {
            known.used_at = Some(now);
        }
        is_due
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Digest, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Runtime {
    /// The caller that the token of a key stands for.
    ///
    /// # Errors
    /// [`Code::AuthInvalid`] for a token that is unknown or revoked, [`Code::AuthExpired`],
    /// [`Code::TenantDisabled`].
    pub async fn authenticate(&self, token: &str) -> Result<Caller> {
        let caller = self.known_caller(token).await;
        if let Err(error) = &caller {
            metrics::counter!("troupe_refused_tokens_total", "code" => error.code.as_str()).increment(1);
        }
        caller
    }

    /// Checks that a caller who was let in a while ago would be let in now.
    ///
    /// # Errors
    /// Those of [`Runtime::authenticate`].
    pub(crate) async fn check_caller(&self, caller: &Caller) -> Result<()> {
        self.disabled.check(&caller.tenant)?;
        let Some(id) = caller.principal.strip_prefix(KEY) else { return Ok(()) };
        let row = self.store.key(&caller.tenant, id.parse()?).await?;
        let row = row.filter(|row| row.revoked_at.is_none()).ok_or_else(invalid)?;
        in_time(row.expires_at, self.clock.now())
    }

    /// The caller that a key stands for, looked up by its id.
    ///
    /// # Errors
    /// Those of [`Runtime::authenticate`].
    pub(crate) async fn caller_of_key(&self, tenant: &TenantId, id: KeyId) -> Result<Caller> {
        let row = self
            .store
            .key(tenant, id)
            .await?
            .filter(|row| row.revoked_at.is_none())
            .ok_or_else(|| Error::new(Code::AuthInvalid, format!("`{KEY}{id}` is no key any more")))?;
        in_time(row.expires_at, self.clock.now())?;
        Ok(Known::new(row, Instant::now()).caller)
    }

    async fn known_caller(&self, token: &str) -> Result<Caller> {
        let digest = token.parse::<Token>()?.digest();
        let at = Instant::now();
        let known = match self.keyring.get(&digest, at) {
            Some(known) => known,
            None => {
                let forgotten = self.keyring.forgotten();
                let found = self.store.key_by_token(&digest).await?;
                let (row, is_disabled) = found.filter(|(row, _)| row.revoked_at.is_none()).ok_or_else(invalid)?;
                if is_disabled {
                    return Err(disabled());
                }
                let known = Known::new(row, at);
                self.keyring.put(digest, known.clone(), forgotten);
                known
            }
        };
        let now = self.clock.now();
        in_time(known.expires_at, now)?;
        if self.keyring.note_use(&digest, now) {
            let runtime = self.clone();
            tokio::spawn(async move {
                if let Err(error) = runtime.store.use_key(&known.tenant, known.id).await {
                    tracing::debug!(cause = error.cause_chain(), "the use of a key was not noted: {error}");
                }
            });
        }
        Ok(known.caller)
    }
}

fn invalid() -> Error {
    Error::new(Code::AuthInvalid, "this token is not one of this host's")
}

/// Checks that a key is good at `now`, give or take what clocks differ by.
fn in_time(expires_at: Option<Timestamp>, now: Timestamp) -> Result<()> {
    match expires_at {
        Some(expires_at) if now.since(expires_at) > limits::KEY_LEEWAY => {
            Err(Error::new(Code::AuthExpired, format!("this token was good until {expires_at}; ask for a new one")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use troupe_core::Scope;

    use super::*;

    fn row(id: &str) -> KeyRow {
        KeyRow {
            tenant: TenantId::default(),
            id: id.parse().unwrap(),
            name: "ci".parse().unwrap(),
            scopes: vec![Scope::Read],
            agents: Vec::new(),
            created_at: Timestamp::from_millis(0),
            expires_at: None,
            revoked_at: None,
            used_at: None,
        }
    }

    const ID: &str = "0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b";

    #[test]
    fn a_key_is_taken_for_a_minute_beyond_its_time() {
        let end = Timestamp::from_millis(1_000_000);
        assert!(in_time(None, end).is_ok());
        assert!(in_time(Some(end), end.plus(Duration::from_secs(60))).is_ok());
        let late = in_time(Some(end), end.plus(Duration::from_millis(60_001))).unwrap_err();
        assert_eq!(late.code, Code::AuthExpired);
    }

    #[test]
    fn a_key_in_memory_is_read_anew_after_two_seconds() {
        let (keyring, digest, read_at) = (Keyring::default(), Digest::of(b"token"), Instant::now());
        keyring.put(digest, Known::new(row(ID), read_at), keyring.forgotten());
        assert!(keyring.get(&digest, read_at + Duration::from_millis(1_999)).is_some());
        assert!(keyring.get(&digest, read_at + Duration::from_millis(2_000)).is_none());
    }

    #[test]
    fn a_key_that_was_revoked_while_it_was_read_is_not_taken_in() {
        let (keyring, digest) = (Keyring::default(), Digest::of(b"token"));
        let (before, read) = (keyring.forgotten(), Known::new(row(ID), Instant::now()));
        keyring.forget(|known| known.id == read.id);
        keyring.put(digest, read.clone(), before);
        assert!(keyring.get(&digest, Instant::now()).is_none());
        keyring.put(digest, read, keyring.forgotten());
        keyring.forget(|known| known.tenant != TenantId::default());
        assert!(keyring.get(&digest, Instant::now()).is_some());
    }

    #[test]
    fn the_use_of_a_key_is_noted_once_a_minute() {
        let (keyring, digest) = (Keyring::default(), Digest::of(b"token"));
        keyring.put(digest, Known::new(row(ID), Instant::now()), 0);
        let now = Timestamp::from_millis(1_000_000);
        assert!(keyring.note_use(&digest, now));
        assert!(!keyring.note_use(&digest, now.plus(Duration::from_secs(59))));
        assert!(keyring.note_use(&digest, now.plus(Duration::from_secs(60))));
    }
}
