//! The feed: what happened in a tenant, numbered without gaps.
//!
//! An event is written in the transaction of the change it tells of, with the next number
//! of its tenant. As there is one writer, numbers become visible in order: a reader that
//! asks for what comes after the last number it saw misses nothing.

use serde_json::Value;
use sqlx::SqliteConnection;
use troupe_core::audit::AuditEntry;
use troupe_core::view::FeedEvent;
use troupe_core::{Result, TenantId};

use crate::Store;
use crate::fault::Done;
use crate::rows::{Columns as _, broken, number};
use crate::writer::Tx;

impl Tx {
    /// Adds an event to the tenant's feed.
    pub(crate) async fn announce(&mut self, tenant: &TenantId, kind: &str, subject: &str, data: &Value) -> Done<()> {
        let seq: i64 = sqlx::query_scalar(
            "insert into feed_heads (tenant, seq) values ($1, 1)
             on conflict (tenant) do update set seq = feed_heads.seq + 1
             returning seq",
        )
        .bind(tenant.as_str())
        .fetch_one(&mut self.connection)
        .await?;
        sqlx::query("insert into feed (tenant, seq, at, kind, subject, data) values ($1, $2, $3, $4, $5, $6)")
            .bind(tenant.as_str())
            .bind(seq)
            .bind(self.now.as_millis())
            .bind(kind)
            .bind(subject)
            .bind(data.to_string())
            .execute(&mut self.connection)
            .await?;
        self.events.push(tenant.clone());
        Ok(())
    }
}

impl Store {
    /// Adds an event to the tenant's feed that no change of a row tells of, and a record to its
    /// audit, if it was decided.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn announce(
        &self,
        tenant: &TenantId,
        kind: &'static str,
        subject: &str,
        data: Value,
        decided: Option<AuditEntry>,
    ) -> Result<()> {
        let (tenant, subject) = (tenant.clone(), subject.to_owned());
        self.write(move |tx| {
            Box::pin(async move {
                tx.announce(&tenant, kind, &subject, &data).await?;
                match decided {
                    Some(entry) => tx.audit(&tenant, entry).await,
                    None => Ok(()),
                }
            })
        })
        .await
    }

    /// Reads at most `limit` events of the tenant's feed after the one numbered `after`,
    /// oldest first.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn feed(&self, tenant: &TenantId, after: u64, limit: u32) -> Result<Vec<FeedEvent>> {
        // No number is above this, so nothing comes after it.
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        Ok(read(&mut *self.reader().await?, tenant, after, limit).await?)
    }
}

async fn read(connection: &mut SqliteConnection, tenant: &TenantId, after: i64, limit: u32) -> Done<Vec<FeedEvent>> {
    let rows = sqlx::query(
        "select seq, at, kind, subject, data from feed where tenant = $1 and seq > $2 order by seq limit $3",
    )
    .bind(tenant.as_str())
    .bind(after)
    .bind(number(limit.into())?)
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(FeedEvent {
                seq: row.number("seq")?,
                at: row.at("at")?,
                kind: row.get_as("kind")?,
                subject: row.get_as("subject")?,
                data: serde_json::from_str(row.get_as("data")?).map_err(|error| broken("data", error))?,
            })
        })
        .collect()
}
