//! What another release is answered from the journal of an invocation.
//!
//! A candidate makes its calls in another order, leaves some out and makes new ones, so the
//! number of a call finds nothing. A call is found by its *meaning* (`meaning.rs`): capability,
//! function and arguments, without what differs between two runs of the same program. Of calls
//! that mean the same, the first is answered as the first was, the second as the second.
//!
//! The attack: a release under trial deletes what the one before only listed. The rule: no
//! call of it is performed, whatever it is; it is authorised as it would be if it served, and
//! then answered by this table:
//!
//! | a call | is answered |
//! |---|---|
//! | that no grant of the candidate allows | with the denial |
//! | that the record holds | as it was then |
//! | of `state` or `instance-state`, on a key of which the record tells what it held | from that picture, in which the candidate's own writes take effect |
//! | that changes one of them otherwise | as if it took effect; the picture has it from then on |
//! | of `increment`, on a key whose number nobody knows | with an error, since its answer would be a read made up |
//! | of `secrets` | with the reference that the invocation's seed gives it; a request that carries one is judged as ever |
//! | of `locks` | with an error: who would have held it nobody knows; a write under a lock is that write |
//! | of `agents` | with an error: what another agent would have answered nobody knows, and none is asked |
//! | of `approvals` | with an error: nobody is asked, and what somebody would have said nobody knows |
//! | of `events` | with an error: nothing is published, so it has no place among what was |
//! | else | with an error that says so: no read is made up, and no write is sent |
//!
//! Once the candidate has written a key that the release before did not write so, all it reads
//! of that key comes from the picture, and a recorded list that is wrong about the key is not
//! on record any more. One of these serves one invocation; it knows nothing of
//! the sandbox, so as many can be at work at once as there are invocations to try.

mod meaning;
mod picture;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use troupe_core::{Code, Error, Result, Timestamp};

use self::meaning::Meaning;
use self::picture::Pictures;
use super::recording::Past;
use super::{Answer, Call, HttpCall, HttpFailure, JournalRow};
use crate::seeds::seed_of;

/// When an answer comes that took no time: a guest's clock does not go back.
const AT_ONCE: Timestamp = Timestamp::from_millis(0);

/// The journal of an invocation, read once for however many releases are tried on it.
#[derive(Debug, Clone)]
pub struct Record {
    /// What the idempotency tokens of the host's making come from.
    tokens: [u8; 32],
    recorded: Vec<Arc<RecordedCall>>,
    /// Where the calls stand, by what they mean.
    by_meaning: HashMap<Vec<u8>, VecDeque<usize>>,
    pictures: Pictures,
}

/// The journal of an invocation, to answer one run of another release from.
#[derive(Debug)]
pub struct Matching {
    /// What the idempotency tokens of the host's making come from.
    tokens: [u8; 32],
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    recorded: Vec<(Arc<RecordedCall>, bool)>,
    /// The recorded calls that were not made again yet, by what they mean.
    left: HashMap<Vec<u8>, VecDeque<usize>>,
    pictures: Pictures,
    made: Vec<Arc<MadeCall>>,
    /// When the answers of requests came, if they did.
    came: HashMap<u64, Option<Timestamp>>,
}

/// What is known of the answer of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Came {
    /// The request is not whole yet.
    NotYet,
    /// It came at this time.
    At(Timestamp),
    /// It never comes, as it did not then.
    Never,
}

/// A call of the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedCall {
    /// Its number.
    pub number: u64,
    /// When it was answered.
    pub at: Timestamp,
    /// The call.
    pub call: Call,
    /// The answer, if one was seen.
    pub answer: Option<Answer>,
    /// Whether it may have changed something.
    pub write: bool,
}

/// A call that the candidate made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeCall {
    /// Its number.
    pub number: u64,
    /// The call.
    pub call: Call,
    /// The answer, if there was one.
    pub answer: Option<Answer>,
    /// The number of the recorded call that it is once more.
    pub recorded: Option<u64>,
    /// Where the answer came from.
    pub source: Source,
    /// Whether it would have changed something.
    pub write: bool,
}

/// Where the answer of a call came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// From the record.
    Record,
    /// From what the record tells of the state, and the candidate wrote over it.
    Picture,
    /// From the invocation's seed, of which the host makes it anew.
    Seed,
    /// From the candidate's grants, which do not allow it.
    Denied,
    /// From nowhere: the candidate was told an error.
    Unmatched,
}

/// What a candidate did, beside what was recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matched {
    /// The calls it made, in the order in which it made them.
    pub made: Vec<Arc<MadeCall>>,
    /// The recorded calls.
    pub recorded: Vec<Arc<RecordedCall>>,
    /// The numbers of those that it did not make.
    pub missing: Vec<u64>,
}

impl Record {
    /// Takes up the journal of an invocation that had this seed.
    ///
    /// # Errors
    /// [`Code::Internal`] if a row is not of this or an earlier host.
    pub fn new(rows: &[JournalRow], seed: &[u8; 32]) -> Result<Self> {
        let tokens = seed_of(seed, "idempotency");
        let mut recorded = Vec::new();
        let mut by_meaning: HashMap<Vec<u8>, VecDeque<usize>> = HashMap::new();
        for row in rows {
            let call = Call::decode(&row.call)?;
            // What a release waits for, and in which order, is its own affair.
            if matches!(call, Call::Wait | Call::HttpBegun) {
                continue;
            }
            let answer = if row.answer.is_empty() { None } else { Some(Answer::decode(&row.answer)?) };
            by_meaning.entry(Meaning::of(&call, row.number, &tokens).key()).or_default().push_back(recorded.len());
            recorded.push(Arc::new(RecordedCall { number: row.number, at: row.at, call, answer, write: row.write }));
        }
        let pictures = Pictures::of(recorded.iter().map(|recorded| &**recorded));
        Ok(Self { tokens, recorded, by_meaning, pictures })
    }

    /// The recorded calls, in their order.
    pub fn calls(&self) -> &[Arc<RecordedCall>] {
        &self.recorded
    }

    /// Whether every answer was short enough to be kept.
    pub fn is_whole(&self) -> bool {
        !self.recorded.iter().any(|recorded| matches!(recorded.answer, Some(Answer::HttpStreamed(_))))
    }
}

impl Matching {
    /// Begins to answer a release, which has made no call yet.
    pub fn new(record: &Record) -> Self {
        let Record { tokens, recorded, by_meaning, pictures } = record.clone();
        let recorded = recorded.into_iter().map(|recorded| (recorded, false)).collect();
        let inner = Inner { recorded, left: by_meaning, pictures, made: Vec::new(), came: HashMap::new() };
        Self { tokens, inner: Mutex::new(inner) }
    }

    /// Answers a call that the candidate may make, when its clock shows `now`, and says when
    /// it was answered; nothing if nobody can tell when.
    pub(super) fn answer(&self, number: u64, call: &Call, write: bool, now: Timestamp) -> (Answer, Option<Timestamp>) {
        let mut inner = self.lock();
        let then = inner.take(&self.meaning(number, call));
        let recorded = then.as_ref().map(|then| then.number);
        let recorded_answer = then.as_ref().and_then(|then| then.answer.as_ref());
        let has_parted = inner.pictures.has_parted(call, recorded_answer, now);
        let (answer, at, source) = match then.as_deref() {
            Some(RecordedCall { at, answer: Some(answer), .. }) if !has_parted => {
                inner.pictures.saw(call, answer, *at);
                (answer.clone(), Some(*at), Source::Record)
            }
            _ => match inner.pictures.answer(call, now) {
                Some(answer) => (answer, None, Source::Picture),
                None => (unmatched(call, write), None, Source::Unmatched),
            },
        };
        let (call, told) = (call.clone(), Some(answer.clone()));
        inner.made.push(Arc::new(MadeCall { number, call, answer: told, recorded, source, write }));
        (answer, at)
    }

    /// Notes a call that the candidate may make and whose answer follows from the call itself,
    /// and says when it was answered, if it was then.
    pub(super) fn known(&self, number: u64, call: &Call, answer: &Answer) -> Option<Timestamp> {
        let mut inner = self.lock();
        let then = inner.take_if(&self.meaning(number, call), |then| then.answer.as_ref() == Some(answer));
        let source = if then.is_some() { Source::Record } else { Source::Seed };
        let (recorded, at) = then.map(|then| (then.number, then.at)).unzip();
        let (call, answer) = (call.clone(), Some(answer.clone()));
        inner.made.push(Arc::new(MadeCall { number, call, answer, recorded, source, write: false }));
        at
    }

    /// Answers a request that the candidate may send, as [`Past`] has it.
    pub(super) fn answer_http(&self, number: u64, call: HttpCall, write: bool) -> Past {
        let call = Call::Http(call);
        let mut inner = self.lock();
        let then = inner.take(&self.meaning(number, &call));
        let recorded = then.as_ref().map(|then| then.number);
        let (answer, at, source) = match then.as_deref() {
            // Nobody saw an answer then, so nobody sees one now.
            Some(RecordedCall { answer: None, .. }) => (None, None, Source::Record),
            Some(RecordedCall { at, answer: Some(Answer::HttpStreamed(_)), .. }) => {
                let why = format!("the answer of {} was too long to be kept", call.describe());
                (Some(failure(&why)), Some(*at), Source::Record)
            }
            Some(RecordedCall { at, answer, .. }) => (answer.clone(), Some(*at), Source::Record),
            None => (Some(failure(&sentence(&call, write))), None, Source::Unmatched),
        };
        inner.made.push(Arc::new(MadeCall { number, call, answer: answer.clone(), recorded, source, write }));
        let at = answer.as_ref().map(|_| at.unwrap_or(AT_ONCE));
        inner.came.insert(number, at);
        match (answer, at) {
            (Some(answer), Some(at)) => Past::Answered(answer, at),
            _ => Past::Unanswered { write },
        }
    }

    /// What is known of the answer of a request.
    pub(super) fn came(&self, number: u64) -> Came {
        match self.lock().came.get(&number) {
            None => Came::NotYet,
            Some(None) => Came::Never,
            Some(Some(at)) => Came::At(*at),
        }
    }

    /// Notes a call that the candidate may not make.
    pub(super) fn denied(&self, number: u64, call: Call, answer: &Answer, write: bool) {
        let mut inner = self.lock();
        // If it was denied then as well, it is the same call.
        let then = inner.take_if(&self.meaning(number, &call), |then| same_denial(then, answer));
        let recorded = then.map(|then| then.number);
        let source = if recorded.is_some() { Source::Record } else { Source::Denied };
        inner.came.insert(number, Some(AT_ONCE));
        let answer = Some(answer.clone());
        inner.made.push(Arc::new(MadeCall { number, call, answer, recorded, source, write }));
    }

    /// What the candidate did, beside what was recorded.
    pub fn matched(&self) -> Matched {
        let inner = self.lock();
        let missing = inner.recorded.iter().filter(|(_, made)| !made).map(|(recorded, _)| recorded.number).collect();
        let mut made = inner.made.clone();
        made.sort_by_key(|made| made.number);
        Matched { made, recorded: inner.recorded.iter().map(|(recorded, _)| Arc::clone(recorded)).collect(), missing }
    }

    /// What a call works on, and how. Only calls for which it is the same can have changed into
    /// each other.
    pub fn target(call: &Call) -> String {
        Meaning::target(call)
    }

    /// How two calls on the same thing differ, in short, or an empty text if they mean the same;
    /// nothing if they are calls on different things.
    pub fn changed(&self, recorded: &RecordedCall, made: &MadeCall) -> Option<String> {
        let before = Meaning::of(&recorded.call, recorded.number, &self.tokens);
        before.changes(&Meaning::of(&made.call, made.number, &self.tokens))
    }

    fn meaning(&self, number: u64, call: &Call) -> Vec<u8> {
        Meaning::of(call, number, &self.tokens).key()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn take(&mut self, meaning: &[u8]) -> Option<Arc<RecordedCall>> {
        self.take_if(meaning, |_| true)
    }

    /// Takes the first recorded call that means this and was not made again yet.
    fn take_if(&mut self, meaning: &[u8], wanted: impl FnOnce(&RecordedCall) -> bool) -> Option<Arc<RecordedCall>> {
        let left = self.left.get_mut(meaning)?;
        let (recorded, made) = self.recorded.get_mut(*left.front()?)?;
        if !wanted(recorded) {
            return None;
        }
        left.pop_front();
        *made = true;
        Some(Arc::clone(recorded))
    }
}

/// Whether a call was refused then as it is now.
fn same_denial(recorded: &RecordedCall, now: &Answer) -> bool {
    match (&recorded.answer, now) {
        (Some(Answer::HttpFailed(then)), Answer::HttpFailed(now)) => then.code == now.code && !then.sent,
        (Some(then), now) => std::mem::discriminant(then) == std::mem::discriminant(now),
        (None, _) => false,
    }
}

fn sentence(call: &Call, write: bool) -> String {
    let call = call.describe();
    if write {
        format!("{call} is not on record, and a release that is tried changes nothing")
    } else {
        format!("{call} is not on record, so nobody knows its answer")
    }
}

fn unmatched(call: &Call, write: bool) -> Answer {
    Answer::Denied { code: Code::ReplayUnmatched.as_str().to_owned(), message: sentence(call, write) }
}

fn failure(why: &str) -> Answer {
    Answer::HttpFailed(HttpFailure::new(&Error::new(Code::ReplayUnmatched, why).with("sent", false)))
}

#[cfg(test)]
#[path = "matching/tests.rs"]
mod tests;
