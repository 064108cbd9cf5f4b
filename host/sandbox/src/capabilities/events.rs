//! `events`: publishing to whoever of the tenant has subscribed. Everything goes through the gate; this file
//! only translates.

use wasmtime::Result;

use super::refusal::refusal;
use crate::bindings::troupe::agent::events::Host;
use crate::bindings::troupe::agent::types::CapabilityError;
use crate::context::Context;
use crate::gate::{Answer, Call, EventsAnswer, EventsCall};

impl Host for Context {
    async fn publish(
        &mut self,
        topic: String,
        data: String,
        options: String,
    ) -> Result<std::result::Result<u64, CapabilityError>> {
        Ok(match self.gate.pass(Call::Events(EventsCall::Publish { topic, data, options })).await? {
            Answer::Events(EventsAnswer::Published(position)) => Ok(position),
            other => Err(refusal(other)),
        })
    }
}
