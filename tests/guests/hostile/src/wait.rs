//! Waiting for what never comes, for too much at once, and for what is not its own.
//!
//! Outside wasm there is nothing to wait for, so nothing is.

#[cfg(target_family = "wasm")]
use std::mem::forget;

#[cfg(target_family = "wasm")]
use wasip2::{
    cli::stdout,
    clocks::monotonic_clock,
    http::outgoing_handler,
    http::types::{Fields, OutgoingRequest, Scheme},
    io::poll::{self, Pollable},
};

/// Begins a request whose body it never ends, and waits for the answer to it.
#[cfg(target_family = "wasm")]
pub fn for_itself() {
    let request = OutgoingRequest::new(Fields::new());
    let _ = request.set_scheme(Some(&Scheme::Http));
    let _ = request.set_authority(Some("127.0.0.1:1"));
    let _ = request.set_path_with_query(Some("/"));
    let body = request.body();
    if let Ok(answer) = outgoing_handler::handle(request, None) {
        answer.subscribe().block();
    }
    drop(body);
}

/// Waits for one timer, as often at once as it is told to.
#[cfg(target_family = "wasm")]
pub fn for_many(count: usize) -> usize {
    let timer = monotonic_clock::subscribe_duration(3_600_000_000_000);
    poll::poll(&vec![&timer; count]).len()
}

/// Asks a handle that it was never given whether it is ready.
#[cfg(target_family = "wasm")]
#[expect(unsafe_code, reason = "a guest can pass any number where a handle is wanted")]
pub fn forged(handle: u32) -> bool {
    // SAFETY: the host is what has to hold.
    let forged = unsafe { Pollable::from_handle(handle) };
    let ready = forged.ready();
    forget(forged);
    ready
}

/// Asks a handle of a stream whether it is ready, as if it were one to wait for.
#[cfg(target_family = "wasm")]
pub fn mistaken() -> bool {
    let stream = stdout::get_stdout();
    forged(stream.handle())
}

#[cfg(not(target_family = "wasm"))]
pub fn for_itself() {}

#[cfg(not(target_family = "wasm"))]
pub fn for_many(count: usize) -> usize {
    count
}

#[cfg(not(target_family = "wasm"))]
pub fn forged(handle: u32) -> bool {
    handle > 0
}

#[cfg(not(target_family = "wasm"))]
pub fn mistaken() -> bool {
    false
}
