//! Channels: movable names for releases of an agent.
//!
//! A channel rises: it is moved to a lower version by an explicit word alone, which is a record
//! of the audit of its own kind. A removed channel is remembered with what it named last, so
//! removing it and making it again is no way round that. Nothing that serves looks at channels:
//! whoever swaps to one swaps to the release that it names at that moment.
//!
//! Who moves it is an operator, a publish, or a document of the registry (`channels/documents.rs`).

mod documents;

use serde_json::json;
use troupe_core::audit::{AuditEntry, AuditKind};
use troupe_core::{AgentName, ChannelName, Code, Digest, Error, ReleaseRef, Result, TenantId, Timestamp, limits};

use crate::Store;
use crate::fault::Done;
use crate::releases::{self, ReleaseRow};
use crate::rows::{Columns as _, number};
use crate::sql::{Connection, Row, query, query_scalar};
use crate::writer::Tx;
pub use documents::{DocumentRow, SeenDocument};

/// What every read of channels begins with.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select channel, version, digest, number, principal, moved_at, removed_at
             from channels where tenant = $1 and agent = $2 and ",
            $rest
        )
    };
}

/// A channel as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelRow {
    /// The agent.
    pub agent: AgentName,
    /// The channel.
    pub channel: ChannelName,
    /// The version that it names.
    pub version: semver::Version,
    /// The digest of the release that it names.
    pub digest: Digest,
    /// Rises by one with every move, and with its removal; 1 is the first.
    pub number: u64,
    /// Who moved it last.
    pub principal: String,
    /// When it was moved last.
    pub moved_at: Timestamp,
    /// When it was removed; it then names nothing.
    removed_at: Option<Timestamp>,
}

/// Where a channel shall go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelMove {
    /// The channel, which is made if it is not there.
    pub channel: ChannelName,
    /// Whether it may be moved to a lower version.
    pub downgrade: bool,
    /// Who asked for it.
    pub by: String,
}

impl Store {
    /// Moves a channel to a release; one that names it already stays as it is. Tells the feed `channel.moved`, and
    /// the audit whether it rose or fell.
    ///
    /// # Errors
    /// [`Code::ReleaseNotFound`]; [`Code::ReleaseYanked`]; [`Code::ArtifactDowngrade`] when the
    /// version is lower than the one that the channel names, or named last, and it may not be;
    /// [`Code::LimitChannels`].
    pub async fn move_channel(&self, tenant: &TenantId, release: &ReleaseRef, to: ChannelMove) -> Result<ChannelRow> {
        let (tenant, release) = (tenant.clone(), release.clone());
        self.write(move |tx| {
            Box::pin(async move {
                let row = releases::find(&mut tx.connection, &tenant, &release).await?;
                let row = row.ok_or_else(|| releases::not_found(&release))?;
                place(tx, &row, to, None).await
            })
        })
        .await
    }

    /// Removes a channel, as `by` asked. Tells the feed `channel.removed`, and the audit.
    ///
    /// # Errors
    /// [`Code::ChannelNotFound`].
    pub async fn remove_channel(
        &self,
        tenant: &TenantId,
        agent: &AgentName,
        channel: &ChannelName,
        by: &str,
    ) -> Result<ChannelRow> {
        let (tenant, agent, channel, by) = (tenant.clone(), agent.clone(), channel.clone(), by.to_owned());
        self.write(move |tx| Box::pin(remove(tx, tenant, agent, channel, by))).await
    }

    /// Reads one channel of an agent.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn channel(
        &self,
        tenant: &TenantId,
        agent: &AgentName,
        channel: &ChannelName,
    ) -> Result<Option<ChannelRow>> {
        let row = find(&mut self.reader().await?, tenant, agent, channel).await?;
        Ok(row.filter(|row| row.removed_at.is_none()))
    }

    /// Reads every channel of an agent, by name.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn channels(&self, tenant: &TenantId, agent: &AgentName) -> Result<Vec<ChannelRow>> {
        Ok(of_agent(&mut self.reader().await?, tenant, agent).await?)
    }
}

/// The error for a channel that the agent does not have.
pub fn not_found(agent: &AgentName, channel: &ChannelName) -> Error {
    let message = format!("agent {agent} has no channel `{channel}`; `troupe channels {agent}` lists those it has");
    Error::new(Code::ChannelNotFound, message)
}

/// Moves a channel to a release that is there, as part of a transaction; `document` is the number
/// of the document that moves it, if one does.
pub(crate) async fn place(
    tx: &mut Tx,
    release: &ReleaseRow,
    to: ChannelMove,
    document: Option<u64>,
) -> Done<ChannelRow> {
    let ChannelMove { channel, downgrade, by } = to;
    let (tenant, ReleaseRef { agent, version }) = (&release.tenant, &release.release);
    let before = find(&mut tx.connection, tenant, agent, &channel).await?;
    if let Some(row) = &before
        && row.removed_at.is_none()
        && row.version == *version
    {
        return Ok(row.clone());
    }
    release.check_offered()?;
    let falls = before.as_ref().is_some_and(|row| *version < row.version);
    if let Some(row) = before.as_ref().filter(|_| falls && !downgrade) {
        return Err(lower(row, version, document).into());
    }
    if before.is_none() {
        check_count(&mut tx.connection, tenant, agent).await?;
    }
    let row = ChannelRow {
        agent: agent.clone(),
        channel,
        version: version.clone(),
        digest: release.digest,
        number: before.as_ref().map_or(0, |row| row.number) + 1,
        principal: by,
        moved_at: tx.now,
        removed_at: None,
    };
    write(tx, tenant, &row).await?;
    let previous = before.as_ref().map(|row| row.version.to_string());
    tell(tx, tenant, &row, "channel.moved", previous.as_deref()).await?;
    let kind = if falls { AuditKind::ChannelDowngraded } else { AuditKind::ChannelMoved };
    let entry = AuditEntry::new(kind).by(Some(&row.principal)).of(agent).on(version, release.digest);
    let entry = entry.with("channel", row.channel.as_str()).with("number", row.number);
    let entry = previous.into_iter().fold(entry, |entry, previous| entry.with("previous", previous));
    let entry = document.into_iter().fold(entry, |entry, document| entry.with("document", document));
    tx.audit(tenant, entry).await?;
    Ok(row)
}

/// Removes a channel, also as a part of something else.
pub(crate) async fn remove(
    tx: &mut Tx,
    tenant: TenantId,
    agent: AgentName,
    channel: ChannelName,
    by: String,
) -> Done<ChannelRow> {
    let before = find(&mut tx.connection, &tenant, &agent, &channel).await?;
    let before = before.filter(|row| row.removed_at.is_none()).ok_or_else(|| not_found(&agent, &channel))?;
    let (number, now) = (before.number + 1, tx.now);
    let row = ChannelRow { number, principal: by, moved_at: now, removed_at: Some(now), ..before };
    write(tx, &tenant, &row).await?;
    tell(tx, &tenant, &row, "channel.removed", None).await?;
    let entry = AuditEntry::new(AuditKind::ChannelRemoved).by(Some(&row.principal)).of(&agent);
    let entry = entry.on(&row.version, row.digest).with("channel", channel.as_str()).with("number", number);
    tx.audit(&tenant, entry).await?;
    Ok(row)
}

fn lower(row: &ChannelRow, version: &semver::Version, document: Option<u64>) -> Error {
    let ChannelRow { agent, channel, version: named, .. } = row;
    let (names, anew) = match row.removed_at {
        None => ("names", ""),
        Some(_) => ("named", " before it was removed"),
    };
    let says = match document {
        None => format!("troupe channels {agent} set {channel} {version} --downgrade"),
        Some(_) => format!("troupe swap {agent}@{channel} --downgrade"),
    };
    let message = format!(
        "channel `{channel}` of {agent} {names} {named}{anew}, which is higher than {version}; going down must be said \
         explicitly, as `{says}` does"
    );
    Error::new(Code::ArtifactDowngrade, message).with("channel", channel.as_str()).with("names", named.to_string())
}

async fn check_count(connection: &mut dyn Connection, tenant: &TenantId, agent: &AgentName) -> Done<()> {
    let count: i64 = query_scalar("select count(*) from channels where tenant = $1 and agent = $2")
        .bind(tenant.as_str())
        .bind(agent.as_str())
        .fetch_one(connection)
        .await?;
    if u64::try_from(count).unwrap_or(u64::MAX) < limits::CHANNELS_PER_AGENT_MAX {
        return Ok(());
    }
    let message = format!(
        "agent {agent} has {count} channels, as many as it may have, counting those that were removed; move one of them"
    );
    Err(Error::new(Code::LimitChannels, message).into())
}

async fn write(tx: &mut Tx, tenant: &TenantId, row: &ChannelRow) -> Done<()> {
    query(
        "insert into channels (tenant, agent, channel, version, digest, number, principal, moved_at, removed_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         on conflict (tenant, agent, channel) do update set
            version = excluded.version, digest = excluded.digest, number = excluded.number,
            principal = excluded.principal, moved_at = excluded.moved_at, removed_at = excluded.removed_at",
    )
    .bind(tenant.as_str())
    .bind(row.agent.as_str())
    .bind(row.channel.as_str())
    .bind(row.version.to_string())
    .bind(row.digest.to_string())
    .bind(number(row.number)?)
    .bind(&row.principal)
    .bind(row.moved_at.as_millis())
    .bind(row.removed_at.map(Timestamp::as_millis))
    .execute(&mut tx.connection)
    .await?;
    Ok(())
}

async fn tell(tx: &mut Tx, tenant: &TenantId, row: &ChannelRow, kind: &str, previous: Option<&str>) -> Done<()> {
    let data = json!({
        "agent": row.agent.as_str(), "channel": row.channel.as_str(), "version": row.version.to_string(),
        "digest": row.digest.to_string(), "number": row.number, "previous": previous,
    });
    tx.announce(tenant, kind, &format!("channel/{}/{}", row.agent, row.channel), &data);
    Ok(())
}

async fn find(
    connection: &mut dyn Connection,
    tenant: &TenantId,
    agent: &AgentName,
    channel: &ChannelName,
) -> Done<Option<ChannelRow>> {
    let row = query(select!("channel = $3"))
        .bind(tenant.as_str())
        .bind(agent.as_str())
        .bind(channel.as_str())
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(|row| read(agent, row)).transpose()
}

/// The channels that name something, by name.
pub(crate) async fn of_agent(
    connection: &mut dyn Connection,
    tenant: &TenantId,
    agent: &AgentName,
) -> Done<Vec<ChannelRow>> {
    let rows = query(select!("removed_at is null order by channel"))
        .bind(tenant.as_str())
        .bind(agent.as_str())
        .fetch_all(connection)
        .await?;
    rows.iter().map(|row| read(agent, row)).collect()
}

fn read(agent: &AgentName, row: &Row) -> Done<ChannelRow> {
    Ok(ChannelRow {
        agent: agent.clone(),
        channel: row.parsed("channel")?,
        version: row.parsed("version")?,
        digest: row.parsed("digest")?,
        number: row.number("number")?,
        principal: row.get_as("principal")?,
        moved_at: row.at("moved_at")?,
        removed_at: row.at_option("removed_at")?,
    })
}
