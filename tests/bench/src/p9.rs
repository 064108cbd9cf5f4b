//! P9: events a second that are published and routed to one subscription, each acknowledged once it is on
//! disk with its delivery, by many that publish at once through a whole host. Beside it its database alone, with
//! the settings and the tables of the store, commits the same rows in groups as large as there are
//! publishers, which is the most that the host's writer could share a sync among.
//!
//! What handles the events is not measured: the subscription is paused. Handling is a task, and P1 is of those.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::JoinSet;
use troupe_core::view::NewSubscription;
use troupe_core::{Caller, EventDraft, TenantId};
use troupe_runtime::{EventTime, Runtime};

use crate::base::{Base, Database, Kind, Value};
use crate::host::{self, Failure};
use crate::report::{Row, Target, median};

/// Those who publish at once, and what each publishes in a round. All rounds fit among the deliveries that
/// a tenant may have open.
const PUBLISHERS: usize = 64;
const EVENTS: usize = 30;
const ROUNDS: usize = 9;

/// The schema of the store's events.
const SCHEMA: &str = include_str!("../../../host/store/migrations/sqlite/0030_events.sql");
const SCHEMA_ON_POSTGRES: &str = include_str!("../../../host/store/migrations/postgres/0030_events.sql");

pub async fn run(kind: Kind, component: &[u8]) -> Result<Row, Failure> {
    let base = Base::new(kind).await?;
    let runtime = host::start_on(base.dir.path(), base.store().await?).await?;
    let caller = Caller::owner(TenantId::default());
    host::publish(&runtime, &caller, "echo", "1.0.0", component, None).await?;
    host::swap(&runtime, &caller, "echo", "1.0.0").await?;
    let plain = NewSubscription::new("bench.>".parse()?, "echo".parse()?, "echo".parse()?);
    runtime.set_subscription(&caller, "bench", NewSubscription { paused: true, ..plain }).await?;
    let (id, what, schema) = match kind {
        Kind::Sqlite => {
            ("P9", "events accepted and routed per second / SQLite alone committing the same rows in groups", SCHEMA)
        }
        Kind::Postgres => ("P9 p", "the same, on PostgreSQL / PostgreSQL alone", SCHEMA_ON_POSTGRES),
    };
    let mut database = base.alone(schema).await?;
    let count = (PUBLISHERS * EVENTS) as f64;
    let (mut values, mut references) = (Vec::new(), Vec::new());
    let caller = Arc::new(caller);
    for round in 0..ROUNDS {
        let start = Instant::now();
        let mut publishing = JoinSet::new();
        for number in 0..PUBLISHERS {
            let (runtime, caller) = (runtime.clone(), Arc::clone(&caller));
            publishing
                .spawn(async move { publish(&runtime, &caller, number).await.map_err(|error| error.to_string()) });
        }
        while let Some(published) = publishing.join_next().await {
            published??;
        }
        values.push(count / start.elapsed().as_secs_f64());
        let start = Instant::now();
        for group in 0..EVENTS {
            commit(&mut database, (round * EVENTS + group) * PUBLISHERS).await?;
        }
        references.push(count / start.elapsed().as_secs_f64());
    }
    runtime.stop(Duration::from_secs(5)).await;
    drop(database);
    base.remove().await?;
    Ok(Row {
        id,
        what,
        value: median(values),
        unit: "/s",
        reference: Some(median(references)),
        target: Some(Target::AtLeast(0.7)),
    })
}

/// Publishes one after the other.
async fn publish(runtime: &Runtime, caller: &Caller, number: usize) -> Result<(), Failure> {
    for _ in 0..EVENTS {
        let draft = EventDraft::new(topic(number).parse()?, json!({ "n": number }));
        runtime.publish_events(caller, vec![draft], EventTime::default()).await?;
    }
    Ok(())
}

fn topic(number: usize) -> String {
    format!("bench.line{number}")
}

/// Commits a group of events, with the rows that one has: its own, its delivery, its topic's and its
/// tenant's.
async fn commit(database: &mut Database, after: usize) -> Result<(), Failure> {
    database.begin().await?;
    for number in 0..PUBLISHERS {
        let (position, topic) = ((after + number + 1) as i64, topic(number));
        let id = format!("{position:032x}");
        let request = format!("sha256:{position:064x}");
        let document = json!({
            "specversion": "1.0", "id": id, "source": "/owner", "type": topic, "time": "2026-11-28T05:30:00.000Z",
            "datacontenttype": "application/json", "data": { "n": number }, "priority": "normal", "sender": "owner",
            "position": position, "hops": 0,
        })
        .to_string();
        let values = [Value::Number(position)];
        database
            .execute(
                "insert into event_heads (tenant, position, place, open, bytes, published, unhandled)
             values ('default', $1, $1, $1, $1, $1, 0)
             on conflict (tenant) do update set position = $1, place = $1, open = $1, bytes = $1, published = $1",
                &values,
            )
            .await?;
        let values = [
            Value::Number(position),
            Value::Text(&id),
            Value::Text(&topic),
            Value::Text(&document),
            Value::Text(&request),
        ];
        database.execute(
            "insert into events (tenant, position, sender, source, id, topic, priority, document, request, bytes, hops,
                published_at, routed, open)
             values ('default', $1, 'owner', '/owner', $2, $3, 1, $4, $5, 300, 0, $1, 1, 1)",
            &values,
        )
        .await?;
        let values = [Value::Text(&topic), Value::Number(position)];
        database
            .execute(
                "insert into event_topics (tenant, topic, published, unhandled, is_missed, first_at, last_at)
             values ('default', $1, 1, 0, 0, $2, $2)
             on conflict (tenant, topic) do update set published = event_topics.published + 1, last_at = $2",
                &values,
            )
            .await?;
        let values = [Value::Number(position), Value::Text(&topic)];
        database.execute(
            "insert into deliveries (tenant, place, subscription, position, sender, topic, priority, state, attempts,
                due_at, rank, created_at)
             values ('default', $1, 'bench', $1, 'owner', $2, 1, 'ready', 0, $1, $1, $1)",
            &values,
        )
        .await?;
    }
    Ok(database.commit().await?)
}
