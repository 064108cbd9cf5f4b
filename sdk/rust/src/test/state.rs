//! The state capability in memory.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::{Duration, SystemTime};

use crate::state::Entry;
use crate::{CapabilityError, Problem};

/// Most keys in one answer, so that an agent which forgets to ask on is found out.
const LIST_MAX: usize = 1_000;
/// Longest time to live: that of the host, ten years.
const TTL_MS_MAX: u64 = 10 * 365 * 86_400_000;

struct Held {
    entry: Entry,
    /// When it is absent again.
    end: Option<SystemTime>,
}

#[derive(Default)]
pub struct State {
    keys: BTreeMap<String, Held>,
    /// The newest revision of any key. One counter for all keys keeps a key's revisions
    /// rising over its deletion.
    revision: u64,
    /// What every call answers, if the test wants it to fail.
    pub failure: Option<CapabilityError>,
    /// Writes of another invocation, each made just before a compare-and-set.
    pub rivals: Vec<(String, Vec<u8>)>,
}

impl State {
    fn check(&self) -> Result<(), CapabilityError> {
        self.failure.clone().map_or(Ok(()), Err)
    }

    /// Writes without asking whether calls fail: for the test itself, and for rivals.
    pub fn write(&mut self, key: &str, value: &[u8], end: Option<SystemTime>) -> u64 {
        self.revision += 1;
        let entry = Entry { value: value.to_vec(), revision: self.revision };
        self.keys.insert(key.to_owned(), Held { entry, end });
        self.revision
    }

    fn held(&self, key: &str, now: SystemTime) -> Option<&Held> {
        self.keys.get(key).filter(|held| held.is_there(now))
    }

    pub fn read(&self, key: &str, now: SystemTime) -> Option<&Entry> {
        self.held(key, now).map(|held| &held.entry)
    }

    pub fn get(&self, key: &str, now: SystemTime) -> Result<Option<Entry>, CapabilityError> {
        self.check()?;
        Ok(self.read(key, now).cloned())
    }

    pub fn set_with_ttl(
        &mut self,
        key: &str,
        value: &[u8],
        ttl_ms: Option<u64>,
        now: SystemTime,
    ) -> Result<u64, CapabilityError> {
        self.check()?;
        let end = end(ttl_ms, now)?;
        Ok(self.write(key, value, end))
    }

    pub fn compare_and_set(
        &mut self,
        key: &str,
        expected: Option<u64>,
        value: &[u8],
        ttl_ms: Option<u64>,
        now: SystemTime,
    ) -> Result<u64, CapabilityError> {
        self.check()?;
        let end = end(ttl_ms, now)?;
        if let Some(position) = self.rivals.iter().position(|(rival, _)| rival == key) {
            let (_, value) = self.rivals.remove(position);
            self.write(key, &value, None);
        }
        let found = self.read(key, now).map(|entry| entry.revision);
        if found == expected { Ok(self.write(key, value, end)) } else { Err(CapabilityError::Conflict(found)) }
    }

    pub fn increment(&mut self, key: &str, delta: i64, now: SystemTime) -> Result<i64, CapabilityError> {
        self.check()?;
        let (held, end) = match self.held(key, now) {
            None => (0, None),
            Some(held) => {
                let number = std::str::from_utf8(&held.entry.value).ok().and_then(|text| text.parse::<i64>().ok());
                (number.ok_or_else(|| invalid("the key holds no whole number of 64 bits in decimal"))?, held.end)
            }
        };
        let sum = held.checked_add(delta).ok_or_else(|| invalid("the sum would be no whole number of 64 bits"))?;
        self.write(key, sum.to_string().as_bytes(), end);
        Ok(sum)
    }

    pub fn expire(&mut self, key: &str, ttl_ms: Option<u64>, now: SystemTime) -> Result<bool, CapabilityError> {
        self.check()?;
        let end = end(ttl_ms, now)?;
        let held = self.keys.get_mut(key).filter(|held| held.is_there(now));
        Ok(held.map(|held| held.end = end).is_some())
    }

    pub fn delete(&mut self, key: &str, now: SystemTime) -> Result<bool, CapabilityError> {
        self.check()?;
        Ok(self.keys.remove(key).is_some_and(|held| held.is_there(now)))
    }

    pub fn list_keys(
        &self,
        (prefix, after): (&str, Option<&str>),
        limit: u32,
        now: SystemTime,
    ) -> Result<Vec<String>, CapabilityError> {
        self.check()?;
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let limit = usize::try_from(limit).unwrap_or(LIST_MAX).min(LIST_MAX);
        let keys = self.keys.range::<str, _>((start, Bound::Unbounded)).filter(|(_, held)| held.is_there(now));
        Ok(keys.map(|(key, _)| key).take_while(|key| key.starts_with(prefix)).take(limit).cloned().collect())
    }
}

impl Held {
    fn is_there(&self, now: SystemTime) -> bool {
        self.end.is_none_or(|end| end > now)
    }
}

fn end(ttl_ms: Option<u64>, now: SystemTime) -> Result<Option<SystemTime>, CapabilityError> {
    match ttl_ms {
        Some(ttl) if ttl == 0 || ttl > TTL_MS_MAX => {
            Err(invalid(format_args!("a time to live is 1 to {TTL_MS_MAX} milliseconds; this one is {ttl}")))
        }
        ttl => Ok(ttl.and_then(|ttl| now.checked_add(Duration::from_millis(ttl)))),
    }
}

fn invalid(message: impl std::fmt::Display) -> CapabilityError {
    CapabilityError::Invalid(Problem::new(message))
}
