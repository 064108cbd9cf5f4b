//! Deployments: one row is one route, changed by compare-and-set on its epoch.

mod changes;
mod forms;
mod remove;

use serde_json::json;
use troupe_core::audit::AuditKind;
use troupe_core::{AgentName, Code, Digest, Error, ReleaseRef, Result, SwapId, TenantId, Timestamp};

use crate::fault::{Done, Failed};
use crate::rows::{Columns as _, number};
use crate::sql::{Connection, Row, query};
use crate::writer::Tx;
use crate::{Store, events, releases, state};
pub use forms::Forms;
pub use remove::{Removal, RemovedRow};
pub(crate) use remove::{find as removed, forget};

/// The configuration where an operator has set none.
const NO_CONFIGURATION: &str = "{}";

/// A tenant's use of an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeploymentRow {
    /// The tenant.
    pub tenant: TenantId,
    /// The agent.
    pub agent: AgentName,
    /// Rises by one with every change; 1 is the first.
    pub epoch: u64,
    /// The version that serves.
    pub serving: semver::Version,
    /// The digest of the release that serves.
    pub digest: Digest,
    /// What is tried beside it.
    pub candidate: Option<CandidateRow>,
    /// Which grants are in force; 0 when none were given.
    pub grants_revision: u64,
    /// The operator's grants, as JSON.
    pub grants: Option<String>,
    /// Which configuration is in force; 0 when none was set.
    pub configuration_revision: u64,
    /// The operator's configuration, a JSON object.
    pub configuration: String,
    /// Which copy of the key spaces is in use.
    pub state_generation: u64,
    /// The epoch by which it came into use: what began under an earlier one cannot go on.
    pub state_since: u64,
    /// The forms of state that the copy in use holds, where that is known.
    pub state_forms: Option<Forms>,
    /// When the row changed last.
    pub changed_at: Timestamp,
}

/// A release that is tried beside the one that serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CandidateRow {
    /// The version.
    pub version: semver::Version,
    /// The digest of the release.
    pub digest: Digest,
    /// Its share of affinity keys, in percent.
    pub weight: u8,
    /// The swap that tries it.
    pub swap: SwapId,
}

/// A change of a route. What is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RouteChange {
    /// The release that shall serve.
    pub serving: Option<(semver::Version, Digest)>,
    /// The form of state that this release writes; without it the forms that are there are not
    /// known from then on.
    pub form: Option<u32>,
    /// The release that shall be tried beside it, or that none shall be.
    pub candidate: Option<Option<CandidateRow>>,
    /// The operator's configuration, a JSON object.
    pub configuration: Option<String>,
    /// The operator's grants, as JSON.
    pub grants: Option<String>,
    /// The copy of the key spaces that shall be in use, the one after that which is.
    pub generation: Option<u64>,
}

impl Store {
    /// Changes a route, and makes it at epoch 1 if there is none. With `expected`, only if
    /// the epoch is still that one; 0 stands for no deployment. Tells the feed
    /// `deployment.created`, `.swapped`, `.tried`, `.configured` or `.granted`, by the first of
    /// them that applies, and the audit of each of them, as `by` asked.
    ///
    /// # Errors
    /// [`Code::SwapConflict`] with the detail `epoch` when the route has moved on;
    /// [`Code::ReleaseNotFound`] when what shall serve is not published with this digest;
    /// [`Code::DeploymentNotFound`] when there is no deployment and none is made. To another copy
    /// of the key spaces also [`Code::SwapConflict`] when it is not whole, or something runs.
    pub async fn change_route(
        &self,
        tenant: &TenantId,
        agent: &AgentName,
        expected: Option<u64>,
        change: RouteChange,
        by: Option<&str>,
    ) -> Result<DeploymentRow> {
        let (tenant, agent, by) = (tenant.clone(), agent.clone(), by.map(str::to_owned));
        self.write(move |tx| Box::pin(change_route(tx, tenant, agent, expected, change, by, None))).await
    }

    /// Reads one deployment that was not removed.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn deployment(&self, tenant: &TenantId, agent: &AgentName) -> Result<Option<DeploymentRow>> {
        Ok(find(&mut self.reader().await?, tenant, agent).await?)
    }

    /// Reads a configuration that an operator set, by its revision; revision 0 is the empty
    /// one.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn configuration(&self, tenant: &TenantId, agent: &AgentName, revision: u64) -> Result<Option<String>> {
        if revision == 0 {
            return Ok(Some(NO_CONFIGURATION.to_owned()));
        }
        let row = query("select document from configurations where tenant = $1 and agent = $2 and revision = $3")
            .bind(tenant.as_str())
            .bind(agent.as_str())
            .bind(number(revision)?)
            .fetch_optional(&mut self.reader().await?)
            .await
            .map_err(Failed::from)?;
        Ok(row.map(|row| row.get_as("document")).transpose()?)
    }

    /// Reads the tenant's deployments, by the agent's name.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn deployments(&self, tenant: &TenantId) -> Result<Vec<DeploymentRow>> {
        Ok(of_tenant(&mut self.reader().await?, tenant).await?)
    }

    /// Reads every tenant's deployments.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn all_deployments(&self) -> Result<Vec<DeploymentRow>> {
        Ok(all(&mut self.reader().await?).await?)
    }
}

/// Compares a deployment's epoch with the one that a caller looked at, if it says so; 0
/// stands for no deployment.
///
/// # Errors
/// [`Code::SwapConflict`] with the detail `epoch` when they differ.
pub fn check_epoch(agent: &AgentName, epoch: u64, expected: Option<u64>) -> Result<()> {
    if expected.is_none_or(|expected| expected == epoch) {
        return Ok(());
    }
    let message = format!("the deployment of {agent} is at epoch {epoch} now; look at it again, then repeat");
    Err(Error::new(Code::SwapConflict, message).with("epoch", epoch))
}

/// The same in a transaction, for a swap if one changes it.
pub(crate) async fn change_route(
    tx: &mut Tx,
    tenant: TenantId,
    agent: AgentName,
    expected: Option<u64>,
    mut change: RouteChange,
    by: Option<String>,
    swap: Option<SwapId>,
) -> Done<DeploymentRow> {
    let current = find(&mut tx.connection, &tenant, &agent).await?;
    let now = tx.now;
    check_epoch(&agent, current.as_ref().map_or(0, |row| row.epoch), expected)?;
    let (mut row, again) = match (&current, change.serving.clone()) {
        (Some(row), _) => (row.clone(), None),
        (None, Some((version, digest))) => match remove::find(&mut tx.connection, &tenant, &agent).await? {
            Some(removed) => removed.again(&version, digest, &mut change)?,
            None => (first(&tenant, &agent, &version, digest, now), None),
        },
        (None, None) => {
            let message = format!("agent {agent} is not deployed; deploy it first");
            return Err(Error::new(Code::DeploymentNotFound, message).into());
        }
    };
    let epoch = row.epoch;
    let serves = match &change.serving {
        Some((version, digest)) => Some(check_published(tx, &tenant, &agent, version, digest).await?),
        None => None,
    };
    if let Some(Some(candidate)) = &change.candidate {
        check_published(tx, &tenant, &agent, &candidate.version, &candidate.digest).await?;
    }
    if let Some(generation) = change.generation {
        state::check_complete(tx, &row, generation).await?;
        (row.state_generation, row.state_since) = (generation, epoch + 1);
    }
    if current.is_some() && change == RouteChange::default() {
        return Ok(row);
    }
    let event = event(current.is_some(), &change);
    let previous = current.as_ref().map(|row| row.serving.to_string());
    let decided = changes::decided(current.as_ref(), &row, &change);
    row.epoch = epoch + 1;
    row.changed_at = now;
    if let Some((version, digest)) = change.serving {
        row.serving = version;
        row.digest = digest;
        // On a copy of its own it is what the release has made of all there is.
        let is_alone = change.generation.is_some() || current.is_none() && again != Some(remove::State::Kept);
        row.state_forms = change.form.and_then(|form| match row.state_forms {
            _ if is_alone => Some(Forms::one(form)),
            there => Some(there?.with(form)),
        });
    }
    if let Some(candidate) = change.candidate {
        row.candidate = candidate;
    }
    if let Some(document) = change.configuration {
        row.configuration_revision += 1;
        let sql =
            "insert into configurations (tenant, agent, revision, document, changed_at) values ($1, $2, $3, $4, $5)";
        add_document(tx, sql, &row, row.configuration_revision, &document).await?;
        row.configuration = document;
    }
    if let Some(document) = change.grants {
        row.grants_revision += 1;
        let sql = "insert into grants (tenant, agent, revision, document, changed_at) values ($1, $2, $3, $4, $5)";
        add_document(tx, sql, &row, row.grants_revision, &document).await?;
        row.grants = Some(document);
    }
    write(tx, &row).await?;
    if let Some(release) = serves {
        events::follow(tx, &tenant, &release, by.as_deref()).await?;
    }
    let data = json!({
        "agent": agent.as_str(), "epoch": row.epoch,
        "serving": row.serving.to_string(), "digest": row.digest.to_string(), "previous": previous,
        "candidate": row.candidate.as_ref().map(|candidate| candidate.version.to_string()),
        "weight": row.candidate.as_ref().map(|candidate| candidate.weight),
        "configuration_revision": row.configuration_revision, "grants_revision": row.grants_revision,
    });
    tx.announce(&tenant, event, &format!("deployment/{agent}"), &data);
    for entry in decided {
        let entry = entry.by(by.as_deref()).of(&agent).on(&row.serving, row.digest).with("epoch", row.epoch);
        let entry = match swap {
            Some(swap) if matches!(entry.kind, AuditKind::Swap | AuditKind::Canary) => {
                entry.with("swap", swap.to_string())
            }
            _ => entry,
        };
        tx.audit(&tenant, entry).await?;
    }
    Ok(row)
}

fn event(exists: bool, change: &RouteChange) -> &'static str {
    match change {
        _ if !exists => "deployment.created",
        RouteChange { serving: Some(_), .. } => "deployment.swapped",
        RouteChange { candidate: Some(_), .. } => "deployment.tried",
        RouteChange { configuration: Some(_), .. } => "deployment.configured",
        RouteChange { .. } => "deployment.granted",
    }
}

fn first(
    tenant: &TenantId,
    agent: &AgentName,
    serving: &semver::Version,
    digest: Digest,
    changed_at: Timestamp,
) -> DeploymentRow {
    DeploymentRow {
        tenant: tenant.clone(),
        agent: agent.clone(),
        epoch: 0,
        serving: serving.clone(),
        digest,
        candidate: None,
        grants_revision: 0,
        grants: None,
        configuration_revision: 0,
        configuration: NO_CONFIGURATION.to_owned(),
        state_generation: 1,
        state_since: 1,
        state_forms: None,
        changed_at,
    }
}

async fn check_published(
    tx: &mut Tx,
    tenant: &TenantId,
    agent: &AgentName,
    version: &semver::Version,
    digest: &Digest,
) -> Done<releases::ReleaseRow> {
    let release = ReleaseRef { agent: agent.clone(), version: version.clone() };
    match releases::find(&mut tx.connection, tenant, &release).await? {
        Some(row) if row.digest == *digest => Ok(row),
        _ => Err(Error::new(
            Code::ReleaseNotFound,
            format!("{release} is not published with digest {digest}; publish it first"),
        )
        .into()),
    }
}

async fn add_document(tx: &mut Tx, sql: &'static str, row: &DeploymentRow, revision: u64, document: &str) -> Done<()> {
    query(sql)
        .bind(row.tenant.as_str())
        .bind(row.agent.as_str())
        .bind(number(revision)?)
        .bind(document)
        .bind(row.changed_at.as_millis())
        .execute(&mut tx.connection)
        .await?;
    Ok(())
}

/// The epoch is compared once more in the statement itself, which decides where several
/// hosts write.
async fn write(tx: &mut Tx, row: &DeploymentRow) -> Done<()> {
    let written = query(
        "insert into deployments
            (tenant, agent, epoch, serving, digest, grants_revision, configuration_revision, state_generation,
             changed_at, candidate, weight, swap, state_since, state_forms)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
         on conflict (tenant, agent) do update set
            epoch = excluded.epoch, serving = excluded.serving, digest = excluded.digest,
            grants_revision = excluded.grants_revision, configuration_revision = excluded.configuration_revision,
            state_generation = excluded.state_generation, changed_at = excluded.changed_at,
            candidate = excluded.candidate, weight = excluded.weight, swap = excluded.swap,
            state_since = excluded.state_since, state_forms = excluded.state_forms, removed_at = null,
            drain_until = null
         where deployments.epoch = excluded.epoch - 1",
    )
    .bind(row.tenant.as_str())
    .bind(row.agent.as_str())
    .bind(number(row.epoch)?)
    .bind(row.serving.to_string())
    .bind(row.digest.to_string())
    .bind(number(row.grants_revision)?)
    .bind(number(row.configuration_revision)?)
    .bind(number(row.state_generation)?)
    .bind(row.changed_at.as_millis())
    .bind(row.candidate.as_ref().map(|candidate| candidate.version.to_string()))
    .bind(row.candidate.as_ref().map_or(0, |candidate| i64::from(candidate.weight)))
    .bind(row.candidate.as_ref().map(|candidate| candidate.swap.to_string()))
    .bind(number(row.state_since)?)
    .bind(row.state_forms.map(|forms| forms.to_string()))
    .execute(&mut tx.connection)
    .await?;
    match written.rows_affected() {
        1 => Ok(()),
        _ => Err(Error::new(
            Code::SwapConflict,
            format!("the deployment of {} has changed; look at it again, then repeat", row.agent),
        )
        .into()),
    }
}

/// What every read of deployments begins with: the route and the documents in force.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select d.*, c.document as configuration, g.document as grants, r.digest as candidate_digest
             from deployments d
             left join releases r on r.tenant = d.tenant and r.agent = d.agent and r.version = d.candidate
             left join configurations c
                on c.tenant = d.tenant and c.agent = d.agent and c.revision = d.configuration_revision
             left join grants g on g.tenant = d.tenant and g.agent = d.agent and g.revision = d.grants_revision ",
            $rest
        )
    };
}

pub(crate) async fn find(
    connection: &mut dyn Connection,
    tenant: &TenantId,
    agent: &AgentName,
) -> Done<Option<DeploymentRow>> {
    let row = query(select!("where d.tenant = $1 and d.agent = $2 and d.removed_at is null"))
        .bind(tenant.as_str())
        .bind(agent.as_str())
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(read).transpose()
}

/// The same, of one that was removed, with when that was.
async fn find_removed(connection: &mut dyn Connection, tenant: &TenantId, agent: &AgentName) -> Done<Option<Row>> {
    Ok(query(select!("where d.tenant = $1 and d.agent = $2 and d.removed_at is not null"))
        .bind(tenant.as_str())
        .bind(agent.as_str())
        .fetch_optional(connection)
        .await?)
}

/// The version of an agent that serves.
pub(crate) async fn serving(
    connection: &mut dyn Connection,
    tenant: &TenantId,
    agent: &AgentName,
) -> Done<Option<semver::Version>> {
    Ok(find(connection, tenant, agent).await?.map(|row| row.serving))
}

async fn of_tenant(connection: &mut dyn Connection, tenant: &TenantId) -> Done<Vec<DeploymentRow>> {
    let rows = query(select!("where d.tenant = $1 and d.removed_at is null order by d.agent"))
        .bind(tenant.as_str())
        .fetch_all(connection)
        .await?;
    rows.iter().map(read).collect()
}

async fn all(connection: &mut dyn Connection) -> Done<Vec<DeploymentRow>> {
    let rows = query(select!("where d.removed_at is null order by d.tenant, d.agent")).fetch_all(connection).await?;
    rows.iter().map(read).collect()
}

fn read(row: &Row) -> Done<DeploymentRow> {
    Ok(DeploymentRow {
        tenant: row.parsed("tenant")?,
        agent: row.parsed("agent")?,
        epoch: row.number("epoch")?,
        serving: row.parsed("serving")?,
        digest: row.parsed("digest")?,
        candidate: candidate(row)?,
        grants_revision: row.number("grants_revision")?,
        grants: row.get_as("grants")?,
        configuration_revision: row.number("configuration_revision")?,
        configuration: row.get_as::<Option<String>>("configuration")?.unwrap_or_else(|| NO_CONFIGURATION.to_owned()),
        state_generation: row.number("state_generation")?,
        state_since: row.number("state_since")?,
        state_forms: row.parsed_option("state_forms")?,
        changed_at: row.at("changed_at")?,
    })
}

fn candidate(row: &Row) -> Done<Option<CandidateRow>> {
    let Some(version) = row.parsed_option("candidate")? else { return Ok(None) };
    Ok(Some(CandidateRow {
        version,
        digest: row.parsed("candidate_digest")?,
        weight: row.number("weight")?,
        swap: row.parsed("swap")?,
    }))
}
