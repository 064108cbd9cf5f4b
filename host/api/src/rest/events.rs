//! `/api/v1/events`: publish, see what became of it, deliver again.
//!
//! Events come in each of the forms of the HTTP binding of `CloudEvents` 1.0: *structured*, a document of
//! `application/cloudevents+json`; *binary*, attributes in headers `ce-…` and the data as the body; and
//! *batched*, a list of `application/cloudevents-batch+json`.

pub(crate) mod again;
pub(crate) mod hooks;
pub(crate) mod stream;
pub(crate) mod subscriptions;
pub(crate) mod webhooks;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value};
use troupe_core::view::{EventAlert, EventState, EventStats, EventType, EventView, Page, Problem, PublishedEvents};
use troupe_core::{Code, Error, EventDraft, Result, Timestamp, limits};
use troupe_runtime::{EventQuery, EventTime, Published, event_of_parts};
use utoipa::IntoParams;

use crate::Doors;
use crate::auth::Authenticated;
use crate::body::{self, Json, Path, Query};
use crate::problem::Answer;

/// What a batch of events says it is.
const BATCH: &str = "application/cloudevents-batch+json";

/// What headers of attributes begin with.
const ATTRIBUTE: &str = "ce-";

/// When an event has its time.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct When {
    /// At this time, such as `2026-11-28T05:30:00Z`; at once when absent.
    #[param(value_type = Option<String>)]
    at: Option<Timestamp>,
    /// So many milliseconds from now: at most 366 days.
    delay_ms: Option<u64>,
}

/// Which events to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// Those of topics that fit this pattern, such as `aws.ec2.*`.
    topic: Option<String>,
    /// Those that this principal, agent or instance has published.
    sender: Option<String>,
    /// Those in one state.
    #[param(inline)]
    state: Option<EventState>,
    /// Those older than this one: `next` of the page before.
    after: Option<String>,
    /// How many on a page; 50 when absent, at most 500.
    limit: Option<u32>,
}

/// Which topics to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Topics {
    /// Those after this one: `next` of the page before.
    after: Option<String>,
    /// How many on a page; 50 when absent, at most 500.
    limit: Option<u32>,
}

/// Publishes an event, or a batch of them, all or none. The same event of the same sender, by `source` and
/// `id`, is kept once.
#[utoipa::path(post, path = "/api/v1/events", tag = "events", operation_id = "publish_event",
    params(When, ("ce-type" = Option<String>, Header, description = "The topic, in the binary mode; so are the other attributes")),
    request_body(content(
        (Object = "application/cloudevents+json"), (Vec<Object> = "application/cloudevents-batch+json"),
        (Object = "application/json"))),
    responses(
        (status = 202, description = "Kept; of a batch, a list of events", body = EventView),
        (status = 200, description = "The same event came before", body = EventView),
        (status = "default", body = Problem)))]
pub(crate) async fn publish(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Query(when): Query<When>,
    headers: HeaderMap,
    body: Body,
) -> Answer<Response> {
    let bytes = body::read(body, limits::REQUEST_BYTES_MAX).await?;
    let (drafts, is_batch) = drafts(&headers, &bytes)?;
    let time = EventTime { at: when.at, delay_ms: when.delay_ms };
    let published = doors.runtime.publish_events(&caller, drafts, time).await?;
    if is_batch {
        let items = published.into_iter().map(|published| published.event).collect();
        return Ok((StatusCode::ACCEPTED, axum::Json(PublishedEvents { items })).into_response());
    }
    let published = published.into_iter().next();
    Ok(one(published.ok_or_else(|| Error::internal("one event was published and none is there"))?))
}

/// Publishes an alert, under `alert.SEVERITY` and with its severity as its priority.
#[utoipa::path(post, path = "/api/v1/events/alerts", tag = "events", operation_id = "publish_alert",
    request_body = EventAlert,
    responses(
        (status = 202, description = "Kept", body = EventView),
        (status = 200, description = "The same alert came before", body = EventView),
        (status = "default", body = Problem)))]
pub(crate) async fn alert(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Json(alert): Json<EventAlert>,
) -> Answer<Response> {
    Ok(one(doors.runtime.publish_alert(&caller, alert).await?))
}

/// Lists events, newest first.
#[utoipa::path(get, path = "/api/v1/events", tag = "events", operation_id = "events", params(Which),
    responses((status = 200, body = Page<EventView>), (status = "default", body = Problem)))]
pub(crate) async fn list(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Query(which): Query<Which>,
) -> Answer<axum::Json<Page<EventView>>> {
    let Which { topic, sender, state, after, limit } = which;
    let query = EventQuery { topic, sender, state, after, limit };
    Ok(axum::Json(doors.runtime.events(&caller, query).await?))
}

/// Returns one event with its deliveries.
#[utoipa::path(get, path = "/api/v1/events/{event}", tag = "events", operation_id = "event",
    params(("event" = String, Path, description = "The event's position")),
    responses((status = 200, body = EventView), (status = "default", body = Problem)))]
pub(crate) async fn get(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(event): Path<String>,
) -> Answer<axum::Json<EventView>> {
    Ok(axum::Json(doors.runtime.event(&caller, &event).await?))
}

/// Calls an event off whose time has not come, and returns it as it was.
#[utoipa::path(post, path = "/api/v1/events/{event}/cancel", tag = "events", operation_id = "cancel_event",
    params(("event" = String, Path, description = "The event's position")),
    responses((status = 200, body = EventView), (status = "default", body = Problem)))]
pub(crate) async fn cancel(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(event): Path<String>,
) -> Answer<axum::Json<EventView>> {
    Ok(axum::Json(doors.runtime.call_off_event(&caller, &event).await?))
}

/// Forgets what a settled event said, and what the tasks that handled it were asked and answered, with their journals.
/// What is left says when it came, from whom, and under which topic; it is delivered to nobody any more.
#[utoipa::path(post, path = "/api/v1/events/{event}/redact", tag = "events", operation_id = "redact_event",
    params(("event" = String, Path, description = "The event's position")),
    responses((status = 200, body = EventView), (status = "default", body = Problem)))]
pub(crate) async fn redact(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(event): Path<String>,
) -> Answer<axum::Json<EventView>> {
    Ok(axum::Json(doors.runtime.redact_event(&caller, &event).await?))
}

/// Lists the topics under which something was published, by name, each with the subscriptions that take it now.
#[utoipa::path(get, path = "/api/v1/events/types", tag = "events", operation_id = "event_types", params(Topics),
    responses((status = 200, body = Page<EventType>), (status = "default", body = Problem)))]
pub(crate) async fn types(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Query(which): Query<Topics>,
) -> Answer<axum::Json<Page<EventType>>> {
    let after = which.after.unwrap_or_default();
    Ok(axum::Json(doors.runtime.event_types(&caller, &after, which.limit).await?))
}

/// Says what has come of the tenant's events, in all and by subscription.
#[utoipa::path(get, path = "/api/v1/events/stats", tag = "events", operation_id = "event_stats",
    responses((status = 200, body = EventStats), (status = "default", body = Problem)))]
pub(crate) async fn stats(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
) -> Answer<axum::Json<EventStats>> {
    Ok(axum::Json(doors.runtime.event_stats(&caller).await?))
}

/// The answer to publishing one event.
fn one(published: Published) -> Response {
    let Published { event, is_new } = published;
    let location = HeaderValue::from_str(&format!("/api/v1/events/{}", event.position));
    let headers: HeaderMap = location.into_iter().map(|location| (LOCATION, location)).collect();
    let status = if is_new { StatusCode::ACCEPTED } else { StatusCode::OK };
    (status, headers, axum::Json(event)).into_response()
}

/// Reads what a request publishes, and whether it is a batch.
fn drafts(headers: &HeaderMap, bytes: &[u8]) -> Result<(Vec<EventDraft>, bool)> {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if headers.contains_key("ce-type") {
        return Ok((vec![event_of_parts(attributes(headers)?, kind, bytes)?], false));
    }
    let essence = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        BATCH => {
            let events: Vec<Map<String, Value>> = body::document(bytes, "the batch")?;
            let read =
                |(place, event)| EventDraft::read(event).map_err(|error| error.context(format!("event {place}")));
            Ok((events.into_iter().enumerate().map(read).collect::<Result<_>>()?, true))
        }
        "application/cloudevents+json" | "application/json" => {
            Ok((vec![EventDraft::read(body::document(bytes, "the event")?)?], false))
        }
        _ => {
            let message = "send an event as `application/cloudevents+json`, several as `application/cloudevents-batch+json`, \
                           or its attributes in headers such as `ce-type` and its data as the body";
            Err(Error::new(Code::RequestMediaType, message))
        }
    }
}

/// The attributes that headers hold.
fn attributes(headers: &HeaderMap) -> Result<Vec<(String, String)>> {
    let mut attributes = Vec::new();
    for (name, value) in headers {
        let Some(name) = name.as_str().strip_prefix(ATTRIBUTE) else { continue };
        let value = value.to_str().map_err(|_| {
            let message =
                format!("the header `{ATTRIBUTE}{name}` is not text; write what is not ASCII with percent signs");
            Error::new(Code::RequestInvalid, message)
        })?;
        attributes.push((name.to_owned(), value.to_owned()));
    }
    Ok(attributes)
}
