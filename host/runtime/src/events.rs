//! Events: publishing, subscribing, and what became of what was published.
//!
//! *The attack:* who publishes has an agent do what it may not ask for itself; or somebody's subscription
//! goes on for whoever lost the right to it. *The rule:* a subscription is set by whoever may `run` and
//! `operate` its agent, and each change is in the audit; a release's triggers come with the release, which
//! an operator makes serve. What handles an event is asked for by whoever set that up, not by its sender,
//! whose words are data. *The default:* nobody takes anything.
//!
//! Publishing takes `run` for the whole tenant: which agents an event reaches is not known to who
//! publishes it, so a key that is bound to some publishes nothing.

mod binary;
mod bus;
mod follow;
mod query;
mod subscriptions;

use std::time::Duration;

use troupe_core::view::{EventAlert, EventView, RedeliverRequest, Redelivered};
use troupe_core::{Caller, Code, Error, EventDraft, Result, Scope, Timestamp, limits, random_hex};
use troupe_store::{Again, DeliveryRow, NewEventRow, Publication};

use crate::Runtime;
pub use binary::event_of_parts;
pub use follow::{BusEvents, BusItem};
pub use query::EventQuery;
pub(crate) use query::position;
use query::view;

/// When what is published has its time.
#[derive(Debug, Clone, Copy, Default)]
pub struct EventTime {
    /// At this time.
    pub at: Option<Timestamp>,
    /// So many milliseconds from now.
    pub delay_ms: Option<u64>,
}

/// An event that was published.
#[derive(Debug, Clone)]
pub struct Published {
    /// The event as it stands.
    pub event: EventView,
    /// Whether this request made it; otherwise the same one came before.
    pub is_new: bool,
}

impl Runtime {
    /// Accepts events, all or none. Once this returns, each is on disk with its deliveries.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::RequestInvalid`] for a time that is too far away; [`Code::LimitRequest`] for
    /// too many; [`Code::LimitEvents`]; [`Code::ConflictIdempotency`].
    pub async fn publish_events(
        &self,
        caller: &Caller,
        drafts: Vec<EventDraft>,
        time: EventTime,
    ) -> Result<Vec<Published>> {
        caller.require(Scope::Run)?;
        self.require_room()?;
        if drafts.len() > limits::EVENT_BATCH_MAX {
            let (count, most) = (drafts.len(), limits::EVENT_BATCH_MAX);
            let message = format!("a batch has at most {most} events, and this one has {count}; send it in parts");
            return Err(Error::new(Code::LimitRequest, message));
        }
        let due_at = self.due_at(time)?;
        let event = |draft| NewEventRow {
            draft,
            sender: caller.principal.clone(),
            source: format!("/{}", caller.principal),
            // For one whose sender gave it none.
            id: random_hex::<16>(&*self.entropy),
            is_drawn: true,
            due_at,
            caused_by: None,
        };
        let events: Vec<NewEventRow> = drafts.into_iter().map(event).collect();
        let published = self.store.publish_events(&caller.tenant, events).await?;
        let mut answers = Vec::new();
        for published in published {
            meter(&published);
            let (row, is_new) = match published {
                Publication::New(row) => (row, true),
                Publication::Existing(row) => (row, false),
            };
            answers.push(Published { event: view(*row, Vec::new()), is_new });
        }
        Ok(answers)
    }

    /// Publishes an alert under `alert.SEVERITY`.
    ///
    /// # Errors
    /// Those of [`Runtime::publish_events`].
    pub async fn publish_alert(&self, caller: &Caller, alert: EventAlert) -> Result<Published> {
        let EventAlert { severity, title, subject, details, id } = alert;
        let mut event = serde_json::Map::new();
        event.insert("type".to_owned(), format!("alert.{}", severity.as_str()).into());
        event.insert("priority".to_owned(), severity.as_str().into());
        event.insert("datacontenttype".to_owned(), "application/json".into());
        event.insert("data".to_owned(), serde_json::json!({ "title": title, "details": details }));
        event.insert("subject".to_owned(), subject.into());
        event.insert("id".to_owned(), id.into());
        let published = self.publish_events(caller, vec![EventDraft::read(event)?], EventTime::default()).await?;
        published.into_iter().next().ok_or_else(|| Error::internal("one event was published and none is there"))
    }

    /// Calls an event off whose time has not come, and returns it as it was.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::EventNotFound`]; [`Code::EventRouted`].
    pub async fn call_off_event(&self, caller: &Caller, event: &str) -> Result<EventView> {
        caller.require(Scope::Run)?;
        self.require_ready()?;
        let position = position(event)?;
        let row = self.store.call_off_event(&caller.tenant, position, &caller.principal).await?;
        Ok(view(row, Vec::new()))
    }

    /// Has events delivered again, from a point on, to one subscription or to each that takes them now.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::RequestInvalid`] without a point; [`Code::SubscriptionNotFound`];
    /// [`Code::LimitEvents`].
    pub async fn redeliver_events(&self, caller: &Caller, request: RedeliverRequest) -> Result<Redelivered> {
        caller.require(Scope::Operate)?;
        self.require_ready()?;
        let RedeliverRequest { from, since, to, topic, subscription } = request;
        if from.is_none() && since.is_none() {
            let message = "say from where: `from` a position, or `since` a time";
            return Err(Error::new(Code::RequestInvalid, message));
        }
        let again = Again { from: from.unwrap_or(1), since, to, topic, subscription };
        let (deliveries, next) = self.store.redeliver(&caller.tenant, again, &caller.principal).await?;
        let (tenant, by) = (&caller.tenant, &caller.principal);
        tracing::info!(%tenant, by, deliveries, "events are delivered again");
        Ok(Redelivered { deliveries, next })
    }

    /// Has a dead letter delivered again, or decides that nothing comes of it.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::DeadLetterNotFound`]; [`Code::SubscriptionNotFound`]; [`Code::LimitEvents`].
    pub async fn decide_dead_letter(
        &self,
        caller: &Caller,
        delivery: &str,
        redeliver: bool,
    ) -> Result<troupe_core::view::DeadLetterView> {
        caller.require(Scope::Operate)?;
        self.require_ready()?;
        let place = delivery.parse().map_err(|_| troupe_store::dead_letter_not_found(&troupe_core::shown(delivery)))?;
        let row: DeliveryRow =
            self.store.decide_dead_letter(&caller.tenant, place, redeliver, &caller.principal).await?;
        Ok(query::dead_letter(row))
    }

    /// When the time of what is published now is; none for at once.
    fn due_at(&self, time: EventTime) -> Result<Option<Timestamp>> {
        let now = self.clock.now();
        let due = match (time.at, time.delay_ms) {
            (Some(_), Some(_)) => {
                let message = "say `at` a time or `delay_ms` from now, and not both";
                return Err(Error::new(Code::RequestInvalid, message));
            }
            (Some(at), None) => Some(at),
            (None, Some(ms)) => Some(now.plus(Duration::from_millis(ms))),
            (None, None) => None,
        };
        if due.is_some_and(|due| due.since(now) > limits::TASK_DELAY_MAX) {
            let days = limits::TASK_DELAY_MAX.as_secs() / 86_400;
            return Err(Error::new(Code::RequestInvalid, format!("an event is put off for at most {days} days")));
        }
        Ok(due.filter(|due| *due > now))
    }
}

/// Counts what came of publishing.
pub(crate) fn meter(published: &Publication) {
    let outcome = match published {
        Publication::Existing(_) => "again",
        Publication::New(row) => match row.routed {
            None => "scheduled",
            Some(0) => "unhandled",
            Some(_) => "routed",
        },
    };
    metrics::counter!("troupe_events_published_total", "outcome" => outcome).increment(1);
}
