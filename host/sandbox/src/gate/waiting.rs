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
    kept: Kept,
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
    pub(super) fn open(&mut self, row: JournalRow) {
        self.open.insert(row.number, Open { row, kept: Kept::Nothing });
    }

    /// Forgets a call that was not made.
    pub(super) fn close(&mut self, number: u64) {
        self.open.remove(&number);
    }

    /// Notes an HTTP call whose answer is in the journal already.
    pub(super) fn open_past(&mut self, number: u64) {
        let row = JournalRow { number, at: Timestamp::from_millis(0), call: Vec::new(), answer: vec![0], write: false };
        self.open.insert(number, Open { row, kept: Kept::Whole });
    }

    /// Notes that a call was answered, without telling the guest.
    pub(super) fn answer(&mut self, number: u64, answer: Vec<u8>) {
        if let Some(open) = self.open.get_mut(&number) {
            open.row.answer = answer;
        }
    }

    /// Notes that a commit took the call's row: its intent, and the second time its answer.
    pub(super) fn committed(&mut self, number: u64) {
        if let Some(open) = self.open.get_mut(&number) {
            open.kept = match open.kept {
                Kept::Nothing => Kept::Intent,
                Kept::Intent | Kept::Whole => Kept::Whole,
            };
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
        if let Some(Open { row, kept: Kept::Nothing }) = self.open.remove(&number) {
            self.push(JournalRow { at, ..row });
        }
    }

    /// Takes everything, at the end. A read that was never delivered has no answer, since
    /// the guest saw none; a write whose intent no commit took was never sent.
    pub(super) fn finish(&mut self) -> Rest {
        let mut rows = self.take();
        let mut in_doubt = None;
        for Open { row, kept } in std::mem::take(&mut self.open).into_values() {
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
