//! Somebody whose connection stays open, whatever is asked on it.

use troupe_core::view::StreamEndReason;
use troupe_core::{Caller, Result};

use crate::Runtime;
use crate::tasks::{Reader, Wait};

/// A long connection, counted among the requests that wait until it is dropped.
#[derive(Debug)]
pub struct Attendance {
    reader: Reader,
    counted: Wait,
}

impl Attendance {
    /// Returns once it is to end, and why.
    pub async fn over(&mut self) -> StreamEndReason {
        tokio::select! {
            biased;
            () = self.reader.refused() => StreamEndReason::Refused,
            () = self.counted.closed() => StreamEndReason::HostStopping,
        }
    }
}

impl Runtime {
    /// Lets a long connection in.
    ///
    /// # Errors
    /// [`troupe_core::Code::LimitConcurrency`] if too many wait already;
    /// [`troupe_core::Code::UnavailableHost`] when the host stops.
    pub async fn attend(&self, caller: &Caller) -> Result<Attendance> {
        let reader = Reader::new(self, caller);
        let counted = self.waits.enter(&caller.tenant)?;
        self.require_ready()?;
        // It may have been refused since it was let in.
        self.check_caller(caller).await?;
        Ok(Attendance { reader, counted })
    }
}
