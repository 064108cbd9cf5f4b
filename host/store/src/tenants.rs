//! Tenants.

use troupe_core::audit::{AuditEntry, AuditKind};
use troupe_core::{Code, Error, Result, TenantId, Timestamp, shown};

use crate::Store;
use crate::fault::{Done, Failed};
use crate::rows::{Columns as _, number};
use crate::sql::{Connection, Row, query};
use crate::writer::Tx;

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantRow {
    /// Its name.
    pub name: TenantId,
    /// When it was made.
    pub created_at: Timestamp,
    /// Since when it is disabled.
    pub disabled_at: Option<Timestamp>,
    /// Since when its runtime begins no tasks.
    pub stopped_at: Option<Timestamp>,
}

impl Store {
    /// Makes a tenant, as `by` asked. Tells its feed `tenant.created`.
    ///
    /// # Errors
    /// [`Code::TenantExists`].
    pub async fn create_tenant(&self, name: &TenantId, by: Option<&str>) -> Result<TenantRow> {
        let (name, by) = (name.clone(), by.map(str::to_owned));
        self.write(move |tx| Box::pin(create(tx, name, by))).await
    }

    /// Disables a tenant, or enables it again, as `by` asked; nothing changes if it is so already. Tells
    /// its feed `tenant.disabled` or `tenant.enabled`. Whoever runs a task of a disabled
    /// tenant is asked to cancel it.
    ///
    /// # Errors
    /// [`Code::TenantNotFound`].
    pub async fn set_disabled(&self, name: &TenantId, disabled: bool, by: Option<&str>) -> Result<TenantRow> {
        let (name, by) = (name.clone(), by.map(str::to_owned));
        self.write(move |tx| Box::pin(set_disabled(tx, name, disabled, by))).await
    }

    /// Has a tenant's runtime begin no tasks, or begin them again, as `by` asked; nothing changes if it is so
    /// already. Tells its feed `runtime.stopped` or `runtime.started`, and the audit.
    ///
    /// # Errors
    /// [`Code::TenantNotFound`].
    pub async fn stop_runtime(&self, name: &TenantId, stop: bool, by: &str) -> Result<TenantRow> {
        let (name, by) = (name.clone(), by.to_owned());
        self.write(move |tx| Box::pin(stop_runtime(tx, name, stop, by))).await
    }

    /// Reads one tenant.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn tenant(&self, name: &TenantId) -> Result<Option<TenantRow>> {
        Ok(find(&mut self.reader().await?, name).await?)
    }

    /// Reads at most `limit` tenants whose name comes after `after`, by name.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn tenants(&self, after: Option<&TenantId>, limit: u32) -> Result<Vec<TenantRow>> {
        let rows = query("select * from tenants where name > $1 order by name limit $2")
            .bind(after.map_or("", TenantId::as_str))
            .bind(number(limit.into())?)
            .fetch_all(&mut self.reader().await?)
            .await
            .map_err(Failed::from)?;
        Ok(rows.iter().map(read).collect::<Done<_>>()?)
    }

    /// Reads the names of the tenants that are disabled.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn disabled_tenants(&self) -> Result<Vec<TenantId>> {
        self.names("select name from tenants where disabled_at is not null").await
    }

    /// Reads the names of the tenants whose runtime is stopped.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn stopped_tenants(&self) -> Result<Vec<TenantId>> {
        self.names("select name from tenants where stopped_at is not null").await
    }

    async fn names(&self, statement: &'static str) -> Result<Vec<TenantId>> {
        let rows = query(statement).fetch_all(&mut self.reader().await?).await.map_err(Failed::from)?;
        Ok(rows.iter().map(|row| row.parsed("name")).collect::<Done<_>>()?)
    }
}

async fn create(tx: &mut Tx, name: TenantId, by: Option<String>) -> Done<TenantRow> {
    let row = TenantRow { name, created_at: tx.now, disabled_at: None, stopped_at: None };
    let made = query("insert into tenants (name, created_at) values ($1, $2) on conflict do nothing")
        .bind(row.name.as_str())
        .bind(row.created_at.as_millis())
        .execute(&mut tx.connection)
        .await?;
    if made.rows_affected() == 0 {
        return Err(Error::new(Code::TenantExists, format!("there is a tenant `{}` already", row.name)).into());
    }
    tell(tx, &row.name, "tenant.created").await?;
    tx.audit(&row.name, AuditEntry::new(AuditKind::TenantCreated).by(by.as_deref())).await?;
    Ok(row)
}

async fn set_disabled(tx: &mut Tx, name: TenantId, disabled: bool, by: Option<String>) -> Done<TenantRow> {
    let mut row = find(&mut tx.connection, &name).await?.ok_or_else(|| not_found(name.as_str()))?;
    if row.disabled_at.is_some() == disabled {
        return Ok(row);
    }
    row.disabled_at = disabled.then_some(tx.now);
    query("update tenants set disabled_at = $2 where name = $1")
        .bind(name.as_str())
        .bind(row.disabled_at.map(Timestamp::as_millis))
        .execute(&mut tx.connection)
        .await?;
    if disabled {
        query(
            "update tasks set cancel_requested = 1, cancelled_by = coalesce(cancelled_by, $2)
             where tenant = $1 and status = 'running'",
        )
        .bind(name.as_str())
        .bind(by.as_deref())
        .execute(&mut tx.connection)
        .await?;
    }
    tell(tx, &name, if disabled { "tenant.disabled" } else { "tenant.enabled" }).await?;
    let kind = if disabled { AuditKind::TenantDisabled } else { AuditKind::TenantEnabled };
    tx.audit(&name, AuditEntry::new(kind).by(by.as_deref())).await?;
    Ok(row)
}

async fn stop_runtime(tx: &mut Tx, name: TenantId, stop: bool, by: String) -> Done<TenantRow> {
    let mut row = find(&mut tx.connection, &name).await?.ok_or_else(|| not_found(name.as_str()))?;
    if row.stopped_at.is_some() == stop {
        return Ok(row);
    }
    row.stopped_at = stop.then_some(tx.now);
    query("update tenants set stopped_at = $2 where name = $1")
        .bind(name.as_str())
        .bind(row.stopped_at.map(Timestamp::as_millis))
        .execute(&mut tx.connection)
        .await?;
    let (event, kind) = match stop {
        true => ("runtime.stopped", AuditKind::RuntimeStopped),
        false => ("runtime.started", AuditKind::RuntimeStarted),
    };
    tell(tx, &name, event).await?;
    tx.audit(&name, AuditEntry::new(kind).by(Some(&by))).await?;
    Ok(row)
}

async fn tell(tx: &mut Tx, name: &TenantId, kind: &str) -> Done<()> {
    tx.announce(name, kind, &format!("tenant/{name}"), &serde_json::json!({}));
    Ok(())
}

/// The error for a tenant that is not there.
pub fn not_found(name: &str) -> Error {
    let message = format!("there is no tenant `{}`; `troupe tenants` lists those there are", shown(name));
    Error::new(Code::TenantNotFound, message)
}

/// Reads one tenant, in or outside a transaction.
pub(crate) async fn find(connection: &mut dyn Connection, name: &TenantId) -> Done<Option<TenantRow>> {
    let row = query("select * from tenants where name = $1").bind(name.as_str()).fetch_optional(connection);
    row.await?.as_ref().map(read).transpose()
}

fn read(row: &Row) -> Done<TenantRow> {
    Ok(TenantRow {
        name: row.parsed("name")?,
        created_at: row.at("created_at")?,
        disabled_at: row.at_option("disabled_at")?,
        stopped_at: row.at_option("stopped_at")?,
    })
}
