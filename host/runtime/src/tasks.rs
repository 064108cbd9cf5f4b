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
mod again;
mod children;
mod conversed;
mod decided;
mod ending;
mod fleeting;
mod goes_on;
mod leases;
mod ledger;
mod line;
mod meter;
mod observe;
mod passing;
mod places;
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
mod told;
mod waits;
mod watch;
mod watchers;
mod workers;

pub use query::TaskQuery;
pub use submit::Submitted;
pub use watch::{TaskEvent, TaskEvents};

pub(crate) use ending::ended_as;
pub(crate) use ledger::{recorded, stored_change, stored_outcome};
pub(crate) use meter::Meters;
pub(crate) use observe::AgentObserver;
pub(crate) use passing::Saying;
pub(crate) use position::check as check_position;
pub(crate) use query::{view as view_of, view_for};
pub(crate) use queue::{Queue, Room, Slot};
pub(crate) use reader::Reader;
pub(crate) use run::{facts, traceparent};
pub(crate) use shares::{Key, Most, Shares};
pub(crate) use submit::check_key;
pub(crate) use timed::Timed;
pub(crate) use waits::{Wait, Waits};
pub(crate) use watchers::Watchers;
pub(crate) use workers::{Place, Workers};
