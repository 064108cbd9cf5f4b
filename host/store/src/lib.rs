//! What a host must not forget: releases, deployments, tasks, journals, state, feed and audit.
//!
//! *Holds:* one concrete [`Store`] on SQLite, its migrations, the one writer that commits
//! for everybody at once, and the rows that go in and out.
//! *Never holds:* policy. Who may ask, what a document means and when a task runs is the
//! runtime's.
//! *Start at:* [`Store`], then `writer.rs` for how a write becomes durable and
//! `tasks/commit.rs` for the one write of a running invocation.
//! *Tested by:* `tests/store/`, on real files.

mod audit;
mod deployments;
mod fault;
mod feed;
mod journal;
mod keys;
mod migrate;
mod open;
mod releases;
mod rows;
mod state;
#[doc(hidden)]
pub mod stored;
mod tasks;
mod tenants;
mod writer;

pub use audit::{AuditFilter, Decided};
pub use deployments::{DeploymentRow, RouteChange, check_epoch};
pub use journal::{DroppedJournals, JournalHead, JournalLimits, JournalPage, JournalRow, Redact, Withheld};
pub use keys::{KeyRow, NewKeyRow, not_found as key_not_found};
pub use open::Store;
pub use releases::{NewRelease, Published, ReleaseDigest, ReleaseRow};
pub use state::{Quota, StateChange, StateOutcome, StateWrite};
pub use tasks::{
    Commit, CommitAnswer, Creation, Lease, Pending, Pin, Reading, Recovered, Suspensions, TaskEnd, TaskFilter,
    TaskPage, TaskRow, task_not_found,
};
pub use tenants::{TenantRow, not_found as tenant_not_found};
