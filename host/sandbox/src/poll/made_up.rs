//! Waits of a release that is tried on the record of another. Nothing takes any time: what is
//! waited for comes in the order in which it would have, answers when they came then, timers
//! when they are due, locks at once, and the guest's clocks move on to it.

use troupe_core::Timestamp;
use wasmtime::Result;

use super::Wait;
use crate::context::Context;
use crate::gate::{Came, ended};

impl Context {
    /// Delivers what comes first of these; returns its place. What does not come by what the
    /// guest has done before it waits never comes.
    pub(super) fn made_up(&mut self, number: u64, handles: &[u32]) -> Result<u32> {
        let came = self.made_up_now(handles);
        came.ok_or_else(|| wasmtime::Error::new(ended(number, "a wait for what never came")))
    }

    /// Delivers what comes first of these, if it is there; returns its place.
    pub(super) fn made_up_now(&mut self, handles: &[u32]) -> Option<u32> {
        self.http.tried.look();
        let now = self.clock.now();
        let comes = (0..).zip(handles).filter_map(|(index, handle)| {
            let (at, number) = match self.pending(*handle)? {
                Wait::Timer { number, due } => (due, number),
                Wait::Answer { number } => match self.gate.came(number) {
                    Came::At(at) => (at, number),
                    Came::NotYet | Came::Never => return None,
                },
                // What came of it stands in the record, if anything did.
                Wait::Lock { number, .. } | Wait::Awaited { number, .. } => (now, number),
                Wait::Rung => return None,
            };
            Some((at.max(now), number, index, *handle))
        });
        let first: Option<(Timestamp, u64, u32, u32)> = comes.min();
        let (at, call, index, handle) = first?;
        if let Some(Wait::Timer { .. } | Wait::Lock { .. } | Wait::Awaited { .. }) = self.pending(handle) {
            self.waits.ring(handle);
        }
        self.gate.deliver_past(call, at);
        Some(index)
    }
}
