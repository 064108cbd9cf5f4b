//! Waits of a release that is tried on the record of another. Nothing takes any time: what is
//! waited for comes in the order in which it would have, answers when they came then, timers
//! when they are due, and the guest's clocks move on to it.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use troupe_core::Timestamp;
use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi_io::bindings::wasi::io::poll::{Host, HostPollable};

use super::Wait;
use crate::context::Context;
use crate::gate::{Came, ended};

/// How long a request may take to become whole, which the guest has written already, before
/// another completion goes first. It is a hop between two tasks of this process.
const HOP_TIME_MAX: Duration = Duration::from_millis(50);

impl Context {
    /// Waits until one of these comes, and delivers it; returns its place.
    pub(super) async fn made_up(&mut self, number: u64, handles: &[u32]) -> Result<u32> {
        loop {
            if let Some(index) = self.made_up_now(handles).await? {
                return Ok(index);
            }
            // What is left is a request whose body is not whole, or nothing.
            let unfinished = handles.iter().filter(|handle| self.comes_later(**handle));
            let unfinished: Vec<_> = unfinished.map(|handle| Resource::new_borrow(*handle)).collect();
            if unfinished.is_empty() {
                return Err(wasmtime::Error::new(ended(number, "a wait for what never came")));
            }
            Host::poll(&mut self.table, unfinished).await?;
        }
    }

    /// Delivers what comes first of these, if it is there; returns its place.
    pub(super) async fn made_up_now(&mut self, handles: &[u32]) -> Result<Option<u32>> {
        let until = Instant::now() + HOP_TIME_MAX;
        for handle in handles {
            if self.comes_later(*handle) {
                let _ = timeout_at(until, HostPollable::block(&mut self.table, Resource::new_borrow(*handle))).await;
            }
        }
        let now = self.clock.now();
        let comes = (0..).zip(handles).filter_map(|(index, handle)| {
            let (at, number) = match self.pending(*handle)? {
                Wait::Timer { number, due } => (due, number),
                Wait::Answer { number } => match self.gate.came(number) {
                    Came::At(at) => (at, number),
                    Came::NotYet | Came::Never => return None,
                },
                Wait::Rung => return None,
            };
            Some((at.max(now), number, index, *handle))
        });
        let first: Option<(Timestamp, u64, u32, u32)> = comes.min();
        let Some((at, call, index, handle)) = first else { return Ok(None) };
        if let Some(Wait::Timer { .. }) = self.pending(handle) {
            self.waits.ring(handle);
        } else {
            HostPollable::block(&mut self.table, Resource::new_borrow(handle)).await?;
        }
        self.gate.deliver_past(call, at);
        Ok(Some(index))
    }

    /// Whether this is the answer of a request that may yet become whole.
    fn comes_later(&self, handle: u32) -> bool {
        matches!(self.pending(handle), Some(Wait::Answer { number }) if self.gate.came(number) == Came::NotYet)
    }
}
