//! Accepting events, and routing them to whoever has subscribed.

use std::sync::Arc;

use serde_json::{Map, Value};
use troupe_core::{Code, Error, EventDraft, Result, TaskId, TenantId, Timestamp, Topic, limits};

use super::incoming::Incoming;
use super::not_found;
use super::outbox::Outbox;
use super::row::{self, EventRow};
use super::taker::Taker;
use crate::Store;
use crate::fault::{Done, Failed};
use crate::rows::{Columns as _, json, number};
use crate::sql::{Builder, Row, query, query_scalar};
use crate::tasks::REDACTED;
use crate::writer::{Together, Tx, Work};

const DUE: &str = "select tenant, position, due_at from events where routed is null and due_at <= ";

const DUE_ORDER: &str = " order by due_at, tenant, position limit ";

const NEXT: &str = "select min(due_at) as next from events where routed is null and due_at > $1";

/// An event whose time has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueEvent {
    /// Whose it is.
    pub tenant: TenantId,
    /// Its place among the tenant's events.
    pub position: u64,
    due_at: Timestamp,
}

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
    /// Whether that was drawn at random for it, so that nothing else has it.
    pub is_drawn: bool,
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
        let events = events.into_iter().map(|event| Incoming::of(tenant, event)).collect();
        self.write_together(Publishing(events)).await
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
                let mut outbox = Outbox::default();
                let takers = takers(tx, &mut outbox, &tenant, &event.topic).await?;
                let routed = count(&takers);
                query("update events set routed = $3, open = $4 where tenant = $1 and position = $2")
                    .bind(tenant.as_str())
                    .bind(number(event.position)?)
                    .bind(number(routed)?)
                    .bind(number(opened(routed, event.hops))?)
                    .execute(&mut tx.connection)
                    .await?;
                outbox.hand_over(tx, &event, &takers).await?;
                outbox.write(tx).await
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

    /// At most `limit` events whose time has come, after one of them, of any tenant but those that have no room.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn due_events(
        &self,
        now: Timestamp,
        after: Option<&DueEvent>,
        full: impl IntoIterator<Item = &TenantId>,
        limit: u32,
    ) -> Result<Vec<DueEvent>> {
        let mut due = Builder::new(DUE);
        due.push_bind(now.as_millis());
        if let Some(after) = after {
            due.push(" and (due_at, tenant, position) > (").push_bind(after.due_at.as_millis());
            due.push(", ").push_bind(after.tenant.as_str()).push(", ").push_bind(number(after.position)?).push(")");
        }
        let mut full = full.into_iter().map(TenantId::as_str).peekable();
        if full.peek().is_some() {
            due.push(" and tenant not in (").push_list(full).push(")");
        }
        due.push(DUE_ORDER).push_bind(i64::from(limit));
        let rows = due.build().fetch_all(&mut self.reader().await?).await.map_err(Failed::from)?;
        let read = |row: &Row| -> Done<DueEvent> {
            Ok(DueEvent { tenant: row.parsed("tenant")?, position: row.number("position")?, due_at: row.at("due_at")? })
        };
        Ok(rows.iter().map(read).collect::<Done<_>>()?)
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

    /// When the first event of any tenant is due of those that are put off for longer than `now`.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn next_event(&self, now: Timestamp) -> Result<Option<Timestamp>> {
        let row = query(NEXT).bind(now.as_millis()).fetch_one(&mut self.reader().await?).await.map_err(Failed::from)?;
        Ok(row.at_option("next")?)
    }
}

/// Events that come in one request.
struct Publishing(Vec<Incoming>);

impl Together for Publishing {
    type Answer = Vec<Publication>;

    fn all<'c>(tx: &'c mut Tx, all: &'c [Self]) -> Work<'c, Vec<Vec<Publication>>> {
        Box::pin(publish_all(tx, all))
    }
}

async fn publish_all(tx: &mut Tx, all: &[Publishing]) -> Done<Vec<Vec<Publication>>> {
    let mut outbox = Outbox::default();
    outbox.look_ahead(tx, all.iter().flat_map(|one| &one.0)).await?;
    let mut answers = Vec::new();
    for Publishing(events) in all {
        let (mut published, mut deliveries) = (Vec::new(), 0);
        for event in events {
            let one = add(tx, &mut outbox, event).await?;
            outbox.write_much(tx).await?;
            if let Publication::New(event) = &one {
                deliveries += event.routed.unwrap_or(0);
            }
            published.push(one);
            if deliveries > limits::EVENT_DELIVERIES_AT_ONCE && published.len() > 1 {
                let most = limits::EVENT_DELIVERIES_AT_ONCE;
                let message = format!("the batch is routed to more than {most} subscriptions in all; send it in parts");
                return Err(Error::new(Code::LimitRequest, message).into());
            }
        }
        answers.push(published);
    }
    outbox.write(tx).await?;
    Ok(answers)
}

/// Accepts one event as a part of something else.
pub(crate) async fn publish(tx: &mut Tx, tenant: &TenantId, new: NewEventRow) -> Done<Publication> {
    let mut outbox = Outbox::default();
    let published = add(tx, &mut outbox, &Incoming::of(tenant, new)).await?;
    outbox.write(tx).await?;
    Ok(published)
}

/// Accepts one event.
async fn add(tx: &mut Tx, outbox: &mut Outbox, new: &Incoming) -> Done<Publication> {
    if let Some(existing) = by_name(tx, outbox, new).await? {
        return Ok(Publication::Existing(Box::new(existing)));
    }
    let Incoming { tenant, sender, source, id, topic, priority, due_at, caused_by, .. } = new;
    let (root, hops) = match caused_by {
        Some(task) => led_to(tx, outbox, tenant, *task).await?,
        None => (None, 0),
    };
    let head = outbox.head(tx, tenant).await?;
    head.position += 1;
    head.published += 1;
    let (position, bytes_before) = (head.position, head.bytes);
    check_room(tx, outbox, tenant, bytes_before, due_at.is_some()).await?;
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
    document.extend(new.rest.clone());
    document.insert("priority".to_owned(), priority.as_str().into());
    document.insert("sender".to_owned(), sender.as_str().into());
    document.insert("position".to_owned(), position.into());
    document.insert("hops".to_owned(), hops.into());
    let text = json(&document)?;
    outbox.head(tx, tenant).await?.bytes += u64::try_from(text.len()).unwrap_or(u64::MAX);
    let takers = if due_at.is_none() { takers(tx, outbox, tenant, topic).await? } else { Vec::new() };
    let event = EventRow {
        tenant: tenant.clone(),
        position,
        sender: sender.clone(),
        topic: topic.clone(),
        priority: *priority,
        document,
        hops,
        caused_by: *caused_by,
        root,
        published_at: tx.now,
        due_at: *due_at,
        routed: due_at.is_none().then(|| count(&takers)),
        open: opened(count(&takers), hops),
        redacted: None,
    };
    outbox.push_event(&event, new, text)?;
    tx.published.insert(tenant.clone());
    if due_at.is_none() {
        outbox.hand_over(tx, &event, &takers).await?;
    } else {
        tx.bus_moved = true;
    }
    Ok(Publication::New(Box::new(event)))
}

async fn check_room(tx: &mut Tx, outbox: &Outbox, tenant: &TenantId, bytes: u64, is_put_off: bool) -> Done<()> {
    let refused = |message: String| Err(Error::new(Code::LimitEvents, message).into());
    if bytes > limits::EVENTS_BYTES_MAX {
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
        let there = all_of(there, outbox.put_off(tenant));
        if there >= limits::EVENTS_SCHEDULED_MAX {
            return refused(format!("{there} events of the tenant wait for their time, as many as may; call some off"));
        }
    }
    Ok(())
}

/// The task at the top of all that led to an event which this task publishes, and how often it was passed on
/// before: as many tasks and events as are above the task.
async fn led_to(tx: &mut Tx, outbox: &Outbox, tenant: &TenantId, task: TaskId) -> Done<(Option<TaskId>, u32)> {
    let row = query("select root, hops from tasks where tenant = $1 and id = $2")
        .bind(tenant.as_str())
        .bind(task.to_string())
        .fetch_optional(&mut tx.connection)
        .await?;
    let Some(row) = row else { return Ok((Some(task), 0)) };
    let root = row.parsed_option("root")?.unwrap_or(task);
    let there: i64 = query_scalar("select count(*) from events where tenant = $1 and root = $2")
        .bind(tenant.as_str())
        .bind(root.to_string())
        .fetch_one(&mut tx.connection)
        .await?;
    let there = all_of(there, outbox.led_to_by(root));
    if there >= limits::EVENT_DESCENDANTS_MAX {
        let message = format!("agents have published {there} events below task {root}, as many as there may be");
        return Err(Error::new(Code::LimitDescendants, message).into());
    }
    Ok((Some(root), row.number("hops")?))
}

/// What there is in the database, and beside it.
fn all_of(there: i64, beside: usize) -> u64 {
    u64::try_from(there).unwrap_or(u64::MAX).saturating_add(u64::try_from(beside).unwrap_or(u64::MAX))
}

/// The same event, if it came before.
async fn by_name(tx: &mut Tx, outbox: &mut Outbox, new: &Incoming) -> Done<Option<EventRow>> {
    if new.is_fresh || !outbox.may_have(&new.name()) {
        return Ok(None);
    }
    // It may have come a moment ago.
    outbox.write(tx).await?;
    let row = query("select * from events where tenant = $1 and sender = $2 and source = $3 and id = $4")
        .bind(new.tenant.as_str())
        .bind(&new.sender)
        .bind(&new.source)
        .bind(&new.id)
        .fetch_optional(&mut tx.connection)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let request = row.get_as::<&str>("request")?;
    if request == new.request { row::event(&row).map(Some) } else { Err(differs(request, row.number("position")?)) }
}

/// The refusal of another event under the same id.
fn differs(request: &str, position: u64) -> Failed {
    let message = match request {
        REDACTED => {
            "the event that came with this id was redacted, so nobody can tell whether this is the same; use a new id"
        }
        _ => "this id came with another event of the same source before; use a new id for a new event",
    };
    Error::new(Code::ConflictIdempotency, message).with("position", position).into()
}

/// Who takes an event whose time has come, if there is room for what that makes.
async fn takers(tx: &mut Tx, outbox: &mut Outbox, tenant: &TenantId, topic: &Topic) -> Done<Vec<Arc<Taker>>> {
    let takers = outbox.takers(tx, tenant, topic).await?;
    let (routed, open) = (count(&takers), outbox.head(tx, tenant).await?.open);
    if routed > 0 && open + routed > limits::EVENT_DELIVERIES_OPEN_MAX {
        let message = format!(
            "{open} deliveries of the tenant's events have not ended, and {} may be open; publish again when some have ended",
            limits::EVENT_DELIVERIES_OPEN_MAX
        );
        return Err(Error::new(Code::LimitEvents, message).with("open", open).into());
    }
    Ok(takers)
}

fn count(takers: &[Arc<Taker>]) -> u64 {
    u64::try_from(takers.len()).unwrap_or(u64::MAX)
}

/// How many deliveries of an event are open once they are made.
const fn opened(routed: u64, hops: u32) -> u64 {
    if hops > limits::EVENT_HOPS_MAX { 0 } else { routed }
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
        let after = "1 and (due_at, tenant, position) > (0, 'a', 1) and tenant not in ('b')";
        for query in [&format!("{DUE}{after}{DUE_ORDER}1"), NEXT] {
            let plan = plan(query).await;
            assert!(plan.iter().any(|step| step.contains("INDEX events_due")), "{plan:?}");
        }
        let plan = plan("select count(*) from events where tenant = 'a' and root = 'b'").await;
        assert!(plan.iter().any(|step| step.contains("INDEX events_of_root")), "{plan:?}");
    }
}
