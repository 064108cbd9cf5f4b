//! `locks`: exclusive locks of the tenant. Everything goes through the gate; this file only
//! translates, and gives back what its guest lets go of.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;
use troupe_core::{LockLoss, LockName, LockOptions, Timestamp, limits};
use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi_io::poll::{Pollable, subscribe};

use super::refusal::refusal;
use crate::bindings::troupe::agent::locks::{Acquired, Host, HostLock, HostWaiter, LockError};
use crate::bindings::troupe::agent::types::Problem;
use crate::context::Context;
use crate::gate::{Answer, Call, Gate, LocksAnswer, LocksCall};

type Answered<T> = Result<std::result::Result<T, LockError>>;

/// A lock that the guest was given.
#[derive(Debug)]
pub struct Lock {
    name: String,
    token: u64,
    until_ms: i64,
    /// Whether it was given back, or is known to be lost.
    is_over: bool,
}

/// A place in the queue of a lock.
#[derive(Debug)]
pub struct Waiter {
    name: String,
    /// The call that asked.
    number: u64,
    /// When the guest stops to wait.
    due: Timestamp,
    /// Whether what came of it was told.
    is_over: bool,
}

/// Becomes ready when what a call asked for was given, or will not be.
struct Settled {
    gate: Gate,
    number: u64,
}

#[async_trait]
impl Pollable for Settled {
    async fn ready(&mut self) {
        self.gate.lock_settled(self.number).await;
    }
}

impl Host for Context {
    async fn acquire(&mut self, name: String, options: String) -> Answered<Acquired> {
        let call = LocksCall::Acquire { name: name.clone(), options: options.clone() };
        let answer = self.locks(call).await?;
        let number = self.gate.made();
        Ok(match answer {
            Answer::Locks(LocksAnswer::Given { token, until_ms }) => {
                let lock = Lock { name, token, until_ms, is_over: false };
                Ok(Acquired::Held(self.table.push(lock)?))
            }
            Answer::Locks(LocksAnswer::Waiting) => {
                let due = self.until_waited(&options);
                Ok(Acquired::Queued(self.table.push(Waiter { name, number, due, is_over: false })?))
            }
            other => Err(refused(other, &name)),
        })
    }
}

impl HostLock for Context {
    async fn name(&mut self, lock: Resource<Lock>) -> Result<String> {
        self.count()?;
        Ok(self.table.get(&lock)?.name.clone())
    }

    async fn token(&mut self, lock: Resource<Lock>) -> Result<u64> {
        self.count()?;
        Ok(self.table.get(&lock)?.token)
    }

    async fn until(&mut self, lock: Resource<Lock>) -> Result<u64> {
        self.count()?;
        Ok(u64::try_from(self.table.get(&lock)?.until_ms).unwrap_or(0))
    }

    async fn renew(&mut self, lock: Resource<Lock>, lease_ms: Option<u64>) -> Answered<u64> {
        let Lock { name, token, .. } = self.table.get(&lock)?;
        let (name, token) = (name.clone(), *token);
        let answer = self.locks(LocksCall::Renew { name: name.clone(), token, lease_ms }).await?;
        let held = self.table.get_mut(&lock)?;
        Ok(match answer {
            Answer::Locks(LocksAnswer::Renewed(until_ms)) => {
                held.until_ms = until_ms;
                Ok(u64::try_from(until_ms).unwrap_or(0))
            }
            other => {
                held.is_over |= matches!(other, Answer::Locks(LocksAnswer::Lost(_)));
                Err(refused(other, &name))
            }
        })
    }

    async fn release(&mut self, lock: Resource<Lock>) -> Answered<()> {
        let held = self.table.get_mut(&lock)?;
        held.is_over = true;
        let (name, token) = (held.name.clone(), held.token);
        Ok(match self.locks(LocksCall::Release { name: name.clone(), token }).await? {
            Answer::Locks(LocksAnswer::Released) => Ok(()),
            other => Err(refused(other, &name)),
        })
    }

    async fn drop(&mut self, lock: Resource<Lock>) -> Result<()> {
        let Lock { name, token, is_over, .. } = self.table.delete(lock)?;
        if !is_over {
            self.locks(LocksCall::Release { name, token }).await?;
        }
        Ok(())
    }
}

impl HostWaiter for Context {
    async fn subscribe(&mut self, waiter: Resource<Waiter>) -> Result<Resource<DynPollable>> {
        self.count()?;
        let Waiter { number, due, is_over, .. } = *self.table.get(&waiter)?;
        let settled = self.table.push(Settled { gate: self.gate.clone(), number })?;
        let pollable = subscribe(&mut self.table, settled)?;
        if is_over {
            self.waits.ring(pollable.rep());
        } else {
            self.waits.lock(pollable.rep(), number, due);
        }
        Ok(pollable)
    }

    async fn get(&mut self, waiter: Resource<Waiter>) -> Answered<Option<Resource<Lock>>> {
        let Waiter { name, number, .. } = self.table.get(&waiter)?;
        let (name, number) = (name.clone(), *number);
        let answer = self.locks(LocksCall::Take { name: name.clone(), number }).await?;
        let is_over = matches!(answer, Answer::Locks(ref answer) if *answer != LocksAnswer::Waiting);
        self.table.get_mut(&waiter)?.is_over |= is_over;
        Ok(match answer {
            Answer::Locks(LocksAnswer::Waiting) => Ok(None),
            Answer::Locks(LocksAnswer::Given { token, until_ms }) => {
                Ok(Some(self.table.push(Lock { name, token, until_ms, is_over: false })?))
            }
            other => Err(refused(other, &name)),
        })
    }

    async fn drop(&mut self, waiter: Resource<Waiter>) -> Result<()> {
        let Waiter { name, number, is_over, .. } = self.table.delete(waiter)?;
        if !is_over {
            self.locks(LocksCall::Leave { name, number }).await?;
        }
        Ok(())
    }
}

impl Context {
    async fn locks(&mut self, call: LocksCall) -> Result<Answer> {
        Ok(self.gate.pass(Call::Locks(call)).await?)
    }

    /// When a guest that asked just now stops to wait. The gate has read the options.
    fn until_waited(&self, options: &str) -> Timestamp {
        let options: LockOptions = serde_json::from_str(options).unwrap_or_default();
        let wait = options.wait_ms.map_or(limits::TASK_LIFETIME_MAX, Duration::from_millis);
        self.clock.now().plus(wait.min(limits::TASK_LIFETIME_MAX)).min(self.facts.latest)
    }
}

/// What the guest is told when it does not hold the lock.
fn refused(answer: Answer, name: &str) -> LockError {
    let problem = |message: String, details: serde_json::Value| Problem { message, details: Some(details.to_string()) };
    match answer {
        Answer::Locks(LocksAnswer::Busy { agent, priority, until_ms }) => {
            let until = Timestamp::from_millis(until_ms);
            let holder = json!({ "agent": agent, "priority": priority, "until": until });
            LockError::Busy(problem(
                format!(
                    "`{name}` is held by the agent `{agent}` until {until}, with the priority {}",
                    priority.as_str()
                ),
                json!({ "holder": holder }),
            ))
        }
        Answer::Locks(LocksAnswer::Deadlock(names)) => {
            LockError::Deadlock(names.into_iter().map(LockName::into).collect())
        }
        Answer::Locks(LocksAnswer::TimedOut) => LockError::TimedOut,
        Answer::Locks(LocksAnswer::Lost(why)) => {
            let how = match why {
                LockLoss::Expired => "its lease is over",
                LockLoss::Preempted => "somebody of a higher priority took it",
                LockLoss::Operator => "an operator took it away",
            };
            let message = format!("the task does not hold `{name}` any more: {how}");
            LockError::Lost(problem(message, json!({ "reason": why })))
        }
        other => LockError::Refused(refusal(other)),
    }
}
