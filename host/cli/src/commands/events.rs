//! `troupe events`: publish, follow, see what became of it, deliver again.

mod follow;

use std::process::ExitCode;

use serde_json::{Value, json};
use troupe_core::view::{
    DeadLetterView, DeliveryView, EventStats, EventType, EventView, Page, Redaction, RedeliverRequest, Redelivered,
};
use troupe_core::{Code, Error, Result, Timestamp};

use super::run::text;
use super::{hooks, webhooks};
use crate::args::{Args, Events, EventsVerb, ListEvents, PublishEvent, RedeliverEvents};
use crate::client::Client;
use crate::human::table;
use crate::output;

const PATH: &str = "/api/v1/events";

pub(crate) async fn run(args: &Args, command: &Events) -> Result<ExitCode> {
    if command.verb.is_some() && (command.follow || command.topic.is_some()) {
        let message =
            "`troupe events --follow` and `--topic` go without a further command; put `--topic` behind `list`";
        return Err(Error::new(Code::RequestInvalid, message));
    }
    let client = Client::new(args)?;
    match &command.verb {
        Some(EventsVerb::Hooks(command)) => return hooks::run(args, &client, command.verb.as_ref()).await,
        Some(EventsVerb::Webhooks(command)) => return webhooks::run(args, &client, command.verb.as_ref()).await,
        None if command.follow => follow::run(args.json, &client, command.topic.as_deref(), command.after).await?,
        None => {
            let which = ListEvents { limit: 50, topic: command.topic.clone(), ..ListEvents::default() };
            let page = list(&client, &which).await?;
            output::answer(args.json, &page, |page| events(&page.items))?;
        }
        Some(EventsVerb::List(which)) => {
            let page = list(&client, which).await?;
            output::answer(args.json, &page, |page| events(&page.items))?;
        }
        Some(EventsVerb::Show { event }) => {
            let event: EventView = client.get(&format!("{PATH}/{event}")).await?;
            output::answer(args.json, &event, show)?;
        }
        Some(EventsVerb::Publish(publish)) => {
            let event: EventView = client.post(&format!("{PATH}{}", when(publish)), &event(publish)?).await?;
            output::answer(args.json, &event, show)?;
        }
        Some(EventsVerb::Cancel { event }) => {
            let event: EventView = client.post(&format!("{PATH}/{event}/cancel"), &()).await?;
            output::answer(args.json, &event, |event| format!("event {} is called off", event.position))?;
        }
        Some(EventsVerb::Redact { event }) => {
            let event: EventView = client.post(&format!("{PATH}/{event}/redact"), &()).await?;
            output::answer(args.json, &event, |event| format!("redacted: event {}", event.position))?;
        }
        Some(EventsVerb::Types) => {
            let page = Page { items: client.all(&format!("{PATH}/types"), &[]).await?, next: None };
            output::answer(args.json, &page, |page| types(&page.items))?;
        }
        Some(EventsVerb::Stats) => {
            let stats: EventStats = client.get(&format!("{PATH}/stats")).await?;
            output::answer(args.json, &stats, figures)?;
        }
        Some(EventsVerb::Redeliver(which)) => {
            let redelivered = redeliver(&client, which).await?;
            output::answer(args.json, &redelivered, |redelivered| match redelivered.deliveries {
                1 => "1 delivery is made again".to_owned(),
                count => format!("{count} deliveries are made again"),
            })?;
        }
        Some(EventsVerb::Dead { subscription }) => {
            let query: Vec<_> = subscription.iter().map(|name| ("subscription", name.clone())).collect();
            let page = Page { items: client.all(&format!("{PATH}/dead"), &query).await?, next: None };
            output::answer(args.json, &page, |page| dead(&page.items))?;
        }
        Some(EventsVerb::Retry { delivery }) => {
            let letter: DeadLetterView = client.post(&format!("{PATH}/dead/{delivery}/redeliver"), &()).await?;
            output::answer(args.json, &letter, |letter| {
                format!("event {} is delivered to {} again", letter.position, letter.delivery.subscription)
            })?;
        }
        Some(EventsVerb::Discard { delivery }) => {
            let letter: DeadLetterView = client.post(&format!("{PATH}/dead/{delivery}/discard"), &()).await?;
            output::answer(args.json, &letter, |letter| {
                format!("nothing comes of event {} at {}", letter.position, letter.delivery.subscription)
            })?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(client: &Client, which: &ListEvents) -> Result<Page<EventView>> {
    let mut query = vec![("limit", which.limit.to_string())];
    for (name, value) in [("topic", &which.topic), ("sender", &which.sender), ("state", &which.state)] {
        query.extend(value.iter().map(|value| (name, value.clone())));
    }
    client.query(PATH, &query).await
}

/// What follows the path of a publish that is put off.
fn when(publish: &PublishEvent) -> String {
    match (&publish.at, publish.delay) {
        (Some(at), _) => format!("?at={}", crate::client::segment(at)),
        (None, Some(seconds)) => format!("?delay_ms={}", seconds.saturating_mul(1000)),
        (None, None) => String::new(),
    }
}

fn event(publish: &PublishEvent) -> Result<Value> {
    let mut event = json!({ "specversion": "1.0", "type": publish.topic });
    if let Some(data) = &publish.data {
        let data: Value = serde_json::from_str(&text(data)?)
            .map_err(|error| Error::new(Code::InputInvalid, format!("the data is not JSON: {error}")))?;
        if let Some(event) = event.as_object_mut() {
            event.insert("datacontenttype".to_owned(), "application/json".into());
            event.insert("data".to_owned(), data);
        }
    }
    for (name, value) in [("priority", &publish.priority), ("subject", &publish.subject), ("id", &publish.id)] {
        if let (Some(event), Some(value)) = (event.as_object_mut(), value) {
            event.insert(name.to_owned(), value.as_str().into());
        }
    }
    Ok(event)
}

/// Asks until there is no rest.
async fn redeliver(client: &Client, which: &RedeliverEvents) -> Result<Redelivered> {
    let since = which.since.as_ref().map(|since| {
        serde_json::from_value(Value::from(since.as_str()))
            .map_err(|_| Error::new(Code::RequestInvalid, "`--since` is no time such as `2026-11-28T05:30:00Z`"))
    });
    let since: Option<Timestamp> = since.transpose()?;
    let topic = which.topic.as_deref().map(str::parse).transpose()?;
    let mut request =
        RedeliverRequest { from: which.from, since, to: which.to, topic, subscription: which.subscription.clone() };
    let mut deliveries = 0;
    loop {
        let redelivered: Redelivered = client.post(&format!("{PATH}/redeliver"), &request).await?;
        deliveries += redelivered.deliveries;
        match redelivered.next {
            Some(next) => request.from = Some(next),
            None => return Ok(Redelivered { deliveries, next: None }),
        }
    }
}

fn events(events: &[EventView]) -> String {
    if events.is_empty() {
        return "no such events; `troupe events publish TOPIC --data JSON` publishes one".to_owned();
    }
    let row = |event: &EventView| {
        vec![
            event.position.to_string(),
            event.topic.to_string(),
            event.priority.as_str().to_owned(),
            event.sender.clone(),
            state(event),
            event.subscriptions.to_string(),
            event.published_at.to_string(),
        ]
    };
    let rows: Vec<_> = events.iter().map(row).collect();
    table(&["event", "topic", "priority", "sender", "state", "subscriptions", "published"], &rows)
}

fn state(event: &EventView) -> String {
    serde_json::to_value(event.state).ok().and_then(|state| state.as_str().map(str::to_owned)).unwrap_or_default()
}

fn show(event: &EventView) -> String {
    let mut out = format!(
        "event      {}\ntopic      {}\npriority   {}\nsender     {}\nstate      {}\npublished  {}\n",
        event.position,
        event.topic,
        event.priority.as_str(),
        event.sender,
        state(event),
        event.published_at,
    );
    if let Some(due) = &event.due_at {
        out.push_str(&format!("due        {due}\n"));
    }
    if let Some(Redaction { at, by }) = &event.redacted {
        out.push_str(&format!("redacted   {at}, by {by}\n"));
    }
    if let Some(data) = event.event.get("data") {
        out.push_str(&format!("data       {data}\n"));
    }
    if !event.deliveries.is_empty() {
        let rows: Vec<_> = event.deliveries.iter().map(delivery).collect();
        out.push('\n');
        out.push_str(&table(&["delivery", "subscription", "state", "tries", "task", "failure"], &rows));
    }
    out
}

fn delivery(delivery: &DeliveryView) -> Vec<String> {
    vec![
        delivery.delivery.to_string(),
        delivery.subscription.clone(),
        delivery.state.as_str().to_owned(),
        delivery.attempts.to_string(),
        delivery.task.map_or_else(|| "-".to_owned(), |task| task.to_string()),
        delivery.failure.as_ref().map(|failure| failure.code.clone()).unwrap_or_default(),
    ]
}

fn types(types: &[EventType]) -> String {
    if types.is_empty() {
        return "nothing was published yet".to_owned();
    }
    let row = |kind: &EventType| {
        vec![
            kind.topic.to_string(),
            kind.published.to_string(),
            kind.unhandled.to_string(),
            kind.last_at.to_string(),
            kind.subscriptions.join(", "),
        ]
    };
    let rows: Vec<_> = types.iter().map(row).collect();
    table(&["topic", "published", "unhandled", "last", "taken by"], &rows)
}

fn figures(stats: &EventStats) -> String {
    let mut out = format!(
        "published  {} ({:.2}/s)\nunhandled  {}\nscheduled  {}\nopen       {}\ndelivered  {:.2}/s\n",
        stats.published,
        stats.published_per_second,
        stats.unhandled,
        stats.scheduled,
        stats.open,
        stats.delivered_per_second,
    );
    if !stats.subscriptions.is_empty() {
        let figures = |(name, stats): (&String, &troupe_core::view::SubscriptionStats)| {
            let figures = [stats.routed, stats.open, stats.delivered, stats.failed, stats.dead];
            [name.clone()].into_iter().chain(figures.iter().map(u64::to_string)).collect()
        };
        let rows: Vec<Vec<String>> = stats.subscriptions.iter().map(figures).collect();
        out.push('\n');
        out.push_str(&table(&["subscription", "routed", "open", "delivered", "failed tries", "dead"], &rows));
    }
    out
}

fn dead(letters: &[DeadLetterView]) -> String {
    if letters.is_empty() {
        return "no delivery was given up that nobody has decided about".to_owned();
    }
    let row = |letter: &DeadLetterView| {
        let failure = letter.delivery.failure.as_ref();
        vec![
            letter.delivery.delivery.to_string(),
            letter.position.to_string(),
            letter.topic.to_string(),
            letter.delivery.subscription.clone(),
            letter.delivery.attempts.to_string(),
            failure.map(|failure| format!("{} [{}]", failure.message, failure.code)).unwrap_or_default(),
        ]
    };
    let rows: Vec<_> = letters.iter().map(row).collect();
    table(&["delivery", "event", "topic", "subscription", "tries", "failure"], &rows)
}
