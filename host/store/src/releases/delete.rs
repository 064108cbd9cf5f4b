//! Deleting a release: what may hold it, and the end of one that nothing holds.
//!
//! The question and the act are one job of the one writer, so whatever begins to need the
//! release does so before, and is seen, or after, and finds it gone.

use serde_json::{Value, json};
use troupe_core::audit::{AuditEntry, AuditKind};
use troupe_core::view::{SwapOutcome, SwapPolicy, SwapState};
use troupe_core::{ChannelName, Code, Error, ReleaseRef, Result, SwapId, TenantId, Timestamp, limits};

use super::{ReleaseRow, find, not_found};
use crate::Store;
use crate::channels;
use crate::fault::Done;
use crate::rows::{Columns as _, broken};
use crate::sql::{Connection, query};
use crate::swaps::{self, InUse};
use crate::writer::Tx;

/// What needs a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// It serves.
    Serves,
    /// It is tried.
    Tried,
    /// A swap to it or from it is not over.
    Swap(SwapId, &'static str),
    /// This many tasks began on it and have not ended.
    Tasks(u64),
    /// It served before the one that does, and going back to it needs nothing until then.
    Rollback(Timestamp),
    /// A channel names it.
    Channel(ChannelName),
}

impl Holder {
    fn sentence(&self) -> String {
        match self {
            Self::Serves => "it serves".to_owned(),
            Self::Tried => "it is tried".to_owned(),
            Self::Swap(id, phase) => format!("swap {id} is {phase}"),
            Self::Tasks(1) => "one task that began on it has not ended".to_owned(),
            Self::Tasks(count) => format!("{count} tasks that began on it have not ended"),
            Self::Rollback(until) => format!("it is kept until {until} to go back to"),
            Self::Channel(channel) => format!("channel `{channel}` names it"),
        }
    }

    fn fact(&self) -> Value {
        match self {
            Self::Serves => json!({ "kind": "serving" }),
            Self::Tried => json!({ "kind": "candidate" }),
            Self::Swap(id, phase) => json!({ "kind": "swap", "swap": id.to_string(), "phase": phase }),
            Self::Tasks(count) => json!({ "kind": "tasks", "tasks": count }),
            Self::Rollback(until) => json!({ "kind": "rollback", "until": until.to_string() }),
            Self::Channel(channel) => json!({ "kind": "channel", "channel": channel.as_str() }),
        }
    }
}

impl Store {
    /// Deletes a release, as `by` asked, or the host for a reason of its own. Its row stays, and
    /// its version is never published with other bytes; to everybody else it is gone. Tells the
    /// feed `release.deleted`, and the audit.
    ///
    /// # Errors
    /// [`Code::ReleaseNotFound`]; [`Code::ReleaseInUse`] with the detail `by`, naming everything
    /// that needs it.
    pub async fn delete_release(
        &self,
        tenant: &TenantId,
        release: &ReleaseRef,
        by: Option<&str>,
        why: Option<&'static str>,
    ) -> Result<ReleaseRow> {
        let (tenant, release, by) = (tenant.clone(), release.clone(), by.map(str::to_owned));
        self.write(move |tx| Box::pin(delete(tx, tenant, release, by, why))).await
    }

    /// Finds whatever needs a release.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn release_holders(&self, tenant: &TenantId, release: &ReleaseRef) -> Result<Vec<Holder>> {
        let now = self.now();
        Ok(holders(&mut self.reader().await?, tenant, release, now).await?)
    }
}

pub(super) async fn delete(
    tx: &mut Tx,
    tenant: TenantId,
    release: ReleaseRef,
    by: Option<String>,
    why: Option<&'static str>,
) -> Done<ReleaseRow> {
    let row = find(&mut tx.connection, &tenant, &release).await?.ok_or_else(|| not_found(&release))?;
    let holders = holders(&mut tx.connection, &tenant, &release, tx.now).await?;
    if !holders.is_empty() {
        return Err(in_use(&release, &holders).into());
    }
    set_deleted(tx, &tenant, &release, Some(tx.now)).await?;
    let data = json!({
        "agent": release.agent.as_str(), "version": release.version.to_string(),
        "digest": row.digest.to_string(), "why": why,
    });
    tx.announce(&tenant, "release.deleted", &format!("release/{release}"), &data);
    let entry = AuditEntry::new(AuditKind::ReleaseDeleted).by(by.as_deref());
    let entry = entry.of(&release.agent).on(&release.version, row.digest);
    let entry = why.into_iter().fold(entry, |entry, why| entry.with("why", why));
    tx.audit(&tenant, entry).await?;
    Ok(row)
}

pub(super) fn in_use(release: &ReleaseRef, holders: &[Holder]) -> Error {
    let sentences: Vec<String> = holders.iter().map(Holder::sentence).collect();
    let message = format!(
        "{release} is needed: {}; delete it when nothing needs it, or keep others from it with `troupe releases yank \
         {release}`",
        sentences.join(", ")
    );
    let facts: Vec<Value> = holders.iter().map(Holder::fact).collect();
    Error::new(Code::ReleaseInUse, message).with("by", facts)
}

/// Has a release that was deleted be there again, published just now.
pub(super) async fn undo(tx: &mut Tx, tenant: &TenantId, release: &ReleaseRef) -> Done<()> {
    set_deleted(tx, tenant, release, None).await
}

async fn set_deleted(tx: &mut Tx, tenant: &TenantId, release: &ReleaseRef, at: Option<Timestamp>) -> Done<()> {
    query(
        "update releases set deleted_at = $4, published_at = case when $4 is null then $5 else published_at end
         where tenant = $1 and agent = $2 and version = $3",
    )
    .bind(tenant.as_str())
    .bind(release.agent.as_str())
    .bind(release.version.to_string())
    .bind(at.map(Timestamp::as_millis))
    .bind(tx.now.as_millis())
    .execute(&mut tx.connection)
    .await?;
    Ok(())
}

pub(super) async fn holders(
    connection: &mut dyn Connection,
    tenant: &TenantId,
    release: &ReleaseRef,
    now: Timestamp,
) -> Done<Vec<Holder>> {
    let of_route = of_route(&mut *connection, tenant, release).await?;
    let is_deployed = of_route.is_some();
    let mut holders = of_route.unwrap_or_default();
    holders.extend(of_swaps(&mut *connection, tenant, release, now).await?);
    // Where nothing serves nothing goes back.
    holders.retain(|holder| is_deployed || !matches!(holder, Holder::Rollback(_)));
    let InUse { going, suspended } = swaps::in_use(&mut *connection, tenant, &release.agent, &release.version).await?;
    holders.extend(Some(going + suspended).filter(|tasks| *tasks > 0).map(Holder::Tasks));
    let channels = channels::of_agent(connection, tenant, &release.agent).await?;
    let naming = channels.into_iter().filter(|channel| channel.version == release.version);
    holders.extend(naming.map(|channel| Holder::Channel(channel.channel)));
    Ok(holders)
}

/// What holds a release in its agent's deployment, if there is one.
async fn of_route(
    connection: &mut dyn Connection,
    tenant: &TenantId,
    release: &ReleaseRef,
) -> Done<Option<Vec<Holder>>> {
    let row = query(
        "select serving = $3 as serves, candidate is not distinct from $3 as tried from deployments
         where tenant = $1 and agent = $2 and removed_at is null",
    )
    .bind(tenant.as_str())
    .bind(release.agent.as_str())
    .bind(release.version.to_string())
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let mut holders = Vec::new();
    holders.extend(row.truth("serves")?.then_some(Holder::Serves));
    holders.extend(row.truth("tried")?.then_some(Holder::Tried));
    Ok(Some(holders))
}

/// Swaps that are not over, and the longest time for which one keeps the release before to go
/// back to.
async fn of_swaps(
    connection: &mut dyn Connection,
    tenant: &TenantId,
    release: &ReleaseRef,
    now: Timestamp,
) -> Done<Vec<Holder>> {
    let lately = now.as_millis().saturating_sub(limits::SWAP_KEEP_TIME_MAX.as_millis().try_into().unwrap_or(i64::MAX));
    let rows = query(
        "select id, from_version, state, policy, changed_at, ended_at from swaps
         where tenant = $1 and agent = $2 and (to_version = $3 or from_version = $3)
            and (ended_at is null or changed_at > $4)
         order by id",
    )
    .bind(tenant.as_str())
    .bind(release.agent.as_str())
    .bind(release.version.to_string())
    .bind(lately)
    .fetch_all(connection)
    .await?;
    let (mut holders, mut until) = (Vec::new(), None);
    for row in &rows {
        let document = |column: &str| -> Done<&str> { row.get_as(column) };
        let state: SwapState = serde_json::from_str(document("state")?).map_err(|error| broken("state", error))?;
        if row.at_option("ended_at")?.is_none() {
            holders.push(Holder::Swap(row.parsed("id")?, state.phase.as_str()));
            continue;
        }
        let from: Option<semver::Version> = row.parsed_option("from_version")?;
        if from.as_ref() != Some(&release.version) || state.outcome != Some(SwapOutcome::Promoted) {
            continue;
        }
        let policy: SwapPolicy = serde_json::from_str(document("policy")?).map_err(|error| broken("policy", error))?;
        let since = state.draining_since.unwrap_or(row.at("changed_at")?);
        until = until.max(Some(since.plus(std::time::Duration::from_secs(policy.keep_previous_seconds))));
    }
    holders.extend(until.filter(|until| *until > now).map(Holder::Rollback));
    Ok(holders)
}
