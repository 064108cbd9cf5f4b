//! Webhooks: where events are sent that leave the host.
//!
//! A webhook is a subscription of its own kind: what is routed to it has the same lines, tries and dead letters. Its
//! name has a colon in it, so it is that of no other subscription. Of its secret the row knows which it is, and
//! not what it is: whoever reads the database can sign nothing.

use serde_json::json;
use troupe_core::audit::{AuditEntry, AuditKind};
use troupe_core::view::{NewWebhook, SubscriptionStats, WebhookTry};
use troupe_core::{Code, Error, Result, SubscriptionName, TenantId, Timestamp, WebhookRecord, WebhookSecret, limits};

use super::subscriptions::{Put, drop_open, open};
use super::taker::Taker;
use crate::Store;
use crate::fault::{Done, Failed};
use crate::rows::{Columns as _, broken, json, room_for};
use crate::sql::{Connection, Row, query, query_scalar};
use crate::writer::Tx;

/// The word for how there came to be a webhook.
pub(super) const ORIGIN: &str = "webhook";

/// What stands before the name of a webhook among the subscriptions.
const PREFIX: &str = "webhook:";

/// A webhook as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct WebhookRow {
    /// The tenant.
    pub tenant: TenantId,
    /// Its name.
    pub name: String,
    /// Its name among the subscriptions.
    pub subscription: String,
    /// What was set.
    pub webhook: NewWebhook,
    /// Which secret it signs by.
    pub secret: WebhookSecret,
    /// Who set it.
    pub principal: String,
    /// When it was set.
    pub changed_at: Timestamp,
    /// When it was removed; its deliveries still name it.
    pub removed_at: Option<Timestamp>,
    /// What has come of it, without those that have not ended.
    pub stats: SubscriptionStats,
    /// How the last try went.
    pub last: Option<WebhookTry>,
}

/// The error for a webhook that the tenant does not have.
pub fn not_found(name: &str) -> Error {
    let message = format!("there is no webhook `{name}`; `troupe events webhooks` lists those there are");
    Error::new(Code::WebhookNotFound, message)
}

fn named(name: &str) -> String {
    format!("{PREFIX}{name}")
}

impl Store {
    /// Sets a webhook, in place of the one of its name, as `by` asked. One that is there keeps its secret; a new
    /// one has `fresh`. Returns it, and whether it is new. Tells the feed `webhook.set`, and the audit.
    ///
    /// # Errors
    /// [`Code::LimitSubscriptions`].
    pub async fn set_webhook(
        &self,
        tenant: &TenantId,
        name: &SubscriptionName,
        webhook: NewWebhook,
        fresh: WebhookSecret,
        by: &str,
    ) -> Result<(WebhookRow, bool)> {
        let (tenant, name, by) = (tenant.clone(), named(name.as_str()), by.to_owned());
        self.write(move |tx| Box::pin(set(tx, tenant, name, webhook, fresh, by))).await
    }

    /// Has a webhook sign by its next secret, as `by` asked, if that is the one after the one it has. Tells the feed
    /// `webhook.rotated`, and the audit.
    ///
    /// # Errors
    /// [`Code::WebhookNotFound`]; [`Code::WebhookConflict`].
    pub async fn rotate_webhook(
        &self,
        tenant: &TenantId,
        name: &str,
        next: WebhookSecret,
        by: &str,
    ) -> Result<WebhookRow> {
        let (tenant, name, by) = (tenant.clone(), name.to_owned(), by.to_owned());
        self.write(move |tx| {
            Box::pin(async move {
                let row = there(tx, &tenant, &name).await?;
                check_next(&row.secret, &next, "webhook")?;
                let row = write(tx, &tenant, &row.subscription, &row.webhook, &next, &row.principal).await?;
                tell(tx, &row, "webhook.rotated", &by).await?;
                Ok(row)
            })
        })
        .await
    }

    /// Has what is routed to a webhook wait, or no longer, as `by` asked.
    ///
    /// # Errors
    /// [`Code::WebhookNotFound`].
    pub async fn pause_webhook(&self, tenant: &TenantId, name: &str, paused: bool, by: &str) -> Result<WebhookRow> {
        let (tenant, name, by) = (tenant.clone(), name.to_owned(), by.to_owned());
        self.write(move |tx| {
            Box::pin(async move {
                let row = there(tx, &tenant, &name).await?;
                pause(tx, row, paused, &by).await
            })
        })
        .await
    }

    /// Removes a webhook, as `by` asked, and returns what it was. What was routed to it and is not being sent is
    /// dropped. Tells the feed `webhook.removed`, and the audit.
    ///
    /// # Errors
    /// [`Code::WebhookNotFound`].
    pub async fn remove_webhook(&self, tenant: &TenantId, name: &str, by: &str) -> Result<WebhookRow> {
        let (tenant, name, by) = (tenant.clone(), name.to_owned(), by.to_owned());
        self.write(move |tx| {
            Box::pin(async move {
                let row = there(tx, &tenant, &name).await?;
                drop_open(tx, &tenant, &row.subscription).await?;
                tell(tx, &row, "webhook.removed", &by).await?;
                Ok(row)
            })
        })
        .await
    }

    /// Reads one webhook that was not removed.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn webhook(&self, tenant: &TenantId, name: &str) -> Result<Option<WebhookRow>> {
        let mut reader = self.reader().await?;
        let Some(mut row) = find(&mut reader, tenant, &named(name)).await? else { return Ok(None) };
        row.stats.open = open(&mut reader, tenant, &row.subscription).await?;
        Ok(Some(row))
    }

    /// Reads at most `limit` webhooks that were not removed, by name, those after `after`.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn webhooks(&self, tenant: &TenantId, after: &str, limit: u32) -> Result<Vec<WebhookRow>> {
        let mut reader = self.reader().await?;
        let rows = query(
            "select * from subscriptions
             where tenant = $1 and name > $2 and origin = 'webhook' and removed_at is null order by name limit $3",
        )
        .bind(tenant.as_str())
        .bind(named(after))
        .bind(i64::from(limit))
        .fetch_all(&mut reader)
        .await
        .map_err(Failed::from)?;
        let mut rows = rows.iter().map(read).collect::<Done<Vec<_>>>()?;
        for row in &mut rows {
            row.stats.open = open(&mut reader, tenant, &row.subscription).await?;
        }
        Ok(rows)
    }
}

/// Checks that a secret is the one after the one that there is.
pub(super) fn check_next(there: &WebhookSecret, next: &WebhookSecret, of: &str) -> Done<()> {
    if there.id == next.id && there.generation.checked_add(1) == Some(next.generation) {
        return Ok(());
    }
    let message = format!("the secret of the {of} was rotated since it was looked at; look again");
    Err(Error::new(Code::WebhookConflict, message).into())
}

async fn there(tx: &mut Tx, tenant: &TenantId, name: &str) -> Done<WebhookRow> {
    find(&mut tx.connection, tenant, &named(name)).await?.ok_or_else(|| not_found(name).into())
}

/// The webhook of this name among the subscriptions, if it was not removed.
async fn find(connection: &mut dyn Connection, tenant: &TenantId, subscription: &str) -> Done<Option<WebhookRow>> {
    let found = super::subscriptions::find(connection, tenant, subscription).await?;
    Ok(match found.filter(|found| found.removed_at().is_none()) {
        Some(Taker::Webhook(row)) => Some(row),
        _ => None,
    })
}

async fn set(
    tx: &mut Tx,
    tenant: TenantId,
    name: String,
    webhook: NewWebhook,
    fresh: WebhookSecret,
    by: String,
) -> Done<(WebhookRow, bool)> {
    let before = find(&mut tx.connection, &tenant, &name).await?.map(|row| row.secret);
    let is_new = before.is_none();
    if is_new {
        let there: i64 = query_scalar(
            "select count(*) from subscriptions where tenant = $1 and removed_at is null and origin = 'webhook'",
        )
        .bind(tenant.as_str())
        .fetch_one(&mut tx.connection)
        .await?;
        room_for("webhooks", there, limits::WEBHOOKS_MAX, Code::LimitSubscriptions)?;
    }
    let row = write(tx, &tenant, &name, &webhook, &before.unwrap_or(fresh), &by).await?;
    tell(tx, &row, "webhook.set", &by).await?;
    Ok((row, is_new))
}

/// Has what is routed to one wait, or no longer.
pub(super) async fn pause(tx: &mut Tx, row: WebhookRow, paused: bool, by: &str) -> Done<WebhookRow> {
    let webhook = NewWebhook { paused, ..row.webhook };
    let row = write(tx, &row.tenant, &row.subscription, &webhook, &row.secret, &row.principal).await?;
    tell(tx, &row, "webhook.set", by).await?;
    Ok(row)
}

async fn write(
    tx: &mut Tx,
    tenant: &TenantId,
    name: &str,
    webhook: &NewWebhook,
    secret: &WebhookSecret,
    principal: &str,
) -> Done<WebhookRow> {
    let put = Put {
        tenant,
        name,
        origin: ORIGIN,
        agent: "",
        topic: &webhook.topic,
        document: json(&WebhookRecord { webhook: webhook.clone(), secret: secret.clone() })?,
        principal,
        paused: webhook.paused,
    };
    read(&put.write(tx).await?)
}

/// Keeps how a try went.
pub(super) async fn note(tx: &mut Tx, tenant: &TenantId, subscription: &str, last: &WebhookTry) -> Done<()> {
    query("update subscriptions set last = $3 where tenant = $1 and name = $2")
        .bind(tenant.as_str())
        .bind(subscription)
        .bind(json(last)?)
        .execute(&mut tx.connection)
        .await?;
    Ok(())
}

async fn tell(tx: &mut Tx, row: &WebhookRow, kind: &str, by: &str) -> Done<()> {
    let NewWebhook { topic, url, paused, .. } = &row.webhook;
    let generation = row.secret.generation;
    let facts =
        json!({ "topic": topic.as_str(), "url": url.as_str(), "paused": paused, "secret_generation": generation });
    tx.announce(&row.tenant, kind, &format!("webhook/{}", row.name), &facts);
    let entry = AuditEntry::new(AuditKind::Subscription).by(Some(by)).with("webhook", row.name.as_str());
    let entry = entry.with("topic", topic.as_str()).with("url", url.as_str()).with("paused", *paused);
    let entry = entry.with("secret_generation", generation);
    let entry = if kind == "webhook.removed" { entry.with("removed", true) } else { entry };
    tx.audit(&row.tenant, entry).await
}

pub(super) fn read(row: &Row) -> Done<WebhookRow> {
    let document: &str = row.get_as("document")?;
    let WebhookRecord { webhook, secret } =
        serde_json::from_str(document).map_err(|error| broken("document", error))?;
    let last: Option<&str> = row.get_as("last")?;
    let subscription: String = row.get_as("name")?;
    Ok(WebhookRow {
        tenant: row.parsed("tenant")?,
        name: subscription.strip_prefix(PREFIX).unwrap_or(&subscription).to_owned(),
        subscription,
        webhook,
        secret,
        principal: row.get_as("principal")?,
        changed_at: row.at("changed_at")?,
        removed_at: row.at_option("removed_at")?,
        stats: super::subscriptions::stats(row)?,
        last: last.map(serde_json::from_str).transpose().map_err(|error| broken("last", error))?,
    })
}
