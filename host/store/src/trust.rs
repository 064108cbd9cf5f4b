//! Whom tenants trust to sign their releases, and the signatures themselves. What a policy means
//! and whether a signature is good, the runtime says.

use serde_json::json;
use troupe_core::audit::{AuditEntry, AuditKind};
use troupe_core::{Code, Digest, Error, ReleaseRef, Result, TenantId, Timestamp, limits};

use crate::fault::{Done, Failed};
use crate::rows::{Columns as _, number};
use crate::sql::{Connection, Row, query, query_scalar};
use crate::writer::Tx;
use crate::{Store, releases};

const NOW: &str = "select * from trust where tenant = $1 order by revision desc limit 1";

const OF_RELEASE: &str =
    "select * from signatures where tenant = $1 and agent = $2 and version = $3 order by added_at, key";

/// A tenant's policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustRow {
    /// Rises with every change.
    pub revision: u64,
    /// The policy, as JSON.
    pub document: String,
    /// When it was set.
    pub changed_at: Timestamp,
}

/// A signature to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSignatureRow {
    /// The id of the key that made it, as somebody verified.
    pub key: Digest,
    /// What was signed.
    pub payload: Vec<u8>,
    /// The signature.
    pub signature: Vec<u8>,
}

/// A signature of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureRow {
    /// The id of the key that made it.
    pub key: Digest,
    /// What was signed.
    pub payload: Vec<u8>,
    /// The signature.
    pub signature: Vec<u8>,
    /// When it came.
    pub added_at: Timestamp,
}

impl Store {
    /// Reads a tenant's policy; none if it has set none.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn trust(&self, tenant: &TenantId) -> Result<Option<TrustRow>> {
        Ok(policy(&mut self.reader().await?, tenant).await?)
    }

    /// Reads every policy that a tenant has set, newest first.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn trust_documents(&self, tenant: &TenantId) -> Result<Vec<String>> {
        let documents = query_scalar("select document from trust where tenant = $1 order by revision desc")
            .bind(tenant.as_str())
            .fetch_all(&mut self.reader().await?)
            .await
            .map_err(Failed::from)?;
        Ok(documents)
    }

    /// Sets a tenant's policy in place of the revision `before`, 0 if there was none, and records
    /// what was `decided`. Of those before the newest are kept. Tells the feed `trust.changed`.
    ///
    /// # Errors
    /// [`Code::TrustConflict`] if another revision is in force.
    pub async fn set_trust(
        &self,
        tenant: &TenantId,
        before: u64,
        document: String,
        decided: Vec<AuditEntry>,
    ) -> Result<TrustRow> {
        let tenant = tenant.clone();
        self.write(move |tx| Box::pin(set(tx, tenant, before, document, decided))).await
    }

    /// Reads the signatures of a release, in the order in which they came.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn signatures(&self, tenant: &TenantId, release: &ReleaseRef) -> Result<Vec<SignatureRow>> {
        Ok(of_release(&mut self.reader().await?, tenant, release).await?)
    }

    /// Adds signatures to a published release, as `by` asked; those of keys that have signed it
    /// stay as they are. Tells the feed `release.signed` of each that is new.
    ///
    /// # Errors
    /// [`Code::ReleaseNotFound`] if the release, with this digest, is not there;
    /// [`Code::ArtifactSignature`] if it would have more than [`limits::SIGNATURES_MAX`].
    pub async fn sign(
        &self,
        tenant: &TenantId,
        release: &ReleaseRef,
        digest: Digest,
        signatures: Vec<NewSignatureRow>,
        by: Option<&str>,
    ) -> Result<()> {
        let (tenant, release, by) = (tenant.clone(), release.clone(), by.map(str::to_owned));
        self.write(move |tx| Box::pin(sign(tx, tenant, release, digest, signatures, by))).await
    }
}

async fn set(tx: &mut Tx, tenant: TenantId, before: u64, document: String, decided: Vec<AuditEntry>) -> Done<TrustRow> {
    let found = policy(&mut tx.connection, &tenant).await?.map_or(0, |row| row.revision);
    if found != before {
        let message = format!("whom the tenant trusts has revision {found} and not {before}; look at it again");
        return Err(Error::new(Code::TrustConflict, message).with("revision", found).into());
    }
    let revision = found + 1;
    query("insert into trust (tenant, revision, document, changed_at) values ($1, $2, $3, $4)")
        .bind(tenant.as_str())
        .bind(number(revision)?)
        .bind(&document)
        .bind(tx.now.as_millis())
        .execute(&mut tx.connection)
        .await?;
    query("delete from trust where tenant = $1 and revision <= $2")
        .bind(tenant.as_str())
        .bind(number(revision.saturating_sub(limits::TRUST_REVISIONS_MAX))?)
        .execute(&mut tx.connection)
        .await?;
    tx.announce(&tenant, "trust.changed", "trust", &json!({ "revision": revision }));
    for entry in decided {
        tx.audit(&tenant, entry.with("revision", revision)).await?;
    }
    Ok(TrustRow { revision, document, changed_at: tx.now })
}

async fn sign(
    tx: &mut Tx,
    tenant: TenantId,
    release: ReleaseRef,
    digest: Digest,
    signatures: Vec<NewSignatureRow>,
    by: Option<String>,
) -> Done<()> {
    let found = releases::find(&mut tx.connection, &tenant, &release).await?;
    if found.is_none_or(|row| row.digest != digest) {
        return Err(Error::new(Code::ReleaseNotFound, format!("there is no release {release} any more")).into());
    }
    add(tx, &tenant, &release, digest, signatures, by.as_deref()).await
}

/// Adds signatures to a release that was published before, and tells of each that is new.
pub(crate) async fn add(
    tx: &mut Tx,
    tenant: &TenantId,
    release: &ReleaseRef,
    digest: Digest,
    signatures: Vec<NewSignatureRow>,
    by: Option<&str>,
) -> Done<()> {
    for key in keep(tx, tenant, release, signatures).await? {
        let data = json!({
            "agent": release.agent.as_str(), "version": release.version.to_string(),
            "digest": digest.to_string(), "key": key.to_string(),
        });
        tx.announce(tenant, "release.signed", &format!("release/{release}"), &data);
        let entry = AuditEntry::new(AuditKind::Signed).by(by).of(&release.agent);
        tx.audit(tenant, entry.on(&release.version, digest).with("key", key.to_string())).await?;
    }
    Ok(())
}

/// Keeps signatures of a release that is there, up to as many as an image of it can carry; returns the
/// keys that had not signed it before.
pub(crate) async fn keep(
    tx: &mut Tx,
    tenant: &TenantId,
    release: &ReleaseRef,
    signatures: Vec<NewSignatureRow>,
) -> Done<Vec<Digest>> {
    let mut new = Vec::new();
    for NewSignatureRow { key, payload, signature } in signatures {
        let kept = query(
            "insert into signatures (tenant, agent, version, key, payload, signature, added_at)
             values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing",
        )
        .bind(tenant.as_str())
        .bind(release.agent.as_str())
        .bind(release.version.to_string())
        .bind(key.to_string())
        .bind(payload)
        .bind(signature)
        .bind(tx.now.as_millis())
        .execute(&mut tx.connection)
        .await?;
        new.extend((kept.rows_affected() > 0).then_some(key));
    }
    let count: i64 = query_scalar("select count(*) from signatures where tenant = $1 and agent = $2 and version = $3")
        .bind(tenant.as_str())
        .bind(release.agent.as_str())
        .bind(release.version.to_string())
        .fetch_one(&mut tx.connection)
        .await?;
    let most = limits::SIGNATURES_MAX;
    if !new.is_empty() && usize::try_from(count).unwrap_or(usize::MAX) > most {
        let message = format!("release {release} would have {count} signatures, and may have {most}: one of each key");
        return Err(Error::new(Code::ArtifactSignature, message).into());
    }
    Ok(new)
}

async fn policy(connection: &mut dyn Connection, tenant: &TenantId) -> Done<Option<TrustRow>> {
    let row = query(NOW).bind(tenant.as_str()).fetch_optional(connection).await?;
    let read = |row: &Row| {
        Ok(TrustRow {
            revision: row.number("revision")?,
            document: row.get_as("document")?,
            changed_at: row.at("changed_at")?,
        })
    };
    row.as_ref().map(read).transpose()
}

async fn of_release(
    connection: &mut dyn Connection,
    tenant: &TenantId,
    release: &ReleaseRef,
) -> Done<Vec<SignatureRow>> {
    let rows = query(OF_RELEASE)
        .bind(tenant.as_str())
        .bind(release.agent.as_str())
        .bind(release.version.to_string())
        .fetch_all(connection)
        .await?;
    let read = |row: &Row| {
        Ok(SignatureRow {
            key: row.parsed("key")?,
            payload: row.get_as("payload")?,
            signature: row.get_as("signature")?,
            added_at: row.at("added_at")?,
        })
    };
    rows.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::plan;

    #[tokio::test]
    async fn a_policy_and_signatures_are_found_by_their_keys() {
        assert_eq!(plan(NOW).await, ["SEARCH trust USING INDEX sqlite_autoindex_trust_1 (tenant=?)"]);
        let found = plan(OF_RELEASE).await;
        let by_key = "SEARCH signatures USING INDEX sqlite_autoindex_signatures_1 (tenant=? AND agent=? AND version=?)";
        assert_eq!(found.first().map(String::as_str), Some(by_key));
    }
}
