//! Swaps: a row each, changed together with the route.

mod standing;

use serde_json::json;
use troupe_core::audit::AuditEntry;
use troupe_core::view::{RehearsalSummary, SwapPhase, SwapPolicy, SwapState};
use troupe_core::{AgentName, Code, Digest, Error, ReleaseRef, Result, SwapId, TenantId, Timestamp};

use crate::Store;
use crate::deployments::{self, DeploymentRow, RouteChange};
use crate::fault::{Done, Failed};
use crate::releases;
use crate::rows::{ABOVE_ALL_IDS, Columns as _, broken, json, number};
use crate::sql::{Connection, Row, query, query_scalar};
use crate::writer::Tx;
pub use standing::StandingPolicyRow;
pub(crate) use standing::forget as forget_policy;

/// A version of an agent and the digest of its release.
pub type Version = (semver::Version, Digest);

/// A swap as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct SwapRow {
    /// The tenant.
    pub tenant: TenantId,
    /// The id.
    pub id: SwapId,
    /// The agent.
    pub agent: AgentName,
    /// What served when it began; nothing for an agent's first.
    pub from: Option<Version>,
    /// What shall serve.
    pub to: Version,
    /// Who asked for it.
    pub principal: String,
    /// The epoch of the route by its last change of it.
    pub epoch: Option<u64>,
    /// Rises with every change of the row; 0 before the first.
    pub number: u64,
    /// The host that drives it, if one has taken it up.
    pub driver: Option<String>,
    /// Where it is.
    pub state: SwapState,
    /// How it goes about it.
    pub policy: SwapPolicy,
    /// When it began.
    pub started_at: Timestamp,
    /// When it changed last.
    pub changed_at: Timestamp,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
}

/// A change of the route that goes with a swap.
#[derive(Debug, Clone)]
pub struct SwapRoute {
    /// The epoch that was looked at.
    pub expected: Option<u64>,
    /// What changes.
    pub change: RouteChange,
    /// Who decided it; absent if the policy did.
    pub by: Option<String>,
}

/// How many tasks need a release.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InUse {
    /// Those that run, or go on with what they began.
    pub going: u64,
    /// Those that are suspended.
    pub suspended: u64,
}

impl Store {
    /// Makes new states of swaps of one deployment durable, the first of them with a change of
    /// the route; returns them as they then are, and the route if it changed. Each is a change
    /// of the row with the number before its own. Tells the feed `swap.PHASE` of each, and the
    /// audit what was `decided`.
    ///
    /// # Errors
    /// Nothing is written on any of them. Those of [`Store::change_route`], and
    /// [`Code::SwapConflict`] when a row has moved on, or another swap of the deployment is in
    /// charge; [`Code::ReleaseYanked`] and [`Code::ReleaseNotFound`] when one begins to a release
    /// that nobody may swap to.
    pub async fn change_swaps(
        &self,
        swaps: Vec<SwapRow>,
        route: Option<SwapRoute>,
        decided: Vec<AuditEntry>,
    ) -> Result<(Vec<SwapRow>, Option<DeploymentRow>)> {
        self.write(move |tx| Box::pin(change(tx, swaps, route, decided))).await
    }

    /// Reads one swap.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn swap(&self, tenant: &TenantId, id: SwapId) -> Result<Option<SwapRow>> {
        let row = query("select * from swaps where tenant = $1 and id = $2")
            .bind(tenant.as_str())
            .bind(id.to_string())
            .fetch_optional(&mut self.reader().await?)
            .await
            .map_err(Failed::from)?;
        Ok(row.as_ref().map(read).transpose()?)
    }

    /// Reads at most `limit` swaps of an agent, newest first, that are older than `after`.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn swaps(
        &self,
        tenant: &TenantId,
        agent: &AgentName,
        after: Option<SwapId>,
        limit: u32,
    ) -> Result<Vec<SwapRow>> {
        let rows = query("select * from swaps where tenant = $1 and agent = $2 and id < $3 order by id desc limit $4")
            .bind(tenant.as_str())
            .bind(agent.as_str())
            .bind(after.map_or_else(|| ABOVE_ALL_IDS.to_owned(), |id| id.to_string()))
            .bind(number(limit.into())?)
            .fetch_all(&mut self.reader().await?)
            .await
            .map_err(Failed::from)?;
        Ok(rows.iter().map(read).collect::<Done<_>>()?)
    }

    /// Reads every tenant's swaps that are not over, oldest first.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn going_swaps(&self) -> Result<Vec<SwapRow>> {
        let rows = query("select * from swaps where ended_at is null order by id")
            .fetch_all(&mut self.reader().await?)
            .await
            .map_err(Failed::from)?;
        Ok(rows.iter().map(read).collect::<Done<_>>()?)
    }

    /// Has a host drive a swap that is as it was looked at: whoever drove it until then changes it no more.
    /// Returns it as it then is; nothing if it has moved on.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn drive_swap(&self, seen: &SwapRow, owner: &str) -> Result<Option<SwapRow>> {
        let (tenant, id, number_seen, owner) = (seen.tenant.clone(), seen.id, seen.number, owner.to_owned());
        self.write(move |tx| {
            Box::pin(async move {
                let row = query(
                    "update swaps set driver = $4, number = number + 1
                     where tenant = $1 and id = $2 and number = $3 and ended_at is null returning *",
                )
                .bind(tenant.as_str())
                .bind(id.to_string())
                .bind(number(number_seen)?)
                .bind(owner)
                .fetch_optional(&mut tx.connection)
                .await?;
                tx.routes_moved = true;
                row.as_ref().map(read).transpose()
            })
        })
        .await
    }

    /// The swap that is in charge of a deployment, if one is.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn swap_in_charge(&self, tenant: &TenantId, agent: &AgentName) -> Result<Option<SwapRow>> {
        let row = query("select * from swaps where tenant = $1 and agent = $2 and in_charge = 1")
            .bind(tenant.as_str())
            .bind(agent.as_str())
            .fetch_optional(&mut self.reader().await?)
            .await
            .map_err(Failed::from)?;
        Ok(row.as_ref().map(read).transpose()?)
    }

    /// Counts the tasks that began on a release and have not ended.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn release_in_use(
        &self,
        tenant: &TenantId,
        agent: &AgentName,
        version: &semver::Version,
    ) -> Result<InUse> {
        Ok(in_use(&mut self.reader().await?, tenant, agent, version).await?)
    }
}

/// The same, in or outside a transaction.
pub(crate) async fn in_use(
    connection: &mut dyn Connection,
    tenant: &TenantId,
    agent: &AgentName,
    version: &semver::Version,
) -> Done<InUse> {
    let rows = query(
        "select status, count(*) as tasks from tasks
         where tenant = $1 and agent = $2 and status in ('pending', 'running', 'suspended') and version = $3
         group by status",
    )
    .bind(tenant.as_str())
    .bind(agent.as_str())
    .bind(version.to_string())
    .fetch_all(connection)
    .await?;
    let mut in_use = InUse::default();
    for row in &rows {
        let tasks: u64 = row.number("tasks")?;
        match row.get_as::<&str>("status")? {
            "suspended" => in_use.suspended += tasks,
            _ => in_use.going += tasks,
        }
    }
    Ok(in_use)
}

async fn change(
    tx: &mut Tx,
    mut swaps: Vec<SwapRow>,
    route: Option<SwapRoute>,
    decided: Vec<AuditEntry>,
) -> Done<(Vec<SwapRow>, Option<DeploymentRow>)> {
    let mut changed = None;
    if let (Some(SwapRoute { expected, change, by }), Some(first)) = (route, swaps.first_mut()) {
        let (tenant, agent, swap) = (first.tenant.clone(), first.agent.clone(), Some(first.id));
        let row = deployments::change_route(tx, tenant, agent, expected, change, by, swap).await?;
        first.epoch = Some(row.epoch);
        changed = Some(row);
    }
    // Those that are no longer in charge make room for one that is.
    swaps.sort_by_key(|swap| swap.state.phase.is_in_charge());
    for swap in &mut swaps {
        swap.changed_at = tx.now;
        swap.ended_at = (swap.state.phase == SwapPhase::Ended).then_some(tx.now);
        write(tx, swap).await?;
        tell(tx, swap).await?;
    }
    if let Some(first) = swaps.first() {
        let tenant = first.tenant.clone();
        for entry in decided {
            tx.audit(&tenant, entry).await?;
        }
    }
    Ok((swaps, changed))
}

async fn write(tx: &mut Tx, swap: &mut SwapRow) -> Done<()> {
    if swap.number == 0 {
        if let Some(id) = in_charge(&mut tx.connection, &swap.tenant, &swap.agent).await? {
            return Err(under_way(&swap.agent, &id).into());
        }
        // One that goes on already ends as it would have.
        let to = ReleaseRef { agent: swap.agent.clone(), version: swap.to.0.clone() };
        let found = releases::find(&mut tx.connection, &swap.tenant, &to).await?;
        found.ok_or_else(|| releases::not_found(&to))?.check_offered()?;
    }
    swap.number += 1;
    let written = query(
        "insert into swaps
            (tenant, id, agent, from_version, from_digest, to_version, to_digest, principal, epoch, number, in_charge,
             state, policy, started_at, changed_at, ended_at, driver)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
         on conflict (tenant, id) do update set
            epoch = excluded.epoch, number = excluded.number, in_charge = excluded.in_charge, state = excluded.state,
            changed_at = excluded.changed_at, ended_at = excluded.ended_at, driver = excluded.driver
         where swaps.number = excluded.number - 1",
    )
    .bind(swap.tenant.as_str())
    .bind(swap.id.to_string())
    .bind(swap.agent.as_str())
    .bind(swap.from.as_ref().map(|(version, _)| version.to_string()))
    .bind(swap.from.as_ref().map(|(_, digest)| digest.to_string()))
    .bind(swap.to.0.to_string())
    .bind(swap.to.1.to_string())
    .bind(&swap.principal)
    .bind(swap.epoch.map(number).transpose()?)
    .bind(number(swap.number)?)
    .bind(i64::from(swap.state.phase.is_in_charge()))
    .bind(json(&swap.state)?)
    .bind(json(&swap.policy)?)
    .bind(swap.started_at.as_millis())
    .bind(swap.changed_at.as_millis())
    .bind(swap.ended_at.map(Timestamp::as_millis))
    .bind(&swap.driver)
    .execute(&mut tx.connection)
    .await?;
    match written.rows_affected() {
        1 => Ok(()),
        _ => {
            let message = format!("swap {} has moved on; look at it again, then repeat", swap.id);
            Err(Error::new(Code::SwapConflict, message).into())
        }
    }
}

/// The error for a deployment of which a swap is in charge.
pub fn under_way(agent: &AgentName, swap: &str) -> Error {
    let message = format!(
        "swap {swap} of {agent} is under way; `troupe promote {agent}`, `troupe rollback {agent}` or \
         `troupe swaps {agent} {swap} --abort` ends it"
    );
    Error::new(Code::SwapConflict, message).with("swap", swap)
}

/// The error for a swap that the tenant does not have.
pub fn not_found(id: SwapId) -> Error {
    Error::new(Code::SwapNotFound, format!("there is no swap {id}"))
}

async fn tell(tx: &mut Tx, swap: &SwapRow) -> Done<()> {
    let state = &swap.state;
    let data = json!({
        "agent": swap.agent.as_str(), "from": swap.from.as_ref().map(|(version, _)| version.to_string()),
        "to": swap.to.0.to_string(), "by": swap.principal, "epoch": swap.epoch, "weight": state.weight,
        "outcome": state.outcome.map(troupe_core::view::SwapOutcome::as_str),
        "code": state.reason.as_ref().map(|reason| reason.code.as_str()),
        "reason": state.reason.as_ref().map(|reason| reason.message.as_str()),
        "rehearsal": state.rehearsal.as_ref().map(RehearsalSummary::facts),
    });
    let kind = format!("swap.{}", state.phase.as_str());
    tx.announce(&swap.tenant, &kind, &format!("swap/{}", swap.id), &data);
    Ok(())
}

fn read(row: &Row) -> Done<SwapRow> {
    let document = |column: &str| -> Done<&str> { row.get_as(column) };
    let from: Option<semver::Version> = row.parsed_option("from_version")?;
    let from_digest: Option<Digest> = row.parsed_option("from_digest")?;
    Ok(SwapRow {
        tenant: row.parsed("tenant")?,
        id: row.parsed("id")?,
        agent: row.parsed("agent")?,
        from: from.zip(from_digest),
        to: (row.parsed("to_version")?, row.parsed("to_digest")?),
        principal: row.get_as("principal")?,
        epoch: row
            .get_as::<Option<i64>>("epoch")?
            .map(|epoch| u64::try_from(epoch).map_err(|error| broken("epoch", error)))
            .transpose()?,
        number: row.number("number")?,
        driver: row.get_as("driver")?,
        state: serde_json::from_str(document("state")?).map_err(|error| broken("state", error))?,
        policy: serde_json::from_str(document("policy")?).map_err(|error| broken("policy", error))?,
        started_at: row.at("started_at")?,
        changed_at: row.at("changed_at")?,
        ended_at: row.at_option("ended_at")?,
    })
}

/// The id of the swap that is in charge of a deployment.
pub(crate) async fn in_charge(
    connection: &mut dyn Connection,
    tenant: &TenantId,
    agent: &AgentName,
) -> Done<Option<String>> {
    Ok(query_scalar("select id from swaps where tenant = $1 and agent = $2 and in_charge = 1")
        .bind(tenant.as_str())
        .bind(agent.as_str())
        .fetch_optional(connection)
        .await?)
}
