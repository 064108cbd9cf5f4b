//! What one invocation's store holds. It lives as long as the invocation and is never
//! used again.

use std::sync::{Arc, PoisonError};

use rand::SeedableRng as _;
use rand::rngs::{ChaCha20Rng, SmallRng};
use troupe_core::limits;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use crate::capabilities::http::{Http, Shared};
use crate::capabilities::{LogMeter, ProgressMeter};
use crate::clock::GuestClock;
use crate::egress::Egress;
use crate::gate::Gate;
use crate::invocation::{Facts, Invocation};
use crate::limiter::Limiter;
use crate::poll::Waits;
use crate::port::{LogLevel, Observer};
use crate::stdio::{LineStream, Lines};

/// The data of one store.
pub(crate) struct Context {
    pub(crate) table: ResourceTable,
    pub(crate) wasi: WasiCtx,
    pub(crate) limiter: Limiter,
    pub(crate) gate: Gate,
    pub(crate) http: Http,
    pub(crate) facts: Facts,
    pub(crate) clock: GuestClock,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) progress: ProgressMeter,
    pub(crate) waits: Waits,
    log: LogMeter,
    lines: Lines,
    streams: [LineStream; 2],
}

impl Context {
    pub(crate) fn new(
        invocation: Invocation,
        host_clock: Arc<dyn troupe_core::Clock>,
        egress: Option<Arc<Egress>>,
    ) -> Self {
        let Invocation { facts, grants, ceiling, ledger, observer, memory_bytes, seed, started_at, recording, .. } =
            invocation;
        let clock = GuestClock::new(started_at);
        let gate = Gate::new(grants, ceiling, ledger, host_clock, clock.clone(), recording);
        let lines = Lines::default();
        let streams = [LogLevel::Info, LogLevel::Warn].map(|level| LineStream::new(level, Arc::clone(&lines)));
        let [stdout, stderr] = streams.clone();
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits::GUEST_HANDLES_MAX);
        let (insecure, _) = seed.split_at(16);
        let mut insecure_seed = [0; 16];
        insecure_seed.copy_from_slice(insecure);
        // The environment, the arguments and standard input stay empty: nothing of the
        // host's own is inherited.
        let wasi = WasiCtxBuilder::new()
            .stdout(stdout)
            .stderr(stderr)
            .secure_random(ChaCha20Rng::from_seed(seed))
            .insecure_random(SmallRng::seed_from_u64(u64::from_le_bytes(first_eight(&seed))))
            .insecure_random_seed(u128::from_le_bytes(insecure_seed))
            .max_random_size(limits::RANDOM_BYTES_MAX)
            .allow_blocking_current_thread(false)
            .build();
        Self {
            table,
            wasi,
            limiter: Limiter::new(memory_bytes),
            http: Http::new(Arc::new(Shared::new(gate.clone(), egress, facts.tenant.clone(), seed))),
            gate,
            facts,
            log: LogMeter::new(started_at),
            progress: ProgressMeter::default(),
            waits: Waits::default(),
            clock,
            observer,
            lines,
            streams,
        }
    }

    /// Numbers and meters a host call that needs no grant.
    pub(crate) fn count(&mut self) -> wasmtime::Result<u64> {
        self.gate.count().map_err(wasmtime::Error::new)
    }

    /// Writes a log record, after whatever the guest printed before it.
    pub(crate) fn log(&mut self, level: LogLevel, message: &str, fields: Vec<(String, String)>) {
        self.flush_lines();
        self.record(level, message, fields);
    }

    /// Logs what was printed, the unfinished lines included, once the guest has ended.
    pub(crate) fn finish_log(&mut self) {
        for stream in &self.streams {
            stream.finish();
        }
        self.flush_lines();
        let dropped = self.log.dropped();
        if dropped > 0 {
            tracing::warn!(dropped, tenant = %self.facts.tenant, "log records of an invocation were dropped");
        }
    }

    fn flush_lines(&mut self) {
        let lines = std::mem::take(&mut *self.lines.lock().unwrap_or_else(PoisonError::into_inner));
        for (level, line) in lines {
            self.record(level, &line, Vec::new());
        }
        for note in self.http.shared().notes() {
            self.record(LogLevel::Warn, &note, vec![("by".to_owned(), "host".to_owned())]);
        }
    }

    fn record(&mut self, level: LogLevel, message: &str, fields: Vec<(String, String)>) {
        if self.gate.repeats() {
            return;
        }
        let now = self.gate.now();
        if let Some(record) = self.log.admit(now, level, message, fields) {
            self.observer.log(record);
        }
    }
}

fn first_eight(seed: &[u8; 32]) -> [u8; 8] {
    let mut bytes = [0; 8];
    for (to, from) in bytes.iter_mut().zip(seed) {
        *to = *from;
    }
    bytes
}

impl WasiView for Context {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}
