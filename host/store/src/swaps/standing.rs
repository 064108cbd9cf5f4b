//! Standing policies: how an agent is swapped when whoever asks for it does not say how.

use serde_json::json;
use troupe_core::audit::{AuditEntry, AuditKind};
use troupe_core::view::SwapPolicy;
use troupe_core::{AgentName, Result, TenantId, Timestamp};

use crate::fault::{Done, Failed};
use crate::rows::{Columns as _, broken, json};
use crate::sql::{Row, query};
use crate::{Store, writer::Tx};

/// The standing policy of an agent.
#[derive(Debug, Clone, PartialEq)]
pub struct StandingPolicyRow {
    /// The policy.
    pub policy: SwapPolicy,
    /// Who set it.
    pub principal: String,
    /// When it was set.
    pub changed_at: Timestamp,
}

impl Store {
    /// Reads the standing policy of an agent; none if it has none.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn standing_policy(&self, tenant: &TenantId, agent: &AgentName) -> Result<Option<StandingPolicyRow>> {
        let row = query("select policy, principal, changed_at from swap_policies where tenant = $1 and agent = $2")
            .bind(tenant.as_str())
            .bind(agent.as_str())
            .fetch_optional(&mut self.reader().await?)
            .await
            .map_err(Failed::from)?;
        Ok(row.as_ref().map(read).transpose()?)
    }

    /// Sets the standing policy of an agent, or takes it away, as `by` asked. Tells the feed
    /// `deployment.policy`, and the audit.
    ///
    /// # Errors
    /// When the store is unavailable; then nothing has changed.
    pub async fn set_standing_policy(
        &self,
        tenant: &TenantId,
        agent: &AgentName,
        policy: Option<SwapPolicy>,
        by: &str,
    ) -> Result<Option<StandingPolicyRow>> {
        let (tenant, agent, by) = (tenant.clone(), agent.clone(), by.to_owned());
        self.write(move |tx| Box::pin(set(tx, tenant, agent, policy, by))).await
    }
}

/// Takes the standing policy of an agent away, if it has one.
pub(crate) async fn forget(tx: &mut Tx, tenant: &TenantId, agent: &AgentName, by: &str) -> Done<()> {
    let found = query("select 1 from swap_policies where tenant = $1 and agent = $2")
        .bind(tenant.as_str())
        .bind(agent.as_str())
        .fetch_optional(&mut tx.connection)
        .await?;
    if found.is_some() {
        set(tx, tenant.clone(), agent.clone(), None, by.to_owned()).await?;
    }
    Ok(())
}

async fn set(
    tx: &mut Tx,
    tenant: TenantId,
    agent: AgentName,
    policy: Option<SwapPolicy>,
    by: String,
) -> Done<Option<StandingPolicyRow>> {
    let text = policy.as_ref().map(json).transpose()?;
    let statement = match text {
        Some(_) => {
            "insert into swap_policies (tenant, agent, policy, principal, changed_at) values ($1, $2, $3, $4, $5)
             on conflict (tenant, agent) do update set
                policy = excluded.policy, principal = excluded.principal, changed_at = excluded.changed_at"
        }
        None => "delete from swap_policies where tenant = $1 and agent = $2",
    };
    let mut query = query(statement).bind(tenant.as_str()).bind(agent.as_str());
    if let Some(text) = &text {
        query = query.bind(text).bind(&by).bind(tx.now.as_millis());
    }
    query.execute(&mut tx.connection).await?;
    let data = json!({ "agent": agent.as_str(), "policy": policy });
    tx.announce(&tenant, "deployment.policy", &format!("deployment/{agent}"), &data);
    let entry = AuditEntry::new(AuditKind::SwapPolicy).by(Some(&by)).of(&agent);
    tx.audit(&tenant, text.into_iter().fold(entry, |entry, text| entry.with("policy", text))).await?;
    Ok(policy.map(|policy| StandingPolicyRow { policy, principal: by, changed_at: tx.now }))
}

fn read(row: &Row) -> Done<StandingPolicyRow> {
    let text: String = row.get_as("policy")?;
    Ok(StandingPolicyRow {
        policy: serde_json::from_str(&text).map_err(|error| broken("policy", error))?,
        principal: row.get_as("principal")?,
        changed_at: row.at("changed_at")?,
    })
}
