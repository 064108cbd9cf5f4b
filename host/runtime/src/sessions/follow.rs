//! Following a message from when it is said to its reply, as a door passes it on.
//!
//! ```text
//!  said ──▸ message ──┬── it waits for its turn ──▸ message ──┐
//!                     ├──────────────────────────────────────▸├── its task: progress, parts ──▸ message, answered
//!                     └── the host replies by itself ─────────────────────────────────────────▸ end
//! ```

use troupe_core::view::{MessageState, MessageView, NewMessage, StreamEnd, StreamEndReason};
use troupe_core::{Caller, Result, SessionId, TaskId, limits};
use troupe_store::MessageRow;

use super::talk::view;
use crate::tasks::{Reader, TaskEvent, TaskEvents, Wait};
use crate::{Runtime, tasks};

/// Something that became of a message.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum MessageEvent {
    /// The message as it stands: the first event, when it is its turn, and when it has its reply.
    Message(Box<MessageView>),
    /// What the task tells that answers it: progress, and parts of its output.
    Task(TaskEvent),
    /// Nothing more comes.
    End(StreamEnd),
}

/// What becomes of one message.
#[derive(Debug)]
pub struct MessageEvents {
    runtime: Runtime,
    reader: Reader,
    counted: Wait,
    at: At,
    /// From where on its task is told.
    after: Option<String>,
    /// How far its task was told.
    position: Option<String>,
}

/// Where the telling is.
#[derive(Debug)]
enum At {
    /// The message is to be told as it stands.
    Stands(Box<MessageRow>),
    /// It waits for its turn.
    Waits(Box<MessageRow>),
    /// A task answers it, which is not watched yet.
    Begins(Box<MessageRow>, TaskId),
    /// A task answers it.
    Runs(Box<MessageRow>, Box<TaskEvents>),
    /// The end is to be told.
    Ends(StreamEndReason),
    /// All is told.
    Over,
}

impl MessageEvents {
    /// The next event; the last is `End`, after which there is none.
    ///
    /// WARNING: what is told is kept only if the future is awaited to its end.
    pub async fn next(&mut self) -> Option<MessageEvent> {
        loop {
            match std::mem::replace(&mut self.at, At::Over) {
                At::Over => return None,
                At::Ends(reason) => {
                    let resume = self.position.clone().filter(|_| reason != StreamEndReason::Done);
                    return Some(MessageEvent::End(StreamEnd { reason, resume }));
                }
                At::Stands(row) => {
                    let told = view(MessageRow::clone(&row));
                    self.at = match (row.state, row.task) {
                        (MessageState::Answered, _) => At::Ends(StreamEndReason::Done),
                        (MessageState::Running, Some(task)) => At::Begins(row, task),
                        _ => At::Waits(row),
                    };
                    return Some(MessageEvent::Message(Box::new(told)));
                }
                At::Waits(row) => self.at = self.turn(row).await,
                At::Begins(row, task) => self.at = self.begin(row, task).await,
                At::Runs(row, mut task) => match task.next().await {
                    Some(TaskEvent::End(end)) if end.reason == StreamEndReason::Done => {
                        self.at = self.reread(row).await
                    }
                    Some(TaskEvent::End(end)) => self.at = At::Ends(end.reason),
                    Some(TaskEvent::Task(_)) => {
                        self.position = Some(task.position());
                        self.at = At::Runs(row, task);
                    }
                    Some(event) => {
                        self.position = Some(task.position());
                        self.at = At::Runs(row, task);
                        return Some(MessageEvent::Task(event));
                    }
                    None => self.at = At::Ends(StreamEndReason::Unavailable),
                },
            }
        }
    }

    /// Where a reader goes on who has read every event so far, if there is something to go on from.
    pub fn position(&self) -> Option<&str> {
        self.position.as_deref()
    }

    async fn turn(&mut self, row: Box<MessageRow>) -> At {
        let until = tokio::time::Instant::now() + limits::WAIT_MAX;
        tokio::select! {
            biased;
            () = self.reader.refused() => At::Ends(StreamEndReason::Refused),
            () = self.counted.closed() => At::Ends(StreamEndReason::HostStopping),
            turn = self.runtime.turn_while(*row, until, &self.counted) => match turn {
                Ok(row) if row.state == MessageState::Waiting => At::Waits(Box::new(row)),
                Ok(row) => At::Stands(Box::new(row)),
                Err(error) => self.ends(&error),
            },
        }
    }

    async fn begin(&mut self, row: Box<MessageRow>, task: TaskId) -> At {
        let after = self.after.take();
        let watched =
            self.runtime.watch_read(&row.tenant, task, after.as_deref(), &self.reader, self.counted.clone()).await;
        match watched {
            Ok(events) => At::Runs(row, Box::new(events)),
            Err(error) => self.ends(&error),
        }
    }

    async fn reread(&mut self, row: Box<MessageRow>) -> At {
        match self.runtime.reread(*row).await {
            Ok(row) => At::Stands(Box::new(row)),
            Err(error) => self.ends(&error),
        }
    }

    fn ends(&self, error: &troupe_core::Error) -> At {
        tracing::warn!(cause = error.cause_chain(), "what becomes of a message cannot be told: {error}");
        let is_stopping = self.runtime.is_stopping();
        At::Ends(if is_stopping { StreamEndReason::HostStopping } else { StreamEndReason::Unavailable })
    }
}

impl Runtime {
    /// Says something in a session of the caller's and follows it to its reply. With the position of an
    /// event that was read before of the same message, said again under its idempotency key, what its task
    /// told until then is not told again.
    ///
    /// # Errors
    /// Those of [`Runtime::send_message`]; [`troupe_core::Code::LimitConcurrency`] if too many wait already;
    /// [`troupe_core::Code::RequestInvalid`] for what is no position.
    pub async fn follow_message(
        &self,
        caller: &Caller,
        session: SessionId,
        message: NewMessage,
        after: Option<String>,
    ) -> Result<MessageEvents> {
        let reader = Reader::new(self, caller);
        // Who has no place to wait in is refused before anything is said.
        let counted = self.waits.enter(&caller.tenant)?;
        if let Some(after) = &after {
            tasks::check_position(after)?;
        }
        let heeded = self.send_message(caller, session, message, None).await?.message;
        let row = self.store.message(&caller.tenant, session, heeded.number).await?;
        let row = row.ok_or_else(|| super::talk::not_found(heeded.number))?;
        // It may have been refused since it was let in.
        self.check_caller(caller).await?;
        let at = At::Stands(Box::new(row));
        Ok(MessageEvents { runtime: self.clone(), reader, counted, at, after, position: None })
    }
}
