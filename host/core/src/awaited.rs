//! What a task may wait for while it is suspended, besides time and locks.

use std::fmt;

use crate::{ApprovalId, TaskId};

/// Something that comes to pass whether or not whoever waits for it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Awaited {
    /// The end of a task that was asked for.
    Task(TaskId),
    /// That an approval is decided, or need not be.
    Approval(ApprovalId),
}

impl fmt::Display for Awaited {
    /// Its id, which is that of nothing else.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Task(id) => id.fmt(f),
            Self::Approval(id) => id.fmt(f),
        }
    }
}
