//! How much the agent takes, and how much it tells.
//!
//! The agent has 512 MiB. What it checks is in memory whole, since rules look from one resource to others, and a
//! resource takes some five times there what it takes as JSON, and a document some ten times while it is read. Some
//! of the memory is left for artefacts that are being written. What is found goes by (`check`), however much it is.

/// Bytes of all that is told, wherever it is told: resources and the findings of the last time as JSON, and documents.
pub const TOLD_BYTES_MAX: usize = 48 * 1024 * 1024;
/// Most documents of one check.
pub const DOCUMENTS_MAX: usize = 5_000;
/// Deepest directory in which documents are looked for, below the one that is named.
pub const DIRECTORIES_DEEP_MAX: usize = 16;

/// Longest document, in bytes. A plan of some thousand resources has about as much.
pub const DOCUMENT_BYTES_MAX: usize = 24 * 1024 * 1024;
/// Most values of one document, each alias counted as what it stands for, and a long text of YAML as several.
pub const DOCUMENT_NODES_MAX: usize = 1_200_000;

/// Most findings, and most changes, that are answered inline, whoever asks for more; all of them are left as artefacts.
pub const INLINE_MAX: usize = 5_000;
/// Most rows of the table of an HTML report.
pub const ROWS_MAX: usize = 2_000;
/// Most findings that are kept to be written in several forms. Of more, each form is written while the resources are
/// judged once more: that takes time, and memory it takes none.
pub const FEW_MAX: usize = 5_000;
