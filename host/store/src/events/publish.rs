//! Accepting events, and routing them to whoever has subscribed.

use serde_json::{Map, Value, json};
use troupe_core::view::{DeliveryState, TaskFailure};
use troupe_core::{Code, Error, EventDraft, Result, TaskId, TenantId, Timestamp, Topic, limits};

use super::row::{self, EventHead, EventRow};
use super::subscriptions::taking;
use super::taker::Taker;
use super::{deliver, not_found};
use crate::Store;
use crate::fault::{Done, Failed};
use crate::rows::{self, Columns as _, json, number};
use crate::sql::{Connection, query, query_scalar};
use crate::tasks::REDACTED;
use crate::writer::Tx;

const DUE: &str = "select tenant, position from events
     where routed is null and (due_at, tenant, position) > ($1, $2, $3) and due_at <= $4
     order by due_at, tenant, position limit $5";

const NEXT: &str = "select min(due_at) as next from events where routed is null";

/// An event to accept.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEventRow {
    /// What is published.
    pub draft: EventDraft,
    /// Who publishes it, as the host knows.
    pub sender: String,
    /// Where it comes from, unless it says so.
    pub source: String,
    /// Tells it apart, unless it says what does.
    pub id: String,
    /// When its time is; at once when absent.
    pub due_at: Option<Timestamp>,
    /// The task whose agent publishes it.
    pub caused_by: Option<TaskId>,
}

/// What came of publishing.
#[derive(Debug, Clone, PartialEq)]
pub enum Publication {
    /// The event is kept now.
    New(Box<EventRow>),
    /// The same event came before from the same sender, and nothing was written.
    Existing(Box<EventRow>),
}

impl Store {
    /// Accepts events, all or none, and routes those whose time has come. Tells the feed
    /// `event.unhandled` of the first of a topic that nobody has subscribed to any more.
    ///
    /// # Errors
    /// [`Code::LimitEvents`]; [`Code::LimitRequest`] for several that are routed to too many; [`Code::ConflictIdempotency`]
    /// when an event came with other contents before.
    pub async fn publish_events(&self, tenant: &TenantId, events: Vec<NewEventRow>) -> Result<Vec<Publication>> {
        let tenant = tenant.clone();
        self.write(move |tx| {
            Box::pin(async move {
                let (mut published, mut deliveries) = (Vec::new(), 0);
                for event in events {
                    let one = publish(tx, &tenant, event).await?;
                    if let Publication::New(event) = &one {
                        deliveries += event.routed.unwrap_or(0);
                    }
                    published.push(one);
                    if deliveries > limits::EVENT_DELIVERIES_AT_ONCE && published.len() > 1 {
                        let most = limits::EVENT_DELIVERIES_AT_ONCE;
                        let message =
                            format!("the batch is routed to more than {most} subscriptions in all; send it in parts");
                        return Err(Error::new(Code::LimitRequest, message).into());
                    }
                }
                Ok(published)
            })
        })
        .await
    }

    /// Routes an event whose time has come. Nothing happens to one that was routed or called off meanwhile.
    ///
    /// # Errors
    /// [`Code::LimitEvents`] while the tenant has too many deliveries that have not ended.
    pub async fn route_event(&self, tenant: &TenantId, position: u64) -> Result<()> {
        let tenant = tenant.clone();
        self.write(move |tx| {
            Box::pin(async move {
                let Some(event) = row::find_event(&mut tx.connection, &tenant, position).await? else { return Ok(()) };
                if event.routed.is_some() {
                    return Ok(());
                }
                let mut head = EventHead::find(&mut tx.connection, &tenant).await?;
                let takers = takers(tx, &head, &tenant, &event.topic).await?;
                let routed = count(&takers);
                query("update events set routed = $3, open = $4 where tenant = $1 and position = $2")
                    .bind(tenant.as_str())
                    .bind(number(event.position)?)
                    .bind(number(routed)?)
                    .bind(number(opened(routed, event.hops))?)
                    .execute(&mut tx.connection)
                    .await?;
                hand_over(tx, &mut head, &event, &takers).await?;
                head.save(tx, &tenant).await
            })
        })
        .await
    }

    /// Calls an event off whose time has not come, and returns it as it was.
    ///
    /// # Errors
    /// [`Code::EventNotFound`]; [`Code::EventRouted`].
    pub async fn call_off_event(&self, tenant: &TenantId, position: u64, by: &str) -> Result<EventRow> {
        let (tenant, by) = (tenant.clone(), by.to_owned());
        self.write(move |tx| Box::pin(call_off(tx, tenant, position, by))).await
    }

    /// At most `limit` events of any tenant whose time has come, after one of them.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn due_events(&self, now: Timestamp, after: Option<&EventRow>, limit: u32) -> Result<Vec<EventRow>> {
        let mut reader = self.reader().await?;
        let rows = query(DUE)
            .bind(after.and_then(|row| row.due_at).map_or(i64::MIN, Timestamp::as_millis))
            .bind(after.map_or("", |row| row.tenant.as_str()))
            .bind(number(after.map_or(0, |row| row.position))?)
            .bind(now.as_millis())
            .bind(i64::from(limit))
            .fetch_all(&mut reader)
            .await
            .map_err(Failed::from)?;
        let mut events = Vec::new();
        for row in rows {
            events.extend(row::find_event(&mut reader, &row.parsed("tenant")?, row.number("position")?).await?);
        }
        Ok(events)
    }

    /// The event that a sender published from somewhere under an id, if it is kept.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn event_of_sender(
        &self,
        tenant: &TenantId,
        sender: &str,
        source: &str,
        id: &str,
    ) -> Result<Option<EventRow>> {
        let found = query("select * from events where tenant = $1 and sender = $2 and source = $3 and id = $4")
            .bind(tenant.as_str())
            .bind(sender)
            .bind(source)
            .bind(id)
            .fetch_optional(&mut self.reader().await?)
            .await
            .map_err(Failed::from)?;
        Ok(found.as_ref().map(row::event).transpose()?)
    }

    /// When the first event that was put off is due, of any tenant.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn next_event(&self) -> Result<Option<Timestamp>> {
        let row = query(NEXT).fetch_one(&mut self.reader().await?).await.map_err(Failed::from)?;
        Ok(row.at_option("next")?)
    }
}

/// Accepts one event, also as a part of something else.
pub(crate) async fn publish(tx: &mut Tx, tenant: &TenantId, new: NewEventRow) -> Done<Publication> {
    let NewEventRow { draft, sender, source, id, due_at, caused_by } = new;
    let EventDraft { id: own_id, source: own_source, topic, priority, rest } = draft;
    let (id, source) = (own_id.unwrap_or(id), own_source.unwrap_or(source));
    let request = rows::fingerprint(json!([topic, priority, rest]));
    if let Some(existing) = by_id(&mut tx.connection, tenant, (&sender, &source, &id), &request).await? {
        return Ok(Publication::Existing(Box::new(existing)));
    }
    let (root, hops) = match caused_by {
        Some(task) => led_to(&mut tx.connection, tenant, task).await?,
        None => (None, 0),
    };
    let mut head = EventHead::one_more(tx, tenant).await?;
    check_room(tx, tenant, &head, due_at.is_some()).await?;
    let mut document = Map::new();
    for (name, value) in [
        ("specversion", Value::from(troupe_core::event::SPECVERSION)),
        ("id", Value::from(id.as_str())),
        ("source", Value::from(source.as_str())),
        ("type", Value::from(topic.as_str())),
        ("time", Value::from(tx.now.to_string())),
    ] {
        document.insert(name.to_owned(), value);
    }
    document.extend(rest);
    document.insert("priority".to_owned(), priority.as_str().into());
    document.insert("sender".to_owned(), sender.as_str().into());
    document.insert("position".to_owned(), head.position.into());
    document.insert("hops".to_owned(), hops.into());
    let text = json(&document)?;
    let bytes = u64::try_from(text.len()).unwrap_or(u64::MAX);
    let takers = if due_at.is_none() { takers(tx, &head, tenant, &topic).await? } else { Vec::new() };
    let routed = due_at.is_none().then(|| count(&takers));
    let open = opened(count(&takers), hops);
    query(
        "insert into events (tenant, position, sender, source, id, topic, priority, document, request, bytes, hops,
            caused_by, root, published_at, due_at, routed, open)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
    )
    .bind(tenant.as_str())
    .bind(number(head.position)?)
    .bind(&sender)
    .bind(&source)
    .bind(&id)
    .bind(topic.as_str())
    .bind(i64::from(priority.number()))
    .bind(text)
    .bind(&request)
    .bind(number(bytes)?)
    .bind(i64::from(hops))
    .bind(caused_by.map(|task| task.to_string()))
    .bind(root.map(|task: TaskId| task.to_string()))
    .bind(tx.now.as_millis())
    .bind(due_at.map(Timestamp::as_millis))
    .bind(routed.map(number).transpose()?)
    .bind(number(open)?)
    .execute(&mut tx.connection)
    .await?;
    head.bytes += bytes;
    let (tenant, position, published_at) = (tenant.clone(), head.position, tx.now);
    let event = EventRow {
        tenant,
        position,
        sender,
        topic,
        priority,
        document,
        hops,
        caused_by,
        root,
        published_at,
        due_at,
        routed,
        open,
        redacted: None,
    };
    tx.published.insert(event.tenant.clone());
    if due_at.is_none() {
        hand_over(tx, &mut head, &event, &takers).await?;
    } else {
        tx.bus_moved = true;
    }
    head.save(tx, &event.tenant).await?;
    Ok(Publication::New(Box::new(event)))
}

async fn check_room(tx: &mut Tx, tenant: &TenantId, head: &EventHead, is_put_off: bool) -> Done<()> {
    let refused = |message: String| Err(Error::new(Code::LimitEvents, message).into());
    if head.bytes > limits::EVENTS_BYTES_MAX {
        let most = limits::bytes(limits::EVENTS_BYTES_MAX);
        return refused(format!(
            "the tenant's events take {most}, as much as they may; old ones go once they are delivered, and dead letters \
             once somebody decides about them"
        ));
    }
    if is_put_off {
        let there: i64 = query_scalar("select count(*) from events where tenant = $1 and routed is null")
            .bind(tenant.as_str())
            .fetch_one(&mut tx.connection)
            .await?;
        if u64::try_from(there).unwrap_or(u64::MAX) >= limits::EVENTS_SCHEDULED_MAX {
            return refused(format!("{there} events of the tenant wait for their time, as many as may; call some off"));
        }
    }
    Ok(())
}

/// The task at the top of all that led to an event which this task publishes, and how often it was passed on
/// before: as many tasks and events as are above the task.
async fn led_to(connection: &mut dyn Connection, tenant: &TenantId, task: TaskId) -> Done<(Option<TaskId>, u32)> {
    let row = query("select root, hops from tasks where tenant = $1 and id = $2")
        .bind(tenant.as_str())
        .bind(task.to_string())
        .fetch_optional(&mut *connection)
        .await?;
    let Some(row) = row else { return Ok((Some(task), 0)) };
    let root = row.parsed_option("root")?.unwrap_or(task);
    let there: i64 = query_scalar("select count(*) from events where tenant = $1 and root = $2")
        .bind(tenant.as_str())
        .bind(root.to_string())
        .fetch_one(connection)
        .await?;
    if u64::try_from(there).unwrap_or(u64::MAX) >= limits::EVENT_DESCENDANTS_MAX {
        let message = format!("agents have published {there} events below task {root}, as many as there may be");
        return Err(Error::new(Code::LimitDescendants, message).into());
    }
    Ok((Some(root), row.number("hops")?))
}

async fn by_id(
    connection: &mut dyn Connection,
    tenant: &TenantId,
    (sender, source, id): (&str, &str, &str),
    request: &str,
) -> Done<Option<EventRow>> {
    let row = query("select * from events where tenant = $1 and sender = $2 and source = $3 and id = $4")
        .bind(tenant.as_str())
        .bind(sender)
        .bind(source)
        .bind(id)
        .fetch_optional(connection)
        .await?;
    let Some(row) = row else { return Ok(None) };
    if row.get_as::<&str>("request")? == request {
        return row::event(&row).map(Some);
    }
    let position: u64 = row.number("position")?;
    let message = match row.get_as::<&str>("request")? {
        REDACTED => {
            "the event that came with this id was redacted, so nobody can tell whether this is the same; use a new id"
        }
        _ => "this id came with another event of the same source before; use a new id for a new event",
    };
    Err(Error::new(Code::ConflictIdempotency, message).with("position", position).into())
}

/// Who takes an event whose time has come, if there is room for what that makes.
async fn takers(tx: &mut Tx, head: &EventHead, tenant: &TenantId, topic: &Topic) -> Done<Vec<Taker>> {
    let takers = taking(&mut tx.connection, tenant, topic).await?;
    let routed = count(&takers);
    if routed > 0 && head.open + routed > limits::EVENT_DELIVERIES_OPEN_MAX {
        let message = format!(
            "{} deliveries of the tenant's events have not ended, and {} may be open; publish again when some have ended",
            head.open,
            limits::EVENT_DELIVERIES_OPEN_MAX
        );
        return Err(Error::new(Code::LimitEvents, message).with("open", head.open).into());
    }
    Ok(takers)
}

fn count(takers: &[Taker]) -> u64 {
    u64::try_from(takers.len()).unwrap_or(u64::MAX)
}

/// How many deliveries of an event are open once they are made.
const fn opened(routed: u64, hops: u32) -> u64 {
    if hops > limits::EVENT_HOPS_MAX { 0 } else { routed }
}

/// Makes the deliveries of an event, whose row says how many there are.
async fn hand_over(tx: &mut Tx, head: &mut EventHead, event: &EventRow, takers: &[Taker]) -> Done<()> {
    for taker in takers {
        deliver_to(tx, head, event, taker).await?;
    }
    note_topic(tx, head, event, takers.is_empty()).await?;
    tx.bus_moved = true;
    Ok(())
}

/// Makes one delivery of an event. What was passed on too often is a dead letter at once, which ends its way.
pub(super) async fn deliver_to(tx: &mut Tx, head: &mut EventHead, event: &EventRow, taker: &Taker) -> Done<()> {
    let is_over = event.hops > limits::EVENT_HOPS_MAX;
    let failure = is_over.then(|| {
        let most = limits::EVENT_HOPS_MAX;
        let message =
            format!("the event was passed on {most} times, as often as one may be; agents may publish in a circle");
        TaskFailure::from(&Error::new(Code::LimitHops, message))
    });
    let state = if is_over {
        DeliveryState::Dead
    } else if taker.in_order() && deliver::is_line_open(tx, &event.tenant, taker.name(), event).await? {
        DeliveryState::Waiting
    } else {
        DeliveryState::Ready
    };
    let is_ready = state == DeliveryState::Ready;
    head.place += 1;
    head.open += u64::from(!is_over);
    query(
        "insert into deliveries (tenant, place, subscription, position, sender, topic, priority, state, attempts, due_at,
            rank, failure, created_at, ended_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9, $10, $11, $12, $13)",
    )
    .bind(event.tenant.as_str())
    .bind(number(head.place)?)
    .bind(taker.name())
    .bind(number(event.position)?)
    .bind(&event.sender)
    .bind(event.topic.as_str())
    .bind(i64::from(event.priority.number()))
    .bind(state.as_str())
    .bind(is_ready.then(|| tx.now.as_millis()))
    .bind(is_ready.then(|| deliver::rank(tx.now, event.priority)))
    .bind(failure.as_ref().map(json).transpose()?)
    .bind(tx.now.as_millis())
    .bind(is_over.then(|| tx.now.as_millis()))
    .execute(&mut tx.connection)
    .await?;
    query("update subscriptions set routed = routed + 1, dead = dead + $3 where tenant = $1 and name = $2")
        .bind(event.tenant.as_str())
        .bind(taker.name())
        .bind(is_over)
        .execute(&mut tx.connection)
        .await?;
    if let Some(failure) = failure {
        deliver::tell_dead(tx, &event.tenant, (head.place, event.position), taker.name(), &failure).await?;
    }
    Ok(())
}

/// Counts an event by its topic. The feed is told of the first that nobody has subscribed to any more,
/// and not of each, which may be many.
async fn note_topic(tx: &mut Tx, head: &mut EventHead, event: &EventRow, is_unhandled: bool) -> Done<()> {
    let (tenant, topic) = (&event.tenant, &event.topic);
    let was_missed: Option<i64> = if is_unhandled {
        query_scalar("select is_missed from event_topics where tenant = $1 and topic = $2")
            .bind(tenant.as_str())
            .bind(topic.as_str())
            .fetch_optional(&mut tx.connection)
            .await?
    } else {
        None
    };
    query(
        "insert into event_topics (tenant, topic, published, unhandled, is_missed, first_at, last_at)
         values ($1, $2, 1, $3, $3, $4, $4)
         on conflict (tenant, topic) do update set published = event_topics.published + 1,
            unhandled = event_topics.unhandled + $3, is_missed = $3, last_at = $4",
    )
    .bind(tenant.as_str())
    .bind(topic.as_str())
    .bind(is_unhandled)
    .bind(tx.now.as_millis())
    .execute(&mut tx.connection)
    .await?;
    if !is_unhandled {
        return Ok(());
    }
    head.unhandled += 1;
    if was_missed == Some(1) {
        return Ok(());
    }
    let facts = json!({ "topic": topic.as_str(), "position": event.position, "sender": event.sender });
    tx.announce(tenant, "event.unhandled", &row::subject(event.position), &facts);
    Ok(())
}

async fn call_off(tx: &mut Tx, tenant: TenantId, position: u64, by: String) -> Done<EventRow> {
    let Some(event) = row::find_event(&mut tx.connection, &tenant, position).await? else {
        return Err(not_found(&position.to_string()).into());
    };
    if event.routed.is_some() {
        let message =
            format!("the time of event {position} has come, and it was routed; it cannot be called off any more");
        return Err(Error::new(Code::EventRouted, message).into());
    }
    let bytes: i64 = query_scalar("delete from events where tenant = $1 and position = $2 returning bytes")
        .bind(tenant.as_str())
        .bind(number(position)?)
        .fetch_one(&mut tx.connection)
        .await?;
    query("update event_heads set bytes = bytes - $2 where tenant = $1")
        .bind(tenant.as_str())
        .bind(bytes)
        .execute(&mut tx.connection)
        .await?;
    super::again::note(tx, &tenant, &by, &[("event", position.into()), ("called_off", true.into())]).await?;
    Ok(event)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::plan;

    #[tokio::test]
    async fn what_is_due_is_found_without_looking_at_others() {
        for query in [DUE, NEXT] {
            let plan = plan(query).await;
            assert!(plan.iter().any(|step| step.contains("INDEX events_due")), "{plan:?}");
        }
        let plan = plan("select count(*) from events where tenant = 'a' and root = 'b'").await;
        assert!(plan.iter().any(|step| step.contains("INDEX events_of_root")), "{plan:?}");
    }
}
