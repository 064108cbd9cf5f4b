//! `invocation`: who is calling, answered from what the host knows.

use wasmtime::Result;

use crate::bindings::troupe::agent::invocation::Host;
use crate::context::Context;

impl Host for Context {
    fn tenant(&mut self) -> Result<String> {
        self.count()?;
        Ok(self.facts.tenant.to_string())
    }

    fn session(&mut self) -> Result<Option<String>> {
        self.count()?;
        Ok(self.facts.session.clone())
    }

    fn instance(&mut self) -> Result<Option<String>> {
        self.count()?;
        Ok(self.facts.instance.map(|instance| instance.to_string()))
    }

    fn user(&mut self) -> Result<Option<String>> {
        self.count()?;
        Ok(self.facts.user.clone())
    }

    fn trace(&mut self) -> Result<String> {
        self.count()?;
        Ok(self.facts.trace.clone())
    }

    fn attempt(&mut self) -> Result<u32> {
        self.count()?;
        Ok(self.facts.attempt)
    }

    fn deadline(&mut self) -> Result<u64> {
        self.count()?;
        Ok(u64::try_from(self.deadline.told().as_millis()).unwrap_or(0))
    }

    fn cancelled(&mut self) -> Result<bool> {
        let number = self.count()?;
        self.gate.ask_cancelled(number).map_err(wasmtime::Error::new)
    }

    fn configuration(&mut self) -> Result<String> {
        self.count()?;
        Ok(self.facts.configuration.to_string())
    }
}
