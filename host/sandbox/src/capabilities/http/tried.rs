//! Requests of a release that is tried on the record of another.
//!
//! They are answered from the record, so there is nothing to wait for but the guest itself,
//! which may have yet to finish a body. So nobody drives them while it computes: each is looked
//! at right where the guest may have made it whole, in the order in which they were made, and
//! its answer is kept until it is delivered.

use std::collections::{BTreeMap, HashMap};
use std::pin::Pin;
use std::task::{self, Poll, Waker};

use tokio::task::unconstrained;
use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi_http::p2::body::HostIncomingBody;
use wasmtime_wasi_http::p2::types::{HostFutureIncomingResponse, HostIncomingResponse};
use wasmtime_wasi_http::{FieldMap, WasiHttpView as _};

use super::Answered;
use crate::context::Context;

/// The requests of one invocation, by the numbers of their calls.
#[derive(Default)]
pub(crate) struct Tried {
    unfinished: BTreeMap<u64, Exchange>,
    answered: HashMap<u64, Answered>,
}

/// A request on its way to its answer.
pub(super) type Exchange = Pin<Box<dyn Future<Output = Answered> + Send>>;

/// A request that nobody drives but whoever looks at it: it gives way to no other task.
pub(super) fn undriven(exchange: impl Future<Output = Answered> + Send + 'static) -> Exchange {
    Box::pin(unconstrained(exchange))
}

impl Tried {
    /// Takes up a request.
    pub(super) fn begin(&mut self, number: u64, exchange: Exchange) {
        self.unfinished.insert(number, exchange);
        self.look();
    }

    /// Answers what is whole by now.
    pub(crate) fn look(&mut self) {
        let mut looking = task::Context::from_waker(Waker::noop());
        let Self { unfinished, answered } = self;
        unfinished.retain(|number, exchange| match exchange.as_mut().poll(&mut looking) {
            Poll::Ready(answer) => {
                answered.insert(*number, answer);
                false
            }
            Poll::Pending => true,
        });
    }

    /// Forgets a request that the guest has let go of.
    pub(super) fn leave(&mut self, number: u64) {
        self.unfinished.remove(&number);
        self.answered.remove(&number);
    }
}

impl Context {
    /// Puts the answer of a tried release's request, which is delivered, where a guest gets
    /// answers; the answer itself, if that is one.
    pub(super) fn answer_tried(
        &mut self,
        number: u64,
        future: &Resource<HostFutureIncomingResponse>,
    ) -> Result<Option<Resource<HostIncomingResponse>>> {
        match self.http.tried.answered.remove(&number) {
            // All of its body is there, so the worker has nothing to do.
            Some(Ok((response, _worker))) => {
                let (parts, body) = response.into_parts();
                let headers = FieldMap::new_immutable(self.http().hooks, parts.headers);
                let (status, body) = (parts.status.as_u16(), Some(HostIncomingBody::new(body)));
                Ok(Some(self.table.push(HostIncomingResponse { status, headers, body })?))
            }
            Some(Err(error)) => {
                *self.table.get_mut(future)? = HostFutureIncomingResponse::Ready(Err(error));
                Ok(None)
            }
            None => Ok(None),
        }
    }
}
