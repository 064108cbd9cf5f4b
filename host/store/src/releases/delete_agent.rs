//! Deleting an agent: every release of it, its channels, and what asks for it by its name.
//!
//! It is one transaction: an agent of which anything is needed stays whole. What cannot serve any more needs no
//! release to go back to, so that alone holds none.

use serde_json::json;
use troupe_core::audit::{AuditEntry, AuditKind};
use troupe_core::{AgentName, Code, Error, ReleaseRef, Result, TenantId};

use super::delete::{delete, holders, in_use};
use crate::fault::Done;
use crate::rows::Columns as _;
use crate::sql::query;
use crate::writer::Tx;
use crate::{Store, channels, deployments, events, schedules, swaps};

/// What went with an agent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeletedAgent {
    /// Its releases, lowest version first.
    pub versions: Vec<semver::Version>,
    /// Its channels, by name.
    pub channels: Vec<troupe_core::ChannelName>,
    /// Whether state of it is still there, for an agent of its name.
    pub keeps_state: bool,
}

impl Store {
    /// Deletes an agent that is not deployed, as `by` asked, with its releases, channels, schedules, subscriptions
    /// and standing policy, and if so wished with the state that its last deployment left. Tells the feed
    /// `agent.deleted` and of each of these, and the audit.
    ///
    /// # Errors
    /// Nothing is written on any of them. [`Code::AgentNotFound`]; [`Code::ReleaseInUse`] when it is deployed, or
    /// with the detail `by`, naming everything that needs one of its releases.
    pub async fn delete_agent(
        &self,
        tenant: &TenantId,
        agent: &AgentName,
        removes_state: bool,
        by: &str,
    ) -> Result<DeletedAgent> {
        let (tenant, agent, by) = (tenant.clone(), agent.clone(), by.to_owned());
        self.write(move |tx| Box::pin(delete_all(tx, tenant, agent, removes_state, by))).await
    }
}

async fn delete_all(
    tx: &mut Tx,
    tenant: TenantId,
    agent: AgentName,
    removes_state: bool,
    by: String,
) -> Done<DeletedAgent> {
    if let Some(version) = deployments::serving(&mut tx.connection, &tenant, &agent).await? {
        let message = format!("agent {agent} is deployed; `troupe undeploy {agent}` first, then delete it");
        let by = json!([{ "kind": "serving", "version": version.to_string() }]);
        return Err(Error::new(Code::ReleaseInUse, message).with("by", by).into());
    }
    let rows = query("select version from releases where tenant = $1 and agent = $2 and deleted_at is null")
        .bind(tenant.as_str())
        .bind(agent.as_str())
        .fetch_all(&mut tx.connection)
        .await?;
    let mut versions = rows.iter().map(|row| row.parsed("version")).collect::<Done<Vec<semver::Version>>>()?;
    versions.sort();
    if versions.is_empty() {
        let message = format!("there is no agent `{agent}`; `troupe agents` lists those there are");
        return Err(Error::new(Code::AgentNotFound, message).into());
    }
    let mut deleted = DeletedAgent { versions, ..DeletedAgent::default() };
    for row in channels::of_agent(&mut tx.connection, &tenant, &agent).await? {
        channels::remove(tx, tenant.clone(), agent.clone(), row.channel.clone(), by.clone()).await?;
        deleted.channels.push(row.channel);
    }
    for version in &deleted.versions {
        let release = ReleaseRef { agent: agent.clone(), version: version.clone() };
        let now = tx.now;
        let holders = holders(&mut tx.connection, &tenant, &release, now).await?;
        if !holders.is_empty() {
            return Err(in_use(&release, &holders).into());
        }
        delete(tx, tenant.clone(), release, Some(by.clone()), None).await?;
    }
    events::remove_of(tx, &tenant, &agent, &by).await?;
    schedules::remove_of(tx, &tenant, &agent, &by).await?;
    swaps::forget_policy(tx, &tenant, &agent, &by).await?;
    if let Some(removed) = deployments::removed(&mut tx.connection, &tenant, &agent).await? {
        deleted.keeps_state = removed.keeps_state() && !removes_state;
        if removed.keeps_state() && removes_state {
            deployments::forget(tx, removed, &by).await?;
        }
    }
    let versions: Vec<String> = deleted.versions.iter().map(ToString::to_string).collect();
    let state = if deleted.keeps_state { "kept" } else { "removed" };
    let data = json!({ "agent": agent.as_str(), "versions": versions.len(), "state": state });
    tx.announce(&tenant, "agent.deleted", &format!("agent/{agent}"), &data);
    let entry = AuditEntry::new(AuditKind::AgentDeleted).by(Some(&by)).of(&agent);
    tx.audit(&tenant, entry.with("versions", versions.len()).with("state", state)).await?;
    Ok(deleted)
}
