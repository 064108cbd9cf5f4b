//! `log`: notes for the operator. What passes is decided in `log.rs` of the crate.

use wasmtime::Result;

use crate::bindings::troupe::agent::log::{Host, Level};
use crate::context::Context;
use crate::port::LogLevel;

impl Host for Context {
    fn write(&mut self, level: Level, message: String, fields: Vec<(String, String)>) -> Result<()> {
        self.count()?;
        let level = match level {
            Level::Trace => LogLevel::Trace,
            Level::Debug => LogLevel::Debug,
            Level::Info => LogLevel::Info,
            Level::Warn => LogLevel::Warn,
            Level::Error => LogLevel::Error,
        };
        self.log.write(level, &message, fields);
        Ok(())
    }
}
