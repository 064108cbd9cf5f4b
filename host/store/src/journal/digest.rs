//! The digest of a journal: what the audit says of it.

use std::collections::BTreeMap;

use troupe_core::audit::JournalDigest;
use troupe_core::{Digest, Result, TaskId, TenantId};

use super::JournalRow;
use crate::Store;

impl Store {
    /// The digest of an attempt's journal as it will be once `ahead`, rows that the next commit
    /// takes, are in it.
    ///
    /// # Errors
    /// A fault of the host, if a row does not read back; when the store is unavailable.
    pub async fn journal_digest(
        &self,
        tenant: &TenantId,
        task: TaskId,
        attempt: u32,
        ahead: &[JournalRow],
    ) -> Result<Digest> {
        let mut ahead: BTreeMap<u64, &JournalRow> = ahead.iter().map(|row| (row.number, row)).collect();
        let mut digest = JournalDigest::default();
        let mut take = |call: &[u8], row: &JournalRow| {
            digest = std::mem::take(&mut digest).row(row.number, row.at, call, row.answer.as_deref(), row.write);
        };
        self.each_row((tenant, task, attempt), |row| {
            while let Some(first) = ahead.first_entry().filter(|first| *first.key() < row.number) {
                let first = first.remove();
                take(&first.call, first);
            }
            // A row that is completed keeps its call.
            let completed = ahead.remove(&row.number).unwrap_or(&row);
            take(&row.call, completed);
        })
        .await?;
        for row in ahead.values() {
            take(&row.call, row);
        }
        Ok(digest.finish())
    }
}
