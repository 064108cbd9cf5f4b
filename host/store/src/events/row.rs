//! Events and deliveries as rows.

use serde_json::{Map, Value};
use troupe_core::view::{DeliveryState, Redaction, TaskFailure};
use troupe_core::{Code, Error, EventPriority, TaskId, TenantId, Timestamp, Topic};

use crate::fault::Done;
use crate::rows::{Columns as _, broken, number};
use crate::sql::{Connection, Row, query};
use crate::writer::Tx;

/// An event as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct EventRow {
    /// The tenant.
    pub tenant: TenantId,
    /// Its number among the tenant's.
    pub position: u64,
    /// Who published it, as the host knows.
    pub sender: String,
    /// Its topic.
    pub topic: Topic,
    /// Its priority.
    pub priority: EventPriority,
    /// The event itself.
    pub document: Map<String, Value>,
    /// How often it was passed on.
    pub hops: u32,
    /// The task that published it.
    pub caused_by: Option<TaskId>,
    /// The task at the top of those that led to it, of one that an agent published.
    pub root: Option<TaskId>,
    /// When it was accepted.
    pub published_at: Timestamp,
    /// When its time is, where it was put off.
    pub due_at: Option<Timestamp>,
    /// How many deliveries were made of it; absent while its time has not come.
    pub routed: Option<u64>,
    /// How many of its deliveries have not ended.
    pub open: u64,
    /// Since when what it said is forgotten.
    pub redacted: Option<Redaction>,
}

/// A delivery as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct DeliveryRow {
    /// The tenant.
    pub tenant: TenantId,
    /// Its number among the tenant's.
    pub place: u64,
    /// The subscription.
    pub subscription: String,
    /// The position of the event.
    pub position: u64,
    /// Who published that.
    pub sender: String,
    /// Its topic.
    pub topic: Topic,
    /// Its priority.
    pub priority: EventPriority,
    /// Where it is.
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried at the earliest, while it is ready.
    pub due_at: Option<Timestamp>,
    /// The task of the last try.
    pub task: Option<TaskId>,
    /// Why that failed.
    pub failure: Option<TaskFailure>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// A topic under which something was published.
#[derive(Debug, Clone, PartialEq)]
pub struct TopicRow {
    /// The topic.
    pub topic: Topic,
    /// How many events were.
    pub published: u64,
    /// How many of them nobody had subscribed to.
    pub unhandled: u64,
    /// When the first was.
    pub first_at: Timestamp,
    /// When the last was.
    pub last_at: Timestamp,
}

/// What the events of a tenant come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EventHead {
    /// The position of the last.
    pub position: u64,
    /// The number of the last delivery.
    pub place: u64,
    /// Deliveries that have not ended.
    pub open: u64,
    /// Bytes of the events that are kept.
    pub bytes: u64,
    /// How many were published.
    pub published: u64,
    /// How many of them nobody had subscribed to.
    pub unhandled: u64,
}

/// The error for an event that the tenant does not have.
pub fn not_found(event: &str) -> Error {
    let message = format!("there is no event `{event}`; `troupe events` lists the last ones by their positions");
    Error::new(Code::EventNotFound, message)
}

/// The error for a dead letter that the tenant does not have.
pub fn dead_letter_not_found(delivery: &str) -> Error {
    let message = format!("there is no dead letter {delivery}; `troupe events dead` lists those there are");
    Error::new(Code::DeadLetterNotFound, message)
}

impl EventHead {
    /// Reads what there is; nothing was published by a tenant that has none.
    pub(super) async fn find(connection: &mut dyn Connection, tenant: &TenantId) -> Done<Self> {
        let row = query("select * from event_heads where tenant = $1")
            .bind(tenant.as_str())
            .fetch_optional(connection)
            .await?;
        row.as_ref().map_or(Ok(Self::default()), Self::read)
    }

    /// Writes it as it stands within a transaction.
    pub(super) async fn save(&self, tx: &mut Tx, tenant: &TenantId) -> Done<()> {
        query(
            "insert into event_heads (tenant, position, place, open, bytes, published, unhandled)
             values ($1, $2, $3, $4, $5, $6, $7)
             on conflict (tenant) do update set position = $2, place = $3, open = $4, bytes = $5, published = $6,
                unhandled = $7",
        )
        .bind(tenant.as_str())
        .bind(number(self.position)?)
        .bind(number(self.place)?)
        .bind(number(self.open)?)
        .bind(number(self.bytes)?)
        .bind(number(self.published)?)
        .bind(number(self.unhandled)?)
        .execute(&mut tx.connection)
        .await?;
        Ok(())
    }

    fn read(row: &Row) -> Done<Self> {
        Ok(Self {
            position: row.number("position")?,
            place: row.number("place")?,
            open: row.number("open")?,
            bytes: row.number("bytes")?,
            published: row.number("published")?,
            unhandled: row.number("unhandled")?,
        })
    }
}

pub(super) fn event(row: &Row) -> Done<EventRow> {
    let routed: Option<i64> = row.get_as("routed")?;
    Ok(EventRow {
        tenant: row.parsed("tenant")?,
        position: row.number("position")?,
        sender: row.get_as("sender")?,
        topic: row.parsed("topic")?,
        priority: priority(row)?,
        document: serde_json::from_str(row.get_as("document")?).map_err(|error| broken("document", error))?,
        hops: row.number("hops")?,
        caused_by: row.parsed_option("caused_by")?,
        root: row.parsed_option("root")?,
        published_at: row.at("published_at")?,
        due_at: row.at_option("due_at")?,
        routed: routed.map(u64::try_from).transpose().map_err(|error| broken("routed", error))?,
        open: row.number("open")?,
        redacted: row.redaction()?,
    })
}

pub(super) fn delivery(row: &Row) -> Done<DeliveryRow> {
    let state: &str = row.get_as("state")?;
    let failure: Option<&str> = row.get_as("failure")?;
    Ok(DeliveryRow {
        tenant: row.parsed("tenant")?,
        place: row.number("place")?,
        subscription: row.get_as("subscription")?,
        position: row.number("position")?,
        sender: row.get_as("sender")?,
        topic: row.parsed("topic")?,
        priority: priority(row)?,
        state: DeliveryState::parse(state).ok_or_else(|| broken("state", state))?,
        attempts: row.number("attempts")?,
        due_at: row.at_option("due_at")?,
        task: row.parsed_option("task")?,
        failure: failure.map(serde_json::from_str).transpose().map_err(|error| broken("failure", error))?,
        created_at: row.at("created_at")?,
        ended_at: row.at_option("ended_at")?,
    })
}

pub(super) fn topic(row: &Row) -> Done<TopicRow> {
    Ok(TopicRow {
        topic: row.parsed("topic")?,
        published: row.number("published")?,
        unhandled: row.number("unhandled")?,
        first_at: row.at("first_at")?,
        last_at: row.at("last_at")?,
    })
}

fn priority(row: &Row) -> Done<EventPriority> {
    let number: u8 = row.number("priority")?;
    EventPriority::of(number).ok_or_else(|| broken("priority", number.to_string()))
}

pub(super) async fn find_delivery(
    connection: &mut dyn Connection,
    tenant: &TenantId,
    place: u64,
) -> Done<Option<DeliveryRow>> {
    let row = query("select * from deliveries where tenant = $1 and place = $2")
        .bind(tenant.as_str())
        .bind(number(place)?)
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(delivery).transpose()
}

pub(super) async fn find_event(
    connection: &mut dyn Connection,
    tenant: &TenantId,
    position: u64,
) -> Done<Option<EventRow>> {
    let row = query("select * from events where tenant = $1 and position = $2")
        .bind(tenant.as_str())
        .bind(number(position)?)
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(event).transpose()
}

/// What the feed calls an event.
pub(super) fn subject(position: u64) -> String {
    format!("event/{position}")
}
