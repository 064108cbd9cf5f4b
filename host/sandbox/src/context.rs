//! What one invocation's store holds. It lives as long as the invocation and is never
//! used again.

use std::sync::Arc;

use rand::rngs::{ChaCha20Rng, SmallRng};
use rand::{Rng as _, SeedableRng as _};
use troupe_core::limits;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use crate::capabilities::ProgressMeter;
use crate::capabilities::http::{Http, Shared};
use crate::clock::GuestClock;
use crate::deadline::Deadline;
use crate::egress::Egress;
use crate::gate::{Gate, References};
use crate::invocation::{Facts, Invocation};
use crate::limiter::Limiter;
use crate::log::Log;
use crate::poll::Waits;
use crate::port::{LogLevel, Observer};
use crate::seeds::{Drawn, seed_of};
use crate::stdio::LineStream;
use crate::suspend::Suspension;

/// The data of one store.
pub(crate) struct Context {
    pub(crate) table: ResourceTable,
    pub(crate) wasi: WasiCtx,
    pub(crate) limiter: Limiter,
    pub(crate) gate: Gate,
    pub(crate) http: Http,
    pub(crate) facts: Facts,
    pub(crate) clock: GuestClock,
    pub(crate) deadline: Deadline,
    pub(crate) suspension: Suspension,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) progress: ProgressMeter,
    pub(crate) waits: Waits,
    pub(crate) log: Log,
    streams: [LineStream; 2],
    _alive: Alive,
}

/// A store that is there, in the metrics, for as long as this lives.
struct Alive;

impl Alive {
    fn one() -> Self {
        metrics::gauge!("troupe_stores").increment(1.0);
        Self
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        metrics::gauge!("troupe_stores").decrement(1.0);
    }
}

impl Context {
    pub(crate) fn new(
        invocation: Invocation,
        host_clock: Arc<dyn troupe_core::Clock>,
        egress: Option<Arc<Egress>>,
        suspension: Suspension,
    ) -> Self {
        let deadline = suspension.deadline(&invocation);
        let Invocation {
            facts,
            grants,
            ceiling,
            ledger,
            directories,
            artifacts,
            observer,
            memory_bytes,
            seed,
            started_at,
            recording,
            stop,
            ..
        } = invocation;
        let clock = GuestClock::new(started_at);
        let references = References::new(seed_of(&seed, "secrets"));
        let gate = Gate::new(grants, ceiling, ledger, host_clock, clock.clone(), references, recording)
            .with_directories(directories)
            .with_artifacts(artifacts)
            .with_instance(facts.instance.is_some())
            .with_stop(stop);
        let log = Log::new(gate.clone(), Arc::clone(&observer));
        let streams = [LogLevel::Info, LogLevel::Warn].map(|level| LineStream::new(level, log.clone()));
        let [stdout, stderr] = streams.clone();
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits::GUEST_HANDLES_MAX);
        let mut insecure_seed = [0; 16];
        ChaCha20Rng::from_seed(seed_of(&seed, "insecure-seed")).fill_bytes(&mut insecure_seed);
        // The environment, the arguments and standard input stay empty: nothing of the
        // host's own is inherited.
        let wasi = WasiCtxBuilder::new()
            .stdout(stdout)
            .stderr(stderr)
            .secure_random(Drawn::<ChaCha20Rng>::new(seed, "random"))
            .insecure_random(Drawn::<SmallRng>::new(seed, "insecure"))
            .insecure_random_seed(u128::from_le_bytes(insecure_seed))
            .max_random_size(limits::RANDOM_BYTES_MAX)
            .allow_blocking_current_thread(false)
            .build();
        let tokens = seed_of(&seed, "idempotency");
        let shared = Shared::new(gate.clone(), log.clone(), egress, facts.tenant.clone(), tokens);
        Self {
            table,
            wasi,
            limiter: Limiter::new(memory_bytes),
            http: Http::new(Arc::new(shared)),
            gate,
            facts,
            log,
            progress: ProgressMeter::default(),
            waits: Waits::default(),
            clock,
            deadline,
            suspension,
            observer,
            streams,
            _alive: Alive::one(),
        }
    }

    /// Numbers a call to a stock function, on its way to what it works on.
    pub(crate) fn counted(&mut self) -> &mut Self {
        self.gate.tally();
        self
    }

    /// Numbers and meters a host call that needs no grant.
    pub(crate) fn count(&mut self) -> wasmtime::Result<u64> {
        self.gate.count().map_err(wasmtime::Error::new)
    }

    /// Logs the lines that were not finished, once the guest has ended. One that is suspended
    /// goes on with them.
    pub(crate) fn finish_log(&mut self, suspended: bool) {
        for stream in self.streams.iter().filter(|_| !suspended) {
            stream.finish();
        }
        self.log.finish();
    }
}

impl WasiView for Context {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}
