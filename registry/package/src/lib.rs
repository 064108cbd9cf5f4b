//! What a release is, byte for byte.
//!
//! *Holds:* the manifest (`agent.toml`), the profile a component describes itself with, a
//! release as an OCI image and as an archive of one, its signatures, the document of a channel,
//! the checks of all of them, and how two releases differ.
//! *Never holds:* files, sockets, the engine or the database; bytes come and go through
//! `Read`, `Write` and closures.
//! *Start at:* [`manifest`] for what an author writes, [`release`] for what is published,
//! [`image`] for its layers, [`signature`] for who vouches for it, [`channel`] for
//! which one is meant, [`compare`](mod@compare) for two of them, [`template`] for agents over a shared component.
//! *Tested by:* the unit tests beside each module, `tests/round_trip.rs`, `tests/signatures.rs`
//! and `tests/channels.rs`.

pub mod archive;
pub mod channel;
pub mod compare;
pub mod image;
mod json;
pub mod manifest;
pub mod profile;
pub mod release;
pub mod signature;
pub mod template;
mod text;
pub mod trigger;
mod units;

pub use archive::{ARCHIVE_MEDIA_TYPE, Archived, read_archive, sign_archive, write_archive, write_signed_archive};
pub use channel::{ChannelDocument, SignedChannel};
pub use compare::{Compared, compare, delta};
pub use image::{Blob, Image, Part, Parts};
pub use manifest::{
    AgentLimits, Capabilities, FilesRequest, HealthCheck, LockRequest, Manifest, StateRequest, StateVersion,
    VersionRange,
};
pub use profile::{Profile, Skill};
pub use release::Release;
pub use signature::{PublicKey, Signature, SigningKey};
pub use text::visible;
pub use trigger::Trigger;
pub use troupe_core::HostPattern;
pub use troupe_core::grant::{HttpGrant, Scheme};
