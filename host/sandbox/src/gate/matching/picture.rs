//! What the record tells of a deployment's state, and what a candidate has written over it.
//!
//! A key is known from the first recorded call that told what it held before anything was
//! written to it. What is not known is not made up: a read of it has no answer. A write always
//! takes effect, in the picture alone.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{Answer, Call, Entry, StateAnswer, StateCall};
use super::RecordedCall;

#[derive(Debug, Default)]
pub(super) struct Picture {
    /// What keys hold, as far as it is known.
    known: BTreeMap<String, Option<Entry>>,
    /// Keys that the candidate has written otherwise than the record says.
    parted: BTreeSet<String>,
    /// The highest revision seen.
    revision: u64,
}

impl Picture {
    /// The state as it was when the recorded invocation began.
    pub(super) fn of<'a>(recorded: impl Iterator<Item = &'a RecordedCall>) -> Self {
        let mut picture = Self::default();
        let mut written: BTreeSet<String> = BTreeSet::new();
        for RecordedCall { call, answer, .. } in recorded {
            let (Call::State(call), Some(Answer::State(answer))) = (call, answer) else { continue };
            let Some(key) = key(call) else { continue };
            if let StateAnswer::Entry(Some(Entry { revision, .. })) | StateAnswer::Revision(revision) = answer {
                picture.revision = picture.revision.max(*revision);
            }
            if written.contains(key) {
                continue;
            }
            let held = match (call, answer) {
                (StateCall::Get { .. }, StateAnswer::Entry(entry)) => Some(entry.clone()),
                (StateCall::CompareAndSet { expected: None, .. }, StateAnswer::Revision(_))
                | (_, StateAnswer::Conflict(None) | StateAnswer::Existed(false)) => Some(None),
                _ => None,
            };
            if matches!(answer, StateAnswer::Revision(_) | StateAnswer::Sum(_) | StateAnswer::Existed(true)) {
                written.insert(key.to_owned());
            }
            if let Some(held) = held {
                picture.known.entry(key.to_owned()).or_insert(held);
            }
        }
        picture
    }

    /// Whether the record can tell nothing of this call any more.
    pub(super) fn has_parted(&self, call: &Call) -> bool {
        matches!(call, Call::State(call) if key(call).is_some_and(|key| self.parted.contains(key)))
    }

    /// Notes what a recorded call that is made again did.
    pub(super) fn saw(&mut self, call: &Call, answer: &Answer) {
        let (Call::State(call), Answer::State(answer)) = (call, answer) else { return };
        if let StateCall::Increment { key, .. } = call {
            // Its revision is nowhere said.
            self.known.remove(key);
            return;
        }
        let held = match (call, answer) {
            (StateCall::Get { .. }, StateAnswer::Entry(entry)) => entry.clone(),
            (
                StateCall::Set { value, .. } | StateCall::CompareAndSet { value, .. },
                StateAnswer::Revision(revision),
            ) => Some(Entry { value: value.clone(), revision: *revision }),
            (StateCall::Delete { .. }, StateAnswer::Existed(_)) => None,
            _ => return,
        };
        if let Some(key) = key(call) {
            self.known.insert(key.to_owned(), held);
        }
    }

    /// Answers a call that is not on record; nothing if nobody can know.
    pub(super) fn answer(&mut self, call: &Call) -> Option<Answer> {
        let Call::State(call) = call else { return None };
        let known = key(call).and_then(|key| self.known.get(key)).cloned();
        Some(Answer::State(match call {
            StateCall::Get { .. } => StateAnswer::Entry(known?),
            StateCall::Set { key, value, .. } => self.write(key, value),
            StateCall::CompareAndSet { key, expected, value, .. } => {
                let found = known.map(|entry| entry.map(|entry| entry.revision));
                match found {
                    Some(found) if found != *expected => StateAnswer::Conflict(found),
                    // Of a key that nobody knows, the candidate is believed.
                    _ => self.write(key, value),
                }
            }
            StateCall::Delete { key } => {
                self.parted.insert(key.clone());
                self.known.insert(key.clone(), None);
                StateAnswer::Existed(known.is_none_or(|entry| entry.is_some()))
            }
            _ => return None,
        }))
    }

    fn write(&mut self, key: &str, value: &[u8]) -> StateAnswer {
        self.revision += 1;
        let entry = Entry { value: value.to_vec(), revision: self.revision };
        self.parted.insert(key.to_owned());
        self.known.insert(key.to_owned(), Some(entry));
        StateAnswer::Revision(self.revision)
    }
}

/// The key that a call is about, if it is about one.
fn key(call: &StateCall) -> Option<&str> {
    match call {
        StateCall::Get { key }
        | StateCall::Set { key, .. }
        | StateCall::CompareAndSet { key, .. }
        | StateCall::Increment { key, .. }
        | StateCall::Expire { key, .. }
        | StateCall::Delete { key } => Some(key),
        _ => None,
    }
}
