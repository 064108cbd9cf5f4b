//! Hooks: paths at which events come into the host.
//!
//! A hook is found by its id, a random word that is the last part of its path, over all tenants. Of its secret the
//! row knows which it is, and not what it is.

use serde_json::json;
use troupe_core::audit::{AuditEntry, AuditKind};
use troupe_core::view::NewHook;
use troupe_core::{Code, Error, HookRecord, Result, SubscriptionName, TenantId, Timestamp, WebhookSecret, limits};

use super::webhooks::check_next;
use crate::Store;
use crate::fault::{Done, Failed};
use crate::rows::{Columns as _, broken, json, room_for};
use crate::sql::{Connection, Row, query, query_scalar};
use crate::writer::Tx;

/// A hook as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct HookRow {
    /// The tenant.
    pub tenant: TenantId,
    /// Its name.
    pub name: String,
    /// What was set.
    pub hook: NewHook,
    /// Which secret its sender signs by, where that is one of the host's making. Its `id` is that of the hook.
    pub secret: WebhookSecret,
    /// Who set it.
    pub principal: String,
    /// When it was set.
    pub changed_at: Timestamp,
}

/// The error for a hook that the tenant does not have.
pub fn not_found(name: &str) -> Error {
    let message = format!("there is no hook `{name}`; `troupe events hooks` lists those there are");
    Error::new(Code::HookNotFound, message)
}

impl Store {
    /// Sets a hook, in place of the one of its name, as `by` asked. One that is there keeps its path and its secret; a
    /// new one has `fresh`. Returns it, and whether it is new. Tells the feed `hook.set`, and the audit.
    ///
    /// # Errors
    /// [`Code::LimitSubscriptions`].
    pub async fn set_hook(
        &self,
        tenant: &TenantId,
        name: &SubscriptionName,
        hook: NewHook,
        fresh: WebhookSecret,
        by: &str,
    ) -> Result<(HookRow, bool)> {
        let (tenant, name, by) = (tenant.clone(), name.to_string(), by.to_owned());
        self.write(move |tx| Box::pin(set(tx, tenant, name, hook, fresh, by))).await
    }

    /// Has a hook go by its next secret, as `by` asked, if that is the one after the one it has. Tells the feed
    /// `hook.rotated`, and the audit.
    ///
    /// # Errors
    /// [`Code::HookNotFound`]; [`Code::WebhookConflict`].
    pub async fn rotate_hook(&self, tenant: &TenantId, name: &str, next: WebhookSecret, by: &str) -> Result<HookRow> {
        let (tenant, name, by) = (tenant.clone(), name.to_owned(), by.to_owned());
        self.write(move |tx| {
            Box::pin(async move {
                let row = there(&mut tx.connection, &tenant, &name).await?;
                check_next(&row.secret, &next, "hook")?;
                let row = write(tx, &tenant, &name, &row.hook, &next, &row.principal).await?;
                tell(tx, &row, "hook.rotated", &by).await?;
                Ok(row)
            })
        })
        .await
    }

    /// Removes a hook, as `by` asked, and returns what it was. Tells the feed `hook.removed`, and the audit.
    ///
    /// # Errors
    /// [`Code::HookNotFound`].
    pub async fn remove_hook(&self, tenant: &TenantId, name: &str, by: &str) -> Result<HookRow> {
        let (tenant, name, by) = (tenant.clone(), name.to_owned(), by.to_owned());
        self.write(move |tx| {
            Box::pin(async move {
                let row = there(&mut tx.connection, &tenant, &name).await?;
                query("delete from hooks where tenant = $1 and name = $2")
                    .bind(tenant.as_str())
                    .bind(&name)
                    .execute(&mut tx.connection)
                    .await?;
                tell(tx, &row, "hook.removed", &by).await?;
                Ok(row)
            })
        })
        .await
    }

    /// Reads one hook.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn hook(&self, tenant: &TenantId, name: &str) -> Result<Option<HookRow>> {
        Ok(find(&mut self.reader().await?, tenant, name).await?)
    }

    /// Reads the hook with this id, of whichever tenant.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn hook_by_id(&self, id: &str) -> Result<Option<HookRow>> {
        let row = query("select * from hooks where id = $1")
            .bind(id)
            .fetch_optional(&mut self.reader().await?)
            .await
            .map_err(Failed::from)?;
        Ok(row.as_ref().map(read).transpose()?)
    }

    /// Reads at most `limit` hooks, by name, those after `after`.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn hooks(&self, tenant: &TenantId, after: &str, limit: u32) -> Result<Vec<HookRow>> {
        let rows = query("select * from hooks where tenant = $1 and name > $2 order by name limit $3")
            .bind(tenant.as_str())
            .bind(after)
            .bind(i64::from(limit))
            .fetch_all(&mut self.reader().await?)
            .await
            .map_err(Failed::from)?;
        Ok(rows.iter().map(read).collect::<Done<_>>()?)
    }
}

async fn find(connection: &mut dyn Connection, tenant: &TenantId, name: &str) -> Done<Option<HookRow>> {
    let row = query("select * from hooks where tenant = $1 and name = $2")
        .bind(tenant.as_str())
        .bind(name)
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(read).transpose()
}

async fn there(connection: &mut dyn Connection, tenant: &TenantId, name: &str) -> Done<HookRow> {
    find(connection, tenant, name).await?.ok_or_else(|| not_found(name).into())
}

async fn set(
    tx: &mut Tx,
    tenant: TenantId,
    name: String,
    hook: NewHook,
    fresh: WebhookSecret,
    by: String,
) -> Done<(HookRow, bool)> {
    let before = find(&mut tx.connection, &tenant, &name).await?.map(|row| row.secret);
    let is_new = before.is_none();
    if is_new {
        let there: i64 = query_scalar("select count(*) from hooks where tenant = $1")
            .bind(tenant.as_str())
            .fetch_one(&mut tx.connection)
            .await?;
        room_for("hooks", there, limits::HOOKS_MAX, Code::LimitSubscriptions)?;
    }
    let row = write(tx, &tenant, &name, &hook, &before.unwrap_or(fresh), &by).await?;
    tell(tx, &row, "hook.set", &by).await?;
    Ok((row, is_new))
}

async fn write(
    tx: &mut Tx,
    tenant: &TenantId,
    name: &str,
    hook: &NewHook,
    secret: &WebhookSecret,
    principal: &str,
) -> Done<HookRow> {
    let document = HookRecord { hook: hook.clone(), secret: secret.clone() };
    let row = query(
        "insert into hooks (tenant, name, id, document, principal, changed_at) values ($1, $2, $3, $4, $5, $6)
         on conflict (tenant, name) do update set
            document = excluded.document, principal = excluded.principal, changed_at = excluded.changed_at
         returning *",
    )
    .bind(tenant.as_str())
    .bind(name)
    .bind(&secret.id)
    .bind(json(&document)?)
    .bind(principal)
    .bind(tx.now.as_millis())
    .fetch_one(&mut tx.connection)
    .await?;
    read(&row)
}

async fn tell(tx: &mut Tx, row: &HookRow, kind: &str, by: &str) -> Done<()> {
    let NewHook { topic, kind: of, paused, secret_name, .. } = &row.hook;
    let generation = row.secret.generation;
    let facts = json!({
        "topic": topic.as_str(), "kind": of.as_str(), "paused": paused, "secret_generation": generation,
    });
    tx.announce(&row.tenant, kind, &format!("hook/{}", row.name), &facts);
    let entry = AuditEntry::new(AuditKind::Subscription).by(Some(by)).with("hook", row.name.as_str());
    let entry = entry.with("topic", topic.as_str()).with("kind", of.as_str()).with("paused", *paused);
    let entry = match secret_name {
        Some(name) => entry.with("secret", name.as_str()),
        None => entry.with("secret_generation", generation),
    };
    let entry = if kind == "hook.removed" { entry.with("removed", true) } else { entry };
    tx.audit(&row.tenant, entry).await
}

fn read(row: &Row) -> Done<HookRow> {
    let document: &str = row.get_as("document")?;
    let HookRecord { hook, secret } = serde_json::from_str(document).map_err(|error| broken("document", error))?;
    Ok(HookRow {
        tenant: row.parsed("tenant")?,
        name: row.get_as("name")?,
        hook,
        secret,
        principal: row.get_as("principal")?,
        changed_at: row.at("changed_at")?,
    })
}
