//! The sandbox itself: loads components and invokes them.

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::value::RawValue;
use tokio::sync::Semaphore;
use troupe_core::clock::ManualClock;
use troupe_core::{
    Clock, Code, Digest, Effect, Error, Grants, Result, Rubbish, SkillName, TenantId, Timestamp, limits,
};
use wasmtime::component::Linker;
use wasmtime::{Engine, Store, UpdateDeadline};

use crate::authentic::CacheKey;
use crate::bindings;
use crate::cache::Cache;
use crate::capabilities::http::know_again;
use crate::component::{self, Agent};
use crate::compute::Compute;
use crate::context::Context;
use crate::egress::Egress;
use crate::injected::Injected;
use crate::invocation::{Facts, Invocation, Outcome, Usage};
use crate::port::NoLedger;
use crate::stop::{Stop, StopReason};
use crate::suspend::{Suspended, Suspension};
use crate::turns::Turns;
use crate::{engine, linker, outcome};

/// What a sandbox is made with.
#[derive(Debug, Clone)]
pub struct SandboxConfig {
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// How many invocations may run at once; further ones wait.
    pub places: usize,
    /// Where compiled code is kept, and the key it is authenticated by.
    pub cache: Option<(PathBuf, CacheKey)>,
}

/// The one engine of a process and all that hangs on it.
pub struct Sandbox {
    engine: Engine,
    linker: Linker<Context>,
    cache: Option<Cache>,
    clock: Arc<dyn Clock>,
    egress: Option<Arc<Egress>>,
    suspension: Suspension,
    places: Semaphore,
    describes: Semaphore,
    turns: Turns,
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox").field("cache", &self.cache).finish_non_exhaustive()
    }
}

impl Sandbox {
    /// Makes the engine and starts its ticks. Make one for each process.
    ///
    /// # Errors
    /// [`Code::Internal`] if this machine cannot run the engine.
    pub fn new(config: SandboxConfig) -> Result<Self> {
        let engine = engine::engine(config.places + limits::DESCRIBES_MAX)?;
        let linker = linker::linker(&engine)?;
        let cache = config.cache.map(|(dir, key)| Cache::new(&engine, dir, key));
        tick(&engine)?;
        Ok(Self {
            engine,
            linker,
            cache,
            clock: config.clock,
            egress: None,
            suspension: Suspension::default(),
            places: Semaphore::new(config.places),
            describes: Semaphore::new(limits::DESCRIBES_MAX),
            turns: Turns::of_this_machine(),
        })
    }

    /// Opens the way out. Without it, no request of a guest is sent, whatever is granted.
    #[must_use]
    pub fn with_egress(mut self, egress: Egress) -> Self {
        self.egress = Some(Arc::new(egress));
        self
    }

    /// The way out, if it is open.
    pub fn egress(&self) -> Option<&Egress> {
        self.egress.as_deref()
    }

    /// Sets how long a guest waits before it is suspended, and how far ahead the end of its
    /// wait must lie then. It is [`limits::SUSPEND_AFTER`] and [`limits::SUSPEND_AHEAD_MIN`]
    /// otherwise.
    #[must_use]
    pub const fn with_suspension(mut self, after: Duration, ahead: Duration) -> Self {
        self.suspension = Suspension { after, ahead };
        self
    }

    /// The engine itself, for the benchmark that measures what this crate adds to it.
    #[doc(hidden)]
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Compiles a component and checks that it is an agent; returns the machine code
    /// for [`Sandbox::keep`]. It is heavy work on untrusted bytes: the host does it in a
    /// child process with bounded time and memory.
    ///
    /// # Errors
    /// The codes `artifact.*`, each naming what is wrong.
    pub fn compile(&self, wasm: &[u8]) -> Result<(Agent, Vec<u8>)> {
        let component = component::compile(&self.engine, wasm)?;
        let agent = component::link(&self.engine, &self.linker, &component)?;
        let code = component.serialize().map_err(Error::internal)?;
        Ok((agent, code))
    }

    /// Keeps machine code that a trusted [`Sandbox::compile`] made for the component.
    ///
    /// # Errors
    /// [`Code::Internal`] if the cache cannot be written.
    pub fn keep(&self, digest: &Digest, code: &[u8]) -> Result<()> {
        match &self.cache {
            Some(cache) => cache.store(digest, code),
            None => Ok(()),
        }
    }

    /// Loads a component from the cache, if it is there.
    pub fn load(&self, digest: &Digest) -> Option<Agent> {
        let component = self.cache.as_ref()?.load(&self.engine, digest)?;
        component::link(&self.engine, &self.linker, &component).ok()
    }

    /// Removes compiled code of other engines, and of components that are not among
    /// `components`. The caller lets nobody be in [`Sandbox::keep`] meanwhile.
    ///
    /// # Errors
    /// [`Code::Internal`] if the cache cannot be read or written.
    pub fn sweep(&self, components: &HashSet<Digest>) -> Result<Rubbish> {
        let swept = self.cache.as_ref().map(|cache| cache.rubbish_and(components, |path| fs::remove_file(path)));
        swept.transpose().map(Option::unwrap_or_default).map_err(Error::internal)
    }

    /// Tells what [`Sandbox::sweep`] would remove.
    ///
    /// # Errors
    /// Those of [`Sandbox::sweep`].
    pub fn rubbish(&self, components: &HashSet<Digest>) -> Result<Rubbish> {
        let found = self.cache.as_ref().map(|cache| cache.rubbish_and(components, |_| Ok(())));
        found.transpose().map(Option::unwrap_or_default).map_err(Error::internal)
    }

    /// Asks a component for its profile, without any capability.
    ///
    /// # Errors
    /// [`Code::ArtifactInitTimeout`] if it does not start and answer in time,
    /// [`Code::ArtifactInit`] if it traps.
    pub async fn describe(&self, agent: &Agent) -> Result<String> {
        // The semaphore is never closed.
        let _place = self.describes.acquire().await;
        // Two answers must be equal, so what varies between runs is fixed.
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(0)));
        let outcome = self.run(agent, describing(clock.now()), Export::Describe, clock).await;
        outcome.result.map_err(|error| {
            let (code, reason) = if error.code == Code::LimitDeadline {
                let most = limits::DESCRIBE_TIME_MAX.as_secs();
                (Code::ArtifactInitTimeout, format!("it did not start and answer within {most} s"))
            } else {
                (Code::ArtifactInit, error.message.clone())
            };
            Error::new(code, format!("the agent cannot describe itself: {reason}")).with_cause(error)
        })
    }

    /// Performs one skill, or a call of its conversation by the name that such a task has, in a fresh instance.
    pub async fn perform(&self, agent: &Agent, invocation: Invocation, skill: &str, input: &String) -> Outcome {
        // The semaphore is never closed.
        let _place = self.places.acquire().await;
        let export = match skill {
            SkillName::CONVERSE => Export::Converse(input),
            SkillName::SUGGEST => Export::Suggest(input),
            skill => Export::Perform { skill, input },
        };
        self.run(agent, invocation, export, Arc::clone(&self.clock)).await
    }

    /// Has an agent bring the keys that the invocation's ledger reaches from the form of the state
    /// version `from` to its own, in a fresh instance. The result of one that did says nothing.
    pub async fn migrate(&self, agent: &Agent, invocation: Invocation, from: u32) -> Outcome {
        // The semaphore is never closed.
        let _place = self.places.acquire().await;
        self.run(agent, invocation, Export::Migrate { from }, Arc::clone(&self.clock)).await
    }

    /// Makes an instance and lets it go, for the benchmark that measures a swap beside it.
    ///
    /// # Errors
    /// Whatever keeps the component from starting.
    #[doc(hidden)]
    pub async fn instantiate(&self, agent: &Agent) -> Result<()> {
        let mut store = self.store(describing(self.clock.now()), Arc::clone(&self.clock));
        store.set_epoch_deadline(u64::MAX / 2);
        agent.pre.instantiate_async(&mut store).await.map(drop).map_err(Error::internal)
    }

    /// A fresh store with its limits.
    fn store(&self, invocation: Invocation, clock: Arc<dyn Clock>) -> Store<Context> {
        let mut store = Store::new(&self.engine, Context::new(invocation, clock, self.egress.clone(), self.suspension));
        store.limiter(|context| &mut context.limiter);
        store.set_hostcall_fuel(limits::TRANSFER_BYTES_MAX);
        store.set_max_component_handles(limits::GUEST_HANDLES_MAX);
        store
    }

    async fn run(&self, agent: &Agent, invocation: Invocation, export: Export<'_>, clock: Arc<dyn Clock>) -> Outcome {
        let stop = invocation.stop.clone();
        let since_start = |at: Timestamp| at.since(invocation.started_at);
        let (whole, life) = (since_start(invocation.facts.deadline), since_start(invocation.facts.latest));
        let output_bytes_max = invocation.output_bytes;
        let is_repeated = invocation.recording.is_some();
        let mut store = self.store(invocation, clock);
        let deadline = store.data().deadline.clone();
        store.set_epoch_deadline(1);
        let turn = self.turns.guest();
        let (watched, ends, turns, id) = (stop.clone(), deadline.clone(), turn.clone(), agent.id);
        store.epoch_deadline_callback(move |context| {
            if let Some(reason) = watched.cut_off() {
                return Err(wasmtime::Error::new(reason.error()));
            }
            if ends.has_passed() {
                return Err(wasmtime::Error::new(ends.error(whole, life)));
            }
            context.data().gate.check().map_err(wasmtime::Error::new)?;
            Ok(UpdateDeadline::YieldCustom(1, turns.next(&context.data().facts.tenant, id)))
        });
        let (gate, http) = (store.data().gate.clone(), Arc::clone(store.data().http.shared()));
        let compute = Compute::default();
        let called = async {
            if is_repeated {
                know_again(&http).await;
            }
            let returned = turn.drive(compute.measure(call(&mut store, agent, export))).await?;
            // What was sent cannot be called back, so the task's end knows what came of it.
            http.writes.ended().await;
            gate.check().map_err(wasmtime::Error::new)?;
            Ok(returned)
        };
        let result = tokio::select! {
            biased;
            result = called => result,
            reason = stop.cuts_off() => Err(wasmtime::Error::new(reason.error())),
            () = deadline.passed() => Err(wasmtime::Error::new(deadline.error(whole, life))),
        };
        http.writes.abort();
        let context = store.data_mut();
        let rest = result.as_ref().err().and_then(|error| error.downcast_ref::<Suspended>());
        let (suspended, awaits) = rest.map(|by| (by.until, by.awaits.clone())).unzip();
        let result = match result {
            Ok(Ok(output)) => within(output, output_bytes_max),
            Ok(Err(failure)) => Err(outcome::from_failure(failure)),
            Err(_) if suspended.is_some() => Err(Error::internal("an invocation is suspended and taken for ended")),
            Err(error) => Err(outcome::from_trap(error, &context.limiter)),
        };
        let (result, partial) = match stop.reason() {
            Some(reason @ StopReason::Cancelled) if suspended.is_none() => {
                outcome::of_cancelled(result, reason.error())
            }
            _ => (result, None),
        };
        context.finish_log(suspended.is_some());
        let injected = context.log.injected().clone();
        let result = result.map(|output| injected.scrub(output)).map_err(|error| scrubbed(error, &injected));
        let partial = partial.map(|output| injected.scrub(output));
        let memory_bytes_peak = context.limiter.peak() as u64;
        // Ends what is under way, before the journal is closed.
        drop(store);
        let finished = gate.finish().await;
        let result = result.map_err(|error| match &finished.in_doubt {
            Some(write) => outcome::in_doubt(error, write),
            None => error,
        });
        let meters = &http.meters;
        let usage = Usage {
            memory_bytes_peak,
            compute: compute.taken(),
            host_calls: finished.calls,
            denied: finished.denied,
            http_requests: meters.requests.count(),
            http_bytes_sent: meters.bytes_sent.count(),
            http_bytes_received: meters.bytes_received.count(),
            http_retries: meters.retries.count(),
            http_redirects: meters.redirects.count(),
            http_over_budget: meters.over_budget.count(),
            http_left_alone: meters.left_alone.count(),
            secret_echoes: injected.echoes(),
        };
        Outcome {
            result,
            suspended,
            awaits: awaits.unwrap_or_default(),
            partial,
            rows: finished.rows,
            unmade: finished.unmade,
            decisions: finished.decisions,
            unseen: finished.unseen,
            usage,
        }
    }
}

/// An invocation that may do nothing but compute.
fn describing(started_at: Timestamp) -> Invocation {
    Invocation {
        facts: Facts {
            tenant: TenantId::default(),
            session: None,
            instance: None,
            user: None,
            trace: String::new(),
            attempt: 1,
            deadline: started_at.plus(limits::DESCRIBE_TIME_MAX),
            latest: started_at.plus(limits::DESCRIBE_TIME_MAX),
            configuration: Arc::from(RawValue::NULL.to_owned()),
        },
        grants: Grants::default().into(),
        ceiling: Effect::Read,
        ledger: Box::new(NoLedger),
        directories: None,
        artifacts: None,
        observer: Arc::new(()),
        stop: Stop::default(),
        time: limits::DESCRIBE_TIME_MAX,
        life: limits::DESCRIBE_TIME_MAX,
        memory_bytes: limits::GUEST_MEMORY_BYTES_DEFAULT,
        output_bytes: limits::PROFILE_BYTES_MAX,
        seed: [0; 32],
        started_at,
        recording: None,
    }
}

enum Export<'a> {
    Describe,
    Perform { skill: &'a str, input: &'a String },
    Migrate { from: u32 },
    Converse(&'a String),
    Suggest(&'a String),
}

async fn call(
    store: &mut Store<Context>,
    agent: &Agent,
    export: Export<'_>,
) -> wasmtime::Result<std::result::Result<String, bindings::troupe::agent::types::Failure>> {
    if let Export::Migrate { from } = export {
        let absent = || wasmtime::Error::new(Error::internal("a component that does not migrate is asked to"));
        let instance = agent.migrating.as_ref().ok_or_else(absent)?.instantiate_async(&mut *store).await?;
        let migrated = instance.troupe_agent_lifecycle().call_migrate(store, from).await?;
        return Ok(migrated.map(|()| String::new()));
    }
    if let Export::Converse(document) | Export::Suggest(document) = export {
        let absent = || wasmtime::Error::new(Error::internal("a component without a conversation is spoken to"));
        let instance = agent.conversing.as_ref().ok_or_else(absent)?.instantiate_async(&mut *store).await?;
        let conversation = instance.troupe_agent_conversation();
        return match export {
            Export::Suggest(_) => conversation.call_suggest(store, document).await,
            _ => conversation.call_converse(store, document).await,
        };
    }
    let instance = agent.pre.instantiate_async(&mut *store).await?;
    let skills = instance.troupe_agent_skills();
    match export {
        Export::Perform { skill, input } => skills.call_perform(store, skill, input).await,
        _ => skills.call_describe(store).await.map(Ok),
    }
}

fn within(output: String, bytes_max: usize) -> Result<String> {
    if output.len() > bytes_max {
        return Err(Error::new(
            Code::LimitTransfer,
            format!("the agent's output has {} bytes; it may have {bytes_max}", output.len()),
        ));
    }
    Ok(output)
}

/// A failure without what the host had added to requests. Its details are the guest's, too.
fn scrubbed(mut error: Error, injected: &Injected) -> Error {
    error.message = injected.scrub(error.message);
    if !error.details.is_empty() {
        let details = injected.scrub(serde_json::Value::Object(error.details).to_string());
        error.details = serde_json::from_str(&details).unwrap_or_default();
    }
    error
}

/// Starts the thread that moves the engine's epoch; it ends with the engine.
fn tick(engine: &Engine) -> Result<()> {
    let engine = engine.weak();
    let ticker = move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(limits::SLICE);
        }
    };
    std::thread::Builder::new().name("epoch".to_owned()).spawn(ticker).map(drop).map_err(Error::internal)
}
