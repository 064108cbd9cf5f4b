//! What can go wrong, once for the whole house.
//!
//! An [`Error`] has a stable [`Code`] (part of the public API), a public sentence that completes "failed to …" or
//! stands alone, optional facts for a program, and a private cause that goes to the log alone. A public sentence
//! never holds SQL, a path of the host, an internal address, or a guest's bytes unescaped.

use std::fmt;

use serde_json::{Map, Value};

/// The result of anything that can fail with an [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The family of a code: what a caller can do about it. Doors derive the status of an
/// answer from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// The request is wrong and will stay wrong.
    Invalid,
    /// No or a wrong credential.
    Unauthenticated,
    /// The caller, or the guest, may not do this.
    Denied,
    /// The thing does not exist (or is another tenant's).
    NotFound,
    /// The thing changed, or exists already with other content.
    Conflict,
    /// Larger than a limit of the door.
    TooLarge,
    /// The artefact was understood and cannot be accepted.
    Unacceptable,
    /// Too much at once; try again later.
    Exhausted,
    /// The agent failed.
    Guest,
    /// It took longer than allowed.
    TimedOut,
    /// Something the host needs is not there at the moment.
    Unavailable,
    /// A fault of the host.
    Internal,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $kind:ident;)*) => {
        /// The stable code of an error.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// Every code, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The code as documents carry it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The family of the code.
            pub const fn kind(self) -> Kind {
                match self { $(Self::$name => Kind::$kind,)* }
            }

            /// The code that `text` spells.
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$name),)* _ => None }
            }
        }
    };
}

codes! {
    /// The request cannot be understood.
    RequestInvalid = "request.invalid", Invalid;
    /// The body is of another media type than what is at this path takes.
    RequestMediaType = "request.media_type", Invalid;
    /// The request is larger, deeper or slower than the door allows.
    LimitRequest = "limit.request", TooLarge;
    /// A name does not follow the grammar of names.
    NameInvalid = "name.invalid", Invalid;
    /// No credential came with the request.
    AuthMissing = "auth.missing", Unauthenticated;
    /// The credential is not known.
    AuthInvalid = "auth.invalid", Unauthenticated;
    /// The credential was good until a time that has passed.
    AuthExpired = "auth.expired", Unauthenticated;
    /// A message is signed and was not sent just now.
    AuthReplay = "auth.replay", Unauthenticated;
    /// The credential lacks a scope, or is bound to other agents.
    AuthScope = "auth.scope", Denied;
    /// The request names a host or an origin that this host does not answer to.
    AuthOrigin = "auth.origin", Denied;
    /// The tenant has no such agent.
    AgentNotFound = "agent.not_found", NotFound;
    /// The agent trapped again and again and is not asked for a while.
    AgentQuarantined = "agent.quarantined", Unavailable;
    /// The agent has no such release.
    ReleaseNotFound = "release.not_found", NotFound;
    /// The release was yanked, and nobody swaps to it any more.
    ReleaseYanked = "release.yanked", Conflict;
    /// The release is needed, so it cannot be deleted.
    ReleaseInUse = "release.in_use", Conflict;
    /// The agent has no such channel.
    ChannelNotFound = "channel.not_found", NotFound;
    /// The agent has as many channels as it may have.
    LimitChannels = "limit.channels", Conflict;
    /// The agent is not deployed.
    DeploymentNotFound = "deployment.not_found", NotFound;
    /// The serving release has no such skill.
    SkillNotFound = "skill.not_found", NotFound;
    /// The tenant has no such task.
    TaskNotFound = "task.not_found", NotFound;
    /// The task has no such artefact.
    TaskArtifactNotFound = "task.artifact_not_found", NotFound;
    /// The tenant has no such instance of the agent.
    InstanceNotFound = "instance.not_found", NotFound;
    /// The instance was stopped and takes no more tasks.
    InstanceStopped = "instance.stopped", Conflict;
    /// The instance begins nothing for now, and what was asked for cannot wait until it goes on.
    InstancePaused = "instance.paused", Unavailable;
    /// The tenant's runtime is stopped, and what was asked for cannot wait until it is started.
    RuntimeStopped = "runtime.stopped", Unavailable;
    /// The tenant has as many instances as it may have.
    LimitInstances = "limit.instances", Conflict;
    /// The tenant has no such schedule.
    ScheduleNotFound = "schedule.not_found", NotFound;
    /// A pattern of cron or a time zone cannot be read, or names no time.
    ScheduleInvalid = "schedule.invalid", Invalid;
    /// The tenant has as many schedules as it may have.
    LimitSchedules = "limit.schedules", Conflict;
    /// A template, or what is put into it, is not what it has to be.
    TemplateInvalid = "template.invalid", Invalid;
    /// The tenant has no such template.
    TemplateNotFound = "template.not_found", NotFound;
    /// That version of the template is there with another content.
    TemplateImmutable = "template.immutable", Conflict;
    /// The tenant has as many templates as it may have.
    LimitTemplates = "limit.templates", Conflict;
    /// An event, a topic or a pattern of topics is not what it has to be.
    EventInvalid = "event.invalid", Invalid;
    /// The tenant has no such event.
    EventNotFound = "event.not_found", NotFound;
    /// The event's time has come, so it cannot be called off.
    EventRouted = "event.routed", Conflict;
    /// The event is not settled: its time has not come, or deliveries of it have not ended.
    EventOpen = "event.open", Conflict;
    /// What the event said was forgotten, so it is not delivered again.
    EventRedacted = "event.redacted", Conflict;
    /// The tenant publishes events faster than they are handled, or keeps as many as it may.
    LimitEvents = "limit.events", Exhausted;
    /// The tenant has no such subscription.
    SubscriptionNotFound = "subscription.not_found", NotFound;
    /// The subscription is that of an agent's trigger, which its release says.
    SubscriptionOfTrigger = "subscription.of_trigger", Conflict;
    /// The tenant has no such webhook.
    WebhookNotFound = "webhook.not_found", NotFound;
    /// There is no such hook, or it takes nothing for now.
    HookNotFound = "hook.not_found", NotFound;
    /// The secret of the webhook or hook was rotated since the caller looked.
    WebhookConflict = "webhook.conflict", Conflict;
    /// The tenant has as many subscriptions, or webhooks, as it may have.
    LimitSubscriptions = "limit.subscriptions", Conflict;
    /// The tenant has no such dead letter.
    DeadLetterNotFound = "dead_letter.not_found", NotFound;
    /// Nobody holds such a lock.
    LockNotFound = "lock.not_found", NotFound;
    /// The lock was given to somebody else since the caller looked.
    LockConflict = "lock.conflict", Conflict;
    /// A task, a tenant or a queue has as many locks, or waits for as many, as it may.
    LimitLocks = "limit.locks", Guest;
    /// Too many tasks are above one that an agent asks for, or an event was passed on too often.
    LimitHops = "limit.hops", Guest;
    /// A task or an agent has asked for as many approvals as it may.
    LimitApprovals = "limit.approvals", Guest;
    /// A task has as many artefacts, or bytes in them, as it or its tenant may have.
    LimitArtifacts = "limit.artifacts", Guest;
    /// The task at the top has as many descendants as it may.
    LimitDescendants = "limit.descendants", Guest;
    /// The tenant has no such task group.
    GroupNotFound = "group.not_found", NotFound;
    /// The document of a task group contradicts itself.
    GroupInvalid = "group.invalid", Invalid;
    /// Steps of a task group need one another.
    GroupCycle = "group.cycle", Invalid;
    /// What a step is wired to is not there, or is not of the form that it takes.
    GroupWiring = "group.wiring", Guest;
    /// What a step of a task group did could not be undone.
    GroupCompensation = "group.compensation", Guest;
    /// The task group completed or was redacted, so it is not asked for once more.
    GroupNotRetryable = "group.not_retryable", Conflict;
    /// The task group has ended, or is on its way to its end.
    GroupEnded = "group.ended", Conflict;
    /// The task group has not ended, and what is asked for is about what it left.
    GroupNotEnded = "group.not_ended", Conflict;
    /// The tenant has as many task groups under way as it may have.
    LimitGroups = "limit.groups", Exhausted;
    /// A task group is larger than it may be.
    LimitGroupSize = "limit.group_size", TooLarge;
    /// The tenant has no such session that the caller may see.
    SessionNotFound = "session.not_found", NotFound;
    /// The session was ended, or its time is over.
    SessionEnded = "session.ended", Conflict;
    /// The session has no such message.
    MessageNotFound = "message.not_found", NotFound;
    /// The session's context changed since the caller looked.
    SessionContext = "session.context", Conflict;
    /// What a message confirms is not what its agent has proposed last.
    SessionProposal = "session.proposal", Conflict;
    /// The tenant has as many sessions as it may have.
    LimitSessions = "limit.sessions", Conflict;
    /// The session has as many messages as it may have, or as many wait for their turn.
    LimitMessages = "limit.messages", Conflict;
    /// There is no such tenant.
    TenantNotFound = "tenant.not_found", NotFound;
    /// There is a tenant of this name.
    TenantExists = "tenant.exists", Conflict;
    /// The owner has disabled the tenant.
    TenantDisabled = "tenant.disabled", Denied;
    /// The tenant has no such key.
    KeyNotFound = "key.not_found", NotFound;
    /// The tenant has as many keys as it may have.
    LimitKeys = "limit.keys", Conflict;
    /// The tenant knows no such key to verify releases with, or has no such rule.
    TrustNotFound = "trust.not_found", NotFound;
    /// Whom the tenant trusts has changed since the caller looked, or the key is known already.
    TrustConflict = "trust.conflict", Conflict;
    /// The manifest asks for no such line, or the operator grants none.
    GrantNotFound = "grant.not_found", NotFound;
    /// There is nothing at this path.
    RouteNotFound = "route.not_found", NotFound;
    /// What is at this path does not take this method.
    RouteMethod = "route.method_not_allowed", Invalid;
    /// The input breaks the skill's schema.
    InputInvalid = "input.invalid", Invalid;
    /// The output breaks the skill's schema.
    OutputInvalid = "output.invalid", Guest;
    /// The configuration breaks the profile's schema.
    ConfigurationInvalid = "configuration.invalid", Invalid;
    /// The manifest is not acceptable.
    ManifestInvalid = "manifest.invalid", Unacceptable;
    /// What `describe` answered is not a profile.
    ProfileInvalid = "profile.invalid", Unacceptable;
    /// The bytes are not a component.
    ArtifactMalformed = "artifact.malformed", Unacceptable;
    /// The component is of another world than an agent's.
    ArtifactWorld = "artifact.world", Unacceptable;
    /// The component is built against another version of the contract.
    ArtifactWorldVersion = "artifact.world_version", Unacceptable;
    /// The component needs more memories, tables or instances than the host gives.
    ArtifactLimits = "artifact.limits", Unacceptable;
    /// The component is larger than the host accepts.
    ArtifactSize = "artifact.size", TooLarge;
    /// The bytes are not those the digest names.
    ArtifactDigest = "artifact.digest", Unacceptable;
    /// A release lacks the signatures that its tenant wants, or one is of something else.
    ArtifactSignature = "artifact.signature", Unacceptable;
    /// An archive holds something else than the regular files a release consists of.
    ArtifactPath = "artifact.path", Unacceptable;
    /// The same version exists with other bytes.
    ArtifactImmutable = "artifact.immutable", Conflict;
    /// The version is lower than the one that its channel names.
    ArtifactDowngrade = "artifact.downgrade", Conflict;
    /// The agent's name is easily taken for that of another.
    ArtifactName = "artifact.name", Conflict;
    /// Checking or compiling took more time or memory than allowed.
    ArtifactCompileLimit = "artifact.compile_limit", Unacceptable;
    /// The component did not start, or cannot describe itself.
    ArtifactInit = "artifact.init", Unacceptable;
    /// The component did not start and describe itself in time.
    ArtifactInitTimeout = "artifact.init_timeout", Unacceptable;
    /// The release waits for somebody's approval of what it widens or says otherwise.
    ReleasePendingApproval = "release.pending_approval", Conflict;
    /// Somebody rejected the release.
    ReleaseRejected = "release.rejected", Conflict;
    /// The tenant has no such approval.
    ApprovalNotFound = "approval.not_found", NotFound;
    /// Something has happened to the approval since it was looked at, or another release serves now.
    ApprovalConflict = "approval.conflict", Conflict;
    /// The approval is decided, or its task has ended.
    ApprovalDecided = "approval.decided", Conflict;
    /// A link to an approval is none of this host's, was used, or is over.
    ApprovalLink = "approval.link", Denied;
    /// Whoever decides is not among those who may, or has asked for the task itself.
    ApprovalDenied = "approval.denied", Denied;
    /// Somebody rejected what the task would do.
    ApprovalRejected = "approval.rejected", Denied;
    /// Nobody approved of what the task would do in time.
    ApprovalExpired = "approval.expired", TimedOut;
    /// The deployment changed since the caller looked.
    SwapConflict = "swap.conflict", Conflict;
    /// The release that served the call was retired before it ended.
    SwapDrained = "swap.drained", Unavailable;
    /// The tenant has no such swap, or the agent none that could be meant.
    SwapNotFound = "swap.not_found", NotFound;
    /// A release does worse than the one before, or trapped while it was made ready.
    SwapUnhealthy = "swap.unhealthy", Conflict;
    /// A swap took longer than one of its steps may, or too few calls came to decide it.
    SwapUndecided = "swap.undecided", Conflict;
    /// The release cannot read the state that is there now.
    SwapState = "swap.state", Conflict;
    /// The agent takes no work for a moment, since its state is brought to another form.
    SwapMigrating = "swap.migrating", Unavailable;
    /// The release does not keep what the one that serves promises its callers.
    SwapIncompatible = "swap.incompatible", Conflict;
    /// What a swap is asked for this host does not do.
    SwapUnsupported = "swap.unsupported", Invalid;
    /// The same idempotency key came with another request.
    ConflictIdempotency = "conflict.idempotency", Conflict;
    /// The task has ended and cannot be changed.
    TaskEnded = "task.ended", Conflict;
    /// The task has not ended, and what was asked for is for tasks that have.
    TaskNotEnded = "task.not_ended", Conflict;
    /// The task cannot be retried as it is: it completed, or what it was asked for is not kept.
    TaskNotRetryable = "task.not_retryable", Conflict;
    /// The task was cancelled.
    Cancelled = "cancelled", Conflict;
    /// The host or the invocation ended during a write whose outcome is not known.
    InDoubt = "in_doubt", Conflict;
    /// A retired release, or an invocation that lost its lease, tried to write.
    StaleEpoch = "stale_epoch", Conflict;
    /// The invocation ran into its deadline.
    LimitDeadline = "limit.deadline", TimedOut;
    /// The guest asked for more memory or table space than it may have.
    LimitMemory = "limit.memory", Guest;
    /// One value was larger than may pass between guest and host.
    LimitTransfer = "limit.transfer", Guest;
    /// The guest held more handles than it may.
    LimitHandles = "limit.handles", Guest;
    /// The guest made more host calls than it may.
    LimitHostCalls = "limit.host_calls", Guest;
    /// The calls of one invocation fill the journal it may have.
    LimitJournal = "limit.journal", Guest;
    /// State is full.
    LimitStorage = "limit.storage", Guest;
    /// A message had more or longer headers than allowed.
    LimitHeaders = "limit.headers", Guest;
    /// The other side stayed silent for longer than allowed.
    LimitIdle = "limit.idle", TimedOut;
    /// As many outgoing requests are open as may be open at once.
    LimitConnections = "limit.connections", Exhausted;
    /// The budget of a grant of `http` is used up for now.
    LimitBudget = "limit.budget", Exhausted;
    /// A request's or an answer's body was larger than allowed.
    LimitBody = "limit.body", Guest;
    /// As many invocations run as may run at once.
    LimitConcurrency = "limit.concurrency", Exhausted;
    /// Too little memory is left to the host for anything new.
    LimitHost = "limit.host", Unavailable;
    /// The task was interrupted in as many attempts as it may have.
    LimitAttempts = "limit.attempts", Guest;
    /// A capability call was not granted.
    DeniedCapability = "denied.capability", Denied;
    /// The address, the host or the form of the request may not be reached.
    DeniedEgress = "denied.egress", Denied;
    /// A path that leads out of the granted directory, or to what is no plain file.
    DeniedPath = "denied.path", Denied;
    /// A header that the host sets itself, or that could split a request in two.
    DeniedHeader = "denied.header", Denied;
    /// A secret value was asked for on the way to a place that it is not bound to.
    DeniedSecret = "denied.secret", Denied;
    /// The guest trapped.
    GuestTrap = "guest.trap", Guest;
    /// The guest used up its stack.
    GuestStack = "guest.stack", Guest;
    /// The skill ended with a failure of its own.
    GuestFailed = "guest.failed", Guest;
    /// The skill could not reach something; trying again may help.
    GuestUnavailable = "guest.unavailable", Unavailable;
    /// The store cannot be used at the moment.
    UnavailableStore = "unavailable.store", Unavailable;
    /// The disk is full or refuses writes.
    UnavailableStorage = "unavailable.storage", Unavailable;
    /// The host is shutting down, or what was asked for lies at one that is away.
    UnavailableHost = "unavailable.host", Unavailable;
    /// A name cannot be resolved at the moment.
    UnavailableDns = "unavailable.dns", Unavailable;
    /// The server that was called cannot be reached, or broke off.
    UnavailableUpstream = "unavailable.upstream", Unavailable;
    /// A destination failed again and again and is not asked for a while.
    UnavailableCircuit = "unavailable.circuit", Unavailable;
    /// The registry has no such image.
    RegistryNotFound = "registry.not_found", NotFound;
    /// The registry does not let this host do that.
    RegistryDenied = "registry.denied", Denied;
    /// The registry cannot be reached, or broke off.
    RegistryUnavailable = "registry.unavailable", Unavailable;
    /// What a channel's document says is over, or older than what this host has seen.
    RegistryStale = "registry.stale", Conflict;
    /// A replayed invocation did something else than the recorded one.
    ReplayDiverged = "replay.diverged", Conflict;
    /// A replayed invocation has come to the end of what is recorded.
    ReplayEnded = "replay.ended", Conflict;
    /// A release that is tried on a record made a call that the record does not answer.
    ReplayUnmatched = "replay.unmatched", Conflict;
    /// The record of an invocation is not enough to replay it.
    ReplayImpossible = "replay.impossible", Conflict;
    /// The operator's credentials or secrets cannot be read, or a server does not take them.
    CredentialsInvalid = "credentials.invalid", Invalid;
    /// Another host holds the data directory.
    DataDirLocked = "data_dir.locked", Conflict;
    /// The data directory cannot be written.
    DataDirUnusable = "data_dir.unusable", Unavailable;
    /// The address cannot be listened on.
    AddressInUse = "address.in_use", Conflict;
    /// An agent's sources do not build.
    BuildFailed = "build.failed", Unacceptable;
    /// A fault of the host.
    Internal = "internal", Internal;
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Something that went wrong: code, public sentence, facts, private cause.
#[derive(Debug)]
pub struct Error {
    /// The stable code.
    pub code: Code,
    /// One public sentence, lower case, without a full stop.
    pub message: String,
    /// Facts for a program, such as the path inside an input that is wrong.
    pub details: Map<String, Value>,
    /// Whether the same request may succeed later without a change.
    pub retryable: bool,
    /// What the log alone is told.
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error with a code and a public sentence.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            details: Map::new(),
            retryable: matches!(code.kind(), Kind::Exhausted | Kind::Unavailable),
            cause: None,
        }
    }

    /// A fault of the host: the cause goes to the log, the caller learns that it happened.
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::new(Code::Internal, "the host failed to do this; its log has the cause").with_cause(cause)
    }

    /// Adds the private cause.
    #[must_use]
    pub fn with_cause(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Adds a fact for a program.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }

    /// Puts `context` before the message, as in `agent aws: …`.
    #[must_use]
    pub fn context(mut self, context: impl fmt::Display) -> Self {
        self.message = format!("{context}: {}", self.message);
        self
    }

    /// The private cause with all that stands behind it, for the log.
    pub fn cause_chain(&self) -> Option<String> {
        let first = self.cause.as_deref()?;
        let mut text = first.to_string();
        let mut next = first.source();
        while let Some(error) = next {
            text.push_str(": ");
            text.push_str(&error.to_string());
            next = error.source();
        }
        Some(text)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

#[cfg(test)]
mod tests;
