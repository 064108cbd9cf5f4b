//! What the journal does not hold yet: rows that ride along with the next commit, and
//! HTTP calls whose answer the guest has not been given.

use std::collections::BTreeMap;

use troupe_core::Timestamp;

use super::JournalRow;

/// Bytes that a row takes beside its call and answer.
const ROW_BYTES: usize = 128;

#[derive(Debug, Default)]
pub(super) struct Waiting {
    rows: Vec<JournalRow>,
    bytes: usize,
    open: BTreeMap<u64, Open>,
    open_bytes: usize,
}

/// An HTTP call that was made and not yet delivered.
#[derive(Debug)]
struct Open {
    row: JournalRow,
    kept: Kept,
    /// Whether the guest let go of it and will never be given the answer.
    left: bool,
}

/// How much of a call the journal holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    Nothing,
    /// The call, without its answer.
    Intent,
    /// The call and its answer.
    Whole,
}

/// What is left when the invocation ends.
#[derive(Debug)]
pub(super) struct Rest {
    /// Rows for the last commit.
    pub(super) rows: Vec<JournalRow>,
    /// The first write that may have been sent and whose outcome nobody knows.
    pub(super) in_doubt: Option<JournalRow>,
}

fn size(row: &JournalRow) -> usize {
    ROW_BYTES.saturating_add(row.call.len()).saturating_add(row.answer.len())
}

impl Waiting {
    /// Adds a row that a later commit takes.
    pub(super) fn push(&mut self, row: JournalRow) {
        self.bytes = self.bytes.saturating_add(size(&row));
        self.rows.push(row);
    }

    /// Takes all rows that wait.
    pub(super) fn take(&mut self) -> Vec<JournalRow> {
        self.bytes = 0;
        std::mem::take(&mut self.rows)
    }

    /// Puts rows back that were taken and not committed.
    pub(super) fn put_back(&mut self, rows: Vec<JournalRow>) {
        let later = self.take();
        for row in rows.into_iter().chain(later) {
            self.push(row);
        }
    }

    /// Bytes of the rows that wait.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes of the calls that were not delivered.
    pub(super) const fn open_bytes(&self) -> usize {
        self.open_bytes
    }

    /// Notes an HTTP call that is now known whole; tells whether the guest still wants it.
    pub(super) fn know(&mut self, row: JournalRow) -> bool {
        let wanted = self.close(row.number).is_some();
        if wanted {
            self.open(row);
        }
        wanted
    }

    /// Notes an HTTP call that the guest makes.
    pub(super) fn open(&mut self, row: JournalRow) {
        self.open_bytes = self.open_bytes.saturating_add(size(&row));
        self.open.insert(row.number, Open { row, kept: Kept::Nothing, left: false });
    }

    /// Notes that the journal has held the answer of a call from before.
    pub(super) fn kept_before(&mut self, number: u64) {
        if let Some(open) = self.open.get_mut(&number) {
            open.kept = Kept::Whole;
        }
    }

    /// Notes that a call was answered, without telling the guest.
    pub(super) fn answer(&mut self, number: u64, answer: Vec<u8>) {
        if let Some(open) = self.open.get_mut(&number) {
            self.open_bytes = self.open_bytes.saturating_add(answer.len());
            open.row.answer = answer;
        }
    }

    /// The encoded call that was made under a number, if it is open.
    pub(super) fn call_of(&self, number: u64) -> Option<Vec<u8>> {
        self.open.get(&number).map(|open| open.row.call.clone())
    }

    /// Notes that a commit took the call's row: its intent, and the second time its answer.
    pub(super) fn committed(&mut self, number: u64) {
        let Some(open) = self.open.get_mut(&number) else { return };
        if open.kept == Kept::Nothing {
            open.kept = Kept::Intent;
            return;
        }
        // The journal has it all; what is left to remember is that the guest has not.
        open.kept = Kept::Whole;
        let (call, answer) = (std::mem::take(&mut open.row.call), std::mem::take(&mut open.row.answer));
        self.open_bytes = self.open_bytes.saturating_sub(call.len()).saturating_sub(answer.len());
        if open.left {
            self.close(number);
        }
    }

    /// Whether no call is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.open.is_empty()
    }

    /// Whether a call is there whose answer the guest has not been given.
    pub(super) fn is_open(&self, number: u64) -> bool {
        self.open.contains_key(&number)
    }

    /// Gives the guest a call's answer, if there is one and it has not got it. That of a
    /// write must be in the journal; else the call stays open, and the end tells of it.
    pub(super) fn deliver(&mut self, number: u64, at: Timestamp) {
        match self.open.get(&number) {
            Some(Open { kept: Kept::Whole, .. }) => drop(self.close(number)),
            Some(Open { kept: Kept::Nothing, row, .. }) if !row.answer.is_empty() => {
                if let Some(row) = self.close(number) {
                    self.push(JournalRow { at, ..row });
                }
            }
            _ => {}
        }
    }

    /// Notes that the guest let go of a call. A read is over then, and never had an answer
    /// that the guest saw; a write goes on to be committed. Returns the row whose answer nobody
    /// will see.
    pub(super) fn leave(&mut self, number: u64) -> Option<JournalRow> {
        match self.open.get_mut(&number)? {
            Open { kept: Kept::Whole, .. } => drop(self.close(number)),
            open if open.row.write => open.left = true,
            _ => {
                let row = self.close(number)?;
                self.push(JournalRow { answer: Vec::new(), ..row.clone() });
                return Some(row);
            }
        }
        None
    }

    /// Forgets a call.
    pub(super) fn close(&mut self, number: u64) -> Option<JournalRow> {
        let open = self.open.remove(&number)?;
        self.open_bytes = self.open_bytes.saturating_sub(size(&open.row));
        Some(open.row)
    }

    /// Takes everything, at the end. A read that was never delivered has no answer, since
    /// the guest saw none; a write whose intent no commit took was never sent.
    pub(super) fn finish(&mut self) -> Rest {
        let mut rows = self.take();
        let mut in_doubt = None;
        self.open_bytes = 0;
        for Open { row, kept, .. } in std::mem::take(&mut self.open).into_values() {
            match (kept, row.answer.is_empty()) {
                (Kept::Nothing, _) => rows.push(JournalRow { answer: Vec::new(), write: false, ..row }),
                (Kept::Intent, true) => in_doubt = in_doubt.or(Some(row)),
                (Kept::Intent, false) => rows.push(row),
                (Kept::Whole, _) => {}
            }
        }
        Rest { rows, in_doubt }
    }
}

#[cfg(test)]
#[path = "waiting_tests.rs"]
mod tests;
