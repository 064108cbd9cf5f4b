//! `/api/v1/ws`: one WebSocket (RFC 6455), on which a client follows as much as it likes.
//!
//! ```text
//!  client                                  host
//!    │  {"type":"subscribe","id":"a","to":{"task":"…"}}
//!    ├──────────────────────────────────────▸│
//!    │◂──────────────────────────────────────┤ {"type":"event","id":"a","event":"task","position":"…","data":{…}}
//!    │◂──────────────────────────────────────┤ {"type":"event","id":"a","event":"end",…}
//!    │                                       │   the key is revoked, or the host stops
//!    │◂──────────────────────────────────────┤ `end` of each subscription, with where to go on
//!    │◂──────────────────────────────────────┤ close: 1008, or 1012
//! ```
//!
//! *The attack:* a page of another origin opens a socket with what a browser knows; a client opens
//! sockets and subscriptions without end, sends without reading, or sends what is no message. *The
//! rule:* `guard.rs` looks at `Origin` before anything else, and a socket is let in by a token alone,
//! which no browser adds by itself. Sockets and subscriptions count among the requests that wait
//! (`WAITS_MAX`), and a socket keeps its connection's place. For a client one event is held of each subscription,
//! and the next is read when it is sent; who takes none for a while is left. *The default:* a socket
//! that is asked nothing tells nothing.
//!
//! Browsers cannot set headers for a socket: a page sends its token as the subprotocol
//! `troupe.bearer.TOKEN`, beside `troupe.v1`, which is the one that the host chooses.

mod close;
mod requests;
mod token;

use axum::Extension;
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use futures::stream::{SplitSink, SplitStream};
use futures::{FutureExt as _, SinkExt as _, StreamExt as _};
use tokio::time::{Instant, MissedTickBehavior};
use troupe_core::view::{Problem, RetryTask, SocketMessage, SocketRequest, StreamEndReason};
use troupe_core::{Caller, Code, Error, limits};
use troupe_runtime::Attendance;

use crate::Doors;
use crate::crowd::Place;
use crate::guard;
use crate::problem::{Answer, log, problem};
use crate::subscriptions::Subscriptions;
use crate::told::Told;
use close::Close;
use requests::Asked;
use token::SocketCaller;

/// The subprotocol that is spoken.
const PROTOCOL: &str = "troupe.v1";

/// Opens a WebSocket (RFC 6455) on which tasks, swaps and the feed are followed, and tasks made or retried. Each
/// message of a client is one `SocketRequest`, each of the host one `SocketMessage`, as text. The
/// subprotocol is `troupe.v1`; a page, which cannot send `Authorization`, sends its token as a further
/// one, `troupe.bearer.TOKEN`. Before the host closes it tells each subscription's `end`, with where it
/// goes on; the codes are 1012 when it stops, 1008 when the caller is let in no more, 1003 for a message that is no
/// text, 1009 for one that is too large, 1011 for a fault of the host.
#[utoipa::path(get, path = "/api/v1/ws", tag = "feed", operation_id = "web_socket",
    responses(
        (status = 101, description = "The socket is open; a client says `SocketRequest`, the host `SocketMessage`"),
        (status = "default", body = Problem)))]
pub(crate) async fn open(
    State(doors): State<Doors>,
    SocketCaller(caller): SocketCaller,
    Extension(place): Extension<Place>,
    upgrade: std::result::Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Answer<Response> {
    let upgrade = upgrade.map_err(|error| {
        let why =
            "this path speaks WebSocket (RFC 6455): ask for it with `Connection: upgrade` and `Upgrade: websocket`";
        Error::new(Code::RequestInvalid, why).with_cause(error)
    })?;
    let attendance = doors.runtime.attend(&caller).await?;
    let upgrade = upgrade
        .protocols([PROTOCOL])
        .max_message_size(limits::REQUEST_BYTES_MAX)
        .max_frame_size(limits::REQUEST_BYTES_MAX);
    let request = guard::request();
    Ok(upgrade.on_upgrade(move |socket| {
        let served = async move {
            metrics::gauge!("troupe_websockets").increment(1);
            let (out, incoming) = socket.split();
            let subscriptions = Subscriptions::new();
            Socket { doors, caller, out, incoming, subscriptions }.serve(attendance).await;
            metrics::gauge!("troupe_websockets").decrement(1);
            drop(place);
        };
        guard::on_behalf_of(request, served)
    }))
}

/// A client that is no longer there, or that takes nothing.
struct Gone;

/// An open socket.
struct Socket {
    doors: Doors,
    caller: Caller,
    out: SplitSink<WebSocket, Message>,
    incoming: SplitStream<WebSocket>,
    subscriptions: Subscriptions,
}

impl Socket {
    /// Serves it to its end.
    async fn serve(mut self, mut attendance: Attendance) {
        if let Ok(close) = caught(self.converse(&mut attendance)).await {
            if let Some(frame) = close.frame() {
                let _ = self.say(Message::Close(Some(frame))).await;
            }
            // A client's close is answered with the next read.
            let answer = async { while self.incoming.next().await.is_some_and(|message| message.is_ok()) {} };
            let _ = tokio::time::timeout(limits::SOCKET_CLOSE_TIME_MAX, answer).await;
        }
    }

    /// Passes on what happens and what is asked, until either side has enough.
    async fn converse(&mut self, attendance: &mut Attendance) -> std::result::Result<Close, Gone> {
        let mut alive =
            tokio::time::interval_at(Instant::now() + limits::STREAM_ALIVE_EVERY, limits::STREAM_ALIVE_EVERY);
        alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut has_spoken = true;
        loop {
            tokio::select! {
                biased;
                why = attendance.over() => return self.farewell(why).await,
                message = self.incoming.next() => {
                    has_spoken = true;
                    match message.ok_or(Gone)? {
                        Ok(Message::Text(text)) if text.len() > limits::SOCKET_MESSAGE_BYTES_MAX => return Ok(Close::TooLarge),
                        Ok(Message::Text(text)) => self.asked(text.as_bytes()).await?,
                        Ok(Message::Binary(_)) => return Ok(Close::NoText),
                        Ok(Message::Close(_)) => return Ok(Close::Answer),
                        Ok(Message::Ping(_) | Message::Pong(_)) => {}
                        Err(_) => return Err(Gone),
                    }
                }
                Some((id, told)) = self.subscriptions.next() => {
                    self.tell(&event(&id, &told)).await?;
                }
                _ = alive.tick() => {
                    if !std::mem::take(&mut has_spoken) {
                        return Err(Gone);
                    }
                    self.say(Message::Ping(Vec::new().into())).await?;
                }
            }
        }
    }

    /// Does what a client asks for.
    async fn asked(&mut self, text: &[u8]) -> std::result::Result<(), Gone> {
        let request = match requests::read(text) {
            Ok(request) => request,
            Err(error) => return self.refuse(None, &error).await,
        };
        let (id, asked) = match request {
            SocketRequest::Unsubscribe { id } => {
                self.subscriptions.leave(&id);
                return self.tell(&SocketMessage::Unsubscribed { id: &id }).await;
            }
            SocketRequest::Subscribe { id, to, resume } => (id, Asked::Follow(to, resume)),
            SocketRequest::Run { id, task } => (id, Asked::Run(task)),
            SocketRequest::Retry { id, task, idempotency_key } => {
                (id, Asked::Retry(task, RetryTask { idempotency_key }))
            }
        };
        let opened = match self.subscriptions.room_for(&id) {
            Ok(()) => asked.open(&self.doors, &self.caller).await,
            Err(error) => Err(error),
        };
        match opened {
            Ok(stream) => {
                self.subscriptions.add(id, stream);
                Ok(())
            }
            Err(error) => self.refuse(Some(&id), &error).await,
        }
    }

    /// Has every subscription tell its end.
    async fn farewell(&mut self, why: StreamEndReason) -> std::result::Result<Close, Gone> {
        let told = async {
            while !self.subscriptions.is_empty()
                && let Some((id, told)) = self.subscriptions.next().await
            {
                self.out.send(text(&event(&id, &told))).await.map_err(|_| Gone)?;
            }
            Ok(())
        };
        // One that does not end with the rest is left: its client goes on where it was.
        tokio::time::timeout(limits::STREAMS_END_TIME_MAX, told).await.unwrap_or(Ok(()))?;
        Ok(Close::Over(why))
    }

    async fn refuse(&mut self, id: Option<&str>, error: &Error) -> std::result::Result<(), Gone> {
        if error.code == Code::AuthScope {
            self.doors.runtime.refused_at(&self.caller, "GET /api/v1/ws").await;
        }
        self.tell(&SocketMessage::Error { id, problem: Box::new(problem(error)) }).await
    }

    async fn tell(&mut self, message: &SocketMessage<'_>) -> std::result::Result<(), Gone> {
        self.say(text(message)).await
    }

    /// Sends a message, to a client that takes it in time.
    async fn say(&mut self, message: Message) -> std::result::Result<(), Gone> {
        let sent = tokio::time::timeout(limits::SOCKET_SEND_TIME_MAX, self.out.send(message)).await;
        sent.map_err(|_| Gone)?.map_err(|_| Gone)
    }
}

/// Has a conversation that panics end by its protocol, as a fault of the host's in this one socket.
async fn caught(
    conversation: impl Future<Output = std::result::Result<Close, Gone>>,
) -> std::result::Result<Close, Gone> {
    std::panic::AssertUnwindSafe(conversation).catch_unwind().await.unwrap_or_else(|_| {
        log(&Error::internal("a socket panicked"));
        Ok(Close::Failed)
    })
}

/// What is told of a subscription, as a message.
fn event<'a>(id: &'a str, told: &'a Told) -> SocketMessage<'a> {
    SocketMessage::Event { id, event: told.name, position: told.position.as_deref(), data: &told.data }
}

fn text(message: &SocketMessage<'_>) -> Message {
    Message::Text(serde_json::to_string(message).unwrap_or_default().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn i132_a_socket_that_panics_is_closed_by_its_protocol_and_others_go_on() {
        let broken = caught(async { None::<std::result::Result<Close, Gone>>.expect("a fault in the host") });
        let whole = caught(async { Ok(Close::NoText) });
        let (broken, whole) = tokio::join!(broken, whole);
        let code = |close: std::result::Result<Close, Gone>| {
            close.ok().and_then(|close| close.frame()).map(|frame| frame.code)
        };
        assert_eq!((code(broken), code(whole)), (Some(1011), Some(1003)));
    }
}
