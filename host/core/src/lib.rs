//! The vocabulary that every room of the house shares.
//!
//! *Holds:* ids, names, digests, callers, effect classes, error codes, limits, clock and
//! randomness as seams, the audit's chain, and the documents that people and programs meet.
//! *Never holds:* I/O, tokio, wasmtime, SQL or HTTP.
//! *Start at:* [`error`] for what can go wrong, [`limits`] for what is bounded, [`view`]
//! for the documents.
//! *Tested by:* the unit tests beside each module, and every suite in `tests/`.

pub mod action_pattern;
pub mod approval;
pub mod artifact;
pub mod ask;
pub mod audit;
mod awaited;
pub mod backoff;
pub mod breaker;
pub mod caller;
pub mod clock;
pub mod difference;
pub mod digest;
pub mod effect;
pub mod entropy;
pub mod error;
pub mod event;
pub mod grant;
pub mod host_pattern;
pub mod id;
pub mod json;
mod key_space;
pub mod limits;
pub mod list;
pub mod lock;
pub mod name;
mod pattern;
pub mod pointer;
mod readings;
mod rubbish;
mod shown;
pub mod token;
pub mod trust;
pub mod verdict;
pub mod view;
mod webhook;
pub mod yaml;

pub use action_pattern::ActionPattern;
pub use artifact::{ArtifactName, ArtifactOutcome, MediaType};
pub use ask::{AskOptions, AskOutcome, AskPattern, Cause, Child};
pub use awaited::Awaited;
pub use caller::{Caller, Scope};
pub use clock::{Clock, SystemClock, Timestamp};
pub use digest::Digest;
pub use effect::Effect;
pub use entropy::{Entropy, SystemEntropy, random_hex};
pub use error::{Code, Error, Kind, Result};
pub use event::{EventDraft, EventInput, EventOptions, EventPriority, PublishOutcome, Topic, TopicPattern};
pub use grant::Grants;
pub use host_pattern::HostPattern;
pub use id::{ApprovalId, GroupId, InstanceId, KeyId, LinkId, ProposalId, SessionId, SwapId, TaskId};
pub use key_space::KeySpace;
pub use lock::{
    Fence, LockChange, LockHolder, LockLoss, LockOptions, LockOutcome, LockPattern, LockPolicy, LockPriority, LockQuota,
};
pub use name::{
    AgentName, ChannelName, InstanceName, KeyName, LockName, ReleaseRef, ScheduleName, SkillName, StepName,
    SubscriptionName, TemplateName, TenantId,
};
pub use readings::readings;
pub use rubbish::Rubbish;
pub use shown::{is_hidden, shown};
pub use token::Token;
pub use webhook::{HookRecord, WebhookRecord, WebhookSecret};
