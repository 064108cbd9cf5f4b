//! `secrets`: references to what the guest may use and never sees. Where the secret itself may
//! go is decided by the gate when a request is sent; `http/placing.rs` then puts it there.

use wasmtime::Result;

use super::refusal::refusal;
use crate::bindings::troupe::agent::secrets::{CapabilityError, Host};
use crate::context::Context;
use crate::gate::{Answer, Call, SecretsAnswer, SecretsCall};

impl Host for Context {
    async fn reference(&mut self, name: String) -> Result<std::result::Result<String, CapabilityError>> {
        let call = Call::Secrets(SecretsCall::Reference { name });
        Ok(match self.gate.pass(call).await? {
            Answer::Secrets(SecretsAnswer::Reference(reference)) => Ok(reference),
            other => Err(refusal(other)),
        })
    }
}
