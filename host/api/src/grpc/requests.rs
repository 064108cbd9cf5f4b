//! Messages of clients as the documents that the runtime takes. What is wrong with one is named by its
//! field.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use troupe_core::view::{NewInstance, NewMessage, NewSession, NewTask, Retry, TaskBudget};
use troupe_core::{Code, Error, InstanceId, Result, SessionId, TaskId, limits};
use troupe_runtime::TaskQuery;

use super::{documents, proto};
use crate::body;

/// Reads a JSON text in a field; nothing if it is empty.
fn json<T: DeserializeOwned>(text: &str, field: &str) -> Result<Option<T>> {
    if text.is_empty() { Ok(None) } else { body::document(text.as_bytes(), &format!("`{field}`")).map(Some) }
}

fn object(text: &str, field: &str) -> Result<Map<String, Value>> {
    Ok(json(text, field)?.unwrap_or_default())
}

/// How long a client waits, at most as long as it may.
pub(super) fn wait(ms: Option<u32>) -> Option<Duration> {
    ms.map(|ms| Duration::from_millis(ms.into()).min(limits::WAIT_MAX))
}

fn unknown(field: &str) -> Error {
    Error::new(Code::RequestInvalid, format!("`{field}` is none of the values that the contract has"))
}

/// A request for a task.
pub(super) fn task(request: proto::RunTaskRequest) -> Result<NewTask> {
    let durability = proto::Durability::try_from(request.durability).map_err(|_| unknown("durability"))?;
    let retry = request.retry.map(|retry| {
        let pause_ms = retry.pause_ms.unwrap_or_else(|| Retry::of(retry.tries).pause_ms);
        Retry { tries: retry.tries, pause_ms, pause_max_ms: retry.pause_max_ms }
    });
    let budget = request.budget.map(|proto::Budget { tasks, compute_ms, sent_bytes, received_bytes }| TaskBudget {
        tasks,
        compute_ms,
        sent_bytes,
        received_bytes,
    });
    Ok(NewTask {
        agent: request.agent,
        skill: request.skill,
        input: json(&request.input_json, "input_json")?.unwrap_or_default(),
        instance: request.instance,
        idempotency_key: request.idempotency_key,
        affinity: request.affinity,
        timeout_ms: request.timeout_ms,
        lifetime_ms: request.lifetime_ms,
        priority: request.priority,
        delay_ms: request.delay_ms,
        retry,
        budget,
        durability: documents::durability(durability),
    })
}

/// Which tasks to list.
pub(super) fn tasks(request: proto::ListTasksRequest) -> Result<TaskQuery> {
    let status = proto::TaskStatus::try_from(request.status).map_err(|_| unknown("status"))?;
    let after = request.after.map(|after| after.parse::<TaskId>()).transpose().map_err(|_| {
        Error::new(Code::RequestInvalid, "`after` is not the id of a task; take it from `next` of the page before")
    })?;
    let instance = request.instance.map(|instance| instance.parse::<InstanceId>()).transpose()?;
    let session = request.session.map(|session| session.parse::<SessionId>()).transpose()?;
    let caused_by = request.caused_by.map(|task| task.parse::<TaskId>()).transpose()?;
    let root = request.root.map(|task| task.parse::<TaskId>()).transpose()?;
    let status = documents::status_of(status);
    Ok(TaskQuery { agent: request.agent, status, instance, session, caused_by, root, after, limit: request.limit })
}

/// A session as it is started.
pub(super) fn session(request: &proto::StartSessionRequest) -> Result<NewSession> {
    Ok(NewSession {
        user: object(&request.user_json, "user_json")?,
        context: object(&request.context_json, "context_json")?,
        idle_ms: request.idle_ms,
        lifetime_ms: request.lifetime_ms,
    })
}

/// An instance as it is started.
pub(super) fn instance(request: proto::SpawnSubAgentRequest) -> Result<NewInstance> {
    Ok(NewInstance { agent: request.agent, name: request.name.map(|name| name.parse()).transpose()? })
}

/// What is said.
pub(super) fn message(saying: Option<proto::Saying>) -> Result<NewMessage> {
    let saying = saying.ok_or_else(|| Error::new(Code::RequestInvalid, "`saying` is missing: what is said"))?;
    Ok(NewMessage {
        text: saying.text,
        to: saying.to,
        input: saying.input_json.map(|text| object(&text, "input_json")).transpose()?,
        confirm: saying.confirm,
        idempotency_key: saying.idempotency_key,
    })
}
