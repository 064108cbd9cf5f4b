//! The feed: what happened in a tenant, numbered without gaps.
//!
//! An event is written in the transaction of the change it tells of, with the next number
//! of its tenant, and together with those of all jobs that share the transaction. As there is
//! one writer, numbers become visible in order: a reader that asks for what comes after the
//! last number it saw misses nothing.

use std::collections::BTreeMap;

use serde_json::Value;
use troupe_core::audit::AuditEntry;
use troupe_core::view::FeedEvent;
use troupe_core::{Result, TenantId};

use crate::Store;
use crate::fault::{Done, Failed};
use crate::rows::{Columns as _, broken, number};
use crate::sql::{Connection, insert, query, query_scalar};
use crate::writer::Tx;

/// An event that a job adds to a feed.
#[derive(Debug)]
pub(crate) struct Announced {
    pub(crate) tenant: TenantId,
    kind: String,
    subject: String,
    data: String,
}

impl Tx {
    /// Adds an event to the tenant's feed, if the job is kept.
    pub(crate) fn announce(&mut self, tenant: &TenantId, kind: &str, subject: &str, data: &Value) {
        let (kind, subject, data) = (kind.to_owned(), subject.to_owned(), data.to_string());
        match kind.split('.').next() {
            Some("deployment" | "swap" | "tenant" | "runtime" | "approval_policy") => self.routes_moved = true,
            Some("key") => self.keys_moved = true,
            _ => {}
        }
        self.events.push(Announced { tenant: tenant.clone(), kind, subject, data });
    }

    /// Numbers and writes what the jobs of a batch have announced, in the order in which they did.
    pub(crate) async fn write_feeds(&mut self) -> Result<(), sqlx::Error> {
        let mut counts = BTreeMap::<&TenantId, i64>::new();
        for event in &self.events {
            *counts.entry(&event.tenant).or_default() += 1;
        }
        let mut next = BTreeMap::new();
        for (tenant, count) in counts {
            let last: i64 = query_scalar(
                "insert into feed_heads (tenant, seq) values ($1, $2)
                 on conflict (tenant) do update set seq = feed_heads.seq + $2
                 returning seq",
            )
            .bind(tenant.as_str())
            .bind(count)
            .fetch_one(&mut self.connection)
            .await?;
            next.insert(tenant, last - count + 1);
        }
        let rows = self.events.iter().map(|event| {
            let seq = next.get_mut(&event.tenant).map(|next| std::mem::replace(next, *next + 1));
            let (tenant, at) = (event.tenant.as_str(), self.now.as_millis());
            [tenant.into(), seq.into(), at.into(), (&event.kind).into(), (&event.subject).into(), (&event.data).into()]
        });
        let rows: Vec<[_; 6]> = rows.collect();
        insert(&mut self.connection, "insert into feed (tenant, seq, at, kind, subject, data) ", rows, "")
            .await
            .map(drop)
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
                tx.announce(&tenant, kind, &subject, &data);
                match decided {
                    Some(entry) => tx.audit(&tenant, entry).await,
                    None => Ok(()),
                }
            })
        })
        .await
    }

    /// The number of each tenant's last event.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn feed_heads(&self) -> Result<Vec<(TenantId, u64)>> {
        let rows = query("select tenant, seq from feed_heads").fetch_all(&mut self.reader().await?).await;
        let rows = rows.map_err(Failed::from)?;
        Ok(rows.iter().map(|row| Ok((row.parsed("tenant")?, row.number("seq")?))).collect::<Done<_>>()?)
    }

    /// Reads at most `limit` events of the tenant's feed after the one numbered `after`,
    /// oldest first.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn feed(&self, tenant: &TenantId, after: u64, limit: u32) -> Result<Vec<FeedEvent>> {
        // No number is above this, so nothing comes after it.
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        Ok(read(&mut self.reader().await?, tenant, after, limit).await?)
    }
}

async fn read(connection: &mut dyn Connection, tenant: &TenantId, after: i64, limit: u32) -> Done<Vec<FeedEvent>> {
    let rows =
        query("select seq, at, kind, subject, data from feed where tenant = $1 and seq > $2 order by seq limit $3")
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
