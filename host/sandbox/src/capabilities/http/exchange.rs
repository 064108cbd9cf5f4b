//! One request on its way: collected, judged, journalled, signed, sent, and its answer
//! journalled before the guest sees it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, HOST, RANGE};
use http::{HeaderMap, HeaderValue, Method, Uri};
use http_body_util::BodyExt as _;
use tokio::sync::OwnedSemaphorePermit;
use troupe_core::{Code, Effect, Error, Result, limits};
use troupe_egress::credentials::{Credential, CredentialKind};
use troupe_egress::{AddressPolicy, Exemption, Limits, Request, SendOptions, sigv4};
use wasmtime_wasi_http::WasiBody;

use super::placing::{self, Placed};
use super::wishes::{self, Wishes};
use super::{Answered, Share, Shared, answer, fault};
use crate::egress::Egress;
use crate::gate::{Answer, HttpAsk, HttpBody, HttpCall, HttpFailure, HttpPermit, Past, kept};

/// A request as the guest made it, without its wishes.
struct Asked {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
    wishes: Wishes,
}

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
    let past = shared.gate.past_http(number, call(&asked, None)).map_err(|error| fatal(shared, error))?;
    if let Some(past) = past {
        drop(held);
        return again(shared, past).await;
    }
    if shared.gate.is_tried() {
        drop(held);
        let past = tried(shared, number, &asked, readied).map_err(|error| Failed { error, again: true })?;
        return again(shared, past).await;
    }
    let refused = |error: Error| {
        let error = error.with("sent", false);
        shared.gate.refuse_http(number, call(&asked, None), &error);
        error
    };
    let mut judged = match readied {
        Ok(()) => judge(shared, &asked).await,
        Err(error) => Err(error),
    }
    .map_err(refused)?;
    let place = match Arc::clone(&shared.exchanges).try_acquire_owned() {
        Ok(place) => place,
        Err(_) => {
            let place = Arc::clone(&shared.exchanges).acquire_owned().await.map_err(Error::internal)?;
            // What was granted when it came may have been taken away while it waited.
            judged = judge(shared, &asked).await.map_err(refused)?;
            place
        }
    };
    let Judged { permit, egress, credential, placed } = judged;
    let write = permit.effect() > Effect::Read;
    let shared = Arc::clone(shared);
    let sending = Sending {
        shared: Arc::clone(&shared),
        number,
        asked,
        permit,
        egress,
        credential,
        placed,
        limits,
        explain,
        held,
        place,
    };
    let given = if write { shared.writes.perform(sending.perform(write)).await? } else { sending.perform(write).await };
    Ok(given?)
}

/// A request that may be sent and has its place.
struct Sending {
    shared: Arc<Shared>,
    number: u64,
    asked: Asked,
    permit: HttpPermit,
    egress: Arc<Egress>,
    credential: Option<Arc<Credential>>,
    placed: Placed,
    limits: Limits,
    explain: bool,
    held: Share,
    place: OwnedSemaphorePermit,
}

impl Sending {
    async fn perform(self, write: bool) -> Result<answer::Given> {
        let Self { shared, number, asked, permit, egress, credential, placed, limits, explain, held, place } = self;
        let begun = shared.gate.begin_http(number, call(&asked, Some(&permit)), write).await;
        if !begun.map_err(|error| fatal(&shared, error))? {
            return Err(Error::new(Code::Cancelled, "the agent let go of the request before it was sent"));
        }
        let result = async {
            let (request, options, scrubbing) = outgoing(&shared, &egress, asked, &permit, credential, &placed, limits)
                .map_err(|error| error.with("sent", false))?;
            shared.meters.requests.fetch_add(1, Ordering::Relaxed);
            shared.meters.bytes_sent.fetch_add(request.body.len() as u64, Ordering::Relaxed);
            let response = egress.client.send(request, &options).await?;
            answer::read(&shared, response, scrubbing, explain, place).await
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
    match readied.and_then(|()| permit(shared, asked)) {
        Ok(permit) => shared.gate.try_http(number, call(asked, Some(&permit)), &permit),
        Err(error) => {
            let error = error.with("sent", false);
            shared.gate.denied_http(number, call(asked, None), &error);
            Err(error)
        }
    }
}

/// A request as the gate judges it.
fn ask(asked: &Asked) -> HttpAsk<'_> {
    HttpAsk {
        method: &asked.method,
        uri: &asked.uri,
        headers: &asked.headers,
        body: &asked.body,
        credential: asked.wishes.credential.as_deref(),
    }
}

/// Whether the grants allow a request, and the secrets that it asks for. Nothing is placed in
/// it, since it is not sent.
fn permit(shared: &Shared, asked: &Asked) -> Result<HttpPermit> {
    placing::check_guest(&asked.headers)?;
    let ask = ask(asked);
    let permit = shared.gate.authorize_http(&ask)?;
    shared.gate.authorize_placing(&ask)?;
    Ok(permit)
}

/// What was decided about a request, and what it takes to send it.
struct Judged {
    permit: HttpPermit,
    egress: Arc<Egress>,
    credential: Option<Arc<Credential>>,
    placed: Placed,
}

/// Everything that is decided before anything is sent.
async fn judge(shared: &Shared, asked: &Asked) -> Result<Judged> {
    placing::check_guest(&asked.headers)?;
    let ask = ask(asked);
    let permit = shared.gate.authorize_http(&ask)?;
    let placing = shared.gate.authorize_placing(&ask)?;
    let Some(egress) = shared.egress.clone() else {
        return Err(Error::new(Code::DeniedCapability, "this host sends no requests for agents"));
    };
    let credential = match permit.credential() {
        None => None,
        Some(name) => {
            let found = egress.credentials.credential(&shared.tenant, name).await?.filter(|found| found.is_of(name));
            let found = found.ok_or_else(|| {
                let message = format!("the operator has set up no credential `{name}`, which the grant names");
                Error::new(Code::CredentialsInvalid, message)
            })?;
            found.check(name, &asked.uri)?;
            Some(found)
        }
    };
    let placed = Placed::get(shared, &egress, placing, &asked.uri).await?;
    let is_header = |credential: &Arc<Credential>| matches!(credential.kind(), CredentialKind::Header { .. });
    if asked.headers.contains_key(RANGE) && (credential.as_ref().is_some_and(is_header) || !placed.is_empty()) {
        let why = "the host adds a credential, and an answer in ranges cannot be searched for it";
        return Err(Error::new(Code::DeniedHeader, format!("an agent may not set the header `range` here: {why}")));
    }
    if asked.headers.contains_key(AUTHORIZATION) && credential.is_some() {
        let why = "the host adds a credential; ask for none by `troupe-credential: none`";
        let message = format!("a reference cannot stand in `authorization` here: {why}");
        return Err(Error::new(Code::DeniedHeader, message));
    }
    Ok(Judged { permit, egress, credential, placed })
}

fn call(asked: &Asked, permit: Option<&HttpPermit>) -> HttpCall {
    HttpCall {
        method: asked.method.to_string(),
        url: asked.uri.to_string(),
        headers: kept(&asked.headers),
        body: HttpBody::of(&asked.body),
        credential: permit.and_then(|permit| permit.credential().map(str::to_owned)),
        action: permit.and_then(|permit| permit.action().map(ToString::to_string)),
        repeatable: asked.wishes.repeatable(),
    }
}

/// The request as it leaves: mapped, prepared, signed; and the rules it is sent under.
fn outgoing(
    shared: &Shared,
    egress: &Egress,
    asked: Asked,
    permit: &HttpPermit,
    credential: Option<Arc<Credential>>,
    placed: &Placed,
    limits: Limits,
) -> Result<(Request, SendOptions, Option<answer::Scrubbing>)> {
    let mut request = Request { method: asked.method, uri: asked.uri, headers: asked.headers, body: asked.body };
    let authority = permit.authority();
    let mut policy = AddressPolicy::new(Arc::clone(&egress.own_addresses));
    if permit.private() {
        policy = policy.with(Exemption::Granted { host: authority.host.clone(), port: authority.port });
    }
    let service = permit.action().map(|action| action.service);
    if let Some(endpoint) = egress.endpoints.find(&authority.host, service) {
        policy = policy.with(endpoint.exemption());
        request.uri = endpoint.apply(&request.uri)?;
    }
    let mut must_be_plain = !placed.is_empty();
    if must_be_plain || credential.is_some() {
        // A compressed answer would hide from the scrubber what it echoes.
        request.headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
    for secret in placed.secrets() {
        shared.injected.add(secret.scrubber());
    }
    placed.put_into(&mut request)?;
    if let Some(credential) = credential {
        shared.injected.add(credential.scrubber());
        match (credential.kind(), permit.action()) {
            (CredentialKind::Aws(key), Some(action)) => {
                sigv4::sign(&mut request, &action.region, action.signing_name, shared.gate.now(), key)?;
            }
            (CredentialKind::Header { name, value }, None) => {
                must_be_plain = true;
                request.prepare()?;
                request.headers.insert(name.clone(), value.clone());
            }
            _ => return Err(Error::internal("a grant's credential is of another kind than its actions")),
        }
    }
    let scrubbing = answer::Scrubbing::new(&shared.injected, &request.headers, must_be_plain)?;
    let options = SendOptions { partition: Arc::clone(&shared.partition), policy, limits };
    Ok((request, options, scrubbing))
}
