//! Who is calling, and under which conditions. The host answers, never the input: a
//! caller cannot claim to be another tenant or user.

use std::time::{Duration, SystemTime};

use serde::de::DeserializeOwned;

use crate::{__macro, Failure, backend};

/// Returns the tenant the invocation belongs to.
pub fn tenant() -> String {
    backend::tenant()
}

/// Returns the session it belongs to, if it came from one.
pub fn session() -> Option<String> {
    backend::session()
}

/// Returns the instance of the agent that the task is for, if it is for one. Its keys are those
/// of [`state::instance`](crate::state::instance).
pub fn instance() -> Option<String> {
    backend::instance()
}

/// Returns the principal who asked, if the tenant knows one.
pub fn user() -> Option<String> {
    backend::user()
}

/// Returns the trace it belongs to, as a W3C Trace Context `traceparent`.
pub fn trace() -> String {
    backend::trace()
}

/// Returns which attempt of its task this is, from 1.
pub fn attempt() -> u32 {
    backend::attempt()
}

/// Returns when the invocation will be cut off. After a sleep for which the task was suspended
/// it is later by as much as the sleep took.
pub fn deadline() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(backend::deadline())
}

/// Returns whether the task was cancelled. Waits end then, and calls of capabilities fail with
/// [`CapabilityError::Cancelled`](crate::CapabilityError::Cancelled), but for those that give something back. A few
/// seconds after the task was cancelled it is cut off; what it answers before that is kept with the cancelled task.
pub fn cancelled() -> bool {
    backend::cancelled()
}

/// Reads the deployment's configuration: the release's default with the operator's values
/// over it. Name the same type in `#[agent(configuration = Type)]`, and the host refuses
/// configurations that do not fit it.
///
/// # Errors
///
/// [`Failure::Failed`], naming the field, if the configuration is not a `T`.
pub fn configuration<T: DeserializeOwned>() -> Result<T, Failure> {
    __macro::read(&backend::configuration()).map_err(|mut problem| {
        problem.message = format!("the configuration does not fit: {}", problem.message);
        Failure::Failed(problem)
    })
}
