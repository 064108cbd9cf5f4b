//! A conversation: a client says things, and is told of each what becomes of it.
//!
//! *The attack:* a client opens conversations and says things without end, or says them and reads nothing.
//! *The rule:* a conversation counts among the requests that wait, and so does each message whose reply it
//! waits for; one event is held of each, and the next is read when it is sent; who takes none for a while
//! is left. *The default:* what is refused is told and changes nothing, and the conversation goes on.

use futures::stream;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;
use tonic::{Status, Streaming};
use tracing::Instrument as _;
use troupe_core::view::{StreamEnd, StreamEndReason, TaskFailure};
use troupe_core::{Caller, Code, Error, Result, SessionId, limits};
use troupe_runtime::Attendance;

use super::proto::chat_event::What as Is;
use super::streams::{self, Sent, What};
use super::{proto, requests, status};
use crate::problem;
use crate::subscriptions::Subscriptions;
use crate::told::Told;
use crate::{Doors, told};

/// A client that is no longer there, or that takes nothing.
struct Gone;

/// An open conversation.
struct Chat {
    doors: Doors,
    caller: Caller,
    session: Option<SessionId>,
    said: Streaming<proto::ChatRequest>,
    out: mpsc::Sender<std::result::Result<proto::ChatEvent, Status>>,
    under_way: Subscriptions,
}

/// Opens a conversation.
///
/// # Errors
/// [`Code::LimitConcurrency`] if too many wait already; [`Code::UnavailableHost`] when the host stops.
pub(super) async fn open(
    doors: &Doors,
    caller: Caller,
    said: Streaming<proto::ChatRequest>,
) -> Result<Sent<proto::ChatEvent>> {
    let attendance = doors.runtime.attend(&caller).await?;
    let (out, told) = mpsc::channel(1);
    let chat = Chat { doors: doors.clone(), caller, session: None, said, out, under_way: Subscriptions::new() };
    // It is another task's, so that what is told goes on while something is said. It ends with the stream.
    let talking = AbortOnDropHandle::new(tokio::spawn(chat.serve(attendance).in_current_span()));
    let told = stream::unfold((told, talking), |(mut told, talking)| async move {
        let event = told.recv().await?;
        Some((event, (told, talking)))
    });
    Ok(Box::pin(told))
}

impl Chat {
    async fn serve(mut self, mut attendance: Attendance) {
        if let Ok(Some(status)) = self.converse(&mut attendance).await {
            let _ = self.send(Err(status)).await;
        }
    }

    /// Listens and tells until either side has enough; returns the status if it is not OK.
    async fn converse(&mut self, attendance: &mut Attendance) -> std::result::Result<Option<Status>, Gone> {
        let mut listens = true;
        loop {
            if !listens && self.under_way.is_empty() {
                return self.end(StreamEndReason::Done).await;
            }
            tokio::select! {
                biased;
                why = attendance.over() => return self.farewell(why).await,
                said = self.said.message(), if listens => match said {
                    Ok(Some(request)) => self.said(request).await?,
                    Ok(None) => listens = false,
                    Err(unread) => return Ok(Some(status::of(&status::unread(unread.code())))),
                },
                Some((id, told)) = self.under_way.next() => self.tell(id, &told).await?,
            }
        }
    }

    /// Does what a client asks for.
    async fn said(&mut self, request: proto::ChatRequest) -> std::result::Result<(), Gone> {
        let id = request.id.clone();
        match self.say(request).await {
            Ok(()) => Ok(()),
            Err(error) => {
                problem::log(&error);
                let failure = TaskFailure::from(&error);
                self.send(Ok(event(id, String::new(), Is::Refused(failure.into())))).await
            }
        }
    }

    async fn say(&mut self, request: proto::ChatRequest) -> Result<()> {
        self.under_way.room_for(&request.id)?;
        let session = match (self.session, request.session.as_str()) {
            (Some(session), "") => session,
            (None, "") => {
                let message = "`session` is missing: the first request of a conversation names it";
                return Err(Error::new(Code::RequestInvalid, message));
            }
            (known, named) => {
                let named: SessionId = named.parse()?;
                if known.is_some_and(|known| known != named) {
                    let message = "a conversation is about one session; begin another for another";
                    return Err(Error::new(Code::RequestInvalid, message));
                }
                named
            }
        };
        let message = requests::message(request.saying)?;
        let events = self.doors.runtime.follow_message(&self.caller, session, message, None).await?;
        self.session = Some(session);
        self.under_way.add(request.id, Box::pin(told::message(events)));
        Ok(())
    }

    async fn tell(&mut self, id: String, told: &Told) -> std::result::Result<(), Gone> {
        let position = told.position.clone().unwrap_or_default();
        let what = match streams::what(told) {
            Ok(Some(What::Message(message))) => Is::Message((*message).into()),
            Ok(Some(What::Progress(progress))) => Is::Progress(progress.into()),
            Ok(Some(What::Partial(text))) => Is::PartialJson(text),
            Ok(Some(What::Missed(parts))) => Is::Missed(parts),
            Ok(Some(What::End(end))) => Is::End(end.into()),
            Ok(Some(What::Task(_)) | None) => return Ok(()),
            Err(error) => Is::Refused(TaskFailure::from(&error).into()),
        };
        self.send(Ok(event(id, position, what))).await
    }

    /// Has everything that is under way tell its end.
    async fn farewell(&mut self, why: StreamEndReason) -> std::result::Result<Option<Status>, Gone> {
        let told = async {
            while !self.under_way.is_empty()
                && let Some((id, told)) = self.under_way.next().await
            {
                self.tell(id, &told).await?;
            }
            Ok(())
        };
        // What does not end with the rest is left: its client sends it again under its key.
        tokio::time::timeout(limits::STREAMS_END_TIME_MAX, told).await.unwrap_or(Ok(()))?;
        self.end(why).await
    }

    async fn end(&mut self, reason: StreamEndReason) -> std::result::Result<Option<Status>, Gone> {
        let end = StreamEnd { reason, resume: None };
        let status = status::of_end(&end);
        self.send(Ok(event(String::new(), String::new(), Is::End(end.into())))).await?;
        Ok(status)
    }

    /// Sends something to a client that takes it in time.
    async fn send(&self, sent: std::result::Result<proto::ChatEvent, Status>) -> std::result::Result<(), Gone> {
        self.out.send_timeout(sent, limits::SOCKET_SEND_TIME_MAX).await.map_err(|_| Gone)
    }
}

fn event(id: String, position: String, what: Is) -> proto::ChatEvent {
    proto::ChatEvent { id, position, what: Some(what) }
}
