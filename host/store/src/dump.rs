//! All rows of the database as lines of text, from which a database of either kind is filled.
//!
//! ```text
//! a table ─▶ parts of about 1 MiB ─▶ ["agent","tenant", …]      the columns, by name
//!                                    ["aws","acme", …]          a row, in the order of the key
//!                                    …
//! ```
//!
//! A number is a JSON number, a text a string, and bytes are `{"base64": "…"}`. Columns stand in
//! the order of their names, rows in that of the table's key, and both databases order text and
//! bytes byte by byte; so the same rows are the same lines, whichever database holds them, and
//! one digest for each table says whether two databases hold the same.
//!
//! The tables are those that the schema names, apart from what the database keeps by itself in
//! step with others. All of it is one state: that of the first read.

mod line;
mod load;
mod shape;

use std::collections::BTreeMap;

use futures::TryStreamExt as _;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use troupe_core::view::TableSum;
use troupe_core::{Code, Digest, Error, Result, limits};

use crate::fault::{Done, Failed};
use crate::sql::{Connection, Snapshot};
use crate::{Store, migrate};
pub use load::Loading;
use shape::Table;

/// Rows of one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DumpPart {
    /// The table.
    pub table: String,
    /// Which part of it, from 0.
    pub number: u64,
    /// Its columns, then its rows, a line each.
    pub lines: Vec<u8>,
}

/// What all tables hold.
pub type TableSums = BTreeMap<String, TableSum>;

impl Store {
    /// The schema that this build of the host knows, and any open store has.
    pub fn schema() -> u32 {
        migrate::newest()
    }

    /// Reads every row there is, hands them to `parts`, and returns what they were. Meanwhile others
    /// read and write.
    ///
    /// # Errors
    /// When the store is unavailable; [`Code::Cancelled`] if nobody takes the parts any more.
    pub async fn dump(&self, parts: &mpsc::Sender<DumpPart>) -> Result<TableSums> {
        let mut reader = self.reader().await?;
        let mut snapshot = Snapshot::of(&mut reader).await.map_err(Failed::from)?;
        let sums = read_all(&mut snapshot, Some(parts)).await?;
        snapshot.end().await.map_err(Failed::from)?;
        Ok(sums)
    }
}

/// Reads all tables, hands their rows to `parts`, if anybody wants them, and sums them up.
async fn read_all(connection: &mut dyn Connection, parts: Option<&mpsc::Sender<DumpPart>>) -> Done<TableSums> {
    let mut sums = TableSums::new();
    for table in shape::tables(connection).await? {
        let sum = read(connection, &table, parts).await?;
        sums.insert(table.name, sum);
    }
    Ok(sums)
}

/// Reads one table.
async fn read(
    connection: &mut dyn Connection,
    table: &Table,
    parts: Option<&mpsc::Sender<DumpPart>>,
) -> Done<TableSum> {
    let mut part = Part::new(table);
    let mut digest = Sha256::new();
    let mut count = 0;
    let mut rows = table.select().build().persistent(false).fetch(connection);
    let mut row_line = Vec::new();
    while let Some(row) = rows.try_next().await? {
        row_line.clear();
        line::write(&row, &table.columns, &mut row_line)?;
        digest.update(&row_line);
        count += 1;
        if let Some(parts) = parts {
            part.lines.extend_from_slice(&row_line);
            if part.lines.len() >= limits::BACKUP_PART_BYTES {
                hand_over(parts, part.next()).await?;
            }
        }
    }
    if let Some(parts) = parts
        && part.has_rows()
    {
        hand_over(parts, part.next()).await?;
    }
    Ok(TableSum { rows: count, digest: Digest::from_bytes(digest.finalize().into()) })
}

async fn hand_over(parts: &mpsc::Sender<DumpPart>, part: DumpPart) -> Done<()> {
    parts
        .send(part)
        .await
        .map_err(|_| Error::new(Code::Cancelled, "nobody takes the rows of the database any more").into())
}

/// The part of a table that is being gathered.
struct Part<'a> {
    table: &'a Table,
    head: Vec<u8>,
    number: u64,
    lines: Vec<u8>,
}

impl<'a> Part<'a> {
    fn new(table: &'a Table) -> Self {
        let head = table.head();
        Self { table, number: 0, lines: head.clone(), head }
    }

    fn has_rows(&self) -> bool {
        self.lines.len() > self.head.len()
    }

    /// Takes what was gathered and begins anew.
    fn next(&mut self) -> DumpPart {
        let lines = std::mem::replace(&mut self.lines, self.head.clone());
        let number = self.number;
        self.number += 1;
        DumpPart { table: self.table.name.clone(), number, lines }
    }
}
