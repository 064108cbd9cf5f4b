//! The digest of an invocation's journal.

use super::Fields;
use crate::{Digest, Timestamp};

/// The digest of a journal, made row by row in the order of their numbers.
pub struct JournalDigest(Fields);

impl std::fmt::Debug for JournalDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JournalDigest").finish_non_exhaustive()
    }
}

impl Default for JournalDigest {
    fn default() -> Self {
        Self(Fields::new("troupe.audit.journal.1"))
    }
}

impl JournalDigest {
    /// Takes the next row.
    #[must_use]
    pub fn row(self, number: u64, at: Timestamp, call: &[u8], answer: Option<&[u8]>, write: bool) -> Self {
        let fields = self.0.with(Some(number.to_string())).with(Some(at.as_millis().to_string()));
        Self(fields.with(Some(call)).with(answer).with(Some(if write { "1" } else { "0" })))
    }

    /// The digest of all rows.
    pub fn finish(self) -> Digest {
        self.0.finish()
    }
}
