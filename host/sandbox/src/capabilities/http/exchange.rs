//! One request on its way: collected, judged, journalled, signed, sent, and its answer
//! journalled before the guest sees it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::header::HOST;
use http_body_util::BodyExt as _;
use tokio::sync::OwnedSemaphorePermit;
use troupe_core::{Code, Effect, Error, Result, limits};
use troupe_egress::Limits;
use wasmtime_wasi_http::WasiBody;

use super::journey::Journey;
use super::judge::{self, Asked, Leg};
use super::wishes::{self, Wishes};
use super::{Answered, Share, Shared, answer, fault};
use crate::gate::{Answer, HttpCall, HttpFailure, Past};

/// Performs one request. The future is the guest's to drop; a write that was begun goes
/// on all the same.
pub(super) async fn exchange(
    shared: Arc<Shared>,
    number: u64,
    request: http::Request<WasiBody>,
    limits: Limits,
    held: Share,
) -> Answered {
    let explain = wishes::explain(request.headers());
    let result = perform(&shared, number, request, limits, explain, held).await;
    result.map_err(|Failed { error, again }| {
        if again {
            return fault::told(&error, explain);
        }
        if error.code == Code::Internal {
            tracing::error!(tenant = %shared.tenant, cause = error.cause_chain(), "an http call failed: {error}");
        }
        shared.note(format!("http call {number} failed with {}: {error}", error.code));
        fault::told(&error, explain)
    })
}

/// Why the guest gets no answer.
struct Failed {
    error: Error,
    /// Whether it failed before and is told again.
    again: bool,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { error, again: false }
    }
}

async fn perform(
    shared: &Arc<Shared>,
    number: u64,
    request: http::Request<WasiBody>,
    limits: Limits,
    explain: bool,
    mut held: Share,
) -> Result<answer::Given, Failed> {
    let (head, body) = request.into_parts();
    let mut asked = Asked {
        method: head.method,
        uri: head.uri,
        headers: head.headers,
        body: Bytes::new(),
        wishes: Wishes::default(),
    };
    let readied = match collect(body, &mut held).await {
        Ok(body) => {
            asked.body = body;
            ready(shared, number, &mut asked)
        }
        Err(error) => Err(error),
    };
    if shared.gate.is_tried() {
        drop(held);
        let past = tried(shared, number, &asked, readied).map_err(|error| Failed { error, again: true })?;
        return again(shared, past).await;
    }
    let past = shared.gate.past_http(number, asked.call(None)).map_err(|error| fatal(shared, error))?;
    if let Some(past) = past {
        drop(held);
        return again(shared, past).await;
    }
    let refused = |error: Error| {
        let error = error.with("sent", false);
        shared.gate.refuse_http(number, asked.call(None), &error);
        error
    };
    let mut judged = match readied {
        Ok(()) => judge::judge(shared, &asked).await,
        Err(error) => Err(error),
    }
    .map_err(refused)?;
    let place = match Arc::clone(&shared.exchanges).try_acquire_owned() {
        Ok(place) => place,
        Err(_) => {
            let _turn = Turn::wait(&shared.turns).map_err(refused)?;
            let place = Arc::clone(&shared.exchanges).acquire_owned().await.map_err(Error::internal)?;
            // What was granted when it came may have been taken away while it waited.
            judged = judge::judge(shared, &asked).await.map_err(refused)?;
            place
        }
    };
    let leg = Leg::begin(shared, &asked, judged).map_err(refused)?;
    let write = leg.judged.permit.effect() > Effect::Read;
    let shared = Arc::clone(shared);
    let sending = Sending { shared: Arc::clone(&shared), number, asked, leg, limits, explain, held, place };
    let given = if write { shared.writes.perform(sending.perform(write)).await? } else { sending.perform(write).await };
    Ok(given?)
}

/// A request's turn among those that wait for a place of their invocation.
struct Turn<'a>(&'a AtomicUsize);

impl<'a> Turn<'a> {
    /// # Errors
    /// [`Code::LimitConnections`] if as many wait as may.
    fn wait(turns: &'a AtomicUsize) -> Result<Self> {
        let turn = Self(turns);
        if turns.fetch_add(1, Ordering::Relaxed) < limits::HTTP_WAITING_PER_INVOCATION_MAX {
            return Ok(turn);
        }
        let message = format!(
            "{} HTTP requests of this invocation are open and {} wait for their turn, as many as may; wait for some \
             first",
            limits::HTTP_EXCHANGES_PER_INVOCATION_MAX,
            limits::HTTP_WAITING_PER_INVOCATION_MAX
        );
        Err(Error::new(Code::LimitConnections, message))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A request that may be sent and has its place.
struct Sending {
    shared: Arc<Shared>,
    number: u64,
    asked: Asked,
    leg: Leg,
    limits: Limits,
    explain: bool,
    held: Share,
    place: OwnedSemaphorePermit,
}

impl Sending {
    async fn perform(self, write: bool) -> Result<answer::Given> {
        let Self { shared, number, asked, leg, limits, explain, held, place } = self;
        let judged = &leg.judged;
        let call = HttpCall { secrets: judged.placed.names(), ..asked.call(Some(&judged.permit)) };
        let url = call.url.clone();
        let begun = shared.gate.begin_http(number, call, write).await;
        if !begun.map_err(|error| fatal(&shared, error))? {
            return Err(Error::new(Code::Cancelled, "the agent let go of the request before it was sent"));
        }
        let result = async {
            let arrived = Journey::new(&shared, number, asked, limits, &leg).arrive(leg).await?;
            answer::read(&shared, arrived, explain, (place, url)).await
        }
        .await;
        drop(held);
        let journalled = match &result {
            Ok(read) => read.journalled.clone(),
            Err(error) => Answer::HttpFailed(HttpFailure::new(error)),
        };
        let ended = shared.gate.end_http(number, &journalled, write).await;
        ended.map_err(|error| fatal(&shared, error))?;
        result.map(|read| read.given)
    }
}

/// Answers a call as it was answered before.
async fn again(shared: &Shared, past: Past) -> Result<answer::Given, Failed> {
    match past {
        Past::Answered(Answer::Http(answer), _) => Ok(answer::again(shared, answer)?),
        Past::Answered(Answer::HttpFailed(failure), _) => Err(Failed { error: failure.error(), again: true }),
        Past::Answered(..) => {
            Err(fatal(shared, Error::internal("a request is recorded with the answer of another call")).into())
        }
        // Nobody saw an answer come, and nobody will.
        Past::Unanswered { .. } | Past::Absent | Past::Over => std::future::pending().await,
    }
}

/// What is under way cannot be journalled, so the invocation must not go on.
fn fatal(shared: &Shared, error: Error) -> Error {
    let told = Error::new(error.code, error.message.clone());
    shared.gate.fail(error);
    told
}

async fn collect(mut body: WasiBody, held: &mut Share) -> Result<Bytes> {
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame
            .map_err(|_| Error::new(Code::RequestInvalid, "the request's body was given up before it was finished"))?;
        let Ok(data) = frame.into_data() else {
            return Err(Error::new(Code::RequestInvalid, "trailers of a request are not sent; leave them out"));
        };
        held.add(data.len());
        if whole.len() + data.len() > limits::HTTP_REQUEST_BODY_BYTES_MAX {
            return Err(Error::new(
                Code::LimitBody,
                format!(
                    "the request's body is larger than {}, the most that is sent",
                    limits::bytes(limits::HTTP_REQUEST_BODY_BYTES_MAX as u64)
                ),
            ));
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.into())
}

/// Takes out what is meant for the host, so that the rest is the call.
fn ready(shared: &Shared, number: u64, asked: &mut Asked) -> Result<()> {
    asked.wishes = Wishes::take(&mut asked.headers)?;
    asked.headers.remove(HOST);
    asked.wishes.grant(&mut asked.headers, &shared.seed, number)
}

/// What a release that is tried on a record is answered: nothing is looked up, nothing sent.
fn tried(shared: &Shared, number: u64, asked: &Asked, readied: Result<()>) -> Result<Past> {
    match readied.and_then(|()| judge::permit(shared, asked)) {
        Ok(permit) => shared.gate.try_http(number, asked.call(Some(&permit)), &permit),
        Err(error) => {
            let error = error.with("sent", false);
            shared.gate.denied_http(number, asked.call(None), &error);
            Err(error)
        }
    }
}
