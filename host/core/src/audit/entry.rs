//! What is recorded: the kinds of decisions, and one decision.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::view::{AuditRecord, TaskFailure};
use crate::{AgentName, Code, Digest, TaskId, TenantId, Timestamp};

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// The kind of a decision.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum AuditKind { $($(#[$doc])* $name,)* }

        impl AuditKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The kind as documents carry it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The kind that `text` spells.
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$name),)* _ => None }
            }
        }
    };
}

kinds! {
    /// The gate refused a capability call, with a code `denied.…`.
    Denied = "denied";
    /// The host refused a call, or broke it off, at a limit, and the guest was told and went on.
    Limited = "limited";
    /// The gate let a credential or a secret go into a request.
    Credential = "credential";
    /// What the host had put into a request came back and was taken out.
    SecretEcho = "secret_echo";
    /// The host ended an invocation, or took a task up no more: at a limit, for a trap, or
    /// since somebody cancelled it; then that is who asked, and not whoever asked for the task.
    Ended = "ended";
    /// What an operator grants was changed.
    Grants = "grants";
    /// Everything that the host keeps was handed to its owner.
    BackedUp = "backed_up";
    /// A schedule was set, paused, or removed.
    Schedule = "schedule";
    /// A template of agents was imported or removed.
    Template = "template";
    /// A subscription to events was set, paused, or removed.
    Subscription = "subscription";
    /// Somebody had events delivered again, gave up a dead letter, or called an event off.
    Redelivered = "redelivered";
    /// An operator took a lock from the task that held it.
    LockReleased = "lock_released";
    /// How an agent is swapped unless somebody says otherwise was set, or taken away.
    SwapPolicy = "swap_policy";
    /// Somebody began a swap that goes by steps, under a policy.
    SwapBegun = "swap_begun";
    /// A swap went from one phase to the next, and nothing else that is on record says so.
    SwapStep = "swap_step";
    /// A swap did not begin, since its release may not serve.
    SwapRefused = "swap_refused";
    /// A release was tried on what its agent was asked, as a step of a swap or for somebody.
    Rehearsed = "rehearsed";
    /// A release was made to serve.
    Swap = "swap";
    /// A release was given a share of the calls beside the one that serves, or lost it.
    Canary = "canary";
    /// An operator decided about a swap, or its policy did: it came to nothing, waits for an
    /// operator, or its release was watched and stays.
    SwapDecided = "swap_decided";
    /// Nothing runs any more on a release that no longer serves, and suspended tasks need it.
    Parked = "parked";
    /// Nothing needs a release any more that no longer serves.
    Retired = "retired";
    /// A deployment was configured.
    Configured = "configured";
    /// A release was published.
    Published = "published";
    /// A release was refused when it was published.
    PublishRefused = "publish_refused";
    /// A release in a registry was refused when it was fetched, by what it is or by the checks of a
    /// publish.
    PullRefused = "pull_refused";
    /// A release was sent to a registry, or is there already.
    Pushed = "pushed";
    /// A release was refused when it was to be sent to a registry.
    PushRefused = "push_refused";
    /// A published release was signed by a further key.
    Signed = "signed";
    /// Whom the tenant trusts to sign its releases was changed.
    Trust = "trust";
    /// A channel was moved to a release, up or for the first time.
    ChannelMoved = "channel_moved";
    /// A channel was moved to a lower version, since somebody said so explicitly.
    ChannelDowngraded = "channel_downgraded";
    /// A channel was removed.
    ChannelRemoved = "channel_removed";
    /// A channel's document was sent to the registry.
    ChannelIssued = "channel_issued";
    /// A channel's document was refused, in the registry or on its way there: stale, not signed as
    /// is wanted, or of something else.
    ChannelRefused = "channel_refused";
    /// A release was deprecated, or its notice changed.
    Deprecated = "deprecated";
    /// A deprecation was taken back.
    Undeprecated = "undeprecated";
    /// A release was yanked.
    Yanked = "yanked";
    /// A yank was taken back.
    Unyanked = "unyanked";
    /// A release was deleted, by somebody or since no more of its kind are kept.
    ReleaseDeleted = "release_deleted";
    /// A deployment was removed, or the state that one had left.
    Undeployed = "undeployed";
    /// An agent was deleted, with all of its releases.
    AgentDeleted = "agent_deleted";
    /// A release was found to widen something or to say something else, and waits for approval.
    ApprovalNeeded = "approval_needed";
    /// Somebody approved of a release, over what serves.
    ReleaseApproved = "release_approved";
    /// Somebody rejected a release.
    ReleaseRejected = "release_rejected";
    /// Which tasks wait for approval was changed.
    ApprovalPolicy = "approval_policy";
    /// A task waits for approval, or something was decided about that: by somebody or by time.
    TaskApproval = "task_approval";
    /// A tenant was made.
    TenantCreated = "tenant_created";
    /// A tenant was disabled.
    TenantDisabled = "tenant_disabled";
    /// A tenant was enabled again.
    TenantEnabled = "tenant_enabled";
    /// Somebody stopped an instance, and so had what it keeps removed.
    InstanceStopped = "instance_stopped";
    /// Somebody paused an instance.
    InstancePaused = "instance_paused";
    /// Somebody let a paused instance go on.
    InstanceResumed = "instance_resumed";
    /// An instance came into error: its health was bad, or its tasks trapped, too often in a row.
    InstanceError = "instance_error";
    /// An instance was restarted, by somebody or by the host.
    InstanceRestarted = "instance_restarted";
    /// Somebody had a tenant's runtime begin no tasks.
    RuntimeStopped = "runtime_stopped";
    /// Somebody had a tenant's runtime begin tasks again.
    RuntimeStarted = "runtime_started";
    /// An operator ended somebody else's session.
    SessionEnded = "session_ended";
    /// A key was made.
    KeyCreated = "key_created";
    /// A key was revoked.
    KeyRevoked = "key_revoked";
    /// A key that is bound to agents asked for what is beyond it, so and so often within a minute.
    AccessRefused = "access_refused";
    /// The host quarantined a release.
    Quarantined = "quarantined";
    /// The host trusts a release again that was quarantined.
    Restored = "restored";
    /// An operator ended a quarantine.
    Lifted = "lifted";
    /// Somebody had a task's journal forgotten.
    Redacted = "redacted";
}

/// A decision that has no place in a chain yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// The kind.
    pub kind: AuditKind,
    /// The code that went with it.
    pub code: Option<Code>,
    /// Who asked for it; absent if the host decided by itself.
    pub principal: Option<String>,
    /// The agent it is about.
    pub agent: Option<AgentName>,
    /// The version and the digest of the release it is about.
    pub release: Option<(semver::Version, Digest)>,
    /// The task and the attempt it was made in.
    pub invocation: Option<(TaskId, u32)>,
    /// How many times.
    pub times: u64,
    /// Facts: texts, numbers and lists of them.
    pub details: BTreeMap<String, Value>,
    /// The digest of the invocation's journal.
    pub journal: Option<Digest>,
}

impl AuditEntry {
    /// A decision that was made once, and by the host.
    pub const fn new(kind: AuditKind) -> Self {
        Self {
            kind,
            code: None,
            principal: None,
            agent: None,
            release: None,
            invocation: None,
            times: 1,
            details: BTreeMap::new(),
            journal: None,
        }
    }

    /// Says who asked for it.
    #[must_use]
    pub fn by(self, principal: Option<&str>) -> Self {
        Self { principal: principal.map(str::to_owned), ..self }
    }

    /// Says which agent it is about.
    #[must_use]
    pub fn of(self, agent: &AgentName) -> Self {
        Self { agent: Some(agent.clone()), ..self }
    }

    /// Says which release of the agent it is about.
    #[must_use]
    pub fn on(self, version: &semver::Version, digest: Digest) -> Self {
        Self { release: Some((version.clone(), digest)), ..self }
    }

    /// Adds a fact.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }

    /// The record of this decision, as the one after the record `seq` with the hash `previous`.
    pub fn record(self, tenant: &TenantId, seq: u64, at: Timestamp, previous: String) -> AuditRecord {
        let (version, digest) = self.release.unzip();
        let (task, attempt) = self.invocation.unzip();
        let mut record = AuditRecord {
            tenant: tenant.to_string(),
            seq,
            at,
            kind: self.kind.as_str().to_owned(),
            code: self.code.map(|code| code.as_str().to_owned()),
            principal: self.principal,
            agent: self.agent.map(|agent| agent.to_string()),
            version: version.map(|version| version.to_string()),
            digest: digest.map(|digest| digest.to_string()),
            task: task.map(|task| task.to_string()),
            attempt: attempt.map(u64::from),
            times: self.times,
            details: self.details,
            journal: self.journal.map(|digest| digest.to_string()),
            previous,
            hash: String::new(),
        };
        record.hash = record.right_hash().to_string();
        record
    }
}

/// The code with which the host ended a task; nothing if the agent ended it itself, well or
/// with a failure of its own.
pub fn ended_of(failure: &TaskFailure) -> Option<Code> {
    let code = Code::parse(&failure.code)?;
    // A write that was under way tells what ended the invocation in its details.
    let code = match failure.details.get("ended_by").and_then(Value::as_str) {
        Some(ended_by) if code == Code::InDoubt => Code::parse(ended_by)?,
        _ => code,
    };
    let by_the_host = match code {
        // There was no room: nothing was decided about the agent, and the door counts it.
        Code::LimitConcurrency => false,
        Code::GuestStack | Code::GuestTrap | Code::SwapDrained | Code::Cancelled => true,
        _ => code.as_str().starts_with("limit."),
    };
    by_the_host.then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    #[test]
    fn kinds_are_distinct_and_read_back() {
        for kind in AuditKind::ALL {
            assert_eq!(AuditKind::parse(kind.as_str()), Some(*kind));
        }
    }

    #[test]
    fn an_end_is_on_record_where_the_host_made_it() {
        let of = |error: Error| ended_of(&TaskFailure::from(&error));
        let by_the_host =
            [Code::LimitDeadline, Code::LimitAttempts, Code::GuestStack, Code::GuestTrap, Code::Cancelled];
        for code in by_the_host {
            assert_eq!(of(Error::new(code, "x")), Some(code));
        }
        for code in [Code::GuestFailed, Code::LimitConcurrency, Code::InDoubt] {
            assert_eq!(of(Error::new(code, "x")), None);
        }
        let doubt = Error::new(Code::InDoubt, "x").with("ended_by", "limit.deadline");
        assert_eq!(of(doubt), Some(Code::LimitDeadline));
        assert_eq!(of(Error::new(Code::GuestFailed, "x").with("ended_by", "limit.deadline")), None);
    }
}
