//! `wasi:io/poll`, ours so that time and order are the host's.
//!
//! A guest waits for two kinds of things. What the host does meanwhile, an answer on its
//! way, a timer or a lock, ends when it ends: that is a *completion*, and it reaches the guest by
//! delivery alone. Each `poll`, `block` or `ready` delivers at most one, which is a row of
//! the journal, and the guest's clocks move then and only then; of several that are
//! complete it is the one whose call was made first. Everything else, such as reading what
//! the host holds already, is ready or not by what the guest did before, so it needs no
//! row. Those rows are all that a replay has to repeat.

mod cut_short;
mod made_up;

use std::collections::HashMap;

use troupe_core::{Awaited, Timestamp};
use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi_io::bindings::wasi::io::poll::{Host, HostPollable};

use crate::context::Context;
use crate::gate::{Completion, PastWait, diverged};

/// The pollables behind which a completion lies.
#[derive(Debug, Default)]
pub(crate) struct Waits(HashMap<u32, Wait>);

/// What a pollable waits for: the end of a numbered call.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wait {
    /// The answer of an HTTP call.
    Answer { number: u64 },
    /// A timer, and when it rings.
    Timer { number: u64, due: Timestamp },
    /// A lock, and when its guest stops to wait for it.
    Lock { number: u64, due: Timestamp },
    /// What a call has asked for, of another agent or of people, and when its guest's time is over.
    Awaited { number: u64, awaited: Awaited, due: Timestamp },
    /// Nothing more: the timer has rung, or what came of asking for the lock is there.
    Rung,
}

impl Wait {
    const fn number(self) -> Option<u64> {
        match self {
            Self::Answer { number }
            | Self::Timer { number, .. }
            | Self::Lock { number, .. }
            | Self::Awaited { number, .. } => Some(number),
            Self::Rung => None,
        }
    }
}

impl Waits {
    pub(crate) fn answer(&mut self, pollable: u32, number: u64) {
        self.0.insert(pollable, Wait::Answer { number });
    }

    pub(crate) fn timer(&mut self, pollable: u32, number: u64, due: Timestamp) {
        self.0.insert(pollable, Wait::Timer { number, due });
    }

    pub(crate) fn lock(&mut self, pollable: u32, number: u64, due: Timestamp) {
        self.0.insert(pollable, Wait::Lock { number, due });
    }

    pub(crate) fn awaited(&mut self, pollable: u32, number: u64, awaited: Awaited, due: Timestamp) {
        self.0.insert(pollable, Wait::Awaited { number, awaited, due });
    }

    pub(crate) fn ring(&mut self, pollable: u32) {
        self.0.insert(pollable, Wait::Rung);
    }
}

impl Context {
    /// What a pollable waits for, if it was not delivered yet.
    pub(crate) fn pending(&self, pollable: u32) -> Option<Wait> {
        let wait = self.waits.0.get(&pollable).copied()?;
        match wait {
            Wait::Answer { number } => self.gate.is_open(number).then_some(wait),
            Wait::Timer { .. } | Wait::Lock { .. } | Wait::Awaited { .. } => Some(wait),
            Wait::Rung => None,
        }
    }

    /// Delivers what a pollable waited for, as the answer of the call `number`.
    async fn deliver(&mut self, number: u64, pollable: u32) -> Result<()> {
        match self.pending(pollable) {
            Some(Wait::Answer { number: call }) => self.gate.deliver_answer(number, call),
            Some(Wait::Timer { number: call, due }) => {
                self.waits.ring(pollable);
                if let Some(suspended) = self.gate.deliver_timer(number, call, due) {
                    self.deadline.wakes(suspended);
                }
            }
            Some(Wait::Lock { number: call, .. } | Wait::Awaited { number: call, .. }) => {
                self.waits.ring(pollable);
                if let Some(suspended) = self.gate.deliver_lock(number, call) {
                    self.deadline.wakes(suspended);
                }
            }
            // The rest of an answer too long to keep has come this far.
            Some(Wait::Rung) | None => self.gate.deliver_piece(),
        }
        self.gate.relieve().await.map_err(wasmtime::Error::new)
    }

    /// The pollable that waits for the end of a call: its place, itself, and its wait.
    fn waits_for(&self, handles: &[u32], call: u64) -> Option<(u32, u32, Wait)> {
        let mut waits = (0..).zip(handles).filter_map(|(index, handle)| Some((index, *handle, self.pending(*handle)?)));
        waits.find(|(_, _, wait)| wait.number() == Some(call))
    }

    /// Delivers again what a wait ended with before; the place of its pollable.
    async fn deliver_again(&mut self, handles: &[u32], number: u64, completion: Completion) -> Result<u32> {
        let Completion { call, at, suspended } = completion;
        let Some((index, handle, wait)) = self.waits_for(handles, call) else {
            let how = format!("it waited for call {call}, and now does not");
            return Err(wasmtime::Error::new(diverged(number, &how)));
        };
        if let Wait::Timer { .. } | Wait::Lock { .. } | Wait::Awaited { .. } = wait {
            self.waits.ring(handle);
        } else {
            // The answer is on its way from the record.
            HostPollable::block(&mut self.table, Resource::new_borrow(handle)).await?;
        }
        self.gate.deliver_past(call, at);
        self.deadline.moved_on(suspended);
        Ok(index)
    }

    /// Whether a pollable is ready, delivered or not.
    async fn is_ready(&mut self, pollable: u32) -> Result<bool> {
        match self.waits.0.get(&pollable) {
            Some(Wait::Rung) => return Ok(true),
            // To look takes a question to the store, so there is no telling by one poll.
            Some(Wait::Lock { number, .. }) => {
                return self.gate.is_lock_settled(*number).await.map_err(wasmtime::Error::new);
            }
            Some(Wait::Awaited { awaited, .. }) => {
                return self.gate.has_come_to_pass(*awaited).await.map_err(wasmtime::Error::new);
            }
            _ => {}
        }
        HostPollable::ready(&mut self.table, Resource::new_borrow(pollable)).await
    }
}

impl Host for Context {
    async fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> Result<Vec<u32>> {
        let number = self.count()?;
        let handles: Vec<u32> = pollables.iter().map(Resource::rep).collect();
        for (index, handle) in (0..).zip(&handles) {
            if self.pending(*handle).is_none() && self.is_ready(*handle).await? {
                return Ok(vec![index]);
            }
        }
        match self.gate.past_wait(number).map_err(wasmtime::Error::new)? {
            PastWait::Completed(completion) => {
                return Ok(vec![self.deliver_again(&handles, number, completion).await?]);
            }
            PastWait::Cancelled(at) => {
                self.gate.deliver_cancelled_past(at);
                return Ok(vec![self.cut_short(&handles)]);
            }
            PastWait::Nothing(error) | PastWait::Ended(error) => return Err(wasmtime::Error::new(error)),
            PastWait::MadeUp => return Ok(vec![self.made_up(number, &handles)?]),
            PastWait::Live => {}
        }
        let Some(ready) = self.wait(number, &handles).await? else {
            return Ok(vec![self.cut_short_now(number, &handles).await?]);
        };
        let ready = ready.into_iter().filter_map(|index| Some((index, *handles.get(usize::try_from(index).ok()?)?)));
        // `None` is less than any number: what is no completion goes first.
        let first = ready.min_by_key(|(_, handle)| self.pending(*handle).and_then(Wait::number));
        let Some((index, handle)) = first else { return Ok(Vec::new()) };
        self.deliver(number, handle).await?;
        Ok(vec![index])
    }
}

impl HostPollable for Context {
    async fn ready(&mut self, pollable: Resource<DynPollable>) -> Result<bool> {
        let number = self.count()?;
        let handle = pollable.rep();
        if self.pending(handle).is_none() {
            return self.is_ready(handle).await;
        }
        match self.gate.past_wait(number).map_err(wasmtime::Error::new)? {
            PastWait::Completed(completion) => {
                self.deliver_again(&[handle], number, completion).await?;
                return Ok(true);
            }
            PastWait::Cancelled(at) => {
                self.gate.deliver_cancelled_past(at);
                self.cut_short(&[handle]);
                return Ok(true);
            }
            PastWait::Nothing(_) | PastWait::Ended(_) => return Ok(false),
            PastWait::MadeUp => return Ok(self.made_up_now(&[handle]).is_some()),
            PastWait::Live => {}
        }
        let ready = self.is_ready(handle).await?;
        if ready {
            self.deliver(number, handle).await?;
        } else if self.is_cut_short(&[handle]) {
            self.cut_short_now(number, &[handle]).await?;
            return Ok(true);
        }
        Ok(ready)
    }

    async fn block(&mut self, pollable: Resource<DynPollable>) -> Result<()> {
        let number = self.count()?;
        let handle = pollable.rep();
        if self.pending(handle).is_none() && self.is_ready(handle).await? {
            return Ok(());
        }
        match self.gate.past_wait(number).map_err(wasmtime::Error::new)? {
            PastWait::Completed(completion) => {
                return self.deliver_again(&[handle], number, completion).await.map(drop);
            }
            PastWait::Cancelled(at) => {
                self.gate.deliver_cancelled_past(at);
                self.cut_short(&[handle]);
                return Ok(());
            }
            PastWait::Nothing(error) | PastWait::Ended(error) => return Err(wasmtime::Error::new(error)),
            PastWait::MadeUp => return self.made_up(number, &[handle]).map(drop),
            PastWait::Live => {}
        }
        if self.wait(number, &[handle]).await?.is_none() {
            return self.cut_short_now(number, &[handle]).await.map(drop);
        }
        self.deliver(number, handle).await
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> Result<()> {
        self.waits.0.remove(&pollable.rep());
        HostPollable::drop(&mut self.table, pollable)
    }
}
