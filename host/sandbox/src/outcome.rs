//! From traps and failures to codes: how whatever ended a guest is told to its caller.

use serde_json::{Map, Value};
use troupe_core::{Code, Error, limits};
use wasmtime::Trap;
use wasmtime::component::ResourceTableError;
use wasmtime_wasi::I32Exit;

use crate::bindings::troupe::agent::types::{Failure, Problem};
use crate::gate::{Call, JournalRow};
use crate::limiter::Limiter;

/// Says why a guest ended that did not return.
pub(crate) fn from_trap(error: wasmtime::Error, limiter: &Limiter) -> Error {
    if error.is::<Error>() {
        return error.downcast::<Error>().unwrap_or_else(Error::internal);
    }
    if error.is::<wasmtime::PoolConcurrencyLimitError>() {
        return Error::new(Code::LimitConcurrency, "as many agents run as this host can run at once; try again later");
    }
    if let Some(exit) = error.downcast_ref::<I32Exit>() {
        return Error::new(Code::GuestTrap, format!("the agent exited with status {} instead of answering", exit.0));
    }
    if let Some(ResourceTableError::Full) = error.downcast_ref::<ResourceTableError>() {
        return handles();
    }
    let trap = error.downcast_ref::<Trap>().copied();
    if trap == Some(Trap::StackOverflow) {
        return Error::new(
            Code::GuestStack,
            format!("the agent used up its stack of {}", limits::bytes(limits::GUEST_STACK_BYTES_MAX as u64)),
        );
    }
    if limiter.refused() {
        return Error::new(
            Code::LimitMemory,
            format!(
                "the agent needed more memory than its limit of {}",
                limits::bytes(limiter.memory_bytes_max() as u64)
            ),
        );
    }
    if let Some(trap) = trap {
        return Error::new(Code::GuestTrap, format!("the agent trapped: {trap}")).with_cause(error.to_string());
    }
    // The engine reports these limits as text alone; the guests of the test suite meet
    // each of them, so a changed text is noticed.
    let text = format!("{error:#}");
    if text.contains("too much data is being copied") || text.contains("exceeds limit") {
        return Error::new(
            Code::LimitTransfer,
            format!("the agent passed more than {} in one host call", limits::bytes(limits::TRANSFER_BYTES_MAX as u64)),
        );
    }
    if text.contains("handle limit exceeded") {
        return handles();
    }
    Error::new(Code::GuestTrap, "the agent broke the rules of the component model").with_cause(text)
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

fn handles() -> Error {
    Error::new(Code::LimitHandles, format!("the agent held more than {} handles", limits::GUEST_HANDLES_MAX))
}

/// Says how a skill failed by its own word.
pub(crate) fn from_failure(failure: Failure) -> Error {
    let details = |details: Option<String>| -> Map<String, Value> {
        match details.as_deref().map(serde_json::from_str) {
            Some(Ok(Value::Object(map))) => map,
            Some(Ok(other)) => Map::from_iter([("details".to_owned(), other)]),
            _ => Map::new(),
        }
    };
    let problem = |code, problem: Problem| {
        let mut error = Error::new(code, clean(&problem.message));
        error.details = details(problem.details);
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

/// A guest's sentence is shown to people: bounded and escaped.
fn clean(message: &str) -> String {
    crate::capabilities::clean(message, limits::LOG_MESSAGE_BYTES_MAX)
}
