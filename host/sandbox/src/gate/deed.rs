//! What performing a permitted call means. It decides when the call's row is committed.

use std::pin::Pin;

use troupe_core::{LockChange, Result, TaskId};

use super::Answer;
use crate::port::{ApprovalAsk, Ask, NewArtifact, Publish, StateChange};

/// A permitted call, ready to be performed. Only the permit of a capability makes one.
pub(super) enum Deed<'a> {
    /// It is nothing to do: the answer follows from the call and the invocation's seed. Its
    /// row waits like that of a read.
    Known(Answer),
    /// It changes nothing: its row waits and rides along with the next commit.
    Read(Doing<'a>),
    /// It changes our own database: change and row are one transaction, so that it happens
    /// exactly once.
    Own(Change),
    /// It changes something outside, is over soon, and doing it twice is doing it once: its
    /// row is committed without an answer before, and with it before the guest sees it. It
    /// goes on to its end if the guest is ended, and one of a host that died is done again.
    Outside(Doing<'static>),
}

/// A change of our own database.
pub(super) enum Change {
    /// Of a key of state.
    State(StateChange),
    /// Of a lock.
    Lock(LockChange),
    /// A task that another agent is asked for.
    Ask(Box<Ask>),
    /// The end of such a task is asked for.
    CancelChild(TaskId),
    /// An approval that people are asked for.
    Approval(Box<ApprovalAsk>),
    /// An event that is published.
    Publish(Box<Publish>),
    /// An artefact that is finished.
    Artifact(Box<NewArtifact>),
}

/// Performs a call and answers it. An error ends the invocation.
pub(super) type Doing<'a> = Pin<Box<dyn Future<Output = Result<Answer>> + Send + 'a>>;
