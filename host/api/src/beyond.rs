//! Who asks, so that a refusal is told with its caller.
//!
//! A refusal is an error like any other on its way out: of which caller it was is known at the door and nowhere behind
//! it. So each request has a slip on which authentication writes who it is and the way out that they were refused, and
//! what stands around the request hands both on when its answer is ready.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use troupe_core::{Caller, Code, Error};

use crate::Doors;

tokio::task_local! {
    /// That of the request that this task answers.
    static SLIP: Arc<Slip>;
}

#[derive(Debug, Default)]
struct Slip {
    caller: OnceLock<Caller>,
    is_refused: AtomicBool,
}

/// Notes who asks.
pub(crate) fn asked_by(caller: &Caller) {
    let _ = SLIP.try_with(|slip| slip.caller.set(caller.clone()));
}

/// Notes an error on its way out, if it says that the caller lacks a right.
pub(crate) fn note(error: &Error) {
    if error.code == Code::AuthScope {
        let _ = SLIP.try_with(|slip| slip.is_refused.store(true, Ordering::Relaxed));
    }
}

/// Tells the runtime of a request that was refused for want of a right.
pub(crate) async fn around(doors: Doors, request: Request, next: Next) -> Response {
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let slip = Arc::new(Slip::default());
    let response = SLIP.scope(Arc::clone(&slip), next.run(request)).await;
    if slip.is_refused.load(Ordering::Relaxed)
        && let Some(caller) = slip.caller.get()
    {
        // The calls of a service share one path, and their own name nobody.
        let path = matched.as_ref().map(MatchedPath::as_str).filter(|path| !path.contains('*')).unwrap_or(uri.path());
        doors.runtime.refused_at(caller, &format!("{method} {path}")).await;
    }
    response
}
