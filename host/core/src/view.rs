//! The documents that people and programs meet: what the REST API answers and what the
//! command line reads back. One type serves both ends, so they cannot drift apart.

mod agent;
mod approval;
mod artifact;
mod audit;
mod backup;
mod budget;
mod conversation;
mod deployment;
mod event;
mod feed;
mod feed_filter;
mod figures;
mod grants;
mod group;
mod hook;
mod host;
mod instance;
mod key;
mod lock;
mod message;
mod problem;
mod redaction;
mod registry;
mod rehearsal;
mod release;
mod replay;
mod schedule;
mod session;
mod socket;
mod stream;
mod swap;
mod task;
mod task_approval;
mod template;
mod tenant;
mod trust;
mod undeploy;
mod usage;
mod webhook;

pub use agent::{AgentDetail, AgentSummary, SkillView};
pub use approval::{
    ApprovalStatus, ApprovalView, ApprovalWant, ApproveRequest, BaseView, CapabilityChange, CapabilityKind,
    ContractBreak, FindingKind, PublishedView, RejectRequest, ReleaseDelta, ReleaseDiff, ReleaseStanding, SchemaKind,
    TextChange, TextFinding,
};
pub use artifact::{ArtifactView, ArtifactsView};
pub use audit::{AuditHead, AuditJournal, AuditRecord, JournalState};
pub use backup::{BACKUP_FORMAT, BackupEnd, BackupHead, BackupReport, TableSum};
pub use budget::{BudgetSpent, TaskBudget};
pub use conversation::{About, OwnProposal, OwnQuestion, OwnSuggestion, OwnSuggestions, OwnWords, Told};
pub use deployment::{
    ConfigureRequest, DeploymentView, GrantRequest, QuarantineView, StandingPolicy, SwapRequest, SwapTo, Swapped,
};
pub use event::{
    DeadLetterView, DeliveryState, DeliveryView, EventAlert, EventState, EventStats, EventType, EventView,
    NewSubscription, PublishedEvents, RedeliverRequest, Redelivered, SubscriptionOrigin, SubscriptionStats,
    SubscriptionView,
};
pub use feed::FeedEvent;
pub use feed_filter::FeedFilter;
pub use figures::{AgentFigures, FailedView, OpenTasks, RuntimeState, RuntimeStatus, TookView};
pub use grants::{
    Authority, AuthorityLine, DiffRequest, ExplainRequest, ExplainedLine, Explanation, GrantChange, GrantLine,
    GrantsDiff, GrantsView, KeyExplanation, LineDiff, Standing,
};
pub use group::{
    CompensationView, CompensationWire, ForEach, GroupProgress, GroupReport, GroupStatus, GroupSummary, GroupView,
    InnerGroup, ItemCounts, Member, NewCompensation, NewGroup, NewStep, OnStepFailure, OwnDocument, RetryGroup,
    StepStatus, StepTask, StepView, Wire,
};
pub use hook::{HmacEncoding, HookHmac, HookKind, HookSet, HookView, NewHook};
pub use host::{HostView, HostsView};
pub use instance::{InstanceErrorView, InstanceFault, InstanceStatus, InstanceView, NewInstance};
pub use key::{CreatedKey, KeyView, NewKey, WhoView};
pub use lock::{LockView, LockWaitView};
pub use message::{
    MatchedWord, MessageState, MessageView, MetIn, Missing, NewMessage, Reading, Reply, ReplyKind, SkillCandidate,
    TakenFrom, TakenValue,
};
pub use problem::Problem;
pub use redaction::Redaction;
pub use registry::{
    ChannelDocumentView, ChannelPush, DocumentSignature, DraftRequest, DraftView, PullRequest, PushRequest, PushedView,
};
pub use rehearsal::{
    CostComparison, CostSpread, DifferenceGroup, DifferenceKind, KindCount, LeftOut, LeftOutReason, RehearsalProgress,
    RehearsalReport, RehearsalResult, RehearsalSummary, RehearseRequest, SkillRehearsal, Spread,
};
pub use release::{
    ChannelRequest, ChannelView, CollectRequest, Collected, DeprecateRequest, DocumentSeen, Notice, PublishQuery,
    ReleaseView, YankRequest,
};
pub use replay::{
    AnsweredFrom, Candidate, Cost, CostChange, Difference, JournalCall, JournalView, RedactRequest, Repeated,
    ReplayCall, ReplayOutcome, ReplayRequest, ReplayView,
};
pub use schedule::{NewSchedule, ScheduleView};
pub use session::{
    ContextPatch, NewSession, SessionExport, SessionStatus, SessionView, Suggestion, SuggestionNote, Suggestions,
};
pub use socket::{SocketEvents, SocketFeed, SocketMessage, SocketRequest, SocketSwap, SocketTopic};
pub use stream::{StreamEnd, StreamEndReason};
pub use swap::{
    AffinityBy, ArmCounts, CanaryPolicy, CanaryRequest, CanaryStep, CanaryView, DrainMode, DrainPolicy, Evidence,
    JudgePolicy, Judgement, OnFailure, RehearsePolicy, SwapOutcome, SwapPhase, SwapPolicy, SwapReason, SwapState,
    SwapView, Undecided, WatchPolicy,
};
pub use task::{Durability, NewTask, Progress, RanOn, Retry, RetryTask, TaskFailure, TaskStatus, TaskView};
pub use task_approval::{
    ApprovalOutcome, ApprovalPolicyRequest, ApprovalPolicyView, ApprovalVote, ApprovedAction, ApprovedConfiguration,
    DecideRequest, LendRequest, LevelStatus, LevelView, LinkRequest, LinkView, LinkedApproval, ShownView, TaskApproval,
    TaskApprovalStatus, TaskApprovalView,
};
pub use template::{NewAgent, NewAgentView, Template, TemplateSummary, TemplateView};
pub use tenant::{NewTenant, TenantView};
pub use trust::{
    NewSignature, NewTrustRule, NewTrustedKey, SignatureView, SignaturesView, TrustChange, TrustView, TrustedKeyView,
};
pub use undeploy::{AgentDeleted, StateAfter, Undeployed};
pub use usage::{CostView, MemoryView, TaskUsage};
pub use webhook::{NewWebhook, RotateWebhook, WebhookSecretView, WebhookSet, WebhookTry, WebhookView};

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

impl<T> Page<T> {
    /// Makes a page of at most `limit` rows, of which one more was asked for so that it is known
    /// whether there are more. `id` is what the next page comes after.
    pub fn of<R>(mut rows: Vec<R>, limit: u32, id: impl FnOnce(&R) -> String, view: impl FnMut(R) -> T) -> Self {
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > most;
        rows.truncate(most);
        let next = rows.last().filter(|_| more).map(id);
        Self { items: rows.into_iter().map(view).collect(), next }
    }
}
