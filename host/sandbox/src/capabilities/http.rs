//! `http`: requests to what the grants name, through standard `wasi:http`.
//!
//! A request is collected whole, judged by the gate, journalled, signed with a credential
//! that the guest never holds, and sent by the host's own client. Its answer is whole and
//! in the journal before the guest sees it, up to a cap; a longer one is streamed.
//!
//! The guest says what `wasi:http` has no word for in headers that end here:
//!
//! | header | meaning |
//! |---|---|
//! | `troupe-credential: NAME` | the credential to use, where grants offer more than one; `none` for none |
//! | `troupe-idempotency: HEADER` | set HEADER to a token that is this call's own and the same when the invocation resumes |
//! | `troupe-repeatable: true` | the request carries such a token of the guest's own making |
//! | `troupe-retries: N` | the host tries again N times at most, where the grant allows more |
//! | `troupe-explain: true` | tell failures as `internal-error` with the text `CODE: sentence` |
//!
//! Without `troupe-explain` a failure is the nearest of the standard error codes, which
//! other people's libraries understand: a denial is `HTTP-request-denied`. Either way the
//! sentence stands in the task's log.

mod answer;
mod body;
mod delivery;
mod exchange;
mod fault;
mod holding;
mod journey;
mod judge;
mod outgoing;
mod placing;
mod redirect;
mod resumed;
mod retry;
mod share;
mod tried;
mod wishes;
mod writes;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;
use troupe_core::{TenantId, limits};
use troupe_egress::Limits;
use wasmtime_wasi_http::{RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView};

pub(crate) use delivery::shadow;
pub(crate) use resumed::know_again;
pub(crate) use wishes::idempotency_token;

use crate::context::Context;
use crate::egress::Egress;
use crate::gate::Gate;
use crate::injected::Injected;
use crate::log::Log;
use share::Share;
use tried::{Exchange, Tried};
use writes::Writes;

/// Bytes that a request takes beside its head and body.
const REQUEST_BYTES: usize = 1024;

type WasiError = wasmtime_wasi_http::Error;
type Worker = Box<dyn Future<Output = Result<(), WasiError>> + Send>;
type Answered = Result<(http::Response<WasiBody>, Worker), WasiError>;

/// What all requests of one invocation share.
pub(crate) struct Shared {
    pub(crate) gate: Gate,
    pub(crate) egress: Option<Arc<Egress>>,
    pub(crate) tenant: TenantId,
    pub(crate) partition: Arc<str>,
    pub(crate) seed: [u8; 32],
    pub(crate) exchanges: Arc<Semaphore>,
    /// How many requests wait for a place.
    turns: AtomicUsize,
    pub(crate) meters: HttpMeters,
    pub(crate) injected: Injected,
    /// Where what went wrong is told.
    log: Log,
    pub(crate) writes: Writes,
    /// Bytes of requests that were begun and not yet sent.
    unsent: Arc<AtomicU64>,
    /// Bytes of response bodies that the guest has not read.
    unread: Arc<AtomicU64>,
}

/// What the requests of one invocation used.
#[derive(Debug, Default)]
pub(crate) struct HttpMeters {
    pub(crate) requests: Meter,
    pub(crate) bytes_sent: Meter,
    pub(crate) bytes_received: Meter,
    pub(crate) retries: Meter,
    pub(crate) redirects: Meter,
    /// Requests that a budget refused.
    pub(crate) over_budget: Meter,
    /// Requests to destinations that are left alone.
    pub(crate) left_alone: Meter,
}

/// A count.
#[derive(Debug, Default)]
pub(crate) struct Meter(AtomicU64);

impl Meter {
    fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Shared {
    pub(crate) fn new(gate: Gate, log: Log, egress: Option<Arc<Egress>>, tenant: TenantId, seed: [u8; 32]) -> Self {
        Self {
            gate,
            egress,
            partition: Arc::from(tenant.as_str()),
            tenant,
            seed,
            exchanges: Arc::new(Semaphore::new(limits::HTTP_EXCHANGES_PER_INVOCATION_MAX)),
            turns: AtomicUsize::new(0),
            meters: HttpMeters::default(),
            injected: log.injected().clone(),
            log,
            writes: Writes::default(),
            unsent: Arc::default(),
            unread: Arc::default(),
        }
    }

    /// Writes a sentence of the host's into the task's log.
    fn note(&self, sentence: impl AsRef<str>) {
        self.log.note(sentence.as_ref());
    }

    /// What a request takes that is not sent yet.
    fn unsent(&self) -> Share {
        Share::of(&self.unsent, limits::HTTP_UNSENT_BYTES_MAX)
    }

    /// What an answer takes that is not read yet.
    fn unread(&self) -> Share {
        Share::of(&self.unread, limits::HTTP_UNREAD_BYTES_MAX)
    }
}

/// The part of a store that `wasi:http` works with.
pub(crate) struct Http {
    ctx: WasiHttpCtx,
    hooks: Hooks,
    /// The number of the call behind each `future-incoming-response`.
    futures: HashMap<u32, u64>,
    /// The requests of a release that is tried on a record.
    pub(crate) tried: Tried,
    /// The calls whose answers the guest waits for no more, since its task was cancelled.
    cut_short: HashSet<u64>,
    /// Bytes that the guest has had the host hold since that was last looked at.
    held_since: usize,
}

struct Hooks {
    shared: Arc<Shared>,
    /// The number of the call that is being made.
    number: u64,
    /// What the call that is being made comes to, of a release that is tried on a record.
    tried: Option<Exchange>,
}

impl Http {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let mut ctx = WasiHttpCtx::new();
        ctx.set_field_size_limit(limits::HTTP_FIELDS_BYTES_MAX);
        let hooks = Hooks { shared, number: 0, tried: None };
        Self { ctx, hooks, futures: HashMap::new(), tried: Tried::default(), cut_short: HashSet::new(), held_since: 0 }
    }

    pub(crate) const fn shared(&self) -> &Arc<Shared> {
        &self.hooks.shared
    }

    /// Notes that the guest is told of a call that its task was cancelled.
    pub(crate) fn cut_short(&mut self, number: u64) {
        self.cut_short.insert(number);
    }
}

impl WasiHttpView for Context {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http.ctx, table: &mut self.table, hooks: &mut self.http.hooks }
    }
}

impl WasiHttpHooks for Hooks {
    fn set_host_header(&mut self) -> bool {
        // The client sets it, from the address that is really dialled.
        false
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _response_error: Box<dyn Future<Output = Result<(), WasiError>> + Send>,
    ) -> Box<dyn Future<Output = Answered> + Send> {
        let (shared, number) = (Arc::clone(&self.shared), self.number);
        let mut held = shared.unsent();
        let uri = request.uri();
        let target = uri.path_and_query().map_or(0, |target| target.as_str().len());
        let head = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len());
        if !held.add(REQUEST_BYTES + target + head.sum::<usize>()) {
            shared.gate.fail(body::too_much());
        }
        let is_tried = shared.gate.is_tried();
        let exchange = exchange::exchange(shared, number, request, limits_of(options), held);
        if !is_tried {
            return Box::new(exchange);
        }
        // Whoever makes the call takes it up, and lets go of what stands for it here.
        self.tried = Some(tried::undriven(exchange));
        Box::new(std::future::ready(Err(WasiError::InternalError(None))))
    }

    fn p2_outgoing_body_buffer_chunks(&mut self) -> usize {
        body::CHUNKS
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        body::CHUNK_BYTES
    }
}

/// The guest's timeouts, within the host's.
fn limits_of(options: Option<RequestOptions>) -> Limits {
    let most = Limits::default();
    let Some(options) = options else { return most };
    let within = |asked: Option<Duration>, most: Duration| asked.map_or(most, |asked| asked.min(most));
    Limits {
        connect: within(options.connect_timeout, most.connect),
        first_byte: within(options.first_byte_timeout, most.first_byte),
        idle: within(options.between_bytes_timeout, most.idle),
        ..most
    }
}
