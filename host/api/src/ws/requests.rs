//! What a client asks for on a socket, done by the entries that other doors use.

use troupe_core::view::{NewTask, RetryTask, SocketRequest, SocketTopic};
use troupe_core::{Caller, Result, TaskId};

use crate::told::{self, Telling};
use crate::{Doors, body};

/// Reads a message.
///
/// # Errors
/// Naming the place that is not as it should be.
pub(super) fn read(text: &[u8]) -> Result<SocketRequest> {
    body::document(text, "the message")
}

/// What begins a subscription.
pub(super) enum Asked {
    /// To follow something, from where it was read.
    Follow(SocketTopic, Option<String>),
    /// To make a task and follow it.
    Run(Box<NewTask>),
    /// To make a task of what one that has ended was asked for, and follow it.
    Retry(TaskId, RetryTask),
}

impl Asked {
    /// Begins it.
    ///
    /// # Errors
    /// Those of making the task, and those of the stream of server-sent events beside it.
    pub(super) async fn open(self, doors: &Doors, caller: &Caller) -> Result<Telling> {
        match self {
            Self::Follow(to, resume) => follow(doors, caller, to, resume.as_deref()).await,
            Self::Run(task) => {
                let made = doors.runtime.submit(caller, *task, None).await?;
                follow(doors, caller, SocketTopic::Task(made.task.id), None).await
            }
            Self::Retry(task, request) => {
                let made = doors.runtime.retry_task(caller, task, request, None).await?;
                follow(doors, caller, SocketTopic::Task(made.task.id), None).await
            }
        }
    }
}

async fn follow(doors: &Doors, caller: &Caller, to: SocketTopic, resume: Option<&str>) -> Result<Telling> {
    let runtime = &doors.runtime;
    Ok(match to {
        SocketTopic::Task(task) => Box::pin(told::task(runtime.watch_task(caller, task, resume).await?)),
        SocketTopic::Swap(of) => Box::pin(told::swap(runtime.watch_swap(caller, &of.agent, of.swap, resume).await?)),
        SocketTopic::Group(group) => Box::pin(told::group(runtime.watch_group(caller, group, resume).await?)),
        SocketTopic::Session(session) => {
            Box::pin(told::session(runtime.follow_session(caller, session, 0, resume).await?))
        }
        SocketTopic::Feed(feed) => {
            Box::pin(told::feed(runtime.follow_feed(caller, feed.after, resume, feed.filter).await?))
        }
        SocketTopic::Events(of) => {
            Box::pin(told::bus(runtime.follow_events(caller, of.topic.as_deref(), of.after, resume).await?))
        }
    })
}
