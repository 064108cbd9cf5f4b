//! Removing events that are kept no longer: the oldest, while nothing has to be done about them.

use troupe_core::{Result, TenantId, Timestamp, limits};

use super::row::EventHead;
use crate::Store;
use crate::fault::{Done, Failed};
use crate::rows::Columns as _;
use crate::sql::query;
use crate::writer::Tx;

impl Store {
    /// The tenants that have events.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn tenants_with_events(&self) -> Result<Vec<TenantId>> {
        let rows = query("select tenant from event_heads order by tenant")
            .fetch_all(&mut self.reader().await?)
            .await
            .map_err(Failed::from)?;
        Ok(rows.iter().map(|row| row.parsed("tenant")).collect::<Done<_>>()?)
    }

    /// Removes events of a tenant that were published before `before`, or that are the oldest while all of them
    /// take more than [`limits::EVENTS_BYTES_MAX`] less an eighth; those that have dead letters or deliveries
    /// that have not ended stay, and so do those whose time has not come. Returns how many, at most so many as
    /// one commit removes.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn sweep_events(&self, tenant: &TenantId, before: Timestamp) -> Result<u64> {
        let tenant = tenant.clone();
        self.write(move |tx| Box::pin(sweep(tx, tenant, before))).await
    }
}

async fn sweep(tx: &mut Tx, tenant: TenantId, before: Timestamp) -> Done<u64> {
    let mut head = EventHead::find(&mut tx.connection, &tenant).await?;
    let enough = limits::EVENTS_BYTES_MAX - limits::EVENTS_BYTES_MAX / 8;
    let rows = query(
        "select position, bytes, published_at from events
         where tenant = $1 and routed is not null and open = 0
            and not exists (select 1 from deliveries where deliveries.tenant = events.tenant
                and deliveries.position = events.position and deliveries.state = 'dead')
         order by position limit $2",
    )
    .bind(tenant.as_str())
    .bind(i64::from(limits::EVENTS_AT_ONCE))
    .fetch_all(&mut tx.connection)
    .await?;
    let mut removed = 0;
    for row in rows {
        if row.at("published_at")? >= before && head.bytes <= enough {
            break;
        }
        let position: i64 = row.get_as("position")?;
        for statement in [
            "delete from deliveries where tenant = $1 and position = $2",
            "delete from events where tenant = $1 and position = $2",
        ] {
            query(statement).bind(tenant.as_str()).bind(position).execute(&mut tx.connection).await?;
        }
        head.bytes = head.bytes.saturating_sub(row.number("bytes")?);
        removed += 1;
    }
    if removed > 0 {
        head.save(tx, &tenant).await?;
        query("delete from event_topics where tenant = $1 and last_at < $2")
            .bind(tenant.as_str())
            .bind(before.as_millis())
            .execute(&mut tx.connection)
            .await?;
    }
    Ok(removed)
}
