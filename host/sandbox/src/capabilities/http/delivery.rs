//! When a guest learns of an answer.
//!
//! The stock `future-incoming-response` shows its answer as soon as any poll has seen it.
//! Here it is shown only once a poll has delivered it, since the order of deliveries is
//! what a replay repeats. A few functions are therefore ours; they call the stock ones.
//! What a guest lets go of was never delivered.

use std::sync::Arc;

use troupe_core::Code;
use wasmtime::component::{Linker, Resource, ResourceType};
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi::p2::{DynOutputStream, DynPollable};
use wasmtime_wasi_http::WasiHttpView as _;
use wasmtime_wasi_http::p2::bindings::http::outgoing_handler;
use wasmtime_wasi_http::p2::bindings::http::types::{
    ErrorCode, HostFutureIncomingResponse as Futures, IncomingResponse, RequestOptions,
};
use wasmtime_wasi_http::p2::body::HostOutgoingBody;
use wasmtime_wasi_http::p2::types::{HostFutureIncomingResponse, HostOutgoingRequest};

use super::body::BodyStream;
use super::holding;
use crate::context::Context;

/// The interfaces whose functions are replaced, in the version of the stock bindings.
const HANDLER: &str = "wasi:http/outgoing-handler@0.2.12";
const TYPES: &str = "wasi:http/types@0.2.12";

type Got = Option<Result<Result<Resource<IncomingResponse>, ErrorCode>, ()>>;

/// Replaces functions of `wasi:http`, which is linked already.
pub(crate) fn shadow(linker: &mut Linker<Context>) -> Result<()> {
    linker.allow_shadowing(true);
    linker.instance(HANDLER)?.func_wrap_async(
        "handle",
        |mut store: StoreContextMut<'_, Context>,
         (request, options): (Resource<HostOutgoingRequest>, Option<Resource<RequestOptions>>)| {
            Box::new(async move {
                // A guest that only begins requests fills the journal, too.
                store.data().gate.clone().relieve().await.map_err(wasmtime::Error::new)?;
                Ok((store.data_mut().handle(request, options)?,))
            })
        },
    )?;
    let mut types = linker.instance(TYPES)?;
    types.func_wrap(
        "[method]future-incoming-response.subscribe",
        |mut store: StoreContextMut<'_, Context>, (future,): (Resource<HostFutureIncomingResponse>,)| {
            Ok((store.data_mut().subscribe(&future)?,))
        },
    )?;
    types.func_wrap(
        "[method]future-incoming-response.get",
        |mut store: StoreContextMut<'_, Context>, (future,): (Resource<HostFutureIncomingResponse>,)| {
            Ok((store.data_mut().answer_of(&future)?,))
        },
    )?;
    types.func_wrap(
        "[method]outgoing-body.write",
        |mut store: StoreContextMut<'_, Context>, (body,): (Resource<HostOutgoingBody>,)| {
            Ok((store.data_mut().body_stream(&body)?,))
        },
    )?;
    types.resource(
        "future-incoming-response",
        ResourceType::host::<HostFutureIncomingResponse>(),
        |mut store: StoreContextMut<'_, Context>, future| store.data_mut().leave(Resource::new_own(future)),
    )?;
    holding::shadow(&mut types)?;
    linker.allow_shadowing(false);
    Ok(())
}

impl Context {
    fn handle(
        &mut self,
        request: Resource<HostOutgoingRequest>,
        options: Option<Resource<RequestOptions>>,
    ) -> Result<Result<Resource<HostFutureIncomingResponse>, ErrorCode>> {
        let number = self.gate.make_http().map_err(wasmtime::Error::new)?;
        self.http.hooks.number = number;
        let made = outgoing_handler::Host::handle(&mut self.http(), request, options);
        let tried = self.http.hooks.tried.take();
        match made {
            Ok(future) => {
                self.http.futures.insert(future.rep(), number);
                if let Some(exchange) = tried {
                    // Whoever subscribes to it finds it ready; what counts is the delivery.
                    *self.table.get_mut(&future)? = HostFutureIncomingResponse::Consumed;
                    self.http.tried.begin(number, exchange);
                }
                Ok(Ok(future))
            }
            Err(error) => {
                self.gate.unmake_http(number);
                error.downcast().map(Err)
            }
        }
    }

    fn subscribe(&mut self, future: &Resource<HostFutureIncomingResponse>) -> Result<Resource<DynPollable>> {
        self.count()?;
        let pollable = self.http().subscribe(Resource::new_borrow(future.rep()))?;
        if let Some(number) = self.http.futures.get(&future.rep()) {
            self.waits.answer(pollable.rep(), *number);
        }
        Ok(pollable)
    }

    fn answer_of(&mut self, future: &Resource<HostFutureIncomingResponse>) -> Result<Got> {
        self.count()?;
        let number = self.http.futures.get(&future.rep()).copied();
        if let Some(number) = number
            && self.gate.is_open(number)
        {
            if !self.http.cut_short.contains(&number) {
                return Ok(None);
            }
            // What was sent goes on to its end, and the task's end knows of it; the guest hears no more of it.
            self.http.futures.remove(&future.rep());
            self.gate.leave_http(number);
            let told = ErrorCode::InternalError(Some(format!("{}: the task was cancelled", Code::Cancelled)));
            return Ok(Some(Ok(Err(told))));
        }
        let tried = number.map_or(Ok(None), |number| self.answer_tried(number, future))?;
        let got = match tried {
            Some(response) => Some(Ok(Ok(response))),
            None => self.http().get(Resource::new_borrow(future.rep()))?,
        };
        if let Some(Ok(Ok(response))) = &got {
            let bytes = holding::bytes_of(&self.table.get(response)?.headers);
            self.hold(bytes)?;
        }
        Ok(got)
    }

    /// Lets go of an answer that the guest no longer waits for.
    fn leave(&mut self, future: Resource<HostFutureIncomingResponse>) -> Result<()> {
        if let Some(number) = self.http.futures.remove(&future.rep()) {
            self.http.tried.leave(number);
            self.gate.leave_http(number);
        }
        Futures::drop(&mut self.http(), future)
    }

    fn body_stream(&mut self, body: &Resource<HostOutgoingBody>) -> Result<Result<Resource<DynOutputStream>, ()>> {
        self.count()?;
        let Some(stock) = self.table.get_mut(body)?.take_output_stream() else { return Ok(Err(())) };
        let stream: DynOutputStream = Box::new(BodyStream::new(stock, Arc::clone(self.http.shared())));
        Ok(Ok(self.table.push_child(stream, body)?))
    }
}
