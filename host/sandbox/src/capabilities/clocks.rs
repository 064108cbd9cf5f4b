//! `wasi:clocks`, ours: both clocks show the guest's time, and a timer is a call like any
//! other, whose end reaches the guest by delivery alone.

use std::time::Duration;

use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::clocks::WasiClocksView as _;
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock::{self, Instant};
use wasmtime_wasi::p2::bindings::clocks::wall_clock::{self, Datetime};

use crate::clock::GuestClock;
use crate::context::Context;

impl wall_clock::Host for Context {
    fn now(&mut self) -> Result<Datetime> {
        self.count()?;
        let since_epoch = self.clock.now().since(troupe_core::Timestamp::from_millis(0));
        Ok(datetime(since_epoch))
    }

    fn resolution(&mut self) -> Result<Datetime> {
        self.count()?;
        Ok(datetime(GuestClock::RESOLUTION))
    }
}

impl monotonic_clock::Host for Context {
    fn now(&mut self) -> Result<Instant> {
        self.count()?;
        Ok(nanoseconds(self.clock.elapsed()))
    }

    fn resolution(&mut self) -> Result<Instant> {
        self.count()?;
        Ok(nanoseconds(GuestClock::RESOLUTION))
    }

    fn subscribe_instant(&mut self, when: Instant) -> Result<Resource<DynPollable>> {
        let when = Duration::from_nanos(when);
        self.timer(when, when.saturating_sub(self.clock.elapsed()))
    }

    fn subscribe_duration(&mut self, duration: monotonic_clock::Duration) -> Result<Resource<DynPollable>> {
        let duration = Duration::from_nanos(duration);
        self.timer(self.clock.elapsed().saturating_add(duration), duration)
    }
}

impl Context {
    /// A timer that rings in `time`, when the invocation has lasted `until`. Of one that was
    /// set before, the time that passed since counts.
    fn timer(&mut self, until: Duration, time: Duration) -> Result<Resource<DynPollable>> {
        let number = self.count()?;
        let due = self.clock.at(until);
        let time = if self.gate.repeats() { due.since(self.gate.now()) } else { time };
        let pollable = monotonic_clock::Host::subscribe_duration(&mut self.clocks(), nanoseconds(time))?;
        self.waits.timer(pollable.rep(), number, due);
        Ok(pollable)
    }
}

fn datetime(since_epoch: Duration) -> Datetime {
    Datetime { seconds: since_epoch.as_secs(), nanoseconds: since_epoch.subsec_nanos() }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
