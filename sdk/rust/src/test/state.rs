//! The state capability in memory.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::CapabilityError;
use crate::state::Entry;

/// Most keys in one answer, so that an agent which forgets to ask on is found out.
const LIST_MAX: usize = 1_000;

#[derive(Default)]
pub struct State {
    entries: BTreeMap<String, Entry>,
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
    pub fn write(&mut self, key: &str, value: &[u8]) -> u64 {
        self.revision += 1;
        self.entries.insert(key.to_owned(), Entry { value: value.to_vec(), revision: self.revision });
        self.revision
    }

    pub fn read(&self, key: &str) -> Option<&Entry> {
        self.entries.get(key)
    }

    pub fn get(&self, key: &str) -> Result<Option<Entry>, CapabilityError> {
        self.check()?;
        Ok(self.read(key).cloned())
    }

    pub fn set(&mut self, key: &str, value: &[u8]) -> Result<u64, CapabilityError> {
        self.check()?;
        Ok(self.write(key, value))
    }

    pub fn compare_and_set(&mut self, key: &str, expected: Option<u64>, value: &[u8]) -> Result<u64, CapabilityError> {
        self.check()?;
        if let Some(position) = self.rivals.iter().position(|(rival, _)| rival == key) {
            let (_, value) = self.rivals.remove(position);
            self.write(key, &value);
        }
        let found = self.read(key).map(|entry| entry.revision);
        if found == expected { Ok(self.write(key, value)) } else { Err(CapabilityError::Conflict(found)) }
    }

    pub fn delete(&mut self, key: &str) -> Result<bool, CapabilityError> {
        self.check()?;
        Ok(self.entries.remove(key).is_some())
    }

    pub fn list_keys(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>, CapabilityError> {
        self.check()?;
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let limit = usize::try_from(limit).unwrap_or(LIST_MAX).min(LIST_MAX);
        let keys = self.entries.range::<str, _>((start, Bound::Unbounded)).map(|(key, _)| key);
        Ok(keys.take_while(|key| key.starts_with(prefix)).take(limit).cloned().collect())
    }
}
