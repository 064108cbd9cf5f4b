//! Subscriptions: who takes which events.
//!
//! What somebody has set has a name of people's; what a release says as a trigger is named by its agent
//! and its pattern, with a slash between them, so that neither is mistaken for the other and a trigger
//! that the next release has, too, is the same subscription, with the same lines.

use serde_json::json;
use troupe_core::audit::{AuditEntry, AuditKind};
use troupe_core::view::{NewSubscription, SubscriptionOrigin, SubscriptionStats};
use troupe_core::{
    AgentName, Code, Error, InstanceId, Result, SubscriptionName, TenantId, Timestamp, Topic, TopicPattern, limits,
};

use super::taker::Taker;
use crate::fault::{Done, Failed};
use crate::rows::{Columns as _, broken, json, number, room_for};
use crate::sql::{Connection, Row, query, query_scalar};
use crate::writer::Tx;
use crate::{Store, instances};

/// A subscription as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct SubscriptionRow {
    /// The tenant.
    pub tenant: TenantId,
    /// Its name.
    pub name: String,
    /// Who said that there is one.
    pub origin: SubscriptionOrigin,
    /// What was set.
    pub subscription: NewSubscription,
    /// Who set it, and asks for its tasks.
    pub principal: String,
    /// When it was set.
    pub changed_at: Timestamp,
    /// When it was removed; its deliveries still name it.
    pub removed_at: Option<Timestamp>,
    /// What has come of it, without those that have not ended.
    pub stats: SubscriptionStats,
}

/// A subscription to set.
#[derive(Debug, Clone, PartialEq)]
pub struct NewSubscriptionRow {
    /// Its name.
    pub name: SubscriptionName,
    /// What is set.
    pub subscription: NewSubscription,
}

impl Store {
    /// Sets a subscription, in place of the one of its name, as `by` asked. Tells the feed
    /// `subscription.set`, and the audit.
    ///
    /// # Errors
    /// [`Code::LimitSubscriptions`]; [`Code::InstanceNotFound`] and [`Code::InstanceStopped`] of one for an instance.
    pub async fn set_subscription(
        &self,
        tenant: &TenantId,
        new: NewSubscriptionRow,
        by: &str,
    ) -> Result<SubscriptionRow> {
        let (tenant, by) = (tenant.clone(), by.to_owned());
        self.write(move |tx| Box::pin(set(tx, tenant, new, by))).await
    }

    /// Has what is routed to a subscription wait, or no longer, as `by` asked.
    ///
    /// # Errors
    /// [`Code::SubscriptionNotFound`].
    pub async fn pause_subscription(
        &self,
        tenant: &TenantId,
        name: &str,
        paused: bool,
        by: &str,
    ) -> Result<SubscriptionRow> {
        let (tenant, name, by) = (tenant.clone(), name.to_owned(), by.to_owned());
        self.write(move |tx| Box::pin(pause(tx, tenant, name, paused, by))).await
    }

    /// Removes a subscription, as `by` asked, and returns what it was. What was routed to it and is not being
    /// handled is dropped. Tells the feed `subscription.removed`, and the audit.
    ///
    /// # Errors
    /// [`Code::SubscriptionNotFound`].
    pub async fn remove_subscription(&self, tenant: &TenantId, name: &str, by: &str) -> Result<SubscriptionRow> {
        let (tenant, name, by) = (tenant.clone(), name.to_owned(), by.to_owned());
        self.write(move |tx| Box::pin(remove(tx, tenant, name, by))).await
    }

    /// Reads one subscription that was not removed.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn subscription(&self, tenant: &TenantId, name: &str) -> Result<Option<SubscriptionRow>> {
        let mut reader = self.reader().await?;
        let found = find(&mut reader, tenant, name).await?.filter(|found| found.removed_at().is_none());
        let Some(Taker::Skill(mut row)) = found else { return Ok(None) };
        row.stats.open = open(&mut reader, tenant, name).await?;
        Ok(Some(row))
    }

    /// Reads at most `limit` subscriptions that were not removed, by name, those after `after`.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn subscriptions(&self, tenant: &TenantId, after: &str, limit: u32) -> Result<Vec<SubscriptionRow>> {
        let mut reader = self.reader().await?;
        let rows = query(
            "select * from subscriptions
             where tenant = $1 and name > $2 and origin <> 'webhook' and removed_at is null order by name limit $3",
        )
        .bind(tenant.as_str())
        .bind(after)
        .bind(i64::from(limit))
        .fetch_all(&mut reader)
        .await
        .map_err(Failed::from)?;
        let mut rows = rows.iter().map(read).collect::<Done<Vec<_>>>()?;
        for row in &mut rows {
            row.stats.open = open(&mut reader, tenant, &row.name).await?;
        }
        Ok(rows)
    }

    /// Reads who takes a topic now, by name.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn takers(&self, tenant: &TenantId, topic: &Topic) -> Result<Vec<Taker>> {
        let mut takers = Vec::new();
        for row in candidates(&mut self.reader().await?, tenant, topic.head()).await? {
            let pattern: troupe_core::TopicPattern = row.parsed("pattern")?;
            if pattern.admits(topic) {
                takers.push(Taker::read(&row)?);
            }
        }
        Ok(takers)
    }
}

/// The error for a subscription that the tenant does not have.
pub fn not_found(name: &str) -> Error {
    let message = format!("there is no subscription `{name}`; `troupe subscriptions` lists those there are");
    Error::new(Code::SubscriptionNotFound, message)
}

/// Those that may take a topic with this first segment, by name.
pub(super) async fn candidates(connection: &mut dyn Connection, tenant: &TenantId, head: &str) -> Done<Vec<Row>> {
    let rows = query(
        "select * from subscriptions where tenant = $1 and head in ('', $2) and removed_at is null order by name",
    )
    .bind(tenant.as_str())
    .bind(head)
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

/// Reads one, also if it was removed.
pub(super) async fn find(connection: &mut dyn Connection, tenant: &TenantId, name: &str) -> Done<Option<Taker>> {
    let row = query("select * from subscriptions where tenant = $1 and name = $2")
        .bind(tenant.as_str())
        .bind(name)
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(Taker::read).transpose()
}

pub(super) async fn open(connection: &mut dyn Connection, tenant: &TenantId, name: &str) -> Done<u64> {
    let row =
        query("select count(*) as open from deliveries where tenant = $1 and subscription = $2 and ended_at is null")
            .bind(tenant.as_str())
            .bind(name)
            .fetch_one(connection)
            .await?;
    row.number("open")
}

async fn set(tx: &mut Tx, tenant: TenantId, new: NewSubscriptionRow, by: String) -> Done<SubscriptionRow> {
    let name = new.name.to_string();
    // One that is stopped meanwhile would never have its subscription removed.
    if let Some(instance) = new.subscription.instance {
        instances::check(&mut tx.connection, &tenant, &new.subscription.agent, instance).await?;
    }
    let there = find(&mut tx.connection, &tenant, &name).await?;
    if there.is_none_or(|found| found.removed_at().is_some()) {
        let there: i64 = query_scalar(
            "select count(*) from subscriptions where tenant = $1 and removed_at is null and origin = 'set'",
        )
        .bind(tenant.as_str())
        .fetch_one(&mut tx.connection)
        .await?;
        room_for("subscriptions", there, limits::SUBSCRIPTIONS_MAX, Code::LimitSubscriptions)?;
    }
    let row = write(tx, &tenant, &name, SubscriptionOrigin::Set, &new.subscription, &by).await?;
    tell(tx, &row, "subscription.set", Some(&by)).await?;
    Ok(row)
}

/// Writes a subscription, in place of the one of its name.
pub(super) async fn write(
    tx: &mut Tx,
    tenant: &TenantId,
    name: &str,
    origin: SubscriptionOrigin,
    subscription: &NewSubscription,
    by: &str,
) -> Done<SubscriptionRow> {
    let put = Put {
        tenant,
        name,
        origin: origin_word(origin),
        agent: subscription.agent.as_str(),
        topic: &subscription.topic,
        document: json(subscription)?,
        principal: by,
        paused: subscription.paused,
    };
    read(&put.write(tx).await?)
}

/// What the row of whoever takes events says, a skill or a webhook.
pub(super) struct Put<'a> {
    pub(super) tenant: &'a TenantId,
    pub(super) name: &'a str,
    pub(super) origin: &'static str,
    /// Nobody's of a webhook.
    pub(super) agent: &'a str,
    pub(super) topic: &'a TopicPattern,
    pub(super) document: String,
    pub(super) principal: &'a str,
    pub(super) paused: bool,
}

impl Put<'_> {
    /// Writes it, in place of the one of its name, whose counts stay.
    pub(super) async fn write(self, tx: &mut Tx) -> Done<Row> {
        let row = query(
            "insert into subscriptions (tenant, name, origin, agent, head, pattern, document, principal, paused, changed_at,
                removed_at, routed, delivered, failed, dead)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, null, 0, 0, 0, 0)
             on conflict (tenant, name) do update set
                origin = excluded.origin, agent = excluded.agent, head = excluded.head, pattern = excluded.pattern,
                document = excluded.document, principal = excluded.principal, paused = excluded.paused,
                changed_at = excluded.changed_at, removed_at = null
             returning *",
        )
        .bind(self.tenant.as_str())
        .bind(self.name)
        .bind(self.origin)
        .bind(self.agent)
        .bind(self.topic.head().unwrap_or_default())
        .bind(self.topic.as_str())
        .bind(self.document)
        .bind(self.principal)
        .bind(self.paused)
        .bind(tx.now.as_millis())
        .fetch_one(&mut tx.connection)
        .await?;
        // What waited for it goes on.
        tx.bus_moved = true;
        Ok(row)
    }
}

async fn there(tx: &mut Tx, tenant: &TenantId, name: &str) -> Done<SubscriptionRow> {
    match find(&mut tx.connection, tenant, name).await?.filter(|found| found.removed_at().is_none()) {
        Some(Taker::Skill(row)) => Ok(row),
        _ => Err(not_found(name).into()),
    }
}

pub(super) async fn pause(
    tx: &mut Tx,
    tenant: TenantId,
    name: String,
    paused: bool,
    by: String,
) -> Done<SubscriptionRow> {
    let row = there(tx, &tenant, &name).await?;
    let subscription = NewSubscription { paused, ..row.subscription };
    let row = write(tx, &tenant, &name, row.origin, &subscription, &row.principal).await?;
    tell(tx, &row, "subscription.set", Some(&by)).await?;
    Ok(row)
}

async fn remove(tx: &mut Tx, tenant: TenantId, name: String, by: String) -> Done<SubscriptionRow> {
    let row = there(tx, &tenant, &name).await?;
    drop_open(tx, &tenant, &name).await?;
    tell(tx, &row, "subscription.removed", Some(&by)).await?;
    Ok(row)
}

/// Removes what an instance has subscribed to that takes nothing any more, as a part of its stop.
pub(crate) async fn remove_of_instance(
    tx: &mut Tx,
    tenant: &TenantId,
    (agent, instance): (&AgentName, InstanceId),
    by: Option<&str>,
) -> Done<()> {
    // An id is in the document of whoever names it, and of hardly anybody else.
    let rows = query(
        "select * from subscriptions
         where tenant = $1 and agent = $2 and origin = 'set' and removed_at is null and document like $3 order by name",
    )
    .bind(tenant.as_str())
    .bind(agent.as_str())
    .bind(format!("%{instance}%"))
    .fetch_all(&mut tx.connection)
    .await?;
    for row in rows.iter().map(read).collect::<Done<Vec<_>>>()? {
        if row.subscription.instance == Some(instance) {
            drop_open(tx, tenant, &row.name).await?;
            tell(tx, &row, "subscription.removed", by).await?;
        }
    }
    Ok(())
}

/// Has a subscription be none any more. What was routed to it and is not being handled is dropped.
pub(super) async fn drop_open(tx: &mut Tx, tenant: &TenantId, name: &str) -> Done<()> {
    query("update subscriptions set removed_at = $3 where tenant = $1 and name = $2")
        .bind(tenant.as_str())
        .bind(name)
        .bind(tx.now.as_millis())
        .execute(&mut tx.connection)
        .await?;
    query(
        "update events set open = open - (
            select count(*) from deliveries
            where deliveries.tenant = events.tenant and deliveries.position = events.position
                and subscription = $2 and ended_at is null and state in ('waiting', 'ready'))
         where tenant = $1 and position in (
            select position from deliveries
            where tenant = $1 and subscription = $2 and ended_at is null and state in ('waiting', 'ready'))",
    )
    .bind(tenant.as_str())
    .bind(name)
    .execute(&mut tx.connection)
    .await?;
    let dropped = query(
        "update deliveries set state = 'dropped', ended_at = $3, due_at = null, rank = null
         where tenant = $1 and subscription = $2 and ended_at is null and state in ('waiting', 'ready')",
    )
    .bind(tenant.as_str())
    .bind(name)
    .bind(tx.now.as_millis())
    .execute(&mut tx.connection)
    .await?;
    query("update event_heads set open = open - $2 where tenant = $1")
        .bind(tenant.as_str())
        .bind(number(dropped.rows_affected())?)
        .execute(&mut tx.connection)
        .await?;
    Ok(())
}

/// Tells the feed of a change, and the audit, if somebody made it.
pub(super) async fn tell(tx: &mut Tx, row: &SubscriptionRow, kind: &str, by: Option<&str>) -> Done<()> {
    let NewSubscription { topic, agent, skill, paused, .. } = &row.subscription;
    let facts = json!({
        "topic": topic.as_str(), "agent": agent.as_str(), "skill": skill.as_str(), "paused": paused,
    });
    tx.announce(&row.tenant, kind, &format!("subscription/{}", row.name), &facts);
    let Some(by) = by else { return Ok(()) };
    let entry = AuditEntry::new(AuditKind::Subscription).by(Some(by)).of(agent).with("subscription", row.name.as_str());
    let entry = entry.with("topic", topic.as_str()).with("paused", *paused);
    let entry = if kind == "subscription.removed" { entry.with("removed", true) } else { entry };
    tx.audit(&row.tenant, entry).await
}

const fn origin_word(origin: SubscriptionOrigin) -> &'static str {
    match origin {
        SubscriptionOrigin::Set => "set",
        SubscriptionOrigin::Trigger => "trigger",
    }
}

pub(super) fn read(row: &Row) -> Done<SubscriptionRow> {
    let document: &str = row.get_as("document")?;
    let origin = match row.get_as::<&str>("origin")? {
        "set" => SubscriptionOrigin::Set,
        "trigger" => SubscriptionOrigin::Trigger,
        other => return Err(broken("origin", other)),
    };
    Ok(SubscriptionRow {
        tenant: row.parsed("tenant")?,
        name: row.get_as("name")?,
        origin,
        subscription: serde_json::from_str(document).map_err(|error| broken("document", error))?,
        principal: row.get_as("principal")?,
        changed_at: row.at("changed_at")?,
        removed_at: row.at_option("removed_at")?,
        stats: stats(row)?,
    })
}

/// What has come of one, without those that have not ended.
pub(super) fn stats(row: &Row) -> Done<SubscriptionStats> {
    Ok(SubscriptionStats {
        routed: row.number("routed")?,
        delivered: row.number("delivered")?,
        failed: row.number("failed")?,
        dead: row.number("dead")?,
        open: 0,
    })
}
