//! The digest of a journal: what the audit says of it.

use std::collections::BTreeMap;

use sqlx::SqliteConnection;
use troupe_core::audit::JournalDigest;
use troupe_core::{Digest, Result, TaskId, TenantId};

use super::{JournalRow, rows};
use crate::Store;
use crate::fault::Done;

/// Rows that are held at once.
const ROWS_PER_PAGE: u32 = 64;

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
        Ok(with(&mut *self.reader().await?, tenant, task, attempt, ahead).await?)
    }
}

/// The digest of a whole journal.
pub(crate) fn digest(rows: &[JournalRow]) -> Digest {
    rows.iter().fold(JournalDigest::default(), |digest, row| add(digest, &row.call, row)).finish()
}

async fn with(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    task: TaskId,
    attempt: u32,
    ahead: &[JournalRow],
) -> Done<Digest> {
    let mut ahead: BTreeMap<u64, &JournalRow> = ahead.iter().map(|row| (row.number, row)).collect();
    let mut digest = JournalDigest::default();
    let mut after = None;
    loop {
        let page = rows(connection, (tenant, task, attempt), after, i64::from(ROWS_PER_PAGE)).await?;
        for row in &page {
            while let Some(first) = ahead.first_entry().filter(|first| *first.key() < row.number) {
                let first = first.remove();
                digest = add(digest, &first.call, first);
            }
            // A row that is completed keeps its call.
            let completed = ahead.remove(&row.number).unwrap_or(row);
            digest = add(digest, &row.call, completed);
            after = Some(row.number);
        }
        if page.len() < ROWS_PER_PAGE as usize {
            break;
        }
    }
    Ok(ahead.into_values().fold(digest, |digest, row| add(digest, &row.call, row)).finish())
}

fn add(digest: JournalDigest, call: &[u8], row: &JournalRow) -> JournalDigest {
    digest.row(row.number, row.at, call, row.answer.as_deref(), row.write)
}
