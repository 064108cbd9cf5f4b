//! What the gate does about a call, part by part, so that the benchmark can show what each
//! costs. Every part is done by the functions that calls of guests pass, on a gate that keeps
//! nothing.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Uri};
use troupe_core::{Clock, Effect, Grants, KeySpace, Result};

use super::call::encode;
use super::{
    Answer, Call, Gate, HttpAnswer, HttpAsk, HttpBody, HttpCall, References, StateAnswer, StateCall, Way, kept, state,
};
use crate::clock::GuestClock;
use crate::port::NoLedger;

/// A gate whose parts are called one by one.
#[doc(hidden)]
pub struct Parts(Gate);

/// A request, as guests make it.
#[doc(hidden)]
#[derive(Debug)]
pub struct PartsRequest {
    /// The method.
    pub method: Method,
    /// The URI.
    pub uri: Uri,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Parts").finish_non_exhaustive()
    }
}

impl Parts {
    /// A gate under these grants, for a skill of this class.
    pub fn new(grants: Grants, ceiling: Effect, clock: Arc<dyn Clock>) -> Self {
        let guest_clock = GuestClock::new(clock.now());
        let references = References::new([7; 32]);
        Self(Gate::new(grants.into(), ceiling, Box::new(NoLedger), clock, guest_clock, references, None))
    }

    /// Decides whether a call of `state` may be made.
    pub fn authorise_state(&self, call: &StateCall) -> bool {
        state::authorize(&self.0.0.grants.now(), self.0.0.ceiling, KeySpace::Deployment, call).is_ok()
    }

    /// Decides whether a request may be sent, and secrets be placed in it.
    pub fn authorise_http(&self, request: &PartsRequest) -> bool {
        let PartsRequest { method, uri, headers, body } = request;
        let ask = HttpAsk { method, uri, headers, body, credential: None };
        self.0.authorize_http(&ask).is_ok() && self.0.authorize_placing(&ask).is_ok()
    }

    /// Numbers a call and holds what was used so far against the limits.
    ///
    /// # Errors
    /// The limit that is met.
    pub fn meter(&self) -> Result<u64> {
        self.0.count()
    }

    /// Makes the row of a call of `state` and lets it wait for the next commit.
    pub fn journal_state(&self, number: u64, call: &Call, answer: StateAnswer) {
        self.0.answered(number, call, encode(call), Answer::State(answer));
    }

    /// Makes the row of a request that only reads, from when the guest begins it until its
    /// answer is delivered, and lets it wait for the next commit. It numbers the call, too.
    ///
    /// # Errors
    /// The limit that is met.
    pub async fn journal_http(&self, request: &PartsRequest, headers: &HeaderMap, body: &Bytes) -> Result<()> {
        let number = self.0.make_http()?;
        let call = HttpCall {
            method: request.method.to_string(),
            url: request.uri.to_string(),
            headers: kept(&request.headers),
            body: HttpBody::of(&request.body),
            credential: None,
            action: None,
            repeatable: false,
            secrets: Vec::new(),
        };
        self.0.begin_http(number, call, false).await?;
        let answer = Answer::Http(HttpAnswer::new(StatusCode::OK, headers, body, Way::default()));
        self.0.end_http(number, &answer, false).await?;
        let wait = self.0.count()?;
        self.0.deliver_answer(wait, number);
        Ok(())
    }

    /// Forgets the rows that wait.
    pub fn forget(&self) {
        drop(self.0.take());
    }
}
