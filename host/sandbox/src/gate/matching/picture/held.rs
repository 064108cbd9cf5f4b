//! What is known of one key.

use super::super::super::{Entry, StateAnswer, StateCall};

/// What a key holds, as far as the record tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Held {
    /// It is not there.
    Nothing,
    /// This.
    Entry(Entry),
    /// What counts as this number. Its revision is nowhere said, nor, of 0, whether it is there.
    Number(i64),
    /// It is there, and nobody knows with what.
    Something,
}

impl Held {
    /// What a key held before a recorded call, as far as the answer tells.
    pub(super) fn before(call: &StateCall, answer: &StateAnswer) -> Option<Self> {
        match (call, answer) {
            (StateCall::Get { .. }, StateAnswer::Entry(entry)) => Some(entry.clone().into()),
            (StateCall::CompareAndSet { expected: None, .. }, StateAnswer::Revision(_))
            | (_, StateAnswer::Conflict(None) | StateAnswer::Existed(false) | StateAnswer::Found(false)) => {
                Some(Self::Nothing)
            }
            (StateCall::Increment { delta, .. }, StateAnswer::Sum(sum)) => sum.checked_sub(*delta).map(Self::Number),
            (StateCall::CompareAndSet { expected: Some(_), .. }, StateAnswer::Revision(_))
            | (_, StateAnswer::Conflict(Some(_)) | StateAnswer::Existed(true) | StateAnswer::Found(true)) => {
                Some(Self::Something)
            }
            _ => None,
        }
    }

    /// Takes in what a later call tells of the same. That it is gone then is no news: it may
    /// have come to its end meanwhile.
    pub(super) fn learn(&mut self, told: Self) {
        if *self == Self::Something && told != Self::Nothing {
            *self = told;
        }
    }

    /// Whether it is known to have this revision.
    pub(super) fn has_revision(&self, revision: u64) -> bool {
        matches!(self, Self::Entry(entry) if entry.revision == revision)
    }

    /// What a read would answer; nothing if nobody knows.
    pub(super) fn entry(self) -> Option<Option<Entry>> {
        match self {
            Self::Nothing => Some(None),
            Self::Entry(entry) => Some(Some(entry)),
            Self::Number(_) | Self::Something => None,
        }
    }

    /// What an increment would add to, or that there is no number; nothing if nobody knows.
    pub(super) fn number(&self) -> Option<Option<i64>> {
        match self {
            Self::Nothing => Some(Some(0)),
            Self::Number(number) => Some(Some(*number)),
            Self::Entry(entry) => Some(std::str::from_utf8(&entry.value).ok().and_then(|text| text.parse().ok())),
            Self::Something => None,
        }
    }
}

impl From<Option<Entry>> for Held {
    fn from(found: Option<Entry>) -> Self {
        found.map_or(Self::Nothing, Self::Entry)
    }
}
