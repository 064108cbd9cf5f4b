//! Writes of one kind that are done as one.
//!
//! Of some writes there are many at once, and each does to the database what the one before it did: a task that has
//! ended is recorded, an event is published. Those that come one after the other, with no other write between them, are
//! one job of a batch, which looks up and writes for all of them together. If that fails, it is undone, and each runs
//! alone: one that cannot be done fails no other, and is told what it would be told by itself.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;

use tokio::sync::oneshot;
use troupe_core::Result;

use super::job::{Job, Ran, caught};
use super::{Tx, Work};
use crate::fault::{Failed, Fault};

/// A write of a kind that is done for several at once.
pub(crate) trait Together: Sized + Send + Sync + 'static {
    /// What is told of one.
    type Answer: Send + 'static;

    /// Does all, in their order, or fails as a whole; there is an answer for each.
    fn all<'c>(tx: &'c mut Tx, all: &'c [Self]) -> Work<'c, Vec<Self::Answer>>;
}

/// Writes of one kind.
pub(super) struct Group<K: Together> {
    asked: Vec<K>,
    answers: Vec<oneshot::Sender<Result<K::Answer>>>,
    outcomes: Vec<Result<K::Answer>>,
    /// Whether they failed together, so that each runs alone.
    is_split: bool,
}

impl<K: Together> Group<K> {
    /// One write, to which others may come.
    pub(super) fn of(asked: K, answer: oneshot::Sender<Result<K::Answer>>) -> Self {
        Self { asked: vec![asked], answers: vec![answer], outcomes: Vec::new(), is_split: false }
    }
}

impl<K: Together> Job for Group<K> {
    fn run<'c>(&'c mut self, tx: &'c mut Tx) -> Pin<Box<dyn Future<Output = Ran> + Send + 'c>> {
        Box::pin(async move {
            let asked =
                if self.is_split { self.asked.get(self.outcomes.len()).map(std::slice::from_ref) } else { None };
            let done = caught(async { K::all(tx, asked.unwrap_or(&self.asked)).await }).await;
            match done {
                Ok(answers) => {
                    self.outcomes.extend(answers.into_iter().map(Ok));
                    Ran::Kept
                }
                Err(failed) => {
                    let fault = match &failed {
                        Failed::Refused(_) => None,
                        Failed::Database(error) => Some(Fault::of(error)),
                    };
                    if self.asked.len() > 1 && !self.is_split {
                        self.is_split = true;
                    } else {
                        self.outcomes.push(Err(failed.into()));
                    }
                    Ran::Undone(fault)
                }
            }
        })
    }

    fn goes_on(&self) -> bool {
        self.outcomes.len() < self.asked.len()
    }

    fn is_several(&self) -> bool {
        self.asked.len() > 1
    }

    fn join(self: Box<Self>, jobs: &mut Vec<Box<dyn Job>>) {
        let last = jobs.last_mut().and_then(|job| (&mut **job as &mut dyn Any).downcast_mut::<Self>());
        match last {
            Some(group) => {
                group.asked.extend(self.asked);
                group.answers.extend(self.answers);
            }
            None => jobs.push(self),
        }
    }

    fn answer(self: Box<Self>, lost: Option<Fault>) {
        let mut outcomes = self.outcomes.into_iter();
        for answer in self.answers {
            let outcome = match (lost, outcomes.next()) {
                (None, Some(outcome)) => outcome,
                (lost, _) => Err(lost.unwrap_or(Fault::Stopped).error()),
            };
            drop(answer.send(outcome));
        }
    }
}
