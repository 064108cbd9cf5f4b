//! How a scan differs from the one before.
//!
//! Two lists in the order of their keys are walked side by side, so no more than one entry of each is in
//! memory. [`findings`] and [`resources`] say of each entry what became of it:
//!
//! | before | now | is |
//! |---|---|---|
//! | – | there | `new` |
//! | there | otherwise | `changed`, with the fields |
//! | there | alike | `same` |
//! | there | not, and the scan looked there | `fixed` (a finding), `gone` (a resource) |
//! | there | not, and the scan may not have seen it | `unknown`, with the reason |
//!
//! A finding is *there* when it failed; one that passes now is `fixed`, and one that nobody could check now
//! is `unknown`. Nothing is fixed or gone because something could not be read: [`crate::Scan`] decides.
//!
//! What is `unknown` stays in the account books: the list that the next scan is compared with holds what
//! [`Change::kept`] returns for each change, which is what is there now, and what was there and is unknown.
//! So a finding that could not be checked once is not new again the next time.

mod findings;
mod join;
mod resources;

use std::collections::BTreeMap;
use std::fmt::Display;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use findings::findings;
pub use resources::{resources, unordered};

use crate::Why;

/// What became of an entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change<T> {
    /// It was not there before.
    New {
        /// The entry.
        now: T,
    },
    /// It is there, but otherwise.
    Changed {
        /// As it was.
        before: T,
        /// As it is.
        now: T,
        /// In what it differs: `severity`, `attributes.size_gib`, `tags.Name`.
        fields: Vec<String>,
    },
    /// It is there as it was.
    Same {
        /// The entry as it is now, with what changes by itself.
        now: T,
    },
    /// A finding that is no more.
    Fixed {
        /// As it was.
        before: T,
    },
    /// A resource that is no more.
    Gone {
        /// As it was.
        before: T,
    },
    /// It was there, and this scan could not see whether it still is.
    Unknown {
        /// As it was.
        before: T,
        /// Why that is.
        why: Why,
    },
}

impl<T> Change<T> {
    /// The word for it, as in JSON.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::New { .. } => "new",
            Self::Changed { .. } => "changed",
            Self::Same { .. } => "same",
            Self::Fixed { .. } => "fixed",
            Self::Gone { .. } => "gone",
            Self::Unknown { .. } => "unknown",
        }
    }

    /// The entry: as it is now if it is there, else as it was.
    pub const fn entry(&self) -> &T {
        match self {
            Self::New { now } | Self::Changed { now, .. } | Self::Same { now } => now,
            Self::Fixed { before } | Self::Gone { before } | Self::Unknown { before, .. } => before,
        }
    }

    /// What the next scan is compared with, if anything is left of it.
    pub fn kept(self) -> Option<T> {
        match self {
            Self::New { now } | Self::Changed { now, .. } | Self::Same { now } => Some(now),
            Self::Unknown { before, .. } => Some(before),
            Self::Fixed { .. } | Self::Gone { .. } => None,
        }
    }
}

/// How many changes there are of each kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Counts(pub BTreeMap<String, u64>);

impl Counts {
    /// Counts one more.
    pub fn add<T>(&mut self, change: &Change<T>) {
        let count = self.0.entry(change.name().to_owned()).or_default();
        *count = count.saturating_add(1);
    }

    /// How many there are of a kind.
    pub fn of(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or_default()
    }
}

/// Why two lists cannot be compared to the end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiffError<E: Display> {
    /// An entry could not be read.
    #[error("an entry of the {list} list cannot be read: {error}")]
    Read {
        /// `previous` or `present`.
        list: &'static str,
        /// Why.
        error: E,
    },
    /// A list is not in the order of its keys.
    #[error("the {list} list is not in order: {key} comes after {after}; merge its parts first")]
    Unsorted {
        /// `previous` or `present`.
        list: &'static str,
        /// The key that comes too late.
        key: String,
        /// The one before it.
        after: String,
    },
}
