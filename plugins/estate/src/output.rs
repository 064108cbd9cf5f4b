//! The forms in which people and programs read resources and findings.
//!
//! | form | for | module |
//! |---|---|---|
//! | JSON, JSON Lines | programs | [`json`] |
//! | CSV (RFC 4180) | spreadsheets | [`csv`] |
//! | SARIF 2.1.0 | code scanning | [`sarif`] |
//! | OCSF 1.3.0 | security lakes | [`ocsf`] |
//! | HTML with charts | people | [`html`] |
//!
//! Each writes to any [`std::io::Write`] as it reads its rows, so that a million of them need no more memory
//! than one. A row that cannot be read ends the document with an error; what was written before is not whole.
//! Times are arguments: the same rows make the same bytes.

pub mod csv;
pub mod html;
pub mod json;
pub mod ocsf;
pub mod sarif;

use std::fmt::Display;
use std::io;

/// The product that reports name as their maker.
pub(crate) const PRODUCT: &str = "Troupe";

/// Why a document could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutputError<E: Display> {
    /// A row could not be read.
    #[error("a row cannot be read: {0}")]
    Row(E),
    /// A row could not be written.
    #[error("a row cannot be written: {0}")]
    Write(#[from] io::Error),
    /// A row cannot be told as JSON.
    #[error("a row cannot be told as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// What a report says about itself.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// The agent that looked, such as `security`.
    pub agent: &'a str,
    /// Its version: `1.2.0`.
    pub version: &'a str,
    /// When it looked, or rather ended to. What is suppressed is judged by this time, too.
    pub at: jiff::Timestamp,
}

/// A table of a report beside its findings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// What it is about, as a heading.
    pub title: String,
    /// What its rows are.
    pub caption: String,
    /// The names of its columns; the first is that of the rows' own names.
    pub columns: Vec<String>,
    /// Its rows, each with a cell for each column.
    pub rows: Vec<Vec<Cell>>,
}

/// One cell of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// A text.
    Text(String),
    /// A number.
    Number(u64),
}

/// What was seen, in a line: `acl = "public-read", age_days = 4`.
pub(crate) fn evidence(finding: &crate::Finding) -> String {
    let seen = finding.evidence.iter().map(|seen| format!("{} = {}", seen.attribute, seen.value));
    seen.collect::<Vec<String>>().join(", ")
}
