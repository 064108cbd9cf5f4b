//! Releases on disk, as an OCI image layout, and in OCI registries; there the documents of
//! channels, too.
//!
//! *Holds:* the directory of blobs: writing them so that a crash leaves nothing half
//! done, reading them so that no changed byte passes, sweeping what nobody needs.
//! *Never holds:* which release is published or deployed; the database says that.
//! *Start at:* [`Layout`]; `remote` for registries.
//! *Tested by:* `tests/layout.rs` and the unit tests of `files`.

mod files;
mod layout;
mod remote;

pub use layout::{Holds, IndexEntry, Layout};
pub use remote::{HandedOver, ImageName, artifact_handed_over, handed_over, pull, pull_channel, push, push_channel};
