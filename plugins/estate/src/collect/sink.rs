//! Takes entries and hands them on in parts.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::Entry;

/// What an entry takes in memory beside its line and its key: both their headers, rounded up.
const ENTRY_BYTES: usize = 128;

/// Smallest budget there is: less, and every entry were a part of its own.
const BUDGET_BYTES_MIN: usize = 4 * 1024;

/// Where finished parts go, such as files of a task.
pub trait Parts {
    /// Why a part could not be written.
    type Error;

    /// Writes a part under its name. After an error it is called again with the same part.
    ///
    /// # Errors
    ///
    /// Whatever hinders it.
    fn write(&mut self, part: &Part, text: &[u8]) -> Result<(), Self::Error>;
}

impl<E, F: FnMut(&Part, &[u8]) -> Result<(), E>> Parts for F {
    type Error = E;

    fn write(&mut self, part: &Part, text: &[u8]) -> Result<(), E> {
        self(part, text)
    }
}

/// One part: lines of JSON, sorted by the entries' keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Part {
    /// Its name: `resources-00001.jsonl`.
    pub name: String,
    /// How many entries it holds.
    pub entries: u64,
    /// Its length in bytes.
    pub bytes: u64,
    /// SHA-256 of it, in hexadecimal digits.
    pub sha256: String,
    /// How many entries it holds of each type, or of each severity or status.
    pub counts: BTreeMap<String, u64>,
    /// The key of its first entry.
    pub first: String,
    /// The key of its last entry.
    pub last: String,
}

/// What was gathered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// How many entries there are.
    pub entries: u64,
    /// How many there are of each type, or of each severity or status.
    pub counts: BTreeMap<String, u64>,
    /// The parts, in the order in which they were written.
    pub parts: Vec<Part>,
}

/// Why an entry could not be taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CollectError<E> {
    /// The entry cannot be written as JSON.
    #[error("{key} cannot be written as JSON: {error}")]
    Entry {
        /// Its key.
        key: String,
        /// Why.
        error: serde_json::Error,
    },
    /// A part could not be written. What it would hold is kept, and written with the next push or at the
    /// end; the entry that was pushed is not taken.
    #[error("part {name} cannot be written: {error}")]
    Part {
        /// The part's name.
        name: String,
        /// Why.
        error: E,
    },
}

/// One entry that waits for its part.
struct Line<K> {
    key: K,
    text: String,
    counted_as: String,
}

/// Takes entries in any order, and hands them on in sorted parts within a budget of memory.
pub struct Sink<T: Entry, W> {
    name: String,
    part_bytes_max: usize,
    writer: W,
    lines: Vec<Line<T::Key>>,
    bytes: usize,
    summary: Summary,
}

impl<T: Entry, W: Parts> Sink<T, W> {
    /// Makes a sink whose parts are called `NAME-00001.jsonl` and so on.
    ///
    /// It holds at most `budget_bytes` at once, 4 KiB at least, of which a part takes half. An entry that is
    /// larger than that is a part of its own.
    pub fn new(name: &str, budget_bytes: usize, writer: W) -> Self {
        let part_bytes_max = budget_bytes.max(BUDGET_BYTES_MIN) / 2;
        let (lines, summary) = (Vec::new(), Summary::default());
        Self { name: name.to_owned(), part_bytes_max, writer, lines, bytes: 0, summary }
    }

    /// Takes an entry; first writes what has been taken, if it would be too much with it.
    ///
    /// # Errors
    ///
    /// If the entry cannot be written as JSON, or the part not at all; the entry is not taken then, and may
    /// be pushed again.
    pub fn push(&mut self, entry: &T) -> Result<(), CollectError<W::Error>> {
        let key = entry.key();
        let mut text = match serde_json::to_string(entry) {
            Ok(text) => text,
            Err(error) => return Err(CollectError::Entry { key: key.to_string(), error }),
        };
        text.push('\n');
        // A key holds a part of the line once more.
        let bytes = 2 * text.len() + ENTRY_BYTES;
        if self.bytes + bytes > self.part_bytes_max {
            self.spill()?;
        }
        self.bytes += bytes;
        self.lines.push(Line { key, text, counted_as: entry.counted_as().to_owned() });
        Ok(())
    }

    /// Writes what is left, and tells what was gathered.
    ///
    /// # Errors
    ///
    /// If the last part cannot be written. The sink is gone then; [`Sink::flush`] first where it shall be
    /// tried again.
    pub fn finish(mut self) -> Result<Summary, CollectError<W::Error>> {
        self.spill()?;
        Ok(self.summary)
    }

    /// Writes what has been taken, as a part that may be small.
    ///
    /// # Errors
    ///
    /// If the part cannot be written; it is kept and may be tried again.
    pub fn flush(&mut self) -> Result<(), CollectError<W::Error>> {
        self.spill()
    }

    /// How many bytes wait to be written.
    pub const fn waiting_bytes(&self) -> usize {
        self.bytes
    }

    fn spill(&mut self) -> Result<(), CollectError<W::Error>> {
        self.lines.sort_by(|one, other| one.key.cmp(&other.key));
        let (Some(first), Some(last)) = (self.lines.first(), self.lines.last()) else { return Ok(()) };
        let mut text = Vec::with_capacity(self.lines.iter().map(|line| line.text.len()).sum());
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for line in &self.lines {
            text.extend_from_slice(line.text.as_bytes());
            match counts.get_mut(&line.counted_as) {
                Some(count) => *count += 1,
                None => {
                    counts.insert(line.counted_as.clone(), 1);
                }
            }
        }
        let part = Part {
            name: format!("{}-{:05}.jsonl", self.name, self.summary.parts.len() + 1),
            entries: self.lines.len() as u64,
            bytes: text.len() as u64,
            sha256: hex::encode(Sha256::digest(&text)),
            counts,
            first: first.key.to_string(),
            last: last.key.to_string(),
        };
        if let Err(error) = self.writer.write(&part, &text) {
            return Err(CollectError::Part { name: part.name, error });
        }
        self.summary.entries += part.entries;
        for (name, count) in &part.counts {
            *self.summary.counts.entry(name.clone()).or_default() += count;
        }
        self.summary.parts.push(part);
        self.lines.clear();
        self.bytes = 0;
        Ok(())
    }
}
