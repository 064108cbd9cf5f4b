//! What a guest may have the host hold of requests and answers.
//!
//! The attack: ten thousand requests, each with a method of a megabyte, or as many copies
//! of the longest headers there may be: gigabytes that count as nobody's memory. The rule:
//! each part has its longest form, and all that the invocation's handles hold together is
//! bounded, also of answers that the guest makes though nobody asks it. It is looked at anew
//! whenever the guest may have added a quarter of the bound.

use http::HeaderMap;
use troupe_core::{Code, Error, limits};
use wasmtime::component::{LinkerInstance, Resource};
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi_http::p2::HeaderResult;
use wasmtime_wasi_http::p2::bindings::http::types::{
    ErrorCode, HeaderError, HostFields as _, HostOutgoingBody as Bodies, HostOutgoingRequest as _, Method,
};
use wasmtime_wasi_http::p2::body::HostOutgoingBody;
use wasmtime_wasi_http::p2::types::{HostIncomingResponse, HostOutgoingRequest, HostOutgoingResponse};
use wasmtime_wasi_http::{FieldMap, WasiHttpView as _};

use crate::context::Context;

/// Bytes that a header takes beside its name and value.
const HEADER_BYTES: usize = 64;

type Store<'a> = StoreContextMut<'a, Context>;
type Header = (String, Vec<u8>);

/// Replaces the functions by which a guest makes the host hold something.
pub(super) fn shadow(types: &mut LinkerInstance<'_, Context>) -> Result<()> {
    types.func_wrap("[static]fields.from-list", |mut store: Store<'_>, (list,): (Vec<Header>,)| {
        let context = store.data_mut();
        context.hold(list.iter().map(|(name, value)| header_bytes(name.len(), value.len())).sum())?;
        Ok((told(context.http().from_list(list))?,))
    })?;
    types.func_wrap(
        "[method]fields.set",
        |mut store: Store<'_>, (fields, name, values): (Resource<FieldMap>, String, Vec<Vec<u8>>)| {
            let context = store.data_mut();
            context.hold(values.iter().map(|value| header_bytes(name.len(), value.len())).sum())?;
            Ok((told(context.http().set(fields, name, values))?,))
        },
    )?;
    types.func_wrap(
        "[method]fields.append",
        |mut store: Store<'_>, (fields, name, value): (Resource<FieldMap>, String, Vec<u8>)| {
            let context = store.data_mut();
            context.hold(header_bytes(name.len(), value.len()))?;
            Ok((told(context.http().append(fields, name, value))?,))
        },
    )?;
    types.func_wrap("[method]fields.clone", |mut store: Store<'_>, (fields,): (Resource<FieldMap>,)| {
        let context = store.data_mut();
        let bytes = bytes_of(context.table.get(&fields)?);
        context.hold(bytes)?;
        Ok((context.http().clone(fields)?,))
    })?;
    types.func_wrap(
        "[method]outgoing-request.set-method",
        |mut store: Store<'_>, (request, method): (Resource<HostOutgoingRequest>, Method)| {
            let context = store.data_mut();
            let bytes = if let Method::Other(other) = &method { other.len() } else { 0 };
            context.hold(bytes)?;
            let fits = bytes <= limits::HTTP_METHOD_BYTES_MAX;
            Ok((if fits { context.http().set_method(request, method)? } else { Err(()) },))
        },
    )?;
    types.func_wrap(
        "[method]outgoing-request.set-authority",
        |mut store: Store<'_>, (request, authority): (Resource<HostOutgoingRequest>, Option<String>)| {
            let context = store.data_mut();
            let bytes = authority.as_ref().map_or(0, String::len);
            context.hold(bytes)?;
            let fits = bytes <= limits::HTTP_AUTHORITY_BYTES_MAX;
            Ok((if fits { context.http().set_authority(request, authority)? } else { Err(()) },))
        },
    )?;
    types.func_wrap(
        "[method]outgoing-request.set-path-with-query",
        |mut store: Store<'_>, (request, target): (Resource<HostOutgoingRequest>, Option<String>)| {
            let context = store.data_mut();
            let bytes = target.as_ref().map_or(0, String::len);
            context.hold(bytes)?;
            let fits = bytes <= limits::HTTP_HEAD_BYTES_MAX;
            Ok((if fits { context.http().set_path_with_query(request, target)? } else { Err(()) },))
        },
    )?;
    types.func_wrap(
        "[static]outgoing-body.finish",
        |mut store: Store<'_>, (body, trailers): (Resource<HostOutgoingBody>, Option<Resource<FieldMap>>)| {
            Ok((store.data_mut().finish(body, trailers)?,))
        },
    )
}

fn told<T>(result: HeaderResult<T>) -> Result<std::result::Result<T, HeaderError>> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(error) => error.downcast().map(Err),
    }
}

impl Context {
    /// Ends a body. Trailers are refused, since they are not sent: kept with a request that is
    /// not sent either, nobody would count them.
    fn finish(
        &mut self,
        body: Resource<HostOutgoingBody>,
        trailers: Option<Resource<FieldMap>>,
    ) -> Result<std::result::Result<(), ErrorCode>> {
        self.count()?;
        if let Some(trailers) = trailers {
            self.table.delete(trailers)?;
            Bodies::drop(&mut self.http(), body)?;
            let why = "trailers of a request are not sent; leave them out".to_owned();
            return Ok(Err(ErrorCode::InternalError(Some(why))));
        }
        let finished = Bodies::finish(&mut self.http(), body, None);
        self.http.tried.look();
        match finished {
            Ok(()) => Ok(Ok(())),
            Err(error) => error.downcast().map(Err),
        }
    }

    /// Counts a call by which the guest has the host hold more bytes.
    pub(super) fn hold(&mut self, bytes: usize) -> Result<()> {
        self.count()?;
        self.http.held_since = self.http.held_since.saturating_add(bytes);
        if self.http.held_since <= limits::HTTP_HELD_BYTES_MAX / 4 {
            return Ok(());
        }
        self.http.held_since = 0;
        let held: usize = self.table.iter_mut().map(|entry| bytes_held(entry)).sum();
        if held <= limits::HTTP_HELD_BYTES_MAX {
            return Ok(());
        }
        let most = limits::bytes(limits::HTTP_HELD_BYTES_MAX as u64);
        let message = format!("the agent holds more than {most} of headers and addresses of requests and answers");
        Err(wasmtime::Error::new(Error::new(Code::LimitTransfer, message)))
    }
}

fn bytes_held(entry: &(dyn std::any::Any + Send)) -> usize {
    if let Some(fields) = entry.downcast_ref::<FieldMap>() {
        return bytes_of(fields);
    }
    if let Some(response) = entry.downcast_ref::<HostIncomingResponse>() {
        return bytes_of(&response.headers);
    }
    if let Some(response) = entry.downcast_ref::<HostOutgoingResponse>() {
        return bytes_of(&response.headers);
    }
    let Some(request) = entry.downcast_ref::<HostOutgoingRequest>() else { return 0 };
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    bytes_of(&request.headers) + text(&request.authority) + text(&request.path_with_query)
}

pub(super) fn bytes_of(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| header_bytes(name.as_str().len(), value.len())).sum()
}

const fn header_bytes(name: usize, value: usize) -> usize {
    HEADER_BYTES.saturating_add(name).saturating_add(value)
}
