//! Documents of channels that were seen in a registry: the highest number of each channel, which
//! never falls, and whether the channel here was moved by it.
//!
//! ```text
//!            see (remembered, whatever becomes of it)        follow
//!  document ────────────────────────────────────────▸ seen ────────▸ followed
//!      │                                               ▲ │ a newer one is seen │
//!      └── a lower number, or the same with other      └─┴─────────────────────┘
//!          bytes: refused
//! ```
//!
//! Following checks and remembers in the transaction that moves the channel, so of two that are
//! followed at once the older moves nothing. Seeing is a transaction of its own before it: a
//! document that leads to nothing, since its release cannot be had or going down was not said, is
//! nevertheless the newest, and what came before it is old.

use troupe_core::{AgentName, ChannelName, Code, Digest, Error, ReleaseRef, Result, TenantId, Timestamp, limits};

use super::{ChannelMove, ChannelRow, place};
use crate::Store;
use crate::fault::Done;
use crate::releases;
use crate::rows::{Columns as _, number};
use crate::sql::{Connection, Row, query};
use crate::writer::Tx;

const ONE: &str = "select * from channel_documents where tenant = $1 and agent = $2 and channel = $3";

const OF_AGENT: &str = "select * from channel_documents where tenant = $1 and agent = $2";

/// A channel's document, as far as the store remembers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentRow {
    /// The channel.
    pub channel: ChannelName,
    /// The number of the document.
    pub number: u64,
    /// The digest of the document itself.
    pub document: Digest,
    /// The release that it names.
    pub release: ReleaseRef,
    /// The digest of that release.
    pub digest: Digest,
    /// When it ceases to hold.
    pub expires_at: Timestamp,
}

/// What is remembered of a channel's documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenDocument {
    /// The newest.
    pub row: DocumentRow,
    /// Whether the channel here was moved by it.
    pub is_followed: bool,
    /// When it was seen first.
    pub seen_at: Timestamp,
}

impl SeenDocument {
    /// Checks that a document of the same channel is this one, or newer.
    ///
    /// # Errors
    /// [`Code::RegistryStale`].
    pub fn check_not_older(&self, row: &DocumentRow) -> Result<()> {
        let seen = &self.row;
        if seen.number > row.number {
            return Err(lower(row, seen.number));
        }
        if seen.number == row.number && seen.document != row.document {
            return Err(twice(row));
        }
        Ok(())
    }
}

impl Store {
    /// Remembers a document that somebody has verified; says what is remembered now.
    ///
    /// # Errors
    /// [`Code::RegistryStale`] if one with a higher number was seen, or another with the same;
    /// [`Code::LimitChannels`].
    pub async fn see_document(&self, tenant: &TenantId, row: DocumentRow) -> Result<SeenDocument> {
        let tenant = tenant.clone();
        self.write(move |tx| Box::pin(see(tx, tenant, row))).await
    }

    /// Remembers a document that was sent from here. A channel that names what it names has
    /// nothing to follow.
    ///
    /// # Errors
    /// As [`Store::see_document`].
    pub async fn issue_document(&self, tenant: &TenantId, row: DocumentRow) -> Result<()> {
        let tenant = tenant.clone();
        self.write(move |tx| {
            Box::pin(async move {
                let row = see(tx, tenant.clone(), row).await?.row;
                let own = super::find(&mut tx.connection, &tenant, &row.release.agent, &row.channel).await?;
                if own.is_some_and(|own| own.removed_at.is_none() && own.version == row.release.version) {
                    followed(tx, &tenant, &row).await?;
                }
                Ok(())
            })
        })
        .await
    }

    /// Moves a channel to the release that a document names, and remembers the document, both or
    /// neither. The release is there.
    ///
    /// # Errors
    /// As [`Store::see_document`]; those of [`Store::move_channel`]; [`Code::ArtifactDigest`] if the
    /// release here is another than the document names.
    pub async fn follow_document(&self, tenant: &TenantId, row: DocumentRow, to: ChannelMove) -> Result<ChannelRow> {
        let tenant = tenant.clone();
        self.write(move |tx| {
            Box::pin(async move {
                let DocumentRow { number, release, digest, .. } = row.clone();
                let seen = see(tx, tenant.clone(), row).await?;
                let found = releases::find(&mut tx.connection, &tenant, &release).await?;
                let found = found.ok_or_else(|| releases::not_found(&release))?;
                if found.digest != digest {
                    return Err(other(&seen.row, &found.digest).into());
                }
                let moved = place(tx, &found, to, Some(number)).await?;
                followed(tx, &tenant, &seen.row).await?;
                Ok(moved)
            })
        })
        .await
    }

    /// What is remembered of the documents of a channel.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn document_seen(
        &self,
        tenant: &TenantId,
        agent: &AgentName,
        channel: &ChannelName,
    ) -> Result<Option<SeenDocument>> {
        Ok(find(&mut self.reader().await?, tenant, agent, channel).await?)
    }

    /// The same of every channel of an agent.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn documents_seen(&self, tenant: &TenantId, agent: &AgentName) -> Result<Vec<SeenDocument>> {
        Ok(of_agent(&mut self.reader().await?, tenant, agent).await?)
    }
}

/// Holds a document against what was seen before, and remembers it if it is newer.
async fn see(tx: &mut Tx, tenant: TenantId, row: DocumentRow) -> Done<SeenDocument> {
    let (agent, channel) = (&row.release.agent, &row.channel);
    match find(&mut tx.connection, &tenant, agent, channel).await? {
        Some(seen) => {
            seen.check_not_older(&row)?;
            if seen.row.number == row.number {
                return Ok(seen);
            }
        }
        None => {
            let count = of_agent(&mut tx.connection, &tenant, agent).await?.len() as u64;
            if count >= limits::CHANNELS_PER_AGENT_MAX {
                let message = format!("this host has seen documents of {count} channels of {agent}, as many as it may");
                return Err(Error::new(Code::LimitChannels, message).into());
            }
        }
    }
    query(
        "insert into channel_documents
            (tenant, agent, channel, number, document, version, digest, expires_at, is_followed, seen_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9)
         on conflict (tenant, agent, channel) do update set
            number = excluded.number, document = excluded.document, version = excluded.version,
            digest = excluded.digest, expires_at = excluded.expires_at, is_followed = 0,
            seen_at = excluded.seen_at",
    )
    .bind(tenant.as_str())
    .bind(agent.as_str())
    .bind(channel.as_str())
    .bind(number(row.number)?)
    .bind(row.document.to_string())
    .bind(row.release.version.to_string())
    .bind(row.digest.to_string())
    .bind(row.expires_at.as_millis())
    .bind(tx.now.as_millis())
    .execute(&mut tx.connection)
    .await?;
    Ok(SeenDocument { row, is_followed: false, seen_at: tx.now })
}

async fn followed(tx: &mut Tx, tenant: &TenantId, row: &DocumentRow) -> Done<()> {
    query("update channel_documents set is_followed = 1 where tenant = $1 and agent = $2 and channel = $3")
        .bind(tenant.as_str())
        .bind(row.release.agent.as_str())
        .bind(row.channel.as_str())
        .execute(&mut tx.connection)
        .await?;
    Ok(())
}

fn lower(row: &DocumentRow, seen: u64) -> Error {
    let DocumentRow { number, release, channel, .. } = row;
    let agent = &release.agent;
    let message = format!(
        "document {number} of {agent}@{channel} is older than document {seen}, which this host has seen; somebody shows it \
         again, or it is to be pushed anew"
    );
    Error::new(Code::RegistryStale, message).with("number", *number).with("seen", seen)
}

fn twice(row: &DocumentRow) -> Error {
    let DocumentRow { number, release, channel, .. } = row;
    let agent = &release.agent;
    let message = format!(
        "this host has seen another document {number} of {agent}@{channel}; to push the channel anew raises the number"
    );
    Error::new(Code::RegistryStale, message).with("number", *number).with("seen", *number)
}

fn other(row: &DocumentRow, found: &Digest) -> Error {
    let DocumentRow { number, release, channel, digest, .. } = row;
    let message = format!(
        "document {number} of {}@{channel} names {release} with the digest {digest}, and the one here has {found}",
        release.agent
    );
    Error::new(Code::ArtifactDigest, message)
}

async fn find(
    connection: &mut dyn Connection,
    tenant: &TenantId,
    agent: &AgentName,
    channel: &ChannelName,
) -> Done<Option<SeenDocument>> {
    let row =
        query(ONE).bind(tenant.as_str()).bind(agent.as_str()).bind(channel.as_str()).fetch_optional(connection).await?;
    row.as_ref().map(read).transpose()
}

async fn of_agent(connection: &mut dyn Connection, tenant: &TenantId, agent: &AgentName) -> Done<Vec<SeenDocument>> {
    let rows = query(OF_AGENT).bind(tenant.as_str()).bind(agent.as_str()).fetch_all(connection).await?;
    rows.iter().map(read).collect()
}

fn read(row: &Row) -> Done<SeenDocument> {
    Ok(SeenDocument {
        row: DocumentRow {
            channel: row.parsed("channel")?,
            number: row.number("number")?,
            document: row.parsed("document")?,
            release: ReleaseRef { agent: row.parsed("agent")?, version: row.parsed("version")? },
            digest: row.parsed("digest")?,
            expires_at: row.at("expires_at")?,
        },
        is_followed: row.truth("is_followed")?,
        seen_at: row.at("seen_at")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::plan;

    #[tokio::test]
    async fn documents_are_found_by_their_key() {
        let by_key = "SEARCH channel_documents USING PRIMARY KEY (tenant=? AND agent=? AND channel=?)";
        assert_eq!(plan(ONE).await, [by_key]);
        assert_eq!(plan(OF_AGENT).await, ["SEARCH channel_documents USING PRIMARY KEY (tenant=? AND agent=?)"]);
    }
}
