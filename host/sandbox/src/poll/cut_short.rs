//! Waits of a guest whose task was cancelled: they end at once, as what they waited for will not be had any more.
//!
//! Which of several pollables is said to be ready follows from what the guest did before, so it takes no more than
//! the row that says that the wait ended so.

use wasmtime::Result;

use super::Wait;
use crate::context::Context;

impl Context {
    /// Whether a wait for these ends at once. A guest that was told may still wait for time to pass.
    pub(crate) fn is_cut_short(&self, handles: &[u32]) -> bool {
        let lasts = |wait: Wait| matches!(wait, Wait::Answer { .. } | Wait::Lock { .. } | Wait::Awaited { .. });
        let ends = || handles.iter().any(|handle| self.pending(*handle).is_some_and(lasts));
        self.gate.is_cancelled() && (!self.gate.was_told_cancelled() || ends())
    }

    /// Ends a wait for these, as the call `number`; the place of the pollable that is said to be ready.
    pub(super) async fn cut_short_now(&mut self, number: u64, handles: &[u32]) -> Result<u32> {
        let index = self.cut_short(handles);
        self.gate.deliver_cancelled(number);
        self.gate.relieve().await.map_err(wasmtime::Error::new)?;
        Ok(index)
    }

    /// The place of the pollable that is said to be ready: that of the call that was made first, a timer after
    /// all others.
    pub(super) fn cut_short(&mut self, handles: &[u32]) -> u32 {
        let waits = (0..).zip(handles).filter_map(|(index, handle)| Some((index, *handle, self.pending(*handle)?)));
        let first = waits.min_by_key(|(_, _, wait)| (matches!(wait, Wait::Timer { .. }), wait.number()));
        let Some((index, handle, wait)) = first else { return 0 };
        self.waits.ring(handle);
        if let Wait::Answer { number } = wait {
            self.http.cut_short(number);
        }
        index
    }
}
