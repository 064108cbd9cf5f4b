//! A resource as its document has it, before it is told in common words.

use serde_json::Value;

use crate::judge::Source;

/// A resource as its document has it.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Which format it comes from, and so which mapping is meant.
    pub source: Source,
    /// Its type in the format's words: `aws_s3_bucket`, `AWS::S3::Bucket`, `Microsoft.Storage/storageAccounts`.
    pub kind: String,
    /// What it is called in the document.
    pub address: String,
    /// The line on which it begins, where it is known.
    pub line: Option<u32>,
    /// Where it is made, where the document says so.
    pub region: Option<String>,
    /// Its values. References to others are their addresses, and what nobody knows yet stands as such.
    pub raw: Value,
}
