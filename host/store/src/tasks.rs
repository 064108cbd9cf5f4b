//! Tasks: from the request to the outcome.
//!
//! ```text
//!  create ─▶ pending ──claim──▶ running ──commit with an end──▶ completed │ failed │ cancelled
//!               │  ▲ ▲             │ │ │
//!        cancel │  │ └ settled, retry│ └─ settled, after a write ─▶ in_doubt
//!               ▼  │                 │ suspend
//!       cancelled  └─ wake ─ suspended ──cancel──▶ cancelled
//! ```
//!
//! A task that needs approval is created as `awaiting_approval`; what is decided about that makes it pending,
//! or ends it. Should another release serve when its turn comes, it waits for approval once more.
//!
//! A pending task whose time has not come, since it was put off or is to be tried again, has the
//! time at which it is woken, as one that is suspended has.
//!
//! An awaited call enters on the right: `record` keeps one that has ended, `begin` one
//! that is about to write.

mod approve;
mod artifacts;
mod budget;
mod cancel;
mod children;
mod claim;
mod commit;
mod create;
mod end;
mod figures;
mod fingerprint;
mod past;
mod publish;
mod query;
mod reading;
mod recover;
mod retry;
mod row;
mod stranded;
mod suspend;
mod timed;
mod undeployed;
mod usage;

pub(crate) use approve::{approved, asked_anew, refused};
pub(crate) use artifacts::forget as forget_artifacts;
pub use artifacts::{ArtifactCommit, ArtifactPlace};
pub(crate) use cancel::cancelled_by;
pub use cancel::cancelled_with;
pub(crate) use children::come_to_pass;
pub use children::{AskAnswer, AskCommit};
pub use claim::Pending;
pub(crate) use commit::check;
pub use commit::{Commit, CommitAnswer, Pin};
pub use create::Creation;
pub(crate) use create::{create as create_task, goes_on};
pub use end::TaskEnd;
pub use figures::{FigureFilter, TaskFigure};
pub use fingerprint::Asked;
pub(crate) use fingerprint::REDACTED;
pub use past::{PastFilter, PastTask, RecordedTask};
pub use publish::PublishCommit;
pub use query::{TaskFilter, TaskPage};
pub use reading::{Gather, Reading};
pub use recover::Recovered;
pub use retry::FailedTry;
pub use row::not_found as task_not_found;
pub use row::{Lease, TaskRow};
pub(crate) use row::{find as find_task, status, subject as task_subject};
pub use stranded::Stranded;
pub(crate) use stranded::any_running;
pub use suspend::Rest;
pub use timed::Timed;
