//! The documents that people and programs meet: what the REST API answers and what the
//! command line reads back. One type serves both ends, so they cannot drift apart.

mod agent;
mod audit;
mod deployment;
mod feed;
mod grants;
mod key;
mod problem;
mod replay;
mod task;
mod tenant;

pub use agent::{AgentDetail, AgentSummary, ReleaseView, SkillView};
pub use audit::{AuditHead, AuditJournal, AuditRecord, JournalState};
pub use deployment::{ConfigureRequest, DeploymentView, GrantRequest, QuarantineView, SwapRequest, Swapped};
pub use feed::FeedEvent;
pub use grants::{
    Authority, AuthorityLine, DiffRequest, ExplainRequest, ExplainedLine, Explanation, GrantChange, GrantLine,
    GrantsDiff, GrantsView, KeyExplanation, LineDiff, Standing,
};
pub use key::{CreatedKey, KeyView, NewKey, WhoView};
pub use problem::Problem;
pub use replay::{
    AnsweredFrom, Candidate, Cost, CostChange, Difference, JournalCall, JournalView, RedactRequest, Repeated,
    ReplayCall, ReplayOutcome, ReplayRequest, ReplayView,
};
pub use task::{Durability, NewTask, Progress, RanOn, TaskFailure, TaskStatus, TaskView};
pub use tenant::{NewTenant, TenantView};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One page of a list.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// The items, in the order the list documents.
    pub items: Vec<T>,
    /// Give this as `after` to get the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}
