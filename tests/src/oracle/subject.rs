//! Whom a case is about: an agent of one tenant, and what the host decides against it.

use std::collections::BTreeMap;

use super::Good;
use crate::Client;

/// What the audit says that was decided against an agent, or its release.
const KINDS: [&str; 6] = ["denied", "limited", "ended", "publish_refused", "quarantined", "secret_echo"];

/// An agent of a tenant, from before a case to after it.
#[derive(Debug)]
pub struct Subject {
    client: Client,
    good: Good,
    /// The newest record of its tenant's audit before the case.
    newest: u64,
    decides: BTreeMap<String, usize>,
    pub(super) may_decide: Vec<String>,
    pub(super) quarantines: bool,
}

impl Subject {
    /// Has the agent answer, so that it is loaded, and notes what is on record.
    ///
    /// # Panics
    /// If it does not answer well to begin with.
    pub async fn begin(client: Client, good: Good) -> Self {
        let warm = client.run(good.agent, good.skill, good.input.clone()).await;
        assert_eq!(warm.output(), good.output, "the agent is not well to begin with");
        let newest = client.get("/api/v1/audit/head").await.of(200)["seq"].as_u64().expect("a number");
        Self { client, good, newest, decides: BTreeMap::new(), may_decide: Vec::new(), quarantines: false }
    }

    /// The client by which its tenant speaks.
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// Says that the host decides this so many times more.
    pub fn decides_often(&mut self, code: &str, times: usize) {
        *self.decides.entry(code.to_owned()).or_default() += times;
    }

    /// What does not hold once the case is over.
    pub async fn wrong(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut found = self.decisions().await;
        found.retain(|code, _| !self.may_decide.contains(code));
        if found != self.decides {
            wrong.push(format!("U4: the host decided {found:?}, not {:?}", self.decides));
        }
        let Good { agent, skill, input, output } = &self.good;
        let next = self.client.run(agent, skill, input.clone()).await;
        let well = match self.quarantines {
            true => next.status == 503 && next.json()["code"] == "agent.quarantined",
            false => next.status == 200 && next.json()["output"] == *output,
        };
        if !well {
            wrong.push(format!("U5: the agent answers {} {}", next.status, next.text));
        }
        wrong
    }

    /// What the host decided since, by code, or by kind where there is none: how often it recorded
    /// that, whichever way often within one invocation. Each record tells whose decision it was.
    async fn decisions(&self) -> BTreeMap<String, usize> {
        let mut found = BTreeMap::new();
        let mut after = self.newest;
        loop {
            let page = self.client.get(&format!("/api/v1/audit?limit=500&after={after}")).await.of(200);
            for record in page["items"].as_array().expect("a page") {
                after = record["seq"].as_u64().expect("a number");
                let kind = record["kind"].as_str().unwrap_or_default();
                if !KINDS.contains(&kind) {
                    continue;
                }
                let whose: &[&str] = match kind {
                    // What was refused is no release, and what is offered may say nothing of itself.
                    "publish_refused" => &["principal"],
                    "quarantined" => &["agent", "version", "digest"],
                    _ => &["agent", "version", "digest", "task", "attempt"],
                };
                assert!(whose.iter().all(|part| !record[part].is_null()), "{record:#}");
                *found.entry(record["code"].as_str().unwrap_or(kind).to_owned()).or_default() += 1;
            }
            if page["next"].is_null() {
                return found;
            }
        }
    }
}
