//! A release on its way: a tar of an OCI image layout, which `skopeo` reads as
//! `oci-archive:`.
//!
//! | entry | holds |
//! |---|---|
//! | `blobs/sha256/HEX` | one blob of the image, five in all |
//! | `index.json` | names the image manifest, tagged `NAME:VERSION` |
//! | `oci-layout` | the version of the layout |
//!
//! *The attack:* an archive that writes outside its directory, hides a second file under
//! the same name, never ends, or holds other bytes than its digests say. *The rule:*
//! nothing is unpacked; entries are regular files with exactly the names above, read
//! into memory up to a limit and held against their digests. Directories that tools list
//! (`blobs/`, `blobs/sha256/`) are passed over. *The default:* everything else is refused.

mod bounded;
mod layout;
mod read;
mod write;

pub use layout::{LAYOUT_FILE, index, layout_file, reference_tag};
pub use read::read_archive;
pub use write::write_archive;

/// The media type of an archive.
pub const ARCHIVE_MEDIA_TYPE: &str = "application/vnd.oci.image.layout.v1+tar";

const INDEX_ENTRY: &str = "index.json";
const LAYOUT_ENTRY: &str = "oci-layout";
const BLOB_PREFIX: &str = "blobs/sha256/";
