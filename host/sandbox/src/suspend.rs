//! Suspension: a guest that waits for long gives its store back.
//!
//! A store is memory, a fibre and one of the host's few places. When a guest has waited for
//! a while, everything it waits for is *durable* (it comes to pass whether or not anybody
//! holds the store: timers, locks that others hold, tasks that other agents were asked for, and what people decide) and nothing else of the invocation is under way, the
//! invocation leaves off: its rows are handed out to be committed, among them that of the
//! wait, which has no answer. Later it is resumed like that of a dead host. The guest runs
//! from its beginning, is answered from the journal and comes to the same wait, which is then
//! met live.
//!
//! ```text
//! poll ─▸ wait ──ready──────────────────────────────────────────────▸ delivery
//!          │  ▲                                                          ▲
//!    a while  └─ something else is under way, or it ends soon            │ row completed:
//!          ▼                                                             │ woken
//!      row without an answer ─▸ suspended ─▸ … ─▸ replay ─▸ same wait ───┘
//! ```

use std::fmt;
use std::time::Duration;

use troupe_core::{Awaited, Timestamp, limits};
use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi_io::bindings::wasi::io::poll::Host as _;

use crate::context::Context;
use crate::deadline::Deadline;
use crate::invocation::Invocation;
use crate::poll::Wait;

/// When an invocation is suspended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Suspension {
    /// How long the guest has waited by then.
    pub(crate) after: Duration,
    /// How far ahead the end of its wait lies.
    pub(crate) ahead: Duration,
}

impl Default for Suspension {
    fn default() -> Self {
        Self { after: limits::SUSPEND_AFTER, ahead: limits::SUSPEND_AHEAD_MIN }
    }
}

impl Suspension {
    /// The deadline of an invocation that begins now, or goes on. To come back to its wait it
    /// has as long as it may run, and the while after which it is suspended again.
    pub(crate) fn deadline(self, invocation: &Invocation) -> Deadline {
        let whole = invocation.facts.deadline.since(invocation.started_at);
        let is_suspended = invocation.recording.as_ref().is_some_and(|record| record.suspended_since().is_some());
        let again = is_suspended.then(|| whole.saturating_add(self.after).saturating_add(self.ahead));
        Deadline::new(&invocation.facts, invocation.time, invocation.life, again)
    }
}

/// What ends the run of a guest that is suspended.
#[derive(Debug)]
pub(crate) struct Suspended {
    /// When it goes on at the latest.
    pub(crate) until: Timestamp,
    /// What it waits for, besides time and locks.
    pub(crate) awaits: Vec<Awaited>,
}

impl fmt::Display for Suspended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the invocation is suspended until {}", self.until)
    }
}

impl std::error::Error for Suspended {}

impl Context {
    /// Waits, as the call `number`, until one of the pollables is ready; the places of those
    /// that are; none if the wait ends since the task was cancelled. The error is [`Suspended`] if the invocation
    /// leaves off here.
    pub(crate) async fn wait(&mut self, number: u64, handles: &[u32]) -> Result<Option<Vec<u32>>> {
        let (since, gate) = (self.gate.now(), self.gate.clone());
        loop {
            if self.is_cut_short(handles) {
                return Ok(None);
            }
            let pollables = handles.iter().map(|handle| Resource::new_borrow(*handle)).collect();
            let was_cancelled = gate.is_cancelled();
            let ready = tokio::time::timeout(self.suspension.after, self.table.poll(pollables));
            tokio::select! {
                ready = ready => if let Ok(ready) = ready {
                    return ready.map(Some);
                },
                () = gate.cancel_comes(), if !was_cancelled => continue,
            }
            self.gate.check().map_err(wasmtime::Error::new)?;
            if was_cancelled {
                continue;
            }
            let Some(until) = self.due(handles) else { continue };
            let is_worth_it = until.since(self.gate.now()) >= self.suspension.ahead;
            if is_worth_it && self.gate.may_suspend().await {
                self.gate.suspend(number, since);
                return Err(wasmtime::Error::new(Suspended { until, awaits: self.awaited(handles) }));
            }
        }
    }

    /// What any of the pollables waits for, besides time and locks.
    fn awaited(&self, handles: &[u32]) -> Vec<Awaited> {
        let awaited = |handle: &u32| match self.pending(*handle) {
            Some(Wait::Awaited { awaited, .. }) => Some(awaited),
            _ => None,
        };
        handles.iter().filter_map(awaited).collect()
    }

    /// When the first of the pollables is ready, if all of them are durable waits.
    fn due(&self, handles: &[u32]) -> Option<Timestamp> {
        let due = |handle: &u32| match self.pending(*handle) {
            Some(Wait::Timer { due, .. } | Wait::Lock { due, .. } | Wait::Awaited { due, .. }) => Some(due),
            _ => None,
        };
        handles.iter().map(due).collect::<Option<Vec<_>>>()?.into_iter().min()
    }
}
