//! One invocation: what goes in and what comes out.

use std::sync::Arc;
use std::time::Duration;

use serde_json::value::RawValue;
use troupe_core::audit::AuditEntry;
use troupe_core::{Awaited, Effect, InstanceId, Result, TenantId, Timestamp};

use crate::artifacts::Artifacts;
use crate::directories::AgentDirectories;
use crate::gate::{JournalRow, LiveGrants, Recording};
use crate::port::{Ledger, Observer};
use crate::stop::Stop;

/// What a guest may know about its invocation.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The tenant.
    pub tenant: TenantId,
    /// The session, if it came from one.
    pub session: Option<String>,
    /// The instance of the agent, if its task is for one.
    pub instance: Option<InstanceId>,
    /// The principal who asked.
    pub user: Option<String>,
    /// A W3C `traceparent`.
    pub trace: String,
    /// The attempt, from 1.
    pub attempt: u32,
    /// When it is cut off, unless it is suspended: it moves on by as much as that takes.
    pub deadline: Timestamp,
    /// The end of its task's time, which never moves.
    pub latest: Timestamp,
    /// The deployment's configuration, a JSON object.
    pub configuration: Arc<RawValue>,
}

/// Everything an invocation needs.
pub struct Invocation {
    /// What the guest may know.
    pub facts: Facts,
    /// What the guest may do, as it stands at each call.
    pub grants: LiveGrants,
    /// How far its calls may reach: the class that the skill claims for itself.
    pub ceiling: Effect,
    /// Its durable side.
    pub ledger: Box<dyn Ledger>,
    /// The directories that its grants may open; none where the host has none.
    pub directories: Option<AgentDirectories>,
    /// Where the bytes of its artefacts go; nowhere where the host keeps none of it.
    pub artifacts: Option<Artifacts>,
    /// Who watches.
    pub observer: Arc<dyn Observer>,
    /// The switch that ends it early.
    pub stop: Stop,
    /// How long it may run; one that was suspended, from the end of its wait on.
    pub time: Duration,
    /// How long its task may still take, suspended or not.
    pub life: Duration,
    /// How much linear memory it may hold, in bytes.
    pub memory_bytes: usize,
    /// How long its output may be, in bytes.
    pub output_bytes: usize,
    /// What its random numbers come from.
    pub seed: [u8; 32],
    /// When it began; its clocks start here.
    pub started_at: Timestamp,
    /// What it did before, if it is replayed or resumed.
    pub recording: Option<Recording>,
}

/// What an invocation used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// The most linear memory held at once, in bytes.
    pub memory_bytes_peak: u64,
    /// The processor time of the guest and of what the host did in its stead.
    pub compute: Duration,
    /// Calls from guest to host.
    pub host_calls: u64,
    /// Capability calls that were denied.
    pub denied: u64,
    /// HTTP requests that were sent.
    pub http_requests: u64,
    /// Bytes of the bodies that were sent.
    pub http_bytes_sent: u64,
    /// Bytes of the bodies that came back.
    pub http_bytes_received: u64,
    /// HTTP requests that were tried again by the host.
    pub http_retries: u64,
    /// Redirects that the host followed.
    pub http_redirects: u64,
    /// HTTP requests that a budget refused.
    pub http_over_budget: u64,
    /// HTTP requests to destinations that are left alone.
    pub http_left_alone: u64,
    /// Answers, records and outputs that held what the host had added to a request, before it
    /// was taken out.
    pub secret_echoes: u64,
}

/// How an invocation ended.
#[derive(Debug)]
pub struct Outcome {
    /// The output as JSON text, or why there is none.
    pub result: Result<String>,
    /// When it goes on, if it has not ended: it waits, and its result is but a word for that.
    pub suspended: Option<Timestamp>,
    /// What it waits for meanwhile, besides time and locks.
    pub awaits: Vec<Awaited>,
    /// What the agent of a cancelled task still answered, as JSON text.
    pub partial: Option<String>,
    /// Journal rows that no commit has taken yet; they belong into the last one.
    pub rows: Vec<JournalRow>,
    /// Recorded rows that it did not come to.
    pub unmade: Vec<JournalRow>,
    /// What was decided in it, since its beginning; nothing of what a replay repeats.
    pub decisions: Vec<AuditEntry>,
    /// Those among them that no row of the journal tells: if it is suspended, whoever goes on
    /// with it does not know of them.
    pub unseen: Vec<AuditEntry>,
    /// What it used.
    pub usage: Usage,
}
