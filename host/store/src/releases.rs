//! Releases: one row is one publish, and it never changes.

use std::collections::BTreeMap;

use serde_json::json;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;
use troupe_core::audit::{AuditEntry, AuditKind};
use troupe_core::{AgentName, Code, Digest, Error, ReleaseRef, Result, TenantId, Timestamp};

use crate::Store;
use crate::fault::Done;
use crate::rows::Columns as _;
use crate::writer::Tx;

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
}

impl From<&ReleaseRow> for ReleaseDigest {
    fn from(row: &ReleaseRow) -> Self {
        let ReleaseRow { tenant, release, digest, component, published_at, .. } = row;
        Self {
            tenant: tenant.clone(),
            release: release.clone(),
            digest: *digest,
            component: *component,
            published_at: *published_at,
        }
    }
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
    ///
    /// # Errors
    /// [`Code::ArtifactImmutable`] when the version is published with another digest.
    pub async fn publish(&self, tenant: &TenantId, new: NewRelease, by: Option<&str>) -> Result<Published> {
        let (tenant, by) = (tenant.clone(), by.map(str::to_owned));
        self.write(move |tx| Box::pin(publish(tx, tenant, new, by))).await
    }

    /// Reads one release.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn release(&self, tenant: &TenantId, release: &ReleaseRef) -> Result<Option<ReleaseRow>> {
        Ok(find(&mut *self.reader().await?, tenant, release).await?)
    }

    /// Reads every release of an agent without its documents, highest version first.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn releases(&self, tenant: &TenantId, agent: &AgentName) -> Result<Vec<ReleaseDigest>> {
        Ok(of_agent(&mut *self.reader().await?, tenant, agent).await?)
    }

    /// Reads the highest version of each of the tenant's agents, by name.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn newest_releases(&self, tenant: &TenantId) -> Result<Vec<ReleaseRow>> {
        Ok(newest(&mut *self.reader().await?, tenant).await?)
    }

    /// Reads every tenant's releases without their documents: what the blobs on disk are
    /// held for.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn all_releases(&self) -> Result<Vec<ReleaseDigest>> {
        Ok(all(&mut *self.reader().await?).await?)
    }
}

async fn publish(tx: &mut Tx, tenant: TenantId, new: NewRelease, by: Option<String>) -> Done<Published> {
    let NewRelease { release, digest, component, manifest, profile } = new;
    if let Some(row) = find(&mut tx.connection, &tenant, &release).await? {
        if row.digest == digest {
            return Ok(Published::Same(row));
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
    sqlx::query(
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
    let data = json!({
        "agent": release.agent.as_str(), "version": release.version.to_string(),
        "digest": digest.to_string(), "component": component.to_string(),
    });
    tx.announce(&tenant, "release.published", &format!("release/{release}"), &data).await?;
    let entry = AuditEntry::new(AuditKind::Published).by(by.as_deref());
    let entry = entry.of(&release.agent).on(&release.version, digest).with("component", component.to_string());
    tx.audit(&tenant, entry).await?;
    let published_at = tx.now;
    Ok(Published::New(ReleaseRow { tenant, release, digest, component, manifest, profile, published_at }))
}

/// Reads one release, in or outside a transaction.
pub(crate) async fn find(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    release: &ReleaseRef,
) -> Done<Option<ReleaseRow>> {
    let row = sqlx::query("select * from releases where tenant = $1 and agent = $2 and version = $3")
        .bind(tenant.as_str())
        .bind(release.agent.as_str())
        .bind(release.version.to_string())
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(read).transpose()
}

async fn of_agent(connection: &mut SqliteConnection, tenant: &TenantId, agent: &AgentName) -> Done<Vec<ReleaseDigest>> {
    let rows = sqlx::query(
        "select tenant, agent, version, digest, component, published_at from releases where tenant = $1 and agent = $2",
    )
    .bind(tenant.as_str())
    .bind(agent.as_str())
    .fetch_all(connection)
    .await?;
    let mut releases = rows.iter().map(read_digest).collect::<Done<Vec<_>>>()?;
    releases.sort_by(|a, b| b.release.version.cmp(&a.release.version));
    Ok(releases)
}

/// The order of versions is not that of their text, so the highest is found here; only
/// then are the documents read.
async fn newest(connection: &mut SqliteConnection, tenant: &TenantId) -> Done<Vec<ReleaseRow>> {
    let rows = sqlx::query("select agent, version from releases where tenant = $1")
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

async fn all(connection: &mut SqliteConnection) -> Done<Vec<ReleaseDigest>> {
    let rows = sqlx::query(
        "select tenant, agent, version, digest, component, published_at from releases
         order by tenant, agent, published_at",
    )
    .fetch_all(connection)
    .await?;
    rows.iter().map(read_digest).collect()
}

fn read_digest(row: &SqliteRow) -> Done<ReleaseDigest> {
    Ok(ReleaseDigest {
        tenant: row.parsed("tenant")?,
        release: release_ref(row)?,
        digest: row.parsed("digest")?,
        component: row.parsed("component")?,
        published_at: row.at("published_at")?,
    })
}

fn release_ref(row: &SqliteRow) -> Done<ReleaseRef> {
    Ok(ReleaseRef { agent: row.parsed("agent")?, version: row.parsed("version")? })
}

fn read(row: &SqliteRow) -> Done<ReleaseRow> {
    Ok(ReleaseRow {
        tenant: row.parsed("tenant")?,
        release: release_ref(row)?,
        digest: row.parsed("digest")?,
        component: row.parsed("component")?,
        manifest: row.get_as("manifest")?,
        profile: row.get_as("profile")?,
        published_at: row.at("published_at")?,
    })
}
