//! Removing a deployment, and what goes with it.
//!
//! *The danger:* an agent that was to go is asked on by a schedule or an event that nobody thought of, or a host
//! that dies in the middle leaves half of it. *The rule:* one transaction decides. From it on the agent is not
//! deployed: its triggers are gone, its schedules and what others subscribed to for it stand still, and no swap
//! is under way. What may be too much for one transaction, instances that are stopped and tasks that wait
//! and are ended, is found by the row and settled piece by piece, by whichever host looks, also after a crash.
//! *The default:* state is kept, and whoever deploys the agent again goes on with it; grants and
//! configuration end with the deployment.
//!
//! The row stays. Epochs and revisions go on from it, so nothing of an earlier deployment is taken for
//! something of the next; and what still runs, or is suspended, comes to its end under what it began with.

use serde_json::json;
use troupe_core::audit::{AuditEntry, AuditKind};
use troupe_core::{AgentName, Code, Digest, Error, Grants, Result, TenantId, Timestamp};

use super::{DeploymentRow, NO_CONFIGURATION, RouteChange, check_epoch, read};
use crate::fault::{Done, Failed};
use crate::rows::{Columns as _, number};
use crate::sql::{Connection, Row, query, query_scalar};
use crate::writer::Tx;
use crate::{Store, events, instances, schedules, swaps};

/// To SQLite a cross join is one whose order stays: removed deployments first.
const LIVE_INSTANCES: &str = "select instances.tenant, instances.id from deployments
     cross join instances
     where deployments.removed_at is not null and instances.tenant = deployments.tenant
        and instances.agent = deployments.agent and instances.stopped_at is null
     limit $1";

/// What becomes of the state of a deployment that is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// The next one goes on with it.
    Kept,
    /// It is nobody's any more, and is swept away.
    Removed,
}

/// How a deployment is removed.
#[derive(Debug, Clone, Copy)]
pub struct Removal {
    /// The epoch that was looked at; 0 stands for no deployment.
    pub expected: Option<u64>,
    /// Whether its state goes with it.
    pub removes_state: bool,
    /// Until when what runs of it may go on.
    pub drain_until: Timestamp,
}

/// A deployment that was removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemovedRow {
    /// What it was, under the epoch by which it was removed.
    pub row: DeploymentRow,
    /// When it was removed.
    pub removed_at: Timestamp,
    /// Until when what runs of it may go on.
    pub drain_until: Timestamp,
}

impl RemovedRow {
    /// Whether its state is there for whoever is deployed next.
    pub const fn keeps_state(&self) -> bool {
        // State that is removed begins anew by the very epoch.
        self.row.state_since != self.row.epoch
    }

    /// What its agent is deployed again as: under the next epoch, with the configuration and the grants of the
    /// change alone.
    pub(super) fn again(
        self,
        version: &semver::Version,
        digest: Digest,
        change: &mut RouteChange,
    ) -> Done<(DeploymentRow, Option<State>)> {
        let state = if self.keeps_state() { State::Kept } else { State::Removed };
        if self.row.configuration != NO_CONFIGURATION {
            change.configuration.get_or_insert_with(|| NO_CONFIGURATION.to_owned());
        }
        if self.row.grants.is_some() && change.grants.is_none() {
            change.grants = Some(serde_json::to_string(&Grants::default()).map_err(Error::internal)?);
        }
        Ok((DeploymentRow { serving: version.clone(), digest, candidate: None, ..self.row }, Some(state)))
    }
}

impl Store {
    /// Removes a deployment, as `by` asked: nothing begins any more from then on. Of one that was removed
    /// before, its state, if that was kept and is to go by now. Tells the feed `deployment.removed`, and what
    /// went or stands still with it, and the audit.
    ///
    /// # Errors
    /// [`Code::DeploymentNotFound`]; [`Code::SwapConflict`] when the epoch is another, or a swap is under way.
    pub async fn remove_deployment(
        &self,
        tenant: &TenantId,
        agent: &AgentName,
        removal: Removal,
        by: &str,
    ) -> Result<RemovedRow> {
        let (tenant, agent, by) = (tenant.clone(), agent.clone(), by.to_owned());
        self.write(move |tx| Box::pin(remove(tx, tenant, agent, removal, by))).await
    }

    /// Reads a deployment that was removed; none if it is there, or never was.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn removed_deployment(&self, tenant: &TenantId, agent: &AgentName) -> Result<Option<RemovedRow>> {
        Ok(find(&mut self.reader().await?, tenant, agent).await?)
    }

    /// Reads every tenant's deployments that were removed: whose, and the epoch.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn removed_deployments(&self) -> Result<Vec<(TenantId, AgentName, u64)>> {
        let rows = query("select tenant, agent, epoch from deployments where removed_at is not null")
            .fetch_all(&mut self.reader().await?)
            .await
            .map_err(Failed::from)?;
        let of = |row: &Row| Ok((row.parsed("tenant")?, row.parsed("agent")?, row.number("epoch")?));
        Ok(rows.iter().map(of).collect::<Done<_>>()?)
    }

    /// Stops at most `limit` instances of agents whose deployment was removed, for the host, and says how many that
    /// were. Where there is none nothing is written.
    ///
    /// # Errors
    /// When the store is unavailable; then nothing has changed.
    pub async fn stop_undeployed(&self, limit: u32) -> Result<usize> {
        if live_instances(&mut self.reader().await?, 1).await?.is_empty() {
            return Ok(0);
        }
        self.write(move |tx| {
            Box::pin(async move {
                let live = live_instances(&mut tx.connection, limit).await?;
                for row in &live {
                    instances::stop(tx, row.parsed("tenant")?, row.parsed("id")?, None).await?;
                }
                Ok(live.len())
            })
        })
        .await
    }
}

async fn live_instances(connection: &mut dyn Connection, limit: u32) -> Done<Vec<Row>> {
    Ok(query(LIVE_INSTANCES).bind(i64::from(limit)).fetch_all(connection).await?)
}

/// Reads a deployment that was removed.
pub(crate) async fn find(
    connection: &mut dyn Connection,
    tenant: &TenantId,
    agent: &AgentName,
) -> Done<Option<RemovedRow>> {
    let Some(row) = super::find_removed(connection, tenant, agent).await? else { return Ok(None) };
    let (removed_at, drain_until) = (row.at("removed_at")?, row.at("drain_until")?);
    Ok(Some(RemovedRow { row: read(&row)?, removed_at, drain_until }))
}

async fn remove(tx: &mut Tx, tenant: TenantId, agent: AgentName, removal: Removal, by: String) -> Done<RemovedRow> {
    let there = super::find(&mut tx.connection, &tenant, &agent).await?;
    check_epoch(&agent, there.as_ref().map_or(0, |row| row.epoch), removal.expected)?;
    let Some(row) = there else {
        return match find(&mut tx.connection, &tenant, &agent).await? {
            Some(removed) if removal.removes_state && removed.keeps_state() => forget(tx, removed, &by).await,
            _ => {
                let message = format!("agent {agent} is not deployed, so there is nothing to undeploy");
                Err(Error::new(Code::DeploymentNotFound, message).into())
            }
        };
    };
    if let Some(id) = swaps::in_charge(&mut tx.connection, &tenant, &agent).await? {
        return Err(swaps::under_way(&agent, &id).into());
    }
    events::leave(tx, &tenant, &agent, &by).await?;
    schedules::pause_of(tx, &tenant, &agent, &by).await?;
    let removed = RemovedRow { row, removed_at: tx.now, drain_until: removal.drain_until };
    write(tx, removed, removal.removes_state, &by).await
}

/// Removes the state of a deployment that was removed before.
pub(crate) async fn forget(tx: &mut Tx, removed: RemovedRow, by: &str) -> Done<RemovedRow> {
    write(tx, removed, true, by).await
}

/// Writes a deployment as removed, under the next epoch.
async fn write(tx: &mut Tx, mut removed: RemovedRow, removes_state: bool, by: &str) -> Done<RemovedRow> {
    let row = &mut removed.row;
    let before = number(row.epoch)?;
    row.epoch += 1;
    row.changed_at = tx.now;
    if removes_state {
        // One that no copy of a migration that came to nothing is in.
        let highest: i64 = query_scalar(
            "select cast(coalesce(max(generation), 0) as bigint) from state_usage where tenant = $1 and agent = $2",
        )
        .bind(row.tenant.as_str())
        .bind(row.agent.as_str())
        .fetch_one(&mut tx.connection)
        .await?;
        row.state_generation = row.state_generation.max(u64::try_from(highest).unwrap_or(0)) + 1;
        (row.state_since, row.state_forms) = (row.epoch, None);
    }
    let written = query(
        "update deployments set epoch = $4, removed_at = $5, drain_until = $6, changed_at = $7,
            state_generation = $8, state_since = $9, state_forms = $10, candidate = null, weight = 0, swap = null
         where tenant = $1 and agent = $2 and epoch = $3",
    )
    .bind(row.tenant.as_str())
    .bind(row.agent.as_str())
    .bind(before)
    .bind(number(row.epoch)?)
    .bind(removed.removed_at.as_millis())
    .bind(removed.drain_until.as_millis())
    .bind(row.changed_at.as_millis())
    .bind(number(row.state_generation)?)
    .bind(number(row.state_since)?)
    .bind(row.state_forms.map(|forms| forms.to_string()))
    .execute(&mut tx.connection)
    .await?;
    if written.rows_affected() != 1 {
        let message = format!("the deployment of {} has changed; look at it again, then repeat", row.agent);
        return Err(Error::new(Code::SwapConflict, message).into());
    }
    row.candidate = None;
    let state = if removes_state { "removed" } else { "kept" };
    let data = json!({
        "agent": row.agent.as_str(), "epoch": row.epoch, "previous": row.serving.to_string(),
        "digest": row.digest.to_string(), "state": state, "drain_until": removed.drain_until.to_string(),
    });
    tx.announce(&row.tenant, "deployment.removed", &format!("deployment/{}", row.agent), &data);
    let entry = AuditEntry::new(AuditKind::Undeployed).by(Some(by)).of(&row.agent).on(&row.serving, row.digest);
    let entry = entry.with("epoch", row.epoch).with("state", state);
    tx.audit(&row.tenant, entry).await?;
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::plan;

    #[tokio::test]
    async fn instances_of_removed_deployments_are_found_without_looking_at_others() {
        let plan = plan(LIVE_INSTANCES).await;
        for index in ["INDEX deployments_removed", "INDEX instances_live_of_agent"] {
            assert!(plan.iter().any(|step| step.contains(index)), "{plan:#?}");
        }
    }
}
