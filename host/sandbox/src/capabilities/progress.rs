//! `progress`: what a waiting caller sees. Reports in between are passed over, since
//! only the newest counts; parts of the output all arrive, up to a total.

use serde_json::value::RawValue;
use troupe_core::view::Progress;
use troupe_core::{Code, Error, json, limits};
use wasmtime::Result;

use crate::bindings::troupe::agent::progress::Host;
use crate::clean::clean;
use crate::context::Context;

impl Host for Context {
    fn report(&mut self, fraction: Option<f64>, message: String) -> Result<()> {
        self.count()?;
        let number = self.progress.report();
        let fraction = fraction.filter(|fraction| fraction.is_finite()).map(|fraction| fraction.clamp(0.0, 1.0));
        let message = clean(&self.log.injected().scrub(message), limits::PROGRESS_MESSAGE_BYTES_MAX);
        if self.gate.repeats() {
            return Ok(());
        }
        self.observer.progress(number, Progress { fraction, message, skipped: 0 });
        Ok(())
    }

    fn partial(&mut self, output: String) -> Result<()> {
        self.count()?;
        let number = self.progress.add(output.len())?;
        let fault = if serde_json::from_str::<&RawValue>(&output).is_err() {
            "the agent's partial output is not JSON".to_owned()
        } else if json::depth(output.as_bytes()) > limits::JSON_DEPTH_MAX {
            format!("the agent's partial output is nested deeper than {} levels", limits::JSON_DEPTH_MAX)
        } else {
            if !self.gate.repeats() {
                self.observer.partial(number, self.log.injected().scrub(output));
            }
            return Ok(());
        };
        Err(wasmtime::Error::new(Error::new(Code::OutputInvalid, fault)))
    }
}

/// What one guest has handed out.
#[derive(Debug, Default)]
pub(crate) struct ProgressMeter {
    bytes: usize,
    parts: u64,
    reports: u64,
}

impl ProgressMeter {
    /// Counts a report; returns its number, from 1.
    const fn report(&mut self) -> u64 {
        self.reports += 1;
        self.reports
    }

    /// Counts a part; returns its number, from 1.
    fn add(&mut self, bytes: usize) -> troupe_core::Result<u64> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > limits::PARTIAL_BYTES_MAX {
            return Err(Error::new(
                Code::LimitTransfer,
                format!("the agent's partial output passed {}", limits::bytes(limits::PARTIAL_BYTES_MAX as u64)),
            ));
        }
        self.parts += 1;
        Ok(self.parts)
    }
}
