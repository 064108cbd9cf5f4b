//! What streams tell, as messages of the contract, and the status with which each ends.

use std::pin::Pin;

use futures::{Stream, StreamExt as _, stream};
use serde::de::DeserializeOwned;
use tonic::Status;
use troupe_core::view::{MessageView, Progress, StreamEnd, TaskView};
use troupe_core::{Error, Result};

use super::{proto, status};
use crate::told::{self, END, Told};

/// What a client is sent.
pub(super) type Sent<T> = Pin<Box<dyn Stream<Item = std::result::Result<T, Status>> + Send>>;

/// One thing that was told, read.
pub(super) enum What {
    Task(Box<TaskView>),
    Message(Box<MessageView>),
    Progress(Progress),
    Partial(String),
    Missed(u64),
    End(StreamEnd),
}

/// Reads what was told; nothing for what the contract has no message for.
///
/// # Errors
/// [`troupe_core::Code::Internal`] for what is not of its form.
pub(super) fn what(told: &Told) -> Result<Option<What>> {
    Ok(Some(match told.name {
        "task" => What::Task(read(told)?),
        "message" => What::Message(read(told)?),
        "progress" => What::Progress(read(told)?),
        "partial" => What::Partial(told.data.get().to_owned()),
        "missed" => What::Missed(read::<Missed>(told)?.parts),
        END => What::End(read(told)?),
        _ => return Ok(None),
    }))
}

#[derive(serde::Deserialize)]
struct Missed {
    parts: u64,
}

fn read<T: DeserializeOwned>(told: &Told) -> Result<T> {
    serde_json::from_str(told.data.get()).map_err(Error::internal)
}

/// Sends what is told, each as `make` has it, to a client that takes it in time; what it has no message for is left
/// out. After an end that is not all there is, the status says why.
pub(super) fn sent<T: Send + 'static>(
    told: impl Stream<Item = Told> + Send + 'static,
    make: fn(String, What) -> Option<T>,
) -> Sent<T> {
    let sent = told::in_time(told).flat_map(move |told| {
        let position = told.position.clone().unwrap_or_default();
        let (message, end) = match what(&told) {
            Ok(Some(What::End(end))) => {
                let status = status::of_end(&end);
                (make(position, What::End(end)), status)
            }
            Ok(what) => (what.and_then(|what| make(position, what)), None),
            Err(error) => (None, Some(status::of(&error))),
        };
        stream::iter(message.map(Ok).into_iter().chain(end.map(Err)))
    });
    Box::pin(sent)
}

/// What happened to a task.
pub(super) fn of_task(position: String, what: What) -> Option<proto::TaskEvent> {
    use proto::task_event::What as Is;
    let what = match what {
        What::Task(task) => Is::Task((*task).into()),
        What::Progress(progress) => Is::Progress(progress.into()),
        What::Partial(text) => Is::PartialJson(text),
        What::Missed(parts) => Is::Missed(parts),
        What::End(end) => Is::End(end.into()),
        What::Message(_) => return None,
    };
    Some(proto::TaskEvent { position, what: Some(what) })
}

/// What became of a message.
pub(super) fn of_message(position: String, what: What) -> Option<proto::MessageEvent> {
    use proto::message_event::What as Is;
    let what = match what {
        What::Message(message) => Is::Message((*message).into()),
        What::Progress(progress) => Is::Progress(progress.into()),
        What::Partial(text) => Is::PartialJson(text),
        What::Missed(parts) => Is::Missed(parts),
        What::End(end) => Is::End(end.into()),
        What::Task(_) => return None,
    };
    Some(proto::MessageEvent { position, what: Some(what) })
}
