//! Who reads a stream, and may be let in no more.

use tokio::sync::watch;
use tokio::time::Instant;
use troupe_core::{Caller, limits};

use crate::Runtime;

/// Somebody who was let in, and may be let in no more: by a key that is revoked or expires, or a
/// tenant that is disabled.
#[derive(Debug)]
pub(crate) struct Reader {
    runtime: Runtime,
    caller: Caller,
    forgotten: watch::Receiver<u64>,
    /// What was forgotten when the caller was last looked at.
    seen: u64,
    /// When the caller is looked at again in any case, however often the wait is begun anew.
    look_at: Instant,
}

impl Reader {
    /// A reader that is let in now.
    pub(crate) fn new(runtime: &Runtime, caller: &Caller) -> Self {
        let mut forgotten = runtime.keyring.watch();
        let seen = *forgotten.borrow_and_update();
        let look_at = Instant::now() + limits::STREAM_LOOK_EVERY;
        Self { runtime: runtime.clone(), caller: caller.clone(), forgotten, seen, look_at }
    }

    /// The same reader, for something else that is read.
    pub(crate) fn again(&self) -> Self {
        let (runtime, caller) = (self.runtime.clone(), self.caller.clone());
        Self { runtime, caller, forgotten: self.forgotten.clone(), seen: self.seen, look_at: self.look_at }
    }

    /// Returns once the caller is let in no more.
    pub(crate) async fn refused(&mut self) {
        loop {
            let seen = self.seen;
            let forgotten = async { self.forgotten.wait_for(|now| *now != seen).await.map(|now| *now) };
            let now = match tokio::time::timeout_at(self.look_at, forgotten).await {
                Ok(Ok(now)) => now,
                // There is nobody left who could forget.
                Ok(Err(_)) => return std::future::pending().await,
                Err(_) => seen,
            };
            match self.runtime.check_caller(&self.caller).await {
                Ok(()) => {
                    self.seen = now;
                    self.look_at = Instant::now() + limits::STREAM_LOOK_EVERY;
                }
                Err(error) if error.retryable => tokio::time::sleep(limits::TICK).await,
                Err(_) => return,
            }
        }
    }
}
