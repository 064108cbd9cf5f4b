//! Actions that the agents of running tasks ask approval of.
//!
//! ```text
//!  agent ──ask──▶ pending ──level by level──▶ granted ────────▶ the agent goes on, and does it
//!    │ suspended      │ rejected, expired ──────────────────────▶ the agent goes on, without
//!    └────────────────┴ the task ends, is cancelled, begins anew ▶ cancelled
//! ```
//!
//! *The attack:* an agent gets a yes to one thing and takes it for another, or whoever it works for says yes
//! to it itself. *The rule:* what is shown is kept with its digest and told back with the decision; whoever
//! the task is for is who asks, and decides nothing of its own unless the policy's level says so. *The
//! default:* where no rule is about it, one person decides that holds the scope `approve`.
//!
//! What an agent may ask stands in `host/sandbox/src/gate/approvals.rs`. An action is not routine: time ends
//! it, and never approves of it. It is void with its attempt, so nobody decides about what nobody does.

use serde_json::{Map, Value, json};
use troupe_core::approval::{ApprovalKind, ApprovalRule, ShownAction};
use troupe_core::view::{ApprovedAction, ApprovedConfiguration, TaskApproval};
use troupe_core::{ApprovalId, Error, ReleaseRef, Result, TaskId, TenantId, Timestamp};
use troupe_sandbox::{ApprovalAsk, ApprovalStands};
use troupe_store::{ApprovalCommit, TaskApprovalRow, TaskRow};

use crate::Runtime;

impl Runtime {
    /// What an agent asks for on behalf of a task that runs under a configuration of this revision, until its time is
    /// over.
    ///
    /// # Errors
    /// A fault of the host.
    pub(crate) async fn approval_of_action(
        &self,
        task: &TaskRow,
        configuration_revision: u64,
        ask: ApprovalAsk,
        latest: Timestamp,
    ) -> Result<ApprovalCommit> {
        let ApprovalAsk { shown, effect, expires_after, open_max } = ask;
        let Some(release) = &task.release else {
            return Err(Error::internal("a task that runs is on no release"));
        };
        let runs = ReleaseRef { agent: task.agent.clone(), version: release.version.clone() };
        let configuration = self.configuration_of(&task.tenant, &runs, configuration_revision).await?;
        let action = ApprovedAction {
            agent: task.agent.to_string(),
            version: release.version.clone(),
            digest: release.digest,
            skill: task.skill.to_string(),
            effect,
            instance: task.instance,
            configuration: configuration.map(|found| ApprovedConfiguration::of(configuration_revision, found)),
        };
        let (now, shown) = (self.clock.now(), shown.text()?);
        let latest = expires_after.map_or(latest, |time| now.plus(time).min(latest));
        let in_force = self.task_approvals.of(&task.tenant);
        let demand = in_force.as_ref().and_then(|in_force| {
            let (place, rule) = in_force.policy.demand(ApprovalKind::Action, &task.agent, &task.skill, effect)?;
            Some((place, rule, in_force.revision))
        });
        let of_one = ApprovalRule::of_one();
        let revision = in_force.as_ref().map_or(0, |in_force| in_force.revision);
        let demand = demand.unwrap_or((0, &of_one, revision));
        let digest = ShownAction::digest(&shown);
        let asked = TaskApproval::of_action(action, digest, &task.principal, demand, (now, latest));
        Ok(ApprovalCommit { id: self.approval_id(), asked, shown, open_max, encode: encoded })
    }

    /// How an approval stands that the agent of a task has asked for.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub(crate) async fn approval_of_agent(
        &self,
        tenant: &TenantId,
        task: TaskId,
        id: ApprovalId,
    ) -> Result<Option<ApprovalStands>> {
        let found = self.store.asked_approval(tenant, task, id).await?;
        Ok(found.map(|row| ApprovalStands { status: row.status, decision: decision(row) }))
    }

    /// Something may be due of an approval that an agent has asked for just now.
    pub(crate) fn approval_was_asked(&self, agent: &troupe_core::AgentName) {
        self.task_approvals.happened();
        metrics::counter!("troupe_task_approvals_total", "agent" => agent.to_string(), "step" => "requested")
            .increment(1);
    }
}

/// What an agent is told of a decision: who, why, and exactly what about.
fn decision(row: TaskApprovalRow) -> Map<String, Value> {
    let TaskApproval { shown: digest, outcome, levels, .. } = row.approval;
    let shown = row.shown.and_then(|text| serde_json::from_str::<ShownAction>(&text).ok());
    let votes: Vec<Value> = (1..)
        .zip(&levels)
        .flat_map(|(number, level)| level.votes.iter().map(move |vote| (number, vote)))
        .map(|(number, vote): (usize, _)| {
            json!({
                "level": number, "by": vote.by, "instead_of": vote.instead_of, "at": vote.at, "reason": vote.reason,
            })
        })
        .collect();
    let mut told = Map::new();
    let mut say = |name: &str, value: Value| drop(told.insert(name.to_owned(), value));
    say("approval", json!(row.id));
    say("digest", json!(digest));
    say("action", json!(shown.map(|shown| shown.action)));
    if let Some(outcome) = outcome {
        say("by", json!(outcome.by));
        say("at", json!(outcome.at));
        say("reason", json!(outcome.reason));
    }
    say("votes", Value::Array(votes));
    told
}

/// The answer to asking, as the journal keeps it.
fn encoded(asked: &troupe_core::approval::AskedApproval) -> Vec<u8> {
    troupe_sandbox::Answer::of_asked_approval(asked).encode()
}
