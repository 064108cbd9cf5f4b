//! `/api/v1/sessions/{session}/messages`: what is said in a session, and replied.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::LOCATION;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Deserialize;
use troupe_core::view::{MessageState, MessageView, NewMessage, Page, Problem};
use troupe_core::{Code, Error};
use utoipa::IntoParams;

use crate::Doors;
use crate::auth::Authenticated;
use crate::body::{Json, Path, Query};
use crate::problem::Answer;
use crate::rest::release_header;
use crate::rest::tasks::Wait;

/// Which messages to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// Those after this number: `next` of the page before.
    #[serde(default)]
    after: u64,
    /// How many on a page; 50 when absent, at most 500.
    limit: Option<u32>,
}

/// Says something to an agent in a session. With `wait`, the answer has the reply if it comes in time, and
/// the message as it then stands otherwise. One message at a time is answered by an instance or agent; the
/// next waits for its turn.
#[utoipa::path(post, path = "/api/v1/sessions/{session}/messages", tag = "sessions", operation_id = "send_message",
    params(("session" = String, Path, description = "The session's id"), Wait),
    request_body = NewMessage,
    responses(
        (status = 200, description = "It has its reply, or an earlier request made it", body = MessageView),
        (status = 202, description = "Accepted; see `Location`", body = MessageView),
        (status = "default", body = Problem)))]
pub(crate) async fn send(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(session): Path<String>,
    Query(wait): Query<Wait>,
    Json(request): Json<NewMessage>,
) -> Answer<Response> {
    let heeded = doors.runtime.send_message(&caller, session.parse()?, request, wait.duration()).await?;
    let message = heeded.message;
    let location = HeaderValue::from_str(&format!("/api/v1/sessions/{}/messages/{}", message.session, message.number));
    let mut headers = release(&message);
    headers.extend(location.into_iter().map(|location| (LOCATION, location)));
    let done = message.state == MessageState::Answered || !heeded.is_new;
    let status = if done { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok((status, headers, axum::Json(message)).into_response())
}

/// Lists the messages of a session and their replies, oldest first.
#[utoipa::path(get, path = "/api/v1/sessions/{session}/messages", tag = "sessions", operation_id = "messages",
    params(("session" = String, Path, description = "The session's id"), Which),
    responses((status = 200, body = Page<MessageView>), (status = "default", body = Problem)))]
pub(crate) async fn list(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(session): Path<String>,
    Query(which): Query<Which>,
) -> Answer<axum::Json<Page<MessageView>>> {
    Ok(axum::Json(doors.runtime.messages(&caller, session.parse()?, which.after, which.limit).await?))
}

/// Returns one message and its reply; with `wait`, when it has one or the time is over.
#[utoipa::path(get, path = "/api/v1/sessions/{session}/messages/{message}", tag = "sessions", operation_id = "message",
    params(("session" = String, Path, description = "The session's id"),
        ("message" = String, Path, description = "The message's number in the session"), Wait),
    responses((status = 200, body = MessageView), (status = "default", body = Problem)))]
pub(crate) async fn get(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path((session, message)): Path<(String, String)>,
    Query(wait): Query<Wait>,
) -> Answer<(HeaderMap, axum::Json<MessageView>)> {
    let number = message.parse().map_err(|_| {
        let message = "a message has a number in its session, from 1";
        Error::new(Code::MessageNotFound, message)
    })?;
    let message = doors.runtime.message(&caller, session.parse()?, number, wait.duration()).await?;
    Ok((release(&message), axum::Json(message)))
}

fn release(message: &MessageView) -> HeaderMap {
    let ran_on = message.reply.as_ref().and_then(|reply| reply.release.as_ref());
    ran_on.map(|ran_on| release_header(&message.agent, &ran_on.version, &ran_on.digest)).unwrap_or_default()
}
