//! Forgetting what an event said.
//!
//! What the event holds itself goes in one commit: its data, what it is about and which schema its data has, its
//! fingerprint, and the words of what failed at its subscriptions. The tasks that handled it were given the same, and
//! are redacted one after the other behind that, as tasks are; the row says until then that they are yet to follow. What
//! is left says when it came, from whom, and under which topic. It is delivered to nobody any more.

use serde_json::{Map, Value};
use troupe_core::audit::{AuditEntry, AuditKind};
use troupe_core::view::TaskFailure;
use troupe_core::{Code, Error, Result, TaskId, TenantId};

use super::not_found;
use super::row::{self, EventHead, EventRow};
use crate::Store;
use crate::fault::{Done, Failed};
use crate::rows::{Columns as _, broken, json, number};
use crate::sql::{Row, query};
use crate::tasks::REDACTED;
use crate::writer::Tx;

/// Attributes that stay: what the host itself says of an event, and what tells it apart.
const KEPT: [&str; 9] = ["specversion", "id", "source", "type", "time", "priority", "sender", "position", "hops"];

impl Store {
    /// Forgets what a settled event said. Tells the feed `event.redacted`, and the audit. Of one that was redacted
    /// before nothing changes. The tasks that handled it are still to be redacted.
    ///
    /// # Errors
    /// [`Code::EventNotFound`]; [`Code::EventOpen`].
    pub async fn redact_event(&self, tenant: &TenantId, position: u64, by: &str) -> Result<()> {
        let (of, by) = (tenant.clone(), by.to_owned());
        self.write(move |tx| Box::pin(redact(tx, of, position, by))).await?;
        self.fold_or_warn().await;
        Ok(())
    }

    /// Lists the tasks that handled an event and hold what they were asked.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn unredacted_handlers(&self, tenant: &TenantId, position: u64) -> Result<Vec<TaskId>> {
        let rows = query("select id from tasks where tenant = $1 and event = $2 and request <> $3 order by id")
            .bind(tenant.as_str())
            .bind(number(position)?)
            .bind(REDACTED)
            .fetch_all(&mut self.reader().await?)
            .await
            .map_err(Failed::from)?;
        Ok(rows.iter().map(|row| row.parsed("id")).collect::<Done<_>>()?)
    }

    /// Notes that the tasks that handled an event are redacted, too.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn event_redacted(&self, tenant: &TenantId, position: u64) -> Result<()> {
        let tenant = tenant.clone();
        self.write(move |tx| {
            Box::pin(async move {
                query("update events set redacting = 0 where tenant = $1 and position = $2")
                    .bind(tenant.as_str())
                    .bind(number(position)?)
                    .execute(&mut tx.connection)
                    .await?;
                Ok(())
            })
        })
        .await
    }

    /// Lists events whose tasks are yet to be redacted, and for whom.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn redacting_events(&self) -> Result<Vec<(TenantId, u64, String)>> {
        let rows =
            query("select tenant, position, redacted_by from events where redacting = 1 order by tenant, position")
                .fetch_all(&mut self.reader().await?)
                .await
                .map_err(Failed::from)?;
        let read = |row: &Row| Ok((row.parsed("tenant")?, row.number("position")?, row.get_as("redacted_by")?));
        Ok(rows.iter().map(read).collect::<Done<_>>()?)
    }
}

async fn redact(tx: &mut Tx, tenant: TenantId, position: u64, by: String) -> Done<()> {
    let found = row::find_event(&mut tx.connection, &tenant, position).await?;
    let event = found.ok_or_else(|| not_found(&position.to_string()))?;
    if event.redacted.is_some() {
        return Ok(());
    }
    check_settled(&event)?;
    let mut head = EventHead::find(&mut tx.connection, &tenant).await?;
    let before: u64 = query("select bytes from events where tenant = $1 and position = $2")
        .bind(tenant.as_str())
        .bind(number(position)?)
        .fetch_one(&mut tx.connection)
        .await?
        .number("bytes")?;
    let text = json(&left_of(event.document))?;
    let bytes = u64::try_from(text.len()).unwrap_or(u64::MAX);
    query(
        "update events set document = $3, request = $4, bytes = $5, redacted_at = $6, redacted_by = $7, redacting = 1
         where tenant = $1 and position = $2",
    )
    .bind(tenant.as_str())
    .bind(number(position)?)
    .bind(text)
    .bind(REDACTED)
    .bind(number(bytes)?)
    .bind(tx.now.as_millis())
    .bind(&by)
    .execute(&mut tx.connection)
    .await?;
    head.bytes = head.bytes.saturating_sub(before).saturating_add(bytes);
    head.save(tx, &tenant).await?;
    forget_failures(tx, &tenant, position).await?;
    let facts = serde_json::json!({ "topic": event.topic.as_str() });
    tx.announce(&tenant, "event.redacted", &row::subject(position), &facts);
    tx.audit(&tenant, AuditEntry::new(AuditKind::Redacted).by(Some(&by)).with("event", position)).await
}

fn check_settled(event: &EventRow) -> Result<()> {
    let position = event.position;
    let message = match (event.routed, event.open) {
        (None, _) => format!("the time of event {position} has not come; call it off, or redact it when it is settled"),
        (Some(_), 0) => return Ok(()),
        (Some(_), open) => format!("{open} deliveries of event {position} have not ended; redact it when they have"),
    };
    Err(Error::new(Code::EventOpen, message))
}

/// What is kept of a document.
fn left_of(mut document: Map<String, Value>) -> Map<String, Value> {
    document.retain(|name, _| KEPT.contains(&name.as_str()));
    document
}

/// Forgets the words of what failed where an event was delivered.
async fn forget_failures(tx: &mut Tx, tenant: &TenantId, position: u64) -> Done<()> {
    let rows =
        query("select place, failure from deliveries where tenant = $1 and position = $2 and failure is not null")
            .bind(tenant.as_str())
            .bind(number(position)?)
            .fetch_all(&mut tx.connection)
            .await?;
    for row in rows {
        let failure: TaskFailure =
            serde_json::from_str(row.get_as("failure")?).map_err(|error| broken("failure", error))?;
        query("update deliveries set failure = $3 where tenant = $1 and place = $2")
            .bind(tenant.as_str())
            .bind(row.get_as::<i64>("place")?)
            .bind(json(&failure.redacted())?)
            .execute(&mut tx.connection)
            .await?;
    }
    Ok(())
}
