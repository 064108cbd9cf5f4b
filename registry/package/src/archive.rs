//! A release on its way: a tar of an OCI image layout, which `skopeo` reads as
//! `oci-archive:`.
//!
//! | entry | holds |
//! |---|---|
//! | `blobs/sha256/HEX` | one blob of the image, three in all; of a signed release, those of its signatures too |
//! | `index.json` | names the image manifest, tagged `NAME:VERSION`; then that of the signatures, tagged `sha256-HEX.sig` |
//! | `oci-layout` | the version of the layout |
//!
//! *The attack:* an archive that writes outside its directory, hides a second file under
//! the same name, never ends, or holds other bytes than its digests say. *The rule:*
//! nothing is unpacked; entries are regular files with exactly the names above, read
//! into memory up to a limit and held against their digests. Directories that tools list
//! (`blobs/`, `blobs/sha256/`) are passed over. *The default:* everything else is refused.
//!
//! Signatures travel beside the release and are no part of it: its digest is that of its image
//! manifest, however many have signed it. Whether they are good is not for the archive to say.

mod bounded;
mod layout;
mod read;
mod write;

pub use layout::{LAYOUT_FILE, index, layout_file, reference_tag};
pub use read::{Archived, read_archive};
pub use write::{sign_archive, write_archive, write_signed_archive};

/// The media type of an archive.
pub const ARCHIVE_MEDIA_TYPE: &str = "application/vnd.oci.image.layout.v1+tar";

const INDEX_ENTRY: &str = "index.json";
const LAYOUT_ENTRY: &str = "oci-layout";
const BLOB_PREFIX: &str = "blobs/sha256/";
