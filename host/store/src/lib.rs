//! What a host must not forget: releases, deployments, instances, sessions, tasks, journals, state, events,
//! feed and audit.
//!
//! *Holds:* one concrete [`Store`] on SQLite or PostgreSQL, its migrations for each, the one writer that commits
//! for everybody at once, and the rows that go in and out.
//! *Never holds:* policy. Who may ask, what a document means and when a task runs is the
//! runtime's.
//! *Start at:* [`Store`], then `writer.rs` for how a write becomes durable and
//! `tasks/commit.rs` for the one write of a running invocation.
//! *Tested by:* `tests/store/`, on real files and, where there is one, a real server.

mod approvals;
mod audit;
mod channels;
mod deployments;
mod dump;
mod events;
mod fault;
mod feed;
mod groups;
mod hosts;
mod instances;
mod journal;
mod keys;
mod locks;
mod messages;
mod migrate;
mod open;
mod postgres;
mod releases;
mod rows;
mod schedules;
mod sessions;
mod sql;
mod state;
#[doc(hidden)]
pub mod stored;
mod swaps;
mod task_approvals;
mod tasks;
mod templates;
mod tenants;
mod trust;
mod words;
mod writer;

pub use approvals::{ApprovalFilter, ApprovalRow, Decision, ToApprove};
pub use audit::{AuditFilter, Decided};
pub use channels::{ChannelMove, ChannelRow, DocumentRow, SeenDocument, not_found as channel_not_found};
pub use deployments::{CandidateRow, DeploymentRow, Forms, Removal, RemovedRow, RouteChange, check_epoch};
pub use dump::{DumpPart, Loading, TableSums};
pub use events::{
    Again, DeliveryRow, Dispatched, DueEvent, EventFilter, EventHead, EventRow, HookRow, NewEventRow,
    NewSubscriptionRow, Publication, ReadyRow, Sending, Sent, SubscriptionRow, Taker, ToDeliver, TopicRow, WebhookRow,
    dead_letter_not_found, hook_not_found, not_found as event_not_found, subscription_not_found, webhook_not_found,
};
pub use groups::{
    GroupCreation, GroupFilter, GroupHead, GroupMove, GroupRow, MemberEnd, MemberRow, NewGroupRow,
    not_ended as group_not_ended, not_found as group_not_found,
};
pub use hosts::{HostRouteRow, HostRow};
pub use instances::{
    Checked, InErrorRow, InstanceFilter, InstanceRow, Life, NewInstanceRow, Started, not_found as instance_not_found,
};
pub use journal::{DroppedJournals, JournalHead, JournalLimits, JournalPage, JournalRow, Redact, Withheld};
pub use keys::{KeyRow, NewKeyRow, not_found as key_not_found};
pub use locks::{LockCommit, LockCounts, LockRow, LockWaitRow, not_found as lock_not_found};
pub use messages::{MessageRow, NewMessageRow, Outcome, Planned, Said, SaidMessage, Step};
pub use open::Store;
pub use postgres::PostgresAddress;
pub use releases::{
    DeletedAgent, Holder, Mark, NewRelease, Published, ReleaseDigest, ReleaseRow, Standing,
    not_found as release_not_found,
};
pub use schedules::{Fired, NewScheduleRow, ScheduleRow, not_found as schedule_not_found};
pub use sessions::{NewSessionRow, SessionFilter, SessionRow, not_found as session_not_found};
pub use state::{Quota, StateChange, StateCopy, StateLimits, StateOutcome, StateSpace, StateWrite};
pub use swaps::{
    InUse, StandingPolicyRow, SwapRoute, SwapRow, not_found as swap_not_found, under_way as swap_under_way,
};
pub use task_approvals::{
    ApprovalCommit, ApprovalEffect, ApprovalLinkRow, ApprovalMove, ApprovalPolicyRow, NeededApproval,
    TaskApprovalFilter, TaskApprovalRow, not_found as task_approval_not_found,
};
pub use tasks::{
    ArtifactCommit, ArtifactPlace, AskAnswer, AskCommit, Asked, Commit, CommitAnswer, Creation, FailedTry,
    FigureFilter, Gather, Lease, PastFilter, PastTask, Pending, Pin, PublishCommit, Reading, RecordedTask, Recovered,
    Rest, Stranded, TaskEnd, TaskFigure, TaskFilter, TaskPage, TaskRow, Timed, cancelled_with, task_not_found,
};
pub use templates::{TemplateRow, TemplateVersion, not_found as template_not_found};
pub use tenants::{TenantRow, not_found as tenant_not_found};
pub use trust::{NewSignatureRow, SignatureRow, TrustRow};
pub use words::{PASSED, Words};
