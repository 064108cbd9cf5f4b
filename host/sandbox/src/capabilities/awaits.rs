//! What becomes ready when something durable has come to pass: another agent's task, a decision of people.

use async_trait::async_trait;
use troupe_core::Awaited;
use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi_io::poll::{Pollable, subscribe};

use crate::context::Context;
use crate::gate::Gate;

struct Awaits {
    gate: Gate,
    awaited: Awaited,
}

#[async_trait]
impl Pollable for Awaits {
    async fn ready(&mut self) {
        self.gate.comes_to_pass(self.awaited).await;
    }
}

impl Context {
    /// What becomes ready when something has come to pass that the call `number` asked for; at once if the guest
    /// was told already that it has.
    pub(super) fn subscribe_to(
        &mut self,
        awaited: Awaited,
        number: u64,
        is_over: bool,
    ) -> Result<Resource<DynPollable>> {
        let awaits = self.table.push(Awaits { gate: self.gate.clone(), awaited })?;
        let pollable = subscribe(&mut self.table, awaits)?;
        if is_over {
            self.waits.ring(pollable.rep());
        } else {
            self.waits.awaited(pollable.rep(), number, awaited, self.facts.latest);
        }
        Ok(pollable)
    }
}
