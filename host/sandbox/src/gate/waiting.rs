//! What the journal does not hold yet: rows that ride along with the next commit, and
//! HTTP calls whose answer the guest has not been given.

use std::collections::BTreeMap;

use troupe_core::Timestamp;

use super::JournalRow;

#[derive(Debug, Default)]
pub(super) struct Waiting {
    rows: Vec<JournalRow>,
    bytes: usize,
    open: BTreeMap<u64, Open>,
}

/// An HTTP call that was made and not yet delivered.
#[derive(Debug)]
struct Open {
    row: JournalRow,
    /// Whether the journal holds it already.
    committed: bool,
}

impl Waiting {
    /// Adds a row that a later commit takes.
    pub(super) fn push(&mut self, row: JournalRow) {
        self.bytes = self.bytes.saturating_add(row.call.len()).saturating_add(row.answer.len());
        self.rows.push(row);
    }

    /// Takes all rows that wait.
    pub(super) fn take(&mut self) -> Vec<JournalRow> {
        self.bytes = 0;
        std::mem::take(&mut self.rows)
    }

    /// Bytes of the rows that wait.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Notes an HTTP call that is under way.
    pub(super) fn open(&mut self, row: JournalRow, committed: bool) {
        self.open.insert(row.number, Open { row, committed });
    }

    /// Notes that a call was answered, without telling the guest.
    pub(super) fn answer(&mut self, number: u64, answer: Vec<u8>) {
        if let Some(open) = self.open.get_mut(&number) {
            open.row.answer = answer;
        }
    }

    /// Whether an answer is there that the guest has not been given.
    pub(super) fn is_open(&self, number: u64) -> bool {
        self.open.contains_key(&number)
    }

    /// Gives the guest a call's answer, if there is one and it has not got it.
    pub(super) fn deliver(&mut self, number: u64, at: Timestamp) {
        if self.open.get(&number).is_none_or(|open| open.row.answer.is_empty()) {
            return;
        }
        if let Some(Open { row, committed: false }) = self.open.remove(&number) {
            self.push(JournalRow { at, ..row });
        }
    }

    /// Takes everything, at the end: calls that were never delivered have no answer, since
    /// the guest saw none.
    pub(super) fn finish(&mut self) -> Vec<JournalRow> {
        let undelivered = std::mem::take(&mut self.open).into_values().filter(|open| !open.committed);
        let undelivered = undelivered.map(|open| JournalRow { answer: Vec::new(), ..open.row });
        let mut rows = self.take();
        rows.extend(undelivered);
        rows
    }
}
