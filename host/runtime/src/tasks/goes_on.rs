//! Work that goes on when whoever waits for it goes away.
//!
//! It is done where it is waited for, which costs nothing, and not in a task of its own, which would have to be woken
//! and whose end would wake the waiter: nobody goes away from most calls. Only what is left when that happens
//! becomes a task.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;
use troupe_core::{Error, Result};

/// Work that is done while it is waited for, and otherwise by itself.
pub(super) struct GoesOn<T: Send + 'static> {
    left: Option<Pin<Box<dyn Future<Output = Result<T>> + Send>>>,
}

impl<T: Send + 'static> GoesOn<T> {
    /// Begins when it is waited for.
    pub(super) fn new(work: impl Future<Output = Result<T>> + Send + 'static) -> Self {
        Self { left: Some(Box::pin(work)) }
    }
}

impl<T: Send + 'static> Future for GoesOn<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<T>> {
        let Some(left) = &mut self.left else { return Poll::Ready(Err(Error::internal("a task has ended"))) };
        // A panic in it is a fault of the host that ends nothing else.
        let polled = catch_unwind(AssertUnwindSafe(|| left.as_mut().poll(context)));
        let polled = polled.unwrap_or_else(|_| Poll::Ready(Err(Error::internal("a task panicked"))));
        if polled.is_ready() {
            self.left = None;
        }
        polled
    }
}

impl<T: Send + 'static> Drop for GoesOn<T> {
    fn drop(&mut self) {
        // Without a runtime the host is over.
        if let (Some(left), Ok(runtime)) = (self.left.take(), Handle::try_current()) {
            runtime.spawn(left);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn what_nobody_waits_for_any_more_comes_to_its_end() {
        let ((go, gone), (tell, told)) = (oneshot::channel::<()>(), oneshot::channel());
        let work = GoesOn::new(async move {
            gone.await.map_err(Error::internal)?;
            tell.send(7).map_err(|_| Error::internal("nobody listens"))
        });
        assert!(tokio::time::timeout(Duration::from_millis(10), work).await.is_err());
        go.send(()).unwrap();
        assert_eq!(told.await.unwrap(), 7);
    }

    #[tokio::test]
    async fn a_panic_is_an_error() {
        let work = GoesOn::new(async { Ok(Vec::<u8>::new().pop().expect("a fault in the host")) });
        assert_eq!(work.await.unwrap_err().code, troupe_core::Code::Internal);
    }
}
