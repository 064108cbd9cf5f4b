//! What a release is, byte for byte.
//!
//! *Holds:* the manifest (`agent.toml`), the profile a component describes itself with, a
//! release as an OCI image and as an archive of one, and the checks of all of them.
//! *Never holds:* files, sockets, the engine or the database; bytes come and go through
//! `Read`, `Write` and closures.
//! *Start at:* [`manifest`] for what an author writes, [`release`] for what is published,
//! [`image`] for its layers.
//! *Tested by:* the unit tests beside each module and `tests/round_trip.rs`.

pub mod archive;
pub mod image;
mod json;
pub mod manifest;
pub mod profile;
pub mod release;
mod text;
pub mod trigger;
mod units;

pub use archive::{ARCHIVE_MEDIA_TYPE, read_archive, write_archive};
pub use image::{Blob, Image, Part, Parts};
pub use manifest::{AgentLimits, Capabilities, FilesRequest, Manifest, StateRequest, StateVersion, VersionRange};
pub use profile::{Profile, Skill};
pub use release::Release;
pub use trigger::Trigger;
pub use troupe_core::HostPattern;
pub use troupe_core::grant::{HttpGrant, Scheme};
