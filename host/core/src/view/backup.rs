//! What a backup says of itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Digest, Timestamp};

/// The format that this host writes, and the only one it reads.
pub const BACKUP_FORMAT: u32 = 1;

/// The first document of a backup: what it was made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupHead {
    /// The format of the archive.
    pub format: u32,
    /// The version of the host that made it.
    pub troupe: String,
    /// The schema of its database.
    pub schema: u32,
    /// When it was made: all of the database is as it was then.
    pub made_at: Timestamp,
}

/// The last document of a backup, which only a whole one has: what is in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupEnd {
    /// The tables of the database.
    pub tables: BTreeMap<String, TableSum>,
    /// How many blobs of releases there are.
    pub blobs: u64,
    /// How many files of agents there are.
    pub files: u64,
    /// How many artefacts of tasks there are; those with the same bytes are one.
    #[serde(default)]
    pub artifacts: u64,
    /// How many artefacts were left out, since they are damaged or the hosts that have them are away.
    #[serde(default)]
    pub artifacts_left_out: u64,
    /// What blobs, files and artefacts have together, in bytes.
    pub bytes: u64,
}

impl BackupEnd {
    /// How many rows all tables have together.
    pub fn rows(&self) -> u64 {
        self.tables.values().map(|table| table.rows).sum()
    }
}

/// What a table holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableSum {
    /// How many rows.
    pub rows: u64,
    /// The digest of their lines, in the order of the table's key.
    pub digest: Digest,
}

/// What was read from a backup, or restored from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupReport {
    /// What it was made of.
    pub head: BackupHead,
    /// What is in it.
    pub end: BackupEnd,
}
