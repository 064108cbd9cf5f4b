//! Standing policies: how an agent is swapped when whoever asks for it does not say how.
//!
//! An operator sets one per agent, so that a swap without a word about it is rehearsed, tried and
//! watched. It is no bound: who says how a swap goes about it is taken at that word, and the audit
//! shows both. Two swaps have nothing to be compared with and go by none: an agent's first, and
//! one to the release that serves. Going back goes by none either, since it is to be over at once.

use troupe_core::view::{StandingPolicy, SwapPolicy};
use troupe_core::{AgentName, Caller, Digest, Result, Scope, TenantId};
use troupe_store::StandingPolicyRow;

use super::policy;
use crate::{Runtime, agents};

impl Runtime {
    /// The standing policy of a deployment.
    ///
    /// # Errors
    /// [`troupe_core::Code::DeploymentNotFound`].
    pub async fn standing_policy(&self, caller: &Caller, agent: &str) -> Result<StandingPolicy> {
        caller.require(Scope::Read)?;
        let agent = self.deployment_row(caller, agent).await?.agent;
        let row = self.store.standing_policy(&caller.tenant, &agent).await?;
        Ok(view(&agent, row))
    }

    /// Sets the standing policy of a deployment, or takes it away; returns what then holds. Swaps
    /// that are under way go on as they began.
    ///
    /// # Errors
    /// [`troupe_core::Code::DeploymentNotFound`]; [`troupe_core::Code::RequestInvalid`] for a policy
    /// that no swap could follow.
    pub async fn set_standing_policy(
        &self,
        caller: &Caller,
        agent: &str,
        policy: Option<SwapPolicy>,
    ) -> Result<StandingPolicy> {
        agents::permitted(caller, Scope::Operate, agent)?;
        self.require_ready()?;
        policy.as_ref().map_or(Ok(()), policy::check)?;
        let agent = self.deployment_row(caller, agent).await?.agent;
        let row = self.store.set_standing_policy(&caller.tenant, &agent, policy, &caller.principal).await?;
        let is_set = row.is_some();
        tracing::info!(tenant = %caller.tenant, %agent, is_set, by = caller.principal, "the standing policy was changed");
        Ok(view(&agent, row))
    }

    /// How a swap to a release goes about it of which nobody has said so.
    pub(super) async fn unsaid_policy(&self, tenant: &TenantId, agent: &AgentName, to: Digest) -> Result<SwapPolicy> {
        let Some(row) = self.store.standing_policy(tenant, agent).await? else { return Ok(SwapPolicy::default()) };
        let deployment = self.store.deployment(tenant, agent).await?;
        let is_compared = deployment.is_some_and(|row| row.digest != to);
        Ok(if is_compared { row.policy } else { SwapPolicy::default() })
    }
}

fn view(agent: &AgentName, row: Option<StandingPolicyRow>) -> StandingPolicy {
    let agent = agent.to_string();
    match row {
        Some(StandingPolicyRow { policy, principal, changed_at }) => {
            StandingPolicy { agent, policy: Some(policy), by: Some(principal), changed_at: Some(changed_at) }
        }
        None => StandingPolicy { agent, policy: None, by: None, changed_at: None },
    }
}
