//! From traps and failures to codes: how whatever ended a guest is told to its caller.

use serde_json::{Map, Value};
use troupe_core::{Code, Error, json, limits};
use wasmtime::component::ResourceTableError;
use wasmtime::{PoolConcurrencyLimitError, Trap};
use wasmtime_wasi::I32Exit;

use crate::bindings::troupe::agent::types::{Failure, Problem};
use crate::gate::{Call, JournalRow};
use crate::limiter::{Limiter, Refused};

/// How the meeting of a limit is told.
type Told = fn(&Limiter) -> Error;

/// Limits that the engine reports as text alone; guests of the tests meet each of them, so
/// that a changed text is noticed.
const TEXTS: [(&str, Told); 9] = [
    ("too much data is being copied", |_| {
        Error::new(
            Code::LimitTransfer,
            format!("the agent passed more than {} in one host call", limits::bytes(limits::TRANSFER_BYTES_MAX as u64)),
        )
    }),
    ("too many fields in the field map", |_| headers()),
    ("total size of fields exceeds limit", |_| headers()),
    ("exceeds limit", |_| {
        Error::new(
            Code::LimitTransfer,
            format!(
                "the agent asked for more than {} of random bytes in one call",
                limits::bytes(limits::RANDOM_BYTES_MAX)
            ),
        )
    }),
    ("cannot write more zeroes than `check_write` allows", |_| written()),
    ("a write is longer than `check-write` allowed", |_| written()),
    ("handle limit exceeded", |_| handles()),
    ("exceeds memory limits", |limiter| refused(Refused::Memory, limiter)),
    ("exceeds table limits", |limiter| refused(Refused::Table, limiter)),
];

/// Says why a guest ended that did not return.
pub(crate) fn from_trap(error: wasmtime::Error, limiter: &Limiter) -> Error {
    if error.is::<Error>() {
        return error.downcast::<Error>().unwrap_or_else(Error::internal);
    }
    if let Some(exit) = error.downcast_ref::<I32Exit>() {
        return Error::new(Code::GuestTrap, format!("the agent exited with status {} instead of answering", exit.0));
    }
    if error.is::<PoolConcurrencyLimitError>() {
        return Error::new(Code::LimitConcurrency, "no instance is free for the agent; try again later")
            .with_cause(error.to_string());
    }
    if let Some(ResourceTableError::Full) = error.downcast_ref::<ResourceTableError>() {
        return handles();
    }
    match (error.downcast_ref::<Trap>(), limiter.refused()) {
        (Some(Trap::StackOverflow), _) => Error::new(
            Code::GuestStack,
            format!("the agent used up its stack of {}", limits::bytes(limits::GUEST_STACK_BYTES_MAX as u64)),
        ),
        // A program that cannot have what it needs traps.
        (Some(_), Some(what)) => refused(what, limiter),
        (Some(trap), None) => {
            Error::new(Code::GuestTrap, format!("the agent trapped: {trap}")).with_cause(error.to_string())
        }
        (None, _) => {
            let text = format!("{error:#}");
            match TEXTS.iter().find(|(part, _)| text.contains(part)) {
                Some((_, told)) => told(limiter),
                None => {
                    Error::new(Code::GuestTrap, "the agent broke the rules of the component model").with_cause(text)
                }
            }
        }
    }
}

fn refused(what: Refused, limiter: &Limiter) -> Error {
    let limit = match what {
        Refused::Memory => format!("memory than its limit of {}", limits::bytes(limiter.memory_bytes_max() as u64)),
        Refused::Table => format!("table elements than the limit of {}", limits::GUEST_TABLE_ELEMENTS_MAX),
    };
    Error::new(Code::LimitMemory, format!("the agent needed more {limit}"))
}

/// Says that an invocation ended badly while a write outside was under way.
pub(crate) fn in_doubt(error: Error, write: &JournalRow) -> Error {
    let call = Call::decode(&write.call).map_or_else(|_| "a call".to_owned(), |call| call.describe());
    let message =
        format!("{error}; {call} was under way then: check whether it took effect before it is asked for again");
    let ended_by = error.code.as_str();
    Error::new(Code::InDoubt, message)
        .with("call", call)
        .with("number", write.number)
        .with("ended_by", ended_by)
        .with_cause(error)
}

/// How the invocation of a task that was cancelled ended, and what its agent still answered. Whatever it came to, it
/// was cancelled; but for what the host itself could not go on with.
pub(crate) fn of_cancelled(
    result: troupe_core::Result<String>,
    cancelled: Error,
) -> (troupe_core::Result<String>, Option<String>) {
    let is_the_hosts = |code: Code| {
        matches!(
            code,
            Code::StaleEpoch
                | Code::UnavailableStore
                | Code::Internal
                | Code::ReplayDiverged
                | Code::ReplayImpossible
                | Code::ReplayEnded
        )
    };
    match result {
        Ok(output) => (Err(cancelled), Some(output)),
        Err(error) if error.code == Code::Cancelled || is_the_hosts(error.code) => (Err(error), None),
        Err(error) => {
            let code = error.code.as_str();
            (Err(cancelled.with("answered", code).with_cause(error)), None)
        }
    }
}

fn handles() -> Error {
    Error::new(Code::LimitHandles, format!("the agent held more than {} handles", limits::GUEST_HANDLES_MAX))
}

fn written() -> Error {
    Error::new(Code::LimitTransfer, "the agent wrote more to a stream in one call than `check-write` allows")
}

fn headers() -> Error {
    let most = limits::bytes(limits::HTTP_FIELDS_BYTES_MAX as u64);
    Error::new(Code::LimitHeaders, format!("the agent put more than {most} of headers into one request"))
}

/// Says how a skill failed by its own word.
pub(crate) fn from_failure(failure: Failure) -> Error {
    let problem = |code, problem: Problem| {
        let mut error = Error::new(code, clean(&problem.message));
        error.details = problem.details.as_deref().map(details).unwrap_or_default();
        error
    };
    match failure {
        Failure::UnknownSkill(skill) => {
            Error::new(Code::SkillNotFound, format!("the agent has no skill `{}`", clean(&skill)))
        }
        Failure::InvalidInput(p) => problem(Code::InputInvalid, p),
        Failure::Denied(p) => problem(Code::DeniedCapability, p),
        Failure::Failed(p) => problem(Code::GuestFailed, p),
        Failure::Unavailable(unavailable) => {
            let error = Error::new(Code::GuestUnavailable, clean(&unavailable.message));
            match unavailable.retry_after_ms {
                Some(ms) => error.with("retry_after_ms", ms),
                None => error,
            }
        }
    }
}

/// The details of a failure, if they are what details may be. Others are left out, and that
/// is said: parsed, a text takes many times its length.
fn details(text: &str) -> Map<String, Value> {
    let bounded =
        text.len() <= limits::FAILURE_DETAILS_BYTES_MAX && json::depth(text.as_bytes()) <= limits::JSON_DEPTH_MAX;
    match bounded.then(|| serde_json::from_str(text)) {
        Some(Ok(Value::Object(map))) => map,
        Some(Ok(other)) => Map::from_iter([("details".to_owned(), other)]),
        _ => Map::from_iter([("omitted".to_owned(), true.into()), ("details_bytes".to_owned(), text.len().into())]),
    }
}

/// A guest's sentence is shown to people: bounded and escaped.
fn clean(message: &str) -> String {
    crate::clean::clean(message, limits::LOG_MESSAGE_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use wasmtime::ResourceLimiter as _;

    use super::*;

    #[test]
    fn details_are_bounded_in_length_and_depth() {
        let of = |text: &str| Value::Object(details(text));
        assert_eq!(of(r#"{"a":1}"#), serde_json::json!({ "a": 1 }));
        assert_eq!(of("[1]"), serde_json::json!({ "details": [1] }));
        let long = format!("[{}0]", "0,".repeat(limits::FAILURE_DETAILS_BYTES_MAX / 2));
        let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
        for text in [long.as_str(), deep.as_str(), "no JSON"] {
            assert_eq!(of(text), serde_json::json!({ "omitted": true, "details_bytes": text.len() }));
        }
    }

    #[test]
    fn a_pool_without_an_instance_is_told_as_too_much_at_once() {
        let engine = crate::engine::engine(1).unwrap();
        let component = wasmtime::component::Component::new(
            &engine,
            "(component (core module $m (memory 1)) (core instance (instantiate $m)))",
        )
        .unwrap();
        let linker = wasmtime::component::Linker::new(&engine);
        let start = || {
            let mut store = wasmtime::Store::new(&engine, ());
            store.set_epoch_deadline(1);
            linker.instantiate(&mut store, &component).map(|_| store)
        };
        let first = start().unwrap();
        let error = from_trap(start().unwrap_err(), &Limiter::new(1 << 20));
        assert_eq!((error.code, error.retryable), (Code::LimitConcurrency, true));
        drop(first);
    }

    #[test]
    fn a_refusal_explains_a_trap_and_nothing_else() {
        let mut limiter = Limiter::new(1 << 20);
        let told = |error: wasmtime::Error, limiter: &Limiter| from_trap(error, limiter).message;
        assert!(told(Trap::UnreachableCodeReached.into(), &limiter).contains("trapped"));
        limiter.table_growing(0, usize::MAX, None).unwrap();
        assert_eq!(
            told(Trap::UnreachableCodeReached.into(), &limiter),
            "the agent needed more table elements than the limit of 100000"
        );
        limiter.memory_growing(0, usize::MAX, None).unwrap();
        assert_eq!(
            told(Trap::UnreachableCodeReached.into(), &limiter),
            "the agent needed more memory than its limit of 1 MiB"
        );
        let copied = wasmtime::Error::msg("too much data is being copied between the host and the guest");
        assert_eq!(told(copied, &limiter), "the agent passed more than 32 MiB in one host call");
    }
}
