//! Who goes when all connections are taken.
//!
//! The attack: thousands of connections that each begin a request and never end its head; for
//! as long as a head may take, nobody else is let in. The rule: when all are taken and another
//! comes, the connection goes that has waited longest without having sent one whole head. The
//! default: while there is room, and whoever has asked something, is left alone.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::Request;
use hyper::service::Service;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::AbortHandle;
use troupe_core::limits;

/// The connections that have not asked anything yet, the longest first.
#[derive(Debug, Default)]
pub(crate) struct Crowd(VecDeque<(Arc<AtomicBool>, AbortHandle)>);

impl Crowd {
    /// Notes a connection that has just come.
    pub(crate) fn enter(&mut self, has_asked: Arc<AtomicBool>, connection: AbortHandle) {
        if self.0.len() >= 2 * limits::CONNECTIONS_MAX {
            self.0.retain(|(asked, connection)| !asked.load(Ordering::Relaxed) && !connection.is_finished());
        }
        self.0.push_back((has_asked, connection));
    }

    /// Ends the connection that has waited longest without asking anything, if there is one.
    pub(crate) fn make_room(&mut self) {
        while let Some((has_asked, connection)) = self.0.pop_front() {
            if !has_asked.load(Ordering::Relaxed) && !connection.is_finished() {
                connection.abort();
                return;
            }
        }
    }
}

/// The place of a connection among all that may be open. It is an extension of each request, so that
/// whoever goes on with the connection under another protocol keeps it.
#[derive(Debug, Clone)]
pub(crate) struct Place(#[expect(dead_code, reason = "it is given back when it is dropped")] Arc<OwnedSemaphorePermit>);

impl Place {
    pub(crate) fn new(permit: OwnedSemaphorePermit) -> Self {
        Self(Arc::new(permit))
    }
}

/// A service that notes that it was asked something, and says in which place.
pub(crate) struct Asked<S> {
    pub(crate) service: S,
    pub(crate) has_asked: Arc<AtomicBool>,
    pub(crate) place: Place,
}

impl<S: Service<Request<B>>, B> Service<Request<B>> for Asked<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn call(&self, mut request: Request<B>) -> S::Future {
        self.has_asked.store(true, Ordering::Relaxed);
        request.extensions_mut().insert(self.place.clone());
        self.service.call(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_longest_wait_ends_first_and_whoever_asked_stays() {
        let mut crowd = Crowd::default();
        let mut come = |asked: bool| {
            let connection = tokio::spawn(std::future::pending::<()>());
            crowd.enter(Arc::new(AtomicBool::new(asked)), connection.abort_handle());
            connection
        };
        let (asked, first, second) = (come(true), come(false), come(false));
        crowd.make_room();
        assert!(first.await.unwrap_err().is_cancelled());
        assert!(!asked.is_finished() && !second.is_finished());
        crowd.make_room();
        assert!(second.await.unwrap_err().is_cancelled());
        crowd.make_room();
        tokio::task::yield_now().await;
        assert!(!asked.is_finished());
    }
}
