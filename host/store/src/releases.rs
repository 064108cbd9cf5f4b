//! Releases: one row is one publish. What it holds never changes; what is said of it may, and
//! when it is deleted the row stays, so that its version means the same bytes for ever.

mod delete;
mod delete_agent;
mod standing;

use std::collections::BTreeMap;

use serde_json::json;
use troupe_core::audit::{AuditEntry, AuditKind};
use troupe_core::view::Notice;
use troupe_core::{AgentName, Code, Digest, Error, ReleaseRef, Result, TenantId, Timestamp};

use crate::channels::{self, ChannelMove};
use crate::fault::Done;
use crate::rows::Columns as _;
use crate::sql::{Connection, Row, query};
use crate::writer::Tx;
use crate::{NewSignatureRow, Store, trust};
pub use delete::Holder;
pub use delete_agent::DeletedAgent;
pub use standing::Mark;

/// A release to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRelease {
    /// The agent and the version.
    pub release: ReleaseRef,
    /// The digest of the release's OCI manifest.
    pub digest: Digest,
    /// The digest of the component.
    pub component: Digest,
    /// The agent's manifest, as JSON.
    pub manifest: String,
    /// What the component said of itself, as JSON.
    pub profile: String,
    /// Who has signed it.
    pub signatures: Vec<NewSignatureRow>,
    /// The image in a registry that it came from.
    pub image: Option<String>,
}

/// A published release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseRow {
    /// The tenant.
    pub tenant: TenantId,
    /// The agent and the version.
    pub release: ReleaseRef,
    /// The digest of the release's OCI manifest.
    pub digest: Digest,
    /// The digest of the component.
    pub component: Digest,
    /// The agent's manifest, as JSON.
    pub manifest: String,
    /// What the component said of itself, as JSON.
    pub profile: String,
    /// When it was published.
    pub published_at: Timestamp,
    /// What is said of it.
    pub standing: Standing,
}

/// What was said of a release since it was published.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// It should not be used any more.
    pub deprecated: Option<Notice>,
    /// Nobody swaps to it any more.
    pub yanked: Option<Notice>,
}

/// A published release without its documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseDigest {
    /// The tenant.
    pub tenant: TenantId,
    /// The agent and the version.
    pub release: ReleaseRef,
    /// The digest of the release's OCI manifest.
    pub digest: Digest,
    /// The digest of the component.
    pub component: Digest,
    /// When it was published.
    pub published_at: Timestamp,
    /// What is said of it.
    pub standing: Standing,
}

impl ReleaseRow {
    /// Checks that whoever may can begin to use the release.
    ///
    /// # Errors
    /// [`Code::ReleaseYanked`] with the reason.
    pub fn check_offered(&self) -> Result<()> {
        standing::check_offered(&self.release, &self.standing)
    }
}

impl From<&ReleaseRow> for ReleaseDigest {
    fn from(row: &ReleaseRow) -> Self {
        let ReleaseRow { tenant, release, digest, component, published_at, standing, .. } = row;
        Self {
            tenant: tenant.clone(),
            release: release.clone(),
            digest: *digest,
            component: *component,
            published_at: *published_at,
            standing: standing.clone(),
        }
    }
}

/// What every read of releases without their documents begins with.
macro_rules! digests {
    ($rest:literal) => {
        concat!(
            "select tenant, agent, version, digest, component, published_at,
                deprecated_at, deprecation, yanked_at, yank_reason
             from releases where deleted_at is null and ",
            $rest
        )
    };
}

/// What came of publishing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Published {
    /// The release is published now.
    New(ReleaseRow),
    /// It was published before, with the same bytes.
    Same(ReleaseRow),
}

impl Store {
    /// Publishes a release, as `by` asked; the row is the publish. Tells the feed `release.published`.
    /// One that was deleted is there again, if it has the same bytes. Of one that is there, nothing
    /// changes but that it keeps signatures of further keys, as [`Store::sign`] adds them.
    ///
    /// # Errors
    /// [`Code::ArtifactImmutable`] when the version is published, or was, with another digest.
    pub async fn publish(&self, tenant: &TenantId, new: NewRelease, by: Option<&str>) -> Result<Published> {
        self.publish_to(tenant, new, None, by).await
    }

    /// Publishes a release and has a channel name it, both or neither.
    ///
    /// # Errors
    /// Those of [`Store::publish`] and of [`Store::move_channel`].
    pub async fn publish_to(
        &self,
        tenant: &TenantId,
        new: NewRelease,
        channel: Option<ChannelMove>,
        by: Option<&str>,
    ) -> Result<Published> {
        let (tenant, by) = (tenant.clone(), by.map(str::to_owned));
        self.write(move |tx| {
            Box::pin(async move {
                let published = publish(tx, tenant, new, by).await?;
                let (Published::New(row) | Published::Same(row)) = &published;
                if let Some(to) = channel {
                    channels::place(tx, row, to, None).await?;
                }
                Ok(published)
            })
        })
        .await
    }

    /// Reads one release.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn release(&self, tenant: &TenantId, release: &ReleaseRef) -> Result<Option<ReleaseRow>> {
        Ok(find(&mut self.reader().await?, tenant, release).await?)
    }

    /// Reads every release of an agent without its documents, highest version first.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn releases(&self, tenant: &TenantId, agent: &AgentName) -> Result<Vec<ReleaseDigest>> {
        Ok(of_agent(&mut self.reader().await?, tenant, agent).await?)
    }

    /// Reads the name of every agent of the tenant that has a release, or had one.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn agent_names(&self, tenant: &TenantId) -> Result<Vec<AgentName>> {
        Ok(names(&mut self.reader().await?, tenant).await?)
    }

    /// Reads the highest version of each of the tenant's agents, by name.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn newest_releases(&self, tenant: &TenantId) -> Result<Vec<ReleaseRow>> {
        Ok(newest(&mut self.reader().await?, tenant).await?)
    }

    /// Reads every tenant's releases without their documents: what the blobs on disk are
    /// held for.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn all_releases(&self) -> Result<Vec<ReleaseDigest>> {
        Ok(all(&mut self.reader().await?).await?)
    }
}

async fn publish(tx: &mut Tx, tenant: TenantId, new: NewRelease, by: Option<String>) -> Done<Published> {
    let NewRelease { release, digest, component, manifest, profile, signatures, image } = new;
    let mut standing = Standing::default();
    if let Some((row, is_deleted)) = find_any(&mut tx.connection, &tenant, &release).await? {
        if row.digest == digest && !is_deleted {
            trust::add(tx, &tenant, &release, digest, signatures, by.as_deref()).await?;
            return Ok(Published::Same(row));
        }
        if row.digest == digest {
            standing = row.standing;
            delete::undo(tx, &tenant, &release).await?;
            return told(tx, ReleaseRow { published_at: tx.now, standing, ..row }, signatures, image, by).await;
        }
        let message = format!(
            "{release} is published with other content, and a published version never changes; \
             publish this under a new version"
        );
        return Err(Error::new(Code::ArtifactImmutable, message)
            .with("release", release.to_string())
            .with("digest", row.digest.to_string())
            .into());
    }
    query(
        "insert into releases (tenant, agent, version, digest, component, manifest, profile, published_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(tenant.as_str())
    .bind(release.agent.as_str())
    .bind(release.version.to_string())
    .bind(digest.to_string())
    .bind(component.to_string())
    .bind(&manifest)
    .bind(&profile)
    .bind(tx.now.as_millis())
    .execute(&mut tx.connection)
    .await?;
    let published_at = tx.now;
    let row = ReleaseRow { tenant, release, digest, component, manifest, profile, published_at, standing };
    told(tx, row, signatures, image, by).await
}

/// Keeps the signatures of a release that is there from now on, and tells of it.
async fn told(
    tx: &mut Tx,
    row: ReleaseRow,
    signatures: Vec<NewSignatureRow>,
    image: Option<String>,
    by: Option<String>,
) -> Done<Published> {
    let ReleaseRow { tenant, release, digest, component, .. } = &row;
    let keys = trust::keep(tx, tenant, release, signatures).await?;
    let data = json!({
        "agent": release.agent.as_str(), "version": release.version.to_string(),
        "digest": digest.to_string(), "component": component.to_string(), "by": by,
    });
    tx.announce(tenant, "release.published", &format!("release/{release}"), &data);
    let entry = AuditEntry::new(AuditKind::Published).by(by.as_deref());
    let mut entry = entry.of(&release.agent).on(&release.version, *digest).with("component", component.to_string());
    if !keys.is_empty() {
        entry = entry.with("keys", keys.iter().map(Digest::to_string).collect::<Vec<_>>());
    }
    if let Some(image) = image {
        entry = entry.with("image", image);
    }
    tx.audit(tenant, entry).await?;
    Ok(Published::New(row))
}

/// The error for a release that the agent does not have.
pub fn not_found(release: &ReleaseRef) -> Error {
    let message = format!("there is no release {release}; `troupe agents {}` lists its versions", release.agent);
    Error::new(Code::ReleaseNotFound, message)
}

/// Reads one release, in or outside a transaction.
pub(crate) async fn find(
    connection: &mut dyn Connection,
    tenant: &TenantId,
    release: &ReleaseRef,
) -> Done<Option<ReleaseRow>> {
    let found = find_any(connection, tenant, release).await?;
    Ok(found.filter(|(_, is_deleted)| !is_deleted).map(|(row, _)| row))
}

/// The same, and whether it was deleted.
async fn find_any(
    connection: &mut dyn Connection,
    tenant: &TenantId,
    release: &ReleaseRef,
) -> Done<Option<(ReleaseRow, bool)>> {
    let row = query("select * from releases where tenant = $1 and agent = $2 and version = $3")
        .bind(tenant.as_str())
        .bind(release.agent.as_str())
        .bind(release.version.to_string())
        .fetch_optional(connection)
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some((read(&row)?, row.at_option("deleted_at")?.is_some())))
}

async fn of_agent(connection: &mut dyn Connection, tenant: &TenantId, agent: &AgentName) -> Done<Vec<ReleaseDigest>> {
    let rows = query(digests!("tenant = $1 and agent = $2"))
        .bind(tenant.as_str())
        .bind(agent.as_str())
        .fetch_all(connection)
        .await?;
    let mut releases = rows.iter().map(read_digest).collect::<Done<Vec<_>>>()?;
    releases.sort_by(|a, b| b.release.version.cmp(&a.release.version));
    Ok(releases)
}

async fn names(connection: &mut dyn Connection, tenant: &TenantId) -> Done<Vec<AgentName>> {
    let rows = query("select distinct agent from releases where tenant = $1 order by agent")
        .bind(tenant.as_str())
        .fetch_all(connection)
        .await?;
    rows.iter().map(|row| row.parsed("agent")).collect()
}

/// The order of versions is not that of their text, so the highest is found here; only
/// then are the documents read.
async fn newest(connection: &mut dyn Connection, tenant: &TenantId) -> Done<Vec<ReleaseRow>> {
    let rows = query("select agent, version from releases where tenant = $1 and deleted_at is null")
        .bind(tenant.as_str())
        .fetch_all(&mut *connection)
        .await?;
    let mut newest = BTreeMap::<AgentName, semver::Version>::new();
    for row in &rows {
        let version: semver::Version = row.parsed("version")?;
        let highest = newest.entry(row.parsed("agent")?).or_insert_with(|| version.clone());
        if version > *highest {
            *highest = version;
        }
    }
    let mut releases = Vec::with_capacity(newest.len());
    for (agent, version) in newest {
        releases.extend(find(connection, tenant, &ReleaseRef { agent, version }).await?);
    }
    Ok(releases)
}

async fn all(connection: &mut dyn Connection) -> Done<Vec<ReleaseDigest>> {
    let rows = query(digests!("true order by tenant, agent, published_at")).fetch_all(connection).await?;
    rows.iter().map(read_digest).collect()
}

fn read_digest(row: &Row) -> Done<ReleaseDigest> {
    Ok(ReleaseDigest {
        tenant: row.parsed("tenant")?,
        release: release_ref(row)?,
        digest: row.parsed("digest")?,
        component: row.parsed("component")?,
        published_at: row.at("published_at")?,
        standing: read_standing(row)?,
    })
}

fn read_standing(row: &Row) -> Done<Standing> {
    let notice = |at: &str, message: &str| -> Done<Option<Notice>> {
        let Some(at) = row.at_option(at)? else { return Ok(None) };
        Ok(Some(Notice { message: row.get_as(message)?, at }))
    };
    Ok(Standing { deprecated: notice("deprecated_at", "deprecation")?, yanked: notice("yanked_at", "yank_reason")? })
}

fn release_ref(row: &Row) -> Done<ReleaseRef> {
    Ok(ReleaseRef { agent: row.parsed("agent")?, version: row.parsed("version")? })
}

fn read(row: &Row) -> Done<ReleaseRow> {
    Ok(ReleaseRow {
        tenant: row.parsed("tenant")?,
        release: release_ref(row)?,
        digest: row.parsed("digest")?,
        component: row.parsed("component")?,
        manifest: row.get_as("manifest")?,
        profile: row.get_as("profile")?,
        published_at: row.at("published_at")?,
        standing: read_standing(row)?,
    })
}
