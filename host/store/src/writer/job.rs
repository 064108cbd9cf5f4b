//! A write that waits for its turn in a batch, and what becomes of it.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;

use futures::FutureExt as _;
use tokio::sync::oneshot;
use tokio::time::Instant;
use troupe_core::{Error, Result};

use super::{Tx, Work};
use crate::fault::{Done, Failed, Fault};

/// What became of a job before its batch's commit.
pub(super) enum Ran {
    Kept,
    Undone(Option<Fault>),
}

/// Does a job's work. A panic in it is a mistake of ours, for which the job is undone as one that is refused is; the
/// writer has others to do.
pub(super) async fn caught<T>(work: impl Future<Output = Done<T>>) -> Done<T> {
    let done = AssertUnwindSafe(work).catch_unwind().await;
    done.unwrap_or_else(|_| Err(Error::internal("a write panicked").into()))
}

/// A write that waits for its turn.
pub(super) trait Job: Any + Send {
    fn run<'c>(&'c mut self, tx: &'c mut Tx) -> Pin<Box<dyn Future<Output = Ran> + Send + 'c>>;

    /// Makes it ready to be run again; false if nobody waits for that.
    fn again(&mut self) -> bool {
        false
    }

    /// Whether there is more of it to run, in a savepoint of its own.
    fn goes_on(&self) -> bool {
        false
    }

    /// Whether it may have to be run in parts.
    fn is_several(&self) -> bool {
        false
    }

    /// Takes its place behind other jobs of a batch.
    fn join(self: Box<Self>, jobs: &mut Vec<Box<dyn Job>>);

    fn answer(self: Box<Self>, lost: Option<Fault>);
}

/// A write that is done by itself.
pub(super) struct Typed<T, W> {
    pub(super) work: Option<W>,
    pub(super) spare: Option<Spare<W>>,
    pub(super) outcome: Option<Result<T>>,
    pub(super) answer: oneshot::Sender<Result<T>>,
}

/// Work that may be done again.
pub(super) struct Spare<W> {
    pub(super) copy: Box<dyn Fn() -> W + Send>,
    pub(super) until: Instant,
}

impl<T, W> Job for Typed<T, W>
where
    T: Send + 'static,
    W: for<'c> FnOnce(&'c mut Tx) -> Work<'c, T> + Send + 'static,
{
    fn run<'c>(&'c mut self, tx: &'c mut Tx) -> Pin<Box<dyn Future<Output = Ran> + Send + 'c>> {
        Box::pin(async move {
            let Some(work) = self.work.take() else { return Ran::Kept };
            let (ran, outcome) = match caught(async { work(tx).await }).await {
                Ok(value) => (Ran::Kept, Ok(value)),
                Err(Failed::Refused(error)) => (Ran::Undone(None), Err(error)),
                Err(Failed::Database(error)) => {
                    let fault = Fault::of(&error);
                    (Ran::Undone(Some(fault)), Err(fault.error().with_cause(error)))
                }
            };
            self.outcome = Some(outcome);
            ran
        })
    }

    fn again(&mut self) -> bool {
        let Some(spare) = self.spare.as_ref().filter(|spare| Instant::now() < spare.until) else { return false };
        if self.answer.is_closed() {
            return false;
        }
        (self.work, self.outcome) = (Some((spare.copy)()), None);
        true
    }

    fn join(self: Box<Self>, jobs: &mut Vec<Box<dyn Job>>) {
        jobs.push(self);
    }

    fn answer(self: Box<Self>, lost: Option<Fault>) {
        let outcome = match (lost, self.outcome) {
            (None, Some(outcome)) => outcome,
            // Even a refusal is void: it may rest on what a lost job of the batch wrote.
            (lost, _) => Err(lost.unwrap_or(Fault::Stopped).error()),
        };
        // A caller that stopped waiting does not want it.
        drop(self.answer.send(outcome));
    }
}
