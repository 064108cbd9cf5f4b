//! How often something is tried that fails for a moment.

use std::time::Duration;

use troupe_core::Result;

use super::ImageName;
use super::fault::Fault;

/// How often something is tried without getting any further.
const TRIES_MAX: u32 = 4;
/// The pause before it is tried again, which doubles each time.
const PAUSE: Duration = Duration::from_millis(250);
/// Longest pause that a registry may ask for by `Retry-After`.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// How often something is still tried.
pub(super) struct Tries {
    left: u32,
    pause: Duration,
}

impl Tries {
    pub(super) const fn new() -> Self {
        Self { left: TRIES_MAX - 1, pause: PAUSE }
    }

    /// Waits until it is to be tried again.
    ///
    /// # Errors
    /// What went wrong, if that will not pass or it was tried often enough.
    pub(super) async fn again(&mut self, image: &ImageName, fault: impl Into<Fault> + Send) -> Result<()> {
        let fault = fault.into();
        if self.left == 0 || !fault.may_pass() {
            return Err(fault.told(image));
        }
        tokio::time::sleep(fault.pause().map_or(self.pause, |asked| asked.min(PAUSE_MAX))).await;
        self.left -= 1;
        self.pause *= 2;
        Ok(())
    }

    /// Begins anew, since it got further.
    pub(super) const fn renew(&mut self) {
        *self = Self::new();
    }
}
