//! `wasi:io/poll`, ours so that time and order are the host's.
//!
//! A guest waits for two kinds of things. What the host does meanwhile, an answer on its
//! way or a timer, ends when it ends: that is a *completion*, and it reaches the guest by
//! delivery alone. Each `poll`, `block` or `ready` delivers at most one, which is a row of
//! the journal, and the guest's clocks move then and only then; of several that are
//! complete it is the one whose call was made first. Everything else, such as reading what
//! the host holds already, is ready or not by what the guest did before, so it needs no
//! row. Those rows are all that a replay has to repeat.

use std::collections::HashMap;

use troupe_core::Timestamp;
use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi_io::bindings::wasi::io::poll::{Host, HostPollable};

use crate::context::Context;

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
}

impl Wait {
    const fn number(self) -> u64 {
        match self {
            Self::Answer { number } | Self::Timer { number, .. } => number,
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

    /// Forgets a pollable; from then on it is like any other, if it is still there.
    fn forget(&mut self, pollable: u32) {
        self.0.remove(&pollable);
    }
}

impl Context {
    /// What a pollable waits for, if it was not delivered yet.
    fn pending(&self, pollable: u32) -> Option<Wait> {
        let wait = self.waits.0.get(&pollable).copied()?;
        match wait {
            Wait::Answer { number } => self.gate.is_open(number).then_some(wait),
            Wait::Timer { .. } => Some(wait),
        }
    }

    /// Delivers what a pollable waited for, as the answer of the call `number`.
    async fn deliver(&mut self, number: u64, pollable: u32) -> Result<()> {
        match self.pending(pollable) {
            Some(Wait::Answer { number: call }) => self.gate.deliver_answer(number, call),
            Some(Wait::Timer { number: call, due }) => {
                self.waits.forget(pollable);
                self.gate.deliver_timer(number, call, due);
            }
            // The rest of an answer too long to keep has come this far.
            None => self.gate.deliver_piece(),
        }
        self.gate.relieve().await.map_err(wasmtime::Error::new)
    }

    /// Whether something that is no completion is ready.
    async fn is_ready(&mut self, pollable: u32) -> Result<bool> {
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
        let ready = Host::poll(&mut self.table, pollables).await?;
        let ready = ready.into_iter().filter_map(|index| Some((index, *handles.get(usize::try_from(index).ok()?)?)));
        // `None` is less than any number: what is no completion goes first.
        let first = ready.min_by_key(|(_, handle)| self.pending(*handle).map(Wait::number));
        let Some((index, handle)) = first else { return Ok(Vec::new()) };
        self.deliver(number, handle).await?;
        Ok(vec![index])
    }
}

impl HostPollable for Context {
    async fn ready(&mut self, pollable: Resource<DynPollable>) -> Result<bool> {
        let number = self.count()?;
        let handle = pollable.rep();
        let ready = self.is_ready(handle).await?;
        if ready && self.pending(handle).is_some() {
            self.deliver(number, handle).await?;
        }
        Ok(ready)
    }

    async fn block(&mut self, pollable: Resource<DynPollable>) -> Result<()> {
        let number = self.count()?;
        let handle = pollable.rep();
        if self.pending(handle).is_none() && self.is_ready(handle).await? {
            return Ok(());
        }
        HostPollable::block(&mut self.table, pollable).await?;
        self.deliver(number, handle).await
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> Result<()> {
        self.waits.forget(pollable.rep());
        HostPollable::drop(&mut self.table, pollable)
    }
}
