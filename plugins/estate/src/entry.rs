//! What resources and findings have in common: a key, which orders them, and a word by which they are counted.

use std::fmt::Display;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Finding, Fingerprint, Key, Resource};

/// What can be gathered, kept in parts, and compared with what was there before.
pub trait Entry: Serialize + DeserializeOwned {
    /// What tells it from every other, and the order in which they are kept.
    type Key: Ord + Clone + Display;

    /// Its key.
    fn key(&self) -> Self::Key;

    /// By what it is counted.
    fn counted_as(&self) -> &str;
}

impl Entry for Resource {
    type Key = Key;

    fn key(&self) -> Key {
        Resource::key(self)
    }

    /// By type.
    fn counted_as(&self) -> &str {
        &self.kind
    }
}

impl Entry for Finding {
    type Key = Fingerprint;

    fn key(&self) -> Fingerprint {
        self.fingerprint.clone()
    }

    /// By severity if it failed, else by status.
    fn counted_as(&self) -> &str {
        match self.status {
            crate::Status::Fail => self.severity.name(),
            status => status.name(),
        }
    }
}
