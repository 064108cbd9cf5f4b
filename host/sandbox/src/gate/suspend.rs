//! Leaving off and going on: what the gate knows of suspension.

use std::sync::atomic::Ordering;

use troupe_core::{Timestamp, limits};

use super::call::encode;
use super::{Call, Gate, JournalRow};

impl Gate {
    /// Whether an invocation whose guest only waits may be suspended: nothing of it is under
    /// way, whoever resumes it can answer it from its journal, and somebody will.
    pub(crate) async fn may_suspend(&self) -> bool {
        let can_be_resumed = !self.0.streamed.load(Ordering::Relaxed)
            && self.0.journalled.load(Ordering::Relaxed) <= limits::SUSPENDED_JOURNAL_BYTES_MAX;
        // A commit under way holds the ledger, so there is none once this has it.
        can_be_resumed && self.0.ledger.lock().await.may_suspend() && self.waiting().is_idle()
    }

    /// Notes the wait that the invocation is suspended in: it began at `since`, and its row
    /// has no answer until it ends.
    pub(crate) fn suspend(&self, number: u64, since: Timestamp) {
        let call = encode(&Call::Wait);
        self.waiting().push(JournalRow { number, at: since, call, answer: Vec::new(), write: false });
    }
}
