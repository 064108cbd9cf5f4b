//! What must hold after a hostile case, whatever the case itself shows.
//!
//! | | after each case |
//! |---|---|
//! | **U1** | the host is the same process, and nothing in it has panicked |
//! | **U2** | a bystander, another tenant with a key of its own whose agent was asked 50 times a second meanwhile, was answered each time, each of its calls took effect once, and the 99th percentile of its latency is within twice what it is in quiet |
//! | **U3** | within 5 s the host's memory is what it was (within 16 MiB), and so are its descriptors, the tasks that run and the stores that live (exactly) |
//! | **U4** | the audit holds exactly one record for each decision that the case says, with its code, agent, release and invocation, and no other |
//! | **U5** | the agent answers a good call next, or is quarantined where the case says so |
//!
//! A case begins with [`Oracle::watch`], speaks through [`Oracle::client`], says what the
//! host decides by [`Oracle::decides`] and ends with [`Oracle::holds`], which says all that
//! does not hold at once.
//!
//! Failures, panics and counts are exact. The latency has a floor, [`bystander::FLOOR`]: on a machine of
//! two cores that also compiles, twice a quiet that was measured a moment ago is less than what
//! the machine itself adds now. What the machine adds is measured beside it, by a thread that
//! wakes up and writes as often; and what passes that is held against a quiet that is measured
//! anew, since a host that is not at fault answers as slowly then. Memory is what the
//! process alone holds: pages of its own program, which the system reads in and drops as it
//! likes, do not count.

mod bystander;
mod standing;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

pub use bystander::Bystander;
use bystander::Probe;
use standing::Standing;

use crate::{Client, Host};

/// How long a host may take to be as it was before.
const SETTLE_TIME_MAX: Duration = Duration::from_secs(5);

/// A watched host, from before a case to after it.
#[derive(Debug)]
pub struct Oracle<'a> {
    host: &'a Host,
    client: Client,
    good: Good,
    before: Standing,
    /// The newest record of the audit before the case.
    newest: u64,
    probe: Probe,
    decides: BTreeMap<String, usize>,
    may_decide: Vec<String>,
    quarantines: bool,
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

impl<'a> Oracle<'a> {
    /// Begins to watch a host on which the hostile agent serves.
    pub async fn watch(host: &'a Host) -> Self {
        Self::watch_with(host, Good::default()).await
    }

    /// Begins to watch a host on which another agent is called.
    pub async fn watch_with(host: &'a Host, good: Good) -> Self {
        let bystander = host.bystander().await;
        let client = host.client().fresh();
        let warm = client.run(good.agent, good.skill, good.input.clone()).await;
        assert_eq!(warm.output(), good.output, "the agent is not well to begin with");
        let newest = newest(&client).await;
        let before = Standing::at_rest(host, &client).await;
        let probe = bystander.probe(&client.url).await;
        Self {
            host,
            client,
            good,
            before,
            newest,
            probe,
            decides: BTreeMap::new(),
            may_decide: Vec::new(),
            quarantines: false,
        }
    }

    /// A client whose connections end with their answers, so that they are not taken for the
    /// host's own.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Says that the host decides this once more, by the code that an agent or its caller
    /// is told.
    pub fn decides(&mut self, code: &str) {
        self.decides_often(code, 1);
    }

    /// Says that the host decides this so many times more.
    pub fn decides_often(&mut self, code: &str, times: usize) {
        *self.decides.entry(code.to_owned()).or_default() += times;
    }

    /// Says that the host may also decide this, or not: the case is a race.
    pub fn may_decide(&mut self, code: &str) {
        self.may_decide.push(code.to_owned());
    }

    /// Says that the agent is quarantined by the end of the case.
    pub fn quarantines(&mut self) {
        self.quarantines = true;
    }

    /// Ends the case: says all that does not hold.
    ///
    /// # Panics
    /// If anything does not.
    pub async fn holds(self) {
        let bystander = self.host.bystander().await;
        let mut wrong = Vec::new();
        if let Err(late) = bystander.judge(self.probe.end().await, &self.client.url).await {
            wrong.push(format!("U2: {late}"));
        }
        let mut found = decisions(&self.client, self.newest).await;
        found.retain(|code, _| !self.may_decide.contains(code));
        if found != self.decides {
            wrong.push(format!("U4: the host decided {found:?}, not {:?}", self.decides));
        }
        let Good { agent, skill, input, output } = self.good;
        let next = self.client.run(agent, skill, input).await;
        let well = match self.quarantines {
            true => next.status == 503 && next.json()["code"] == "agent.quarantined",
            false => next.status == 200 && next.json()["output"] == output,
        };
        if !well {
            wrong.push(format!("U5: the agent answers {} {}", next.status, next.text));
        }
        let until = Instant::now() + SETTLE_TIME_MAX;
        let mut above = self.before.above(&Standing::now(self.host, &self.client).await);
        while !above.is_empty() && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(100)).await;
            above = self.before.above(&Standing::now(self.host, &self.client).await);
        }
        wrong.extend(above.into_iter().map(|what| format!("U3: {what}")));
        wrong.extend(self.before.parted(self.host, &self.client).await.map(|what| format!("U1: {what}")));
        assert!(wrong.is_empty(), "the case is not all there is:\n{}", wrong.join("\n"));
    }
}

/// The number of the newest record in the audit of the tenant `default`.
async fn newest(client: &Client) -> u64 {
    client.get("/api/v1/audit/head").await.of(200)["seq"].as_u64().expect("a number")
}

/// What the host decided against agents, by what the audit of the tenant `default` says after
/// the record `newest`: how often it recorded each code, whichever way often within one
/// invocation. Each record tells whose decision it was.
async fn decisions(client: &Client, newest: u64) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    let mut after = newest;
    loop {
        let page = client.get(&format!("/api/v1/audit?limit=500&after={after}")).await.of(200);
        for record in page["items"].as_array().expect("a page") {
            after = record["seq"].as_u64().expect("a number");
            if !["denied", "ended"].contains(&record["kind"].as_str().unwrap_or_default()) {
                continue;
            }
            let whose = ["agent", "version", "digest", "task", "attempt"];
            assert!(whose.iter().all(|part| !record[part].is_null()), "{record:#}");
            *found.entry(record["code"].as_str().expect("a code").to_owned()).or_default() += 1;
        }
        if page["next"].is_null() {
            return found;
        }
    }
}
