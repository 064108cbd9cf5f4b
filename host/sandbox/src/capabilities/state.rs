//! `state` and `instance-state`: durable keys of the deployment, and of an instance. Everything
//! goes through the gate; this file only translates.

use wasmtime::Result;

use super::refusal::refusal;
use crate::bindings::troupe::agent::state::{
    Addition, Assignment, CapabilityError, ConditionalAssignment, Entry, Fence, FencedError, Write, Written,
};
use crate::bindings::troupe::agent::{instance_state, state};
use crate::context::Context;
use crate::gate::{Answer, Call, StateAnswer, StateCall};

type Answered<T> = Result<std::result::Result<T, CapabilityError>>;

/// The same functions for each key space: what they are called as at the gate differs.
macro_rules! keys {
    ($interface:ident, $call:expr) => {
        impl $interface::Host for Context {
            async fn get(&mut self, key: String) -> Answered<Option<Entry>> {
                Ok(match self.gate.pass($call(StateCall::Get { key })).await? {
                    Answer::State(StateAnswer::Entry(entry)) => {
                        Ok(entry.map(|entry| Entry { value: entry.value, revision: entry.revision }))
                    }
                    other => Err(refused(other)),
                })
            }

            async fn fenced(&mut self, lock: Fence, write: Write) -> Result<std::result::Result<Written, FencedError>> {
                let Fence { name: lock, token } = lock;
                self.under($call(StateCall::Fenced { lock, token, write: Box::new(written(write)) })).await
            }

            async fn set(&mut self, key: String, value: Vec<u8>) -> Answered<u64> {
                self.revision($call(StateCall::Set { key, value, ttl_ms: None })).await
            }

            async fn set_with_ttl(&mut self, key: String, value: Vec<u8>, ttl_ms: u64) -> Answered<u64> {
                self.revision($call(StateCall::Set { key, value, ttl_ms: Some(ttl_ms) })).await
            }

            async fn compare_and_set(&mut self, key: String, expected: Option<u64>, value: Vec<u8>) -> Answered<u64> {
                self.revision($call(StateCall::CompareAndSet { key, expected, value, ttl_ms: None })).await
            }

            async fn compare_and_set_with_ttl(
                &mut self,
                key: String,
                expected: Option<u64>,
                value: Vec<u8>,
                ttl_ms: u64,
            ) -> Answered<u64> {
                self.revision($call(StateCall::CompareAndSet { key, expected, value, ttl_ms: Some(ttl_ms) })).await
            }

            async fn increment(&mut self, key: String, delta: i64) -> Answered<i64> {
                Ok(match self.gate.pass($call(StateCall::Increment { key, delta })).await? {
                    Answer::State(StateAnswer::Sum(sum)) => Ok(sum),
                    other => Err(refused(other)),
                })
            }

            async fn expire(&mut self, key: String, ttl_ms: Option<u64>) -> Answered<bool> {
                Ok(match self.gate.pass($call(StateCall::Expire { key, ttl_ms })).await? {
                    Answer::State(StateAnswer::Found(found)) => Ok(found),
                    other => Err(refused(other)),
                })
            }

            async fn delete(&mut self, key: String) -> Answered<bool> {
                Ok(match self.gate.pass($call(StateCall::Delete { key })).await? {
                    Answer::State(StateAnswer::Existed(existed)) => Ok(existed),
                    other => Err(refused(other)),
                })
            }

            async fn list_keys(&mut self, prefix: String, after: Option<String>, limit: u32) -> Answered<Vec<String>> {
                Ok(match self.gate.pass($call(StateCall::List { prefix, after, limit })).await? {
                    Answer::State(StateAnswer::Keys(keys)) => Ok(keys),
                    other => Err(refused(other)),
                })
            }
        }
    };
}

keys!(state, Call::State);
keys!(instance_state, Call::InstanceState);

impl Context {
    async fn revision(&mut self, call: Call) -> Answered<u64> {
        Ok(match self.gate.pass(call).await? {
            Answer::State(StateAnswer::Revision(revision)) => Ok(revision),
            other => Err(refused(other)),
        })
    }
}

impl Context {
    /// Makes a write under a lock.
    async fn under(&mut self, call: Call) -> Result<std::result::Result<Written, FencedError>> {
        Ok(match self.gate.pass(call).await? {
            Answer::State(StateAnswer::Revision(revision)) => Ok(Written::Revision(revision)),
            Answer::State(StateAnswer::Sum(sum)) => Ok(Written::Sum(sum)),
            Answer::State(StateAnswer::Existed(existed)) => Ok(Written::Existed(existed)),
            Answer::State(StateAnswer::Stale(newest)) => Err(FencedError::Stale(newest)),
            other => Err(FencedError::Refused(refused(other))),
        })
    }
}

fn written(write: Write) -> StateCall {
    match write {
        Write::Set(Assignment { key, value, ttl_ms }) => StateCall::Set { key, value, ttl_ms },
        Write::CompareAndSet(ConditionalAssignment { key, expected, value, ttl_ms }) => {
            StateCall::CompareAndSet { key, expected, value, ttl_ms }
        }
        Write::Increment(Addition { key, delta }) => StateCall::Increment { key, delta },
        Write::Delete(key) => StateCall::Delete { key },
    }
}

/// What the guest is told when a call was not performed.
fn refused(answer: Answer) -> CapabilityError {
    match answer {
        Answer::State(StateAnswer::Conflict(found)) => CapabilityError::Conflict(found),
        other => refusal(other),
    }
}
