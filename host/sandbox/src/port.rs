//! The ports: what the sandbox asks of the rest of the host. The runtime implements
//! them over the store; tests and the admission child over nothing at all.

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use troupe_core::approval::{AskedApproval, ShownAction};
use troupe_core::view::{Progress, TaskApprovalStatus};
use troupe_core::{
    AgentName, ApprovalId, ArtifactName, ArtifactOutcome, AskOptions, AskOutcome, Awaited, Child, Effect, EventDraft,
    Fence, KeySpace, LockChange, LockOutcome, MediaType, PublishOutcome, Result, SkillName, TaskId, Timestamp,
};

use crate::artifacts::Draft;
use crate::gate::{Entry, JournalRow};

/// A write to a key of state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateWrite {
    /// Writes a key whatever it held.
    Set {
        /// The key.
        key: String,
        /// The new value.
        value: Vec<u8>,
        /// How long it stays; `None`: until it is changed.
        ttl: Option<Duration>,
    },
    /// Writes a key if its revision is still the expected one.
    CompareAndSet {
        /// The key.
        key: String,
        /// The revision it must have; `None`: it must be absent.
        expected: Option<u64>,
        /// The new value.
        value: Vec<u8>,
        /// How long it stays; `None`: until it is changed.
        ttl: Option<Duration>,
    },
    /// Adds to the number that a key holds in decimal; an absent one holds 0.
    Increment {
        /// The key.
        key: String,
        /// What to add.
        delta: i64,
    },
    /// Says how long a key stays as it is.
    Expire {
        /// The key.
        key: String,
        /// How long; `None`: until it is changed.
        ttl: Option<Duration>,
    },
    /// Deletes a key.
    Delete {
        /// The key.
        key: String,
    },
}

/// A write to state, where it goes, and within which quota.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateChange {
    /// Whose key it is.
    pub space: KeySpace,
    /// The write.
    pub write: StateWrite,
    /// Bytes that keys and values of the key space may take together.
    pub bytes_max: u64,
    /// Keys that the key space may have.
    pub keys_max: u64,
    /// The lock under which it is made; it must have the newest token of that lock.
    pub fence: Option<Fence>,
}

/// What a state write did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateOutcome {
    /// The key has this revision now.
    Written(u64),
    /// The key holds this sum now.
    Counted(i64),
    /// Whether there was a key to expire.
    Expiring(bool),
    /// Whether there was something to delete.
    Deleted(bool),
    /// The key had another revision (`None`: it was absent); nothing was written.
    Conflict(Option<u64>),
    /// The key holds no whole number of 64 bits; nothing was written.
    NotANumber,
    /// The lock under which it was to be made has another token by now, if it is known at all; nothing
    /// was written.
    Stale(Option<u64>),
    /// The sum would not be a whole number of 64 bits; nothing was written.
    Overflow,
    /// More than this many bytes would be stored; nothing was written.
    BytesFull(u64),
    /// More than this many keys would be stored; nothing was written.
    KeysFull(u64),
    /// The key spaces of the deployment would hold more than this many bytes together; nothing was
    /// written.
    BytesInAllFull(u64),
    /// They would hold more than this many keys together; nothing was written.
    KeysInAllFull(u64),
}

/// A skill of another agent that is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// The agent.
    pub agent: AgentName,
    /// The skill.
    pub skill: SkillName,
    /// Its input.
    pub input: serde_json::Value,
    /// How it is asked for.
    pub options: AskOptions,
    /// How far the skill that asks reaches: what is asked for may reach no further.
    pub ceiling: Effect,
}

/// An action that people are asked to approve of.
#[derive(Debug, Clone, PartialEq)]
pub struct ApprovalAsk {
    /// What is shown of it.
    pub shown: ShownAction,
    /// How far it may reach.
    pub effect: Effect,
    /// After how long it is void, if nobody has decided.
    pub expires_after: Option<Duration>,
    /// How many of its agent may be undecided at once.
    pub open_max: u32,
}

/// How such an approval stands.
#[derive(Debug, Clone, PartialEq)]
pub struct ApprovalStands {
    /// Where it is in its life.
    pub status: TaskApprovalStatus,
    /// Who decided, why and about what, as the guest is told.
    pub decision: serde_json::Map<String, serde_json::Value>,
}

/// An event that is published.
#[derive(Debug, Clone, PartialEq)]
pub struct Publish {
    /// The event.
    pub draft: EventDraft,
    /// For how long it is put off, in milliseconds.
    pub delay_ms: u64,
}

/// An artefact whose guest has finished it.
#[derive(Debug)]
pub struct NewArtifact {
    /// Its name.
    pub name: ArtifactName,
    /// Its media type.
    pub media_type: MediaType,
    /// Its bytes.
    pub draft: Draft,
}

/// The durable side of one invocation: its state and its journal.
///
/// WARNING: an implementation must refuse every write of an invocation that no longer
/// holds its lease or whose epoch is retired, in the same transaction as the write.
#[async_trait]
pub trait Ledger: Send {
    /// Reads a key.
    async fn get(&mut self, space: KeySpace, key: &str) -> Result<Option<Entry>>;

    /// Lists keys that begin with `prefix`, in byte order, after `after`.
    async fn list(&mut self, space: KeySpace, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>>;

    /// Commits `rows`, then `change`, then the row that records it, all or none.
    ///
    /// `row` arrives without an answer; the implementation completes it with the
    /// encoded [`Answer`](crate::Answer) of the outcome.
    async fn write(&mut self, rows: Vec<JournalRow>, row: JournalRow, change: StateChange) -> Result<StateOutcome>;

    /// Commits `rows` now, all or none.
    ///
    /// A row without an answer is the intent of a write outside our database. The row that
    /// completes it comes later, with the same number and an answer. Its call may be empty:
    /// the call stands in the journal already and is not written again.
    ///
    /// The provided method is that of a ledger that keeps nothing: it drops reads and
    /// refuses writes.
    async fn record(&mut self, rows: Vec<JournalRow>) -> Result<()> {
        if rows.iter().any(|row| row.write) {
            return Err(troupe_core::Error::new(
                troupe_core::Code::DeniedCapability,
                "this run keeps nothing, so it cannot write",
            ));
        }
        Ok(())
    }

    /// Commits `rows`, then a change of a lock, then the row that records it, all or none.
    ///
    /// `row` arrives without an answer; the implementation completes it with the encoded
    /// [`Answer`](crate::Answer) of the outcome.
    ///
    /// The provided method is that of a ledger that keeps nothing: it refuses.
    async fn lock(&mut self, _rows: Vec<JournalRow>, _row: JournalRow, _change: LockChange) -> Result<LockOutcome> {
        Err(troupe_core::Error::new(
            troupe_core::Code::DeniedCapability,
            "this run keeps nothing, so it cannot hold a lock",
        ))
    }

    /// Whether the lock that the call `number` asked for was given, or will not be.
    async fn lock_settled(&mut self, _number: u64) -> Result<bool> {
        Ok(true)
    }

    /// Commits `rows`, then a task that another agent is asked for, then the row that records it, all or none.
    /// Who it is for follows from the task that the invocation is of.
    ///
    /// `row` arrives without an answer; the implementation completes it with the encoded
    /// [`Answer`](crate::Answer) of the outcome.
    ///
    /// The provided method is that of a ledger that keeps nothing: it refuses.
    async fn ask(&mut self, _rows: Vec<JournalRow>, _row: JournalRow, _ask: Ask) -> Result<AskOutcome> {
        Err(troupe_core::Error::new(
            troupe_core::Code::DeniedCapability,
            "this run keeps nothing, so it cannot ask another agent",
        ))
    }

    /// Commits `rows`, then that the end of a task is asked for that the invocation's task has asked for, then
    /// the row that records it, all or none. Returns whether it has asked for it.
    ///
    /// `row` is completed as in [`Ledger::ask`]. The provided method refuses, too.
    async fn cancel_child(&mut self, _rows: Vec<JournalRow>, _row: JournalRow, _task: TaskId) -> Result<bool> {
        Err(troupe_core::Error::new(
            troupe_core::Code::DeniedCapability,
            "this run keeps nothing, so it has asked no other agent",
        ))
    }

    /// Commits `rows`, then an event that is published, then the row that records it, all or none. Who sent it
    /// and what led to it follow from the task that the invocation is of.
    ///
    /// `row` is completed as in [`Ledger::ask`]. The provided method refuses, too.
    async fn publish(&mut self, _rows: Vec<JournalRow>, _row: JournalRow, _publish: Publish) -> Result<PublishOutcome> {
        Err(troupe_core::Error::new(
            troupe_core::Code::DeniedCapability,
            "this run keeps nothing, so it cannot publish",
        ))
    }

    /// Makes the bytes of an artefact durable, then commits `rows`, then the artefact, then the row that records
    /// it, all or none. The task has no artefact of that name.
    ///
    /// `row` is completed as in [`Ledger::ask`]. The provided method refuses, too.
    async fn artifact(
        &mut self,
        _rows: Vec<JournalRow>,
        _row: JournalRow,
        _artifact: NewArtifact,
    ) -> Result<ArtifactOutcome> {
        Err(troupe_core::Error::new(
            troupe_core::Code::DeniedCapability,
            "this run keeps nothing, so it cannot leave an artefact",
        ))
    }

    /// A task that the invocation's task has asked for, as it stands.
    async fn child(&mut self, _task: TaskId) -> Result<Option<Child>> {
        Ok(None)
    }

    /// The newest tasks that it has asked for, without what they put out.
    async fn children(&mut self, _limit: u32) -> Result<Vec<Child>> {
        Ok(Vec::new())
    }

    /// Commits `rows`, then an approval that people are asked for, then the row that records it, all or none.
    /// Who asks follows from the task that the invocation is of; who decides, from its tenant's policy.
    ///
    /// `row` is completed as in [`Ledger::ask`]. The provided method refuses, too.
    async fn ask_approval(
        &mut self,
        _rows: Vec<JournalRow>,
        _row: JournalRow,
        _ask: ApprovalAsk,
    ) -> Result<AskedApproval> {
        Err(troupe_core::Error::new(
            troupe_core::Code::DeniedCapability,
            "this run keeps nothing, so it cannot ask anybody",
        ))
    }

    /// An approval that the invocation's task has asked for, as it stands.
    async fn approval(&mut self, _approval: ApprovalId) -> Result<Option<ApprovalStands>> {
        Ok(None)
    }

    /// Whether what is awaited has come to pass: such a task has ended, such an approval is decided.
    /// [`Ledger::locks_moved`] ticks for it, too.
    async fn awaited_over(&mut self, _awaited: Awaited) -> Result<bool> {
        Ok(true)
    }

    /// Ticks whenever a lock was given to somebody who waits, or will not be, and whenever something that is
    /// awaited has come to pass.
    fn locks_moved(&self) -> Option<watch::Receiver<u64>> {
        None
    }

    /// Whether the invocation may be suspended: whoever made it keeps its journal, and goes
    /// on with it later.
    fn may_suspend(&self) -> bool {
        false
    }
}

/// A ledger for runs that may keep nothing: every state call finds nothing, and a write
/// cannot come, because such runs are granted nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoLedger;

#[async_trait]
impl Ledger for NoLedger {
    async fn get(&mut self, _space: KeySpace, _key: &str) -> Result<Option<Entry>> {
        Ok(None)
    }

    async fn list(
        &mut self,
        _space: KeySpace,
        _prefix: &str,
        _after: Option<&str>,
        _limit: u32,
    ) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    async fn write(&mut self, _rows: Vec<JournalRow>, _row: JournalRow, _change: StateChange) -> Result<StateOutcome> {
        Err(troupe_core::Error::new(
            troupe_core::Code::DeniedCapability,
            "this run keeps nothing, so it cannot write state",
        ))
    }
}

/// How much a log record matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Step-by-step detail.
    Trace,
    /// What helps to find a fault.
    Debug,
    /// What happened.
    Info,
    /// Something unexpected that did no harm.
    Warn,
    /// Something failed.
    Error,
}

/// Who wrote a log record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogOrigin {
    /// The guest.
    Guest,
    /// The host, about the guest.
    Host,
}

impl LogOrigin {
    /// The word that logs carry.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Guest => "guest",
            Self::Host => "host",
        }
    }
}

/// One record of an invocation's log, already bounded and free of control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRecord {
    /// Who wrote it.
    pub origin: LogOrigin,
    /// How much it matters.
    pub level: LogLevel,
    /// When.
    pub at: Timestamp,
    /// The message.
    pub message: String,
    /// Named values; the names are the writer's choice.
    pub fields: Vec<(String, String)>,
    /// How many records of the same origin were dropped since the one before.
    pub dropped: u64,
}

/// Who watches an invocation.
///
/// NOTE: these are called from the guest's own turn and must not block.
pub trait Observer: Send + Sync {
    /// The guest wrote a record, or the host did about it.
    fn log(&self, record: LogRecord);
    /// The guest said how far it is, for the time `number`. What a resumed guest said before is
    /// counted and not said again.
    fn progress(&self, number: u64, progress: Progress);
    /// The guest handed out the part `number` of its output, as JSON text; counted in the same way.
    fn partial(&self, number: u64, part: String);
}

impl Observer for () {
    fn log(&self, _record: LogRecord) {}
    fn progress(&self, _number: u64, _progress: Progress) {}
    fn partial(&self, _number: u64, _part: String) {}
}
