//! What the record tells of state, and what a candidate has written over it. Each key space
//! has a picture of its own.
//!
//! A key is known from the first recorded call that told what it held before anything was
//! written to it. What is not known is not made up: a read of it has no answer, and neither
//! has an increment of it, whose answer is a number read and changed. Any other write takes
//! effect, in the picture alone. A key that the candidate gave an end is over when its own
//! clock has passed it.

mod held;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use troupe_core::{KeySpace, Timestamp, limits};

use self::held::Held;
use super::super::{Answer, Call, Entry, StateAnswer, StateCall};
use super::RecordedCall;
use crate::port::StateOutcome;

/// The key spaces that an invocation reaches.
#[derive(Debug, Clone)]
pub(super) struct Pictures {
    deployment: Picture,
    instance: Picture,
}

impl Pictures {
    /// The state as it was when the recorded invocation began.
    pub(super) fn of<'a>(recorded: impl Iterator<Item = &'a RecordedCall> + Clone) -> Self {
        Self {
            deployment: Picture::of(KeySpace::Deployment, recorded.clone()),
            instance: Picture::of(KeySpace::Instance, recorded),
        }
    }

    /// Whether what the record tells of this call, which is made at `now`, holds no more.
    pub(super) fn has_parted(&mut self, call: &Call, then: Option<&Answer>, now: Timestamp) -> bool {
        self.at(call).is_some_and(|(picture, call)| picture.has_parted(call, then, now))
    }

    /// Notes what a recorded call that is made again did, and when.
    pub(super) fn saw(&mut self, call: &Call, answer: &Answer, at: Timestamp) {
        if let (Some((picture, call)), Answer::State(answer)) = (self.at(call), answer) {
            picture.saw(call, answer, at);
        }
    }

    /// Answers a call that is not on record and made at `now`; nothing if nobody can know.
    pub(super) fn answer(&mut self, call: &Call, now: Timestamp) -> Option<Answer> {
        let (picture, call) = self.at(call)?;
        picture.answer(call, now)
    }

    /// The picture that a call is about, if it is about one.
    fn at<'a>(&mut self, call: &'a Call) -> Option<(&mut Picture, &'a StateCall)> {
        let (space, call) = call.of_state()?;
        let picture = match space {
            KeySpace::Deployment => &mut self.deployment,
            KeySpace::Instance => &mut self.instance,
        };
        Some((picture, call))
    }
}

#[derive(Debug, Clone)]
struct Picture {
    space: KeySpace,
    /// What keys hold, as far as it is known.
    known: BTreeMap<String, Held>,
    /// When keys end, as far as the candidate said so.
    ends: BTreeMap<String, Timestamp>,
    /// Keys that the candidate has written otherwise than the record says.
    parted: BTreeSet<String>,
    /// Keys whose end it has set otherwise; what they hold until then is as recorded.
    retimed: BTreeSet<String>,
    /// The highest revision seen.
    revision: u64,
}

impl Picture {
    /// The state as it was when the recorded invocation began.
    fn of<'a>(space: KeySpace, recorded: impl Iterator<Item = &'a RecordedCall>) -> Self {
        let mut picture = Self {
            space,
            known: BTreeMap::new(),
            ends: BTreeMap::new(),
            parted: BTreeSet::new(),
            retimed: BTreeSet::new(),
            revision: 0,
        };
        let mut written: BTreeSet<String> = BTreeSet::new();
        for RecordedCall { call, answer, .. } in recorded {
            let (Some((of, call)), Some(Answer::State(answer))) = (call.of_state(), answer) else { continue };
            let Some(key) = key(call).filter(|_| of == space) else { continue };
            if let StateAnswer::Entry(Some(Entry { revision, .. })) | StateAnswer::Revision(revision) = answer {
                picture.revision = picture.revision.max(*revision);
            }
            if written.contains(key) {
                continue;
            }
            if let Some(held) = Held::before(call, answer) {
                let known = picture.known.entry(key.to_owned()).or_insert_with(|| held.clone());
                known.learn(held);
            }
            if matches!(answer, StateAnswer::Revision(_) | StateAnswer::Sum(_) | StateAnswer::Existed(true)) {
                written.insert(key.to_owned());
            }
        }
        picture
    }

    /// Whether what the record tells of this call, which is made at `now`, holds no more. A
    /// list does not where it names a key that is gone by now, or leaves out one that is there.
    fn has_parted(&self, call: &StateCall, then: Option<&Answer>, now: Timestamp) -> bool {
        if let (StateCall::List { prefix, after, limit }, Some(Answer::State(StateAnswer::Keys(keys)))) = (call, then) {
            let is_full = keys.len() >= (*limit).min(limits::STATE_LIST_MAX) as usize;
            let last = keys.last().filter(|_| is_full);
            let is_meant = |key: &String| {
                key.starts_with(prefix)
                    && after.as_ref().is_none_or(|after| key > after)
                    && last.is_none_or(|last| key <= last)
            };
            let mut meant = self.parted.union(&self.retimed).filter(|key| is_meant(key));
            return meant.any(|key| keys.contains(key) == self.is_gone(key, now));
        }
        key(call).is_some_and(|key| self.parted.contains(key) || (self.retimed.contains(key) && self.is_over(key, now)))
    }

    /// Notes what a recorded call that is made again did, and when.
    fn saw(&mut self, call: &StateCall, answer: &StateAnswer, at: Timestamp) {
        let Some(key) = key(call) else { return };
        match (call, answer) {
            (StateCall::Get { .. }, StateAnswer::Entry(found)) => {
                self.outlived(key, at);
                self.hold(key, found.clone().into());
            }
            (
                StateCall::Set { value, ttl_ms, .. } | StateCall::CompareAndSet { value, ttl_ms, .. },
                StateAnswer::Revision(revision),
            ) => {
                self.hold(key, Held::Entry(Entry { value: value.clone(), revision: *revision }));
                self.end(key, *ttl_ms, at);
            }
            (StateCall::CompareAndSet { .. }, StateAnswer::Conflict(None)) => self.hold(key, Held::Nothing),
            (StateCall::CompareAndSet { .. }, StateAnswer::Conflict(Some(found))) => {
                let is_known = self.known.get(key).is_some_and(|held| held.has_revision(*found));
                if !is_known {
                    self.hold(key, Held::Something);
                }
            }
            (StateCall::Increment { .. }, StateAnswer::Sum(sum)) => {
                self.outlived(key, at);
                self.hold(key, Held::Number(*sum));
            }
            (StateCall::Expire { ttl_ms, .. }, StateAnswer::Found(true)) => {
                self.known.entry(key.to_owned()).or_insert(Held::Something);
                self.end(key, *ttl_ms, at);
            }
            (StateCall::Expire { .. }, StateAnswer::Found(false))
            | (StateCall::Delete { .. }, StateAnswer::Existed(_)) => self.hold(key, Held::Nothing),
            _ => {}
        }
    }

    /// Answers a call that is not on record and made at `now`; nothing if nobody can know.
    fn answer(&mut self, call: &StateCall, now: Timestamp) -> Option<Answer> {
        let key = key(call)?;
        let known = if self.is_over(key, now) { Some(Held::Nothing) } else { self.known.get(key).cloned() };
        Some(Answer::State(match call {
            StateCall::Get { .. } => StateAnswer::Entry(known?.entry()?),
            StateCall::Set { value, ttl_ms, .. } => {
                self.end(key, *ttl_ms, now);
                StateAnswer::Revision(self.write(key, value.clone()))
            }
            StateCall::CompareAndSet { expected, value, ttl_ms, .. } => {
                match known {
                    Some(Held::Nothing) if expected.is_some() => return Some(conflict(None)),
                    Some(Held::Entry(found)) if Some(found.revision) != *expected => {
                        return Some(conflict(Some(found.revision)));
                    }
                    // It is there, and nobody knows with which revision.
                    Some(Held::Something) if expected.is_none() => return None,
                    // Of a key that nobody knows, the candidate is believed.
                    _ => {}
                }
                self.end(key, *ttl_ms, now);
                StateAnswer::Revision(self.write(key, value.clone()))
            }
            StateCall::Increment { delta, .. } => {
                let refused = |why| Some(Answer::of_change(self.space, &why));
                let Some(number) = known?.number()? else { return refused(StateOutcome::NotANumber) };
                let Some(sum) = number.checked_add(*delta) else { return refused(StateOutcome::Overflow) };
                self.outlived(key, now);
                self.write(key, sum.to_string().into_bytes());
                StateAnswer::Sum(sum)
            }
            StateCall::Expire { ttl_ms, .. } => {
                if matches!(known, Some(Held::Nothing)) {
                    return Some(Answer::State(StateAnswer::Found(false)));
                }
                self.known.entry(key.to_owned()).or_insert(Held::Something);
                self.end(key, *ttl_ms, now);
                self.retimed.insert(key.to_owned());
                StateAnswer::Found(true)
            }
            StateCall::Delete { .. } => {
                self.parted.insert(key.to_owned());
                self.hold(key, Held::Nothing);
                StateAnswer::Existed(!matches!(known, Some(Held::Nothing)))
            }
            StateCall::List { .. } | StateCall::Fenced { .. } => return None,
        }))
    }

    fn is_gone(&self, key: &str, now: Timestamp) -> bool {
        self.is_over(key, now) || matches!(self.known.get(key), Some(Held::Nothing))
    }

    fn is_over(&self, key: &str, now: Timestamp) -> bool {
        self.ends.get(key).is_some_and(|end| *end <= now)
    }

    /// Forgets the end of a key that is there after it.
    fn outlived(&mut self, key: &str, now: Timestamp) {
        if self.is_over(key, now) {
            self.ends.remove(key);
            self.retimed.remove(key);
        }
    }

    /// Notes what a key holds. What is not there has no end.
    fn hold(&mut self, key: &str, held: Held) {
        if matches!(held, Held::Nothing) {
            self.ends.remove(key);
            self.retimed.remove(key);
        }
        self.known.insert(key.to_owned(), held);
    }

    /// Notes when a key ends, counted from `from`.
    fn end(&mut self, key: &str, ttl_ms: Option<u64>, from: Timestamp) {
        self.retimed.remove(key);
        match ttl_ms {
            Some(ttl) => self.ends.insert(key.to_owned(), from.plus(Duration::from_millis(ttl))),
            None => self.ends.remove(key),
        };
    }

    /// Writes a key as the record does not; returns the revision.
    fn write(&mut self, key: &str, value: Vec<u8>) -> u64 {
        self.revision += 1;
        self.parted.insert(key.to_owned());
        self.known.insert(key.to_owned(), Held::Entry(Entry { value, revision: self.revision }));
        self.revision
    }
}

fn conflict(found: Option<u64>) -> Answer {
    Answer::State(StateAnswer::Conflict(found))
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
        StateCall::List { .. } | StateCall::Fenced { .. } => None,
    }
}
