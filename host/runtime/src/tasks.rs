//! Tasks: requests for a skill, from acceptance to end.
//!
//! ```text
//!                    ┌─ awaited, nobody holds its id: runs at once; its first commit is
//! submit ─ validate ─┤  its last unless it writes before, or the wait ends
//!                    └─ else: committed as pending, queued by priority, claimed, run
//!
//!     pending ──▸ running ──▸ completed | failed | cancelled | in doubt
//!        ▲           │
//!        ├ suspended ┤
//!        └─  retry  ─┘
//! ```
//!
//! Accepted means that the client holds an id or an answer; what is accepted is on disk.

mod accepted;
mod decided;
mod leases;
mod ledger;
mod line;
mod meter;
mod observe;
mod position;
mod query;
mod queue;
mod reader;
mod resume;
mod retry;
mod run;
mod shares;
mod stranded;
mod submit;
mod timed;
mod waits;
mod watch;
mod watchers;
mod workers;

pub use query::TaskQuery;
pub use submit::Submitted;
pub use watch::{TaskEvent, TaskEvents};

pub(crate) use ledger::{recorded, stored_change, stored_outcome};
pub(crate) use observe::AgentObserver;
pub(crate) use query::view_for;
pub(crate) use queue::{Queue, Slot};
pub(crate) use reader::Reader;
pub(crate) use run::{ended_as, facts, traceparent};
pub(crate) use shares::Key;
pub(crate) use submit::check_key;
pub(crate) use timed::Timed;
pub(crate) use waits::{Wait, Waits};
pub(crate) use watchers::Watchers;
pub(crate) use workers::{Place, Workers};
