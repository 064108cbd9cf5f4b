//! What a gate leaves behind when its invocation ends.

use std::sync::atomic::{AtomicU64, Ordering};

use troupe_core::audit::AuditEntry;

use super::waiting::Rest;
use super::{Gate, JournalRow};

/// What an invocation's gate leaves behind.
#[derive(Debug)]
pub(crate) struct Finished {
    /// Rows that no commit has taken yet.
    pub(crate) rows: Vec<JournalRow>,
    /// The first write outside that may have been sent and whose outcome nobody knows.
    pub(crate) in_doubt: Option<JournalRow>,
    /// Recorded rows that the guest did not come to.
    pub(crate) unmade: Vec<JournalRow>,
    /// How many calls were made.
    pub(crate) calls: u64,
    /// How many of them were denied.
    pub(crate) denied: u64,
    /// What was decided, before it was resumed too.
    pub(crate) decisions: Vec<AuditEntry>,
    /// Those among them that no row tells.
    pub(crate) unseen: Vec<AuditEntry>,
}

impl Gate {
    /// Ends the journal: waits for the commit under way, and closes the ledger.
    pub(crate) async fn finish(&self) -> Finished {
        let _last = self.0.ledger.lock().await;
        self.0.closed.store(true, Ordering::Relaxed);
        let counted = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Rest { mut rows, in_doubt } = self.waiting().finish();
        let mut unmade = Vec::new();
        if let Some(recording) = &self.0.recording {
            recording.keep_new(&mut rows);
            unmade = recording.left();
        }
        let decisions = self.decisions().entries();
        let unseen = self.unseen().entries();
        let (calls, denied) = (counted(&self.0.calls), counted(&self.0.denied));
        Finished { rows, in_doubt, unmade, calls, denied, decisions, unseen }
    }
}
