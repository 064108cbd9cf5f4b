//! API keys: what is kept of each, and whom a token stands for.
//!
//! Of the secret this crate knows the digest alone. A key is looked up by it in one index
//! over all tenants, so the tenant is what the token says and nothing else.

use serde_json::json;
use troupe_core::audit::{AuditEntry, AuditKind};
use troupe_core::trust::NamePattern;
use troupe_core::{Code, Digest, Error, KeyId, KeyName, Result, Scope, TenantId, Timestamp, limits};

use crate::fault::{Done, Failed};
use crate::rows::{ABOVE_ALL_IDS, Columns as _, broken, number};
use crate::sql::{Connection, Row, query, query_scalar};
use crate::writer::Tx;
use crate::{Store, tenants};

const LIST: &str = "select * from keys where tenant = $1 and id < $2 order by id desc limit $3";

const COUNT_LIVE: &str = "select count(*) from keys where tenant = $1 and revoked_at is null";

/// A key to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKeyRow {
    /// The id.
    pub id: KeyId,
    /// What people call it.
    pub name: KeyName,
    /// What its holder may do.
    pub scopes: Vec<Scope>,
    /// The agents that it is bound to; to none when empty.
    pub agents: Vec<NamePattern>,
    /// The digest of its secret.
    pub token: Digest,
    /// When it ceases to be good.
    pub expires_at: Option<Timestamp>,
}

/// A key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// The tenant.
    pub tenant: TenantId,
    /// The id.
    pub id: KeyId,
    /// What people call it.
    pub name: KeyName,
    /// What its holder may do.
    pub scopes: Vec<Scope>,
    /// The agents that it is bound to; to none when empty.
    pub agents: Vec<NamePattern>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ceases to be good.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it was used last, to about a minute.
    pub used_at: Option<Timestamp>,
}

impl Store {
    /// Makes a key of a tenant, as `by` asked. Tells the feed `key.created`.
    ///
    /// # Errors
    /// [`Code::TenantNotFound`]; [`Code::LimitKeys`] when the tenant has as many keys that
    /// are not revoked as it may have.
    pub async fn create_key(&self, tenant: &TenantId, key: NewKeyRow, by: Option<&str>) -> Result<KeyRow> {
        let (tenant, by) = (tenant.clone(), by.map(str::to_owned));
        self.write(move |tx| Box::pin(create(tx, tenant, key, by))).await
    }

    /// Revokes a key, as `by` asked, for good; one that is revoked stays as it is. Tells the feed
    /// `key.revoked`.
    ///
    /// # Errors
    /// [`Code::KeyNotFound`].
    pub async fn revoke_key(&self, tenant: &TenantId, id: KeyId, by: Option<&str>) -> Result<KeyRow> {
        let (tenant, by) = (tenant.clone(), by.map(str::to_owned));
        self.write(move |tx| Box::pin(revoke(tx, tenant, id, by))).await
    }

    /// Notes that a key was used.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn use_key(&self, tenant: &TenantId, id: KeyId) -> Result<()> {
        let tenant = tenant.clone();
        self.write(move |tx| Box::pin(note_use(tx, tenant, id))).await
    }

    /// Reads one key.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn key(&self, tenant: &TenantId, id: KeyId) -> Result<Option<KeyRow>> {
        Ok(find(&mut self.reader().await?, tenant, id).await?)
    }

    /// Reads the key whose secret has this digest, of whatever tenant, and whether that
    /// tenant is disabled.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn key_by_token(&self, token: &Digest) -> Result<Option<(KeyRow, bool)>> {
        let row = query(
            "select keys.*, case when tenants.disabled_at is null then 0 else 1 end as disabled
             from keys join tenants on tenants.name = keys.tenant
             where keys.token = $1",
        )
        .bind(token.to_string())
        .fetch_optional(&mut self.reader().await?)
        .await
        .map_err(Failed::from)?;
        Ok(row.map(|row| Ok::<_, Failed>((read(&row)?, row.truth("disabled")?))).transpose()?)
    }

    /// Reads at most `limit` of the tenant's keys, newest first, that are older than `after`.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn keys(&self, tenant: &TenantId, after: Option<KeyId>, limit: u32) -> Result<Vec<KeyRow>> {
        let rows = query(LIST)
            .bind(tenant.as_str())
            .bind(after.map_or_else(|| ABOVE_ALL_IDS.to_owned(), |id| id.to_string()))
            .bind(number(limit.into())?)
            .fetch_all(&mut self.reader().await?)
            .await
            .map_err(Failed::from)?;
        Ok(rows.iter().map(read).collect::<Done<_>>()?)
    }
}

async fn create(tx: &mut Tx, tenant: TenantId, key: NewKeyRow, by: Option<String>) -> Done<KeyRow> {
    if tenants::find(&mut tx.connection, &tenant).await?.is_none() {
        return Err(tenants::not_found(tenant.as_str()).into());
    }
    let live: i64 = query_scalar(COUNT_LIVE).bind(tenant.as_str()).fetch_one(&mut tx.connection).await?;
    if u64::try_from(live).unwrap_or(u64::MAX) >= limits::KEYS_MAX {
        let message = format!("the tenant has {live} keys, as many as it may have; revoke one that nobody uses");
        return Err(Error::new(Code::LimitKeys, message).into());
    }
    let NewKeyRow { id, name, scopes, agents, token, expires_at } = key;
    let names: Vec<String> = agents.iter().map(NamePattern::to_string).collect();
    query(
        "insert into keys (tenant, id, name, scopes, token, created_at, expires_at, agents)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(tenant.as_str())
    .bind(id.to_string())
    .bind(name.as_str())
    .bind(written(&scopes))
    .bind(token.to_string())
    .bind(tx.now.as_millis())
    .bind(expires_at.map(Timestamp::as_millis))
    .bind((!names.is_empty()).then(|| names.join(" ")))
    .execute(&mut tx.connection)
    .await?;
    tx.announce(&tenant, "key.created", &subject(id), &json!({}));
    let mut entry = about(AuditKind::KeyCreated, id, &name, by).with("scopes", written(&scopes));
    if let Some(expires_at) = expires_at {
        entry = entry.with("expires_at", expires_at.to_string());
    }
    if !names.is_empty() {
        entry = entry.with("agents", names);
    }
    tx.audit(&tenant, entry).await?;
    Ok(KeyRow { tenant, id, name, scopes, agents, created_at: tx.now, expires_at, revoked_at: None, used_at: None })
}

async fn revoke(tx: &mut Tx, tenant: TenantId, id: KeyId, by: Option<String>) -> Done<KeyRow> {
    let mut row = find(&mut tx.connection, &tenant, id).await?.ok_or_else(|| not_found(id))?;
    if row.revoked_at.is_some() {
        return Ok(row);
    }
    row.revoked_at = Some(tx.now);
    query("update keys set revoked_at = $3 where tenant = $1 and id = $2")
        .bind(tenant.as_str())
        .bind(id.to_string())
        .bind(tx.now.as_millis())
        .execute(&mut tx.connection)
        .await?;
    tx.announce(&tenant, "key.revoked", &subject(id), &json!({}));
    tx.audit(&tenant, about(AuditKind::KeyRevoked, id, &row.name, by)).await?;
    Ok(row)
}

/// What the audit is told of a key.
fn about(kind: AuditKind, id: KeyId, name: &KeyName, by: Option<String>) -> AuditEntry {
    AuditEntry::new(kind).by(by.as_deref()).with("key", id.to_string()).with("name", name.as_str())
}

async fn note_use(tx: &mut Tx, tenant: TenantId, id: KeyId) -> Done<()> {
    query("update keys set used_at = $3 where tenant = $1 and id = $2")
        .bind(tenant.as_str())
        .bind(id.to_string())
        .bind(tx.now.as_millis())
        .execute(&mut tx.connection)
        .await?;
    Ok(())
}

/// What the feed calls a key.
fn subject(id: KeyId) -> String {
    format!("key/{id}")
}

/// The error for a key that is not there.
pub fn not_found(id: KeyId) -> Error {
    Error::new(Code::KeyNotFound, format!("there is no key {id}"))
}

async fn find(connection: &mut dyn Connection, tenant: &TenantId, id: KeyId) -> Done<Option<KeyRow>> {
    let row = query("select * from keys where tenant = $1 and id = $2")
        .bind(tenant.as_str())
        .bind(id.to_string())
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(read).transpose()
}

fn written(scopes: &[Scope]) -> String {
    scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" ")
}

fn read(row: &Row) -> Done<KeyRow> {
    let names = |word: &str| word.parse().map_err(|error| broken("agents", error));
    let agents: Option<&str> = row.get_as("agents")?;
    let scope = |word: &str| Scope::parse(word).ok_or_else(|| broken("scopes", word));
    Ok(KeyRow {
        tenant: row.parsed("tenant")?,
        id: row.parsed("id")?,
        name: row.parsed("name")?,
        scopes: row.get_as::<&str>("scopes")?.split(' ').map(scope).collect::<Done<_>>()?,
        agents: agents.map_or_else(|| Ok(Vec::new()), |agents| agents.split(' ').map(names).collect::<Done<_>>())?,
        created_at: row.at("created_at")?,
        expires_at: row.at_option("expires_at")?,
        revoked_at: row.at_option("revoked_at")?,
        used_at: row.at_option("used_at")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::plan;

    #[tokio::test]
    async fn keys_are_counted_and_listed_by_an_index() {
        assert_eq!(plan(COUNT_LIVE).await, ["SEARCH keys USING INDEX keys_live (tenant=?)"]);
        assert_eq!(plan(LIST).await, ["SEARCH keys USING INDEX sqlite_autoindex_keys_1 (tenant=? AND id<?)"]);
    }
}
