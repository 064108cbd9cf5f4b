//! Many resources or findings within bounds of memory.
//!
//! A few thousand are kept and told in the output. If there are more, all of them go into artefacts of the task, in
//! sorted parts, and memory holds one part at most.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;
use troupe_estate::Entry;
use troupe_estate::collect::{CollectError, Part, Parts, Sink};
use troupe_sdk::{Failure, artifacts};

/// Most entries that are told in the output, in bytes of JSON: a quarter of what an output may have. In memory
/// they take some five times as much.
pub const INLINE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What a sink of artefacts holds at most; its parts are a quarter of it, and a task may have a hundred of them.
const SINK_BYTES_MAX: usize = 96 * 1024 * 1024;

/// Entries that are gathered, in whatever order they come.
pub struct Kept<T: Entry> {
    name: &'static str,
    counts: BTreeMap<String, u64>,
    entries: Vec<T>,
    bytes: usize,
    sink: Option<Sink<T, Artifacts>>,
    /// Why the artefacts cannot be written; the agent fails with it at the end.
    failure: Option<Failure>,
}

/// All that was gathered.
#[derive(Debug)]
pub struct KeptAll<T> {
    /// How many entries there are of each type, severity or status.
    pub counts: BTreeMap<String, u64>,
    /// The entries, in the order of their keys; none if there are `parts`.
    pub entries: Vec<T>,
    /// The artefacts that hold the entries, if they are too many.
    pub parts: Vec<Part>,
}

impl<T: Entry> Kept<T> {
    /// Begins to gather. If there are artefacts they are called `NAME-00001.jsonl` and so on.
    pub const fn new(name: &'static str) -> Self {
        Self { name, counts: BTreeMap::new(), entries: Vec::new(), bytes: 0, sink: None, failure: None }
    }

    /// How many entries were taken.
    pub fn len(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Reports whether none was taken.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Takes an entry.
    pub fn take(&mut self, entry: T) {
        if self.failure.is_some() {
            return;
        }
        match self.counts.get_mut(entry.counted_as()) {
            Some(count) => *count += 1,
            None => {
                self.counts.insert(entry.counted_as().to_owned(), 1);
            }
        }
        if let Some(sink) = &mut self.sink {
            self.failure = sink.push(&entry).map_err(failure).err();
            return;
        }
        self.bytes += json_bytes(&entry);
        self.entries.push(entry);
        if self.bytes > INLINE_BYTES_MAX {
            let mut sink = Sink::new(self.name, SINK_BYTES_MAX, Artifacts);
            let entries = std::mem::take(&mut self.entries);
            self.failure = entries.iter().find_map(|entry| sink.push(entry).map_err(failure).err());
            self.sink = Some(sink);
        }
    }

    /// Tells all of it.
    ///
    /// # Errors
    ///
    /// What the host said, if the artefacts could not be written.
    pub fn finish(mut self) -> Result<KeptAll<T>, Failure> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        self.entries.sort_by_cached_key(Entry::key);
        let parts = match self.sink {
            Some(sink) => sink.finish().map_err(failure)?.parts,
            None => Vec::new(),
        };
        Ok(KeptAll { counts: self.counts, entries: self.entries, parts })
    }
}

/// How long something is as JSON, in bytes.
pub fn json_bytes(entry: &impl Serialize) -> usize {
    struct Length(usize);
    impl Write for Length {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut length = Length(0);
    // What cannot be written is refused, and named, when it is told.
    let _ = serde_json::to_writer(&mut length, entry);
    length.0
}

fn failure(error: CollectError<Failure>) -> Failure {
    match error {
        CollectError::Part { error, .. } => error,
        error => Failure::failed(error),
    }
}

/// Writes parts as artefacts of the task.
struct Artifacts;

impl Parts for Artifacts {
    type Error = Failure;

    fn write(&mut self, part: &Part, text: &[u8]) -> Result<(), Failure> {
        let mut artifact = artifacts::create(&part.name, "application/jsonl")?;
        artifact.write_all(text)?;
        artifact.finish()?;
        Ok(())
    }
}
