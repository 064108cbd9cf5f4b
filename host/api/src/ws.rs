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
mod handshake;
mod requests;
mod token;

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;
use futures::stream::{SplitSink, SplitStream};
use futures::{FutureExt as _, SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, MissedTickBehavior, timeout};
use tokio_tungstenite::tungstenite::Message;
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

/// How much is read at once of what is thrown away.
const PIECE_BYTES: usize = 16 * 1024;

/// Opens a WebSocket (RFC 6455) on which tasks, swaps, groups, sessions, events and the feed are followed, and tasks made or retried. Each
/// message of a client is one `SocketRequest`, each of the host one `SocketMessage`, as text. The
/// subprotocol is `troupe.v1`; a page, which cannot send `Authorization`, sends its token as a further
/// one, `troupe.bearer.TOKEN`. Before the host closes it tells each subscription's `end`, with where it
/// goes on; the codes are 1012 when it stops, 1008 when the caller is let in no more, 1003 for a message that is no
/// text, 1007 for a text that is not UTF-8, 1009 for a message that is too large, 1002 for what is no frame, 1011
/// for a fault of the host.
#[utoipa::path(get, path = "/api/v1/ws", tag = "feed", operation_id = "web_socket",
    responses(
        (status = 101, description = "The socket is open; a client says `SocketRequest`, the host `SocketMessage`"),
        (status = "default", body = Problem)))]
pub(crate) async fn open(
    State(doors): State<Doors>,
    SocketCaller(caller): SocketCaller,
    Extension(place): Extension<Place>,
    request: Request,
) -> Answer<Response> {
    let (connection, answer) = handshake::agree(request)?;
    let attendance = doors.runtime.attend(&caller).await?;
    let served = async move {
        // Who is gone before the handshake is over opens none.
        let Ok(connection) = connection.await else { return };
        metrics::gauge!("troupe_websockets").increment(1);
        let (out, incoming) = handshake::socket(connection).await.split();
        let subscriptions = Subscriptions::new();
        Socket { doors, caller, out, incoming, subscriptions }.serve(attendance).await;
        metrics::gauge!("troupe_websockets").decrement(1);
        drop(place);
    };
    tokio::spawn(guard::on_behalf_of(guard::request(), served));
    Ok(answer)
}

/// A client that is no longer there, or that takes nothing.
struct Gone;

/// An open socket.
struct Socket {
    doors: Doors,
    caller: Caller,
    out: SplitSink<handshake::Stream, Message>,
    incoming: SplitStream<handshake::Stream>,
    subscriptions: Subscriptions,
}

impl Socket {
    /// Serves it to its end.
    async fn serve(mut self, mut attendance: Attendance) {
        let Ok(close) = caught(self.converse(&mut attendance)).await else { return };
        if let Some(frame) = close.frame()
            && self.say(Message::Close(Some(frame))).await.is_err()
        {
            return;
        }
        // Nothing is told any more, and nobody is waited for on its account.
        drop((self.subscriptions, attendance));
        if close.is_deaf() {
            return read_past(self.out, self.incoming).await;
        }
        // A client's close is answered with the next read.
        let answer = async { while self.incoming.next().await.is_some_and(|message| message.is_ok()) {} };
        let _ = timeout(limits::SOCKET_CLOSE_TIME_MAX, answer).await;
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
                        Ok(Message::Text(text)) => self.asked(text.as_bytes()).await?,
                        Ok(Message::Binary(_)) => return Ok(Close::NoText),
                        Ok(Message::Close(_)) => return Ok(Close::Answer),
                        Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {}
                        Err(error) => return Close::of(&error).ok_or(Gone),
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
        timeout(limits::STREAMS_END_TIME_MAX, told).await.unwrap_or(Ok(()))?;
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
        let sent = timeout(limits::SOCKET_SEND_TIME_MAX, self.out.send(message)).await;
        sent.map_err(|_| Gone)?.map_err(|_| Gone)
    }
}

/// Reads what is still on its way of what was not taken, and throws it away, until its client has closed as well. A
/// connection that is closed over what was not read is reset, and the close is lost with that.
async fn read_past(out: SplitSink<handshake::Stream, Message>, incoming: SplitStream<handshake::Stream>) {
    let Ok(mut socket) = out.reunite(incoming) else { return };
    let connection = socket.get_mut();
    let rest = async {
        let mut piece = vec![0; PIECE_BYTES];
        let _ = connection.shutdown().await;
        while let Ok(Ok(1..)) = timeout(limits::SOCKET_CLOSE_TIME_MAX, connection.read(&mut piece)).await {}
    };
    let _ = timeout(limits::SOCKET_SEND_TIME_MAX, rest).await;
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
        let broken =
            caught(async { Vec::<std::result::Result<Close, Gone>>::new().pop().expect("a fault in the host") });
        let whole = caught(async { Ok(Close::NoText) });
        let (broken, whole) = tokio::join!(broken, whole);
        let code = |close: std::result::Result<Close, Gone>| {
            close.ok().and_then(|close| close.frame()).map(|frame| u16::from(frame.code))
        };
        assert_eq!((code(broken), code(whole)), (Some(1011), Some(1003)));
    }
}
