//! What must hold after a hostile case, whatever the case itself shows.
//!
//! | | after each case |
//! |---|---|
//! | **U1** | the host is the same process, and nothing in it has panicked |
//! | **U2** | a bystander, another tenant with a key of its own whose agent was asked 50 times a second meanwhile, was answered each time, each of its calls took effect once, and the 99th percentile of its latency is within twice what it is in quiet |
//! | **U3** | within 5 s the host's memory is what it was (within 16 MiB), and so are its descriptors, the tasks that run and the stores that live (exactly) |
//! | **U4** | the audit holds exactly one record for each decision that the case says, with its code and whom it is about (agent, release and invocation, where there are any), and no other: what was denied, met a limit, was ended, echoed, quarantined or refused when it was published; back-pressure at the door, 429 and the 503 of a quarantine, is no decision: it is counted in `/metrics` and has no record, as many as a flood of it would make |
//! | **U5** | the agent answers a good call next, or is quarantined where the case says so |
//!
//! A case begins with [`Oracle::watch`], speaks through [`Oracle::client`], says what the
//! host decides by [`Oracle::decides`] and ends with [`Oracle::holds`], which says all that
//! does not hold at once. Where one host serves the cases of many tenants, each is a [`Subject`] of
//! which U4 and U5 are asked for itself.
//!
//! Failures, panics and counts are exact. The latency has a floor, [`bystander::FLOOR`]: on a machine of
//! two cores that also compiles, twice a quiet that was measured a moment ago is less than what
//! the machine itself adds now. What the machine adds is measured beside it, by a thread that
//! wakes up and writes as often, and by how long the host's own threads were ready and waited for
//! a core (Linux tells); and what passes that is held against a quiet that is measured
//! anew, since a host that is not at fault answers as slowly then. Memory is what the
//! process alone holds: pages of its own program, which the system reads in and drops as it
//! likes, do not count, and what the allocator keeps of freed memory is bounded for it.

mod bystander;
mod standing;
mod subject;

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

pub use bystander::Bystander;
use bystander::Probe;
use standing::Standing;
pub use subject::Subject;

use crate::{Client, Host};

/// How long a host may take to be as it was before.
const SETTLE_TIME_MAX: Duration = Duration::from_secs(5);

/// A watched host, from before a case to after it.
#[derive(Debug)]
pub struct Oracle<'a> {
    host: &'a Host,
    /// A client of the owner, who is told how the host stands.
    owner: Client,
    subject: Subject,
    before: Standing,
    probe: Probe,
}

/// A call that an agent answers well.
#[derive(Debug, Clone)]
pub struct Good {
    /// The agent.
    pub agent: &'static str,
    /// The skill.
    pub skill: &'static str,
    /// What it is asked with.
    pub input: Value,
    /// What it answers.
    pub output: Value,
}

impl Default for Good {
    /// The hostile agent, which sees nothing of the host's environment.
    fn default() -> Self {
        let output = json!({ "variables": {}, "arguments": [] });
        Self { agent: "hostile", skill: "environment", input: json!({}), output }
    }
}

impl Good {
    /// The agent `fetch`, asked for no request at all.
    pub fn fetch() -> Self {
        let output = json!({ "answers": [], "found": 0, "order": [], "references": [] });
        Self { agent: "fetch", skill: "fetch", input: json!({ "requests": [] }), output }
    }
}

impl<'a> Oracle<'a> {
    /// Begins to watch a host on which the hostile agent serves.
    pub async fn watch(host: &'a Host) -> Self {
        Self::watch_with(host, Good::default()).await
    }

    /// Begins to watch a host on which another agent is called.
    pub async fn watch_with(host: &'a Host, good: Good) -> Self {
        Self::watch_of(host, host.client().fresh(), good).await
    }

    /// Begins to watch a host on which an agent is called by a client of another tenant, whose key
    /// reads the audit.
    pub async fn watch_of(host: &'a Host, client: Client, good: Good) -> Self {
        let bystander = host.bystander().await;
        let subject = Subject::begin(client, good).await;
        let owner = host.client().fresh();
        let before = Standing::at_rest(host, &owner).await;
        let probe = bystander.probe(host).await;
        Self { host, owner, subject, before, probe }
    }

    /// A client whose connections end with their answers, so that they are not taken for the
    /// host's own.
    pub const fn client(&self) -> &Client {
        self.subject.client()
    }

    /// Says that the host decides this once more, by the code that an agent or its caller
    /// is told; what went with no code, by the kind of its record.
    pub fn decides(&mut self, code: &str) {
        self.decides_often(code, 1);
    }

    /// Says that the host decides this so many times more.
    pub fn decides_often(&mut self, code: &str, times: usize) {
        self.subject.decides_often(code, times);
    }

    /// Says that the host may also decide this, or not: the case is a race.
    pub fn may_decide(&mut self, code: &str) {
        self.subject.may_decide.push(code.to_owned());
    }

    /// Says that the agent is quarantined by the end of the case.
    pub fn quarantines(&mut self) {
        self.subject.quarantines = true;
    }

    /// Holds that the host holds no more memory, in the middle of the case, than after it.
    ///
    /// # Panics
    /// If it does.
    pub async fn stays(&self) {
        let now = Standing::now(self.host, &self.owner).await;
        let above = self.before.memory_above(&now);
        assert!(above.is_none(), "in the middle of the case: {}", above.unwrap_or_default());
    }

    /// Ends the case: says all that does not hold.
    ///
    /// # Panics
    /// If anything does not.
    pub async fn holds(self) {
        let bystander = self.host.bystander().await;
        let probed = self.probe.end().await;
        // What is next comes at once: a quarantine is over in a while.
        let mut wrong: Vec<String> = self.subject.wrong().await.into_iter().collect();
        if let Err(late) = bystander.judge(probed, self.host).await {
            wrong.push(format!("U2: {late}"));
        }
        let until = Instant::now() + SETTLE_TIME_MAX;
        let mut above = self.before.above(&Standing::now(self.host, &self.owner).await);
        while !above.is_empty() && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(100)).await;
            above = self.before.above(&Standing::now(self.host, &self.owner).await);
        }
        wrong.extend(above.into_iter().map(|what| format!("U3: {what}")));
        wrong.extend(self.before.parted(self.host, &self.owner).await.map(|what| format!("U1: {what}")));
        assert!(wrong.is_empty(), "the case is not all there is:\n{}", wrong.join("\n"));
    }
}
