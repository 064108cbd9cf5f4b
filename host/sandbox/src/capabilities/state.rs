//! `state`: durable keys of the deployment. Everything goes through the gate; this file
//! only translates.

use wasmtime::Result;

use crate::bindings::troupe::agent::state::{self, CapabilityError, Host};
use crate::bindings::troupe::agent::types::{Limit, Problem};
use crate::context::Context;
use crate::gate::{Answer, Call};

type Answered<T> = Result<std::result::Result<T, CapabilityError>>;

impl Host for Context {
    async fn get(&mut self, key: String) -> Answered<Option<state::Entry>> {
        Ok(match self.gate.pass(Call::StateGet { key }).await? {
            Answer::Entry(entry) => {
                Ok(entry.map(|entry| state::Entry { value: entry.value, revision: entry.revision }))
            }
            other => Err(refused(other)),
        })
    }

    async fn set(&mut self, key: String, value: Vec<u8>) -> Answered<u64> {
        self.revision(Call::StateSet { key, value }).await
    }

    async fn compare_and_set(&mut self, key: String, expected: Option<u64>, value: Vec<u8>) -> Answered<u64> {
        self.revision(Call::StateCompareAndSet { key, expected, value }).await
    }

    async fn delete(&mut self, key: String) -> Answered<bool> {
        Ok(match self.gate.pass(Call::StateDelete { key }).await? {
            Answer::Existed(existed) => Ok(existed),
            other => Err(refused(other)),
        })
    }

    async fn list_keys(&mut self, prefix: String, after: Option<String>, limit: u32) -> Answered<Vec<String>> {
        Ok(match self.gate.pass(Call::StateList { prefix, after, limit }).await? {
            Answer::Keys(keys) => Ok(keys),
            other => Err(refused(other)),
        })
    }
}

impl Context {
    async fn revision(&mut self, call: Call) -> Answered<u64> {
        Ok(match self.gate.pass(call).await? {
            Answer::Revision(revision) => Ok(revision),
            other => Err(refused(other)),
        })
    }
}

/// What the guest is told when a call was not performed.
fn refused(answer: Answer) -> CapabilityError {
    let problem = |message| Problem { message, details: None };
    match answer {
        Answer::Conflict(found) => CapabilityError::Conflict(found),
        Answer::Denied(message) => CapabilityError::Denied(problem(message)),
        Answer::Limit(code, maximum, message) => CapabilityError::Limit(Limit { code, maximum, message }),
        Answer::Invalid(message) => CapabilityError::Invalid(problem(message)),
        // The gate answers each call with its own kind of answer.
        _ => CapabilityError::Invalid(problem("the host answered another call".to_owned())),
    }
}
