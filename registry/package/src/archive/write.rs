//! From a release to an archive: the same bytes for the same release.

use std::io::{self, Write};

use tar::{Builder, EntryType, Header};
use troupe_core::{Code, Digest, Error, Result};

use super::{BLOB_PREFIX, INDEX_ENTRY, LAYOUT_ENTRY, layout};
use crate::Release;

/// Writes `release` to `out` and returns its digest.
///
/// # Errors
/// Those of [`Release::image`], and [`Code::UnavailableStorage`] if `out` fails.
pub fn write_archive(release: &Release, out: impl Write) -> Result<Digest> {
    let image = release.image()?;
    let tag = layout::reference_tag(&release.manifest.release());
    let index = layout::index([(image.digest(), image.manifest.bytes.len() as u64, tag)])?;
    let layout = layout::layout_file()?;
    let mut entries: Vec<(String, &[u8])> =
        image.blobs().map(|blob| (format!("{BLOB_PREFIX}{}", blob.digest.hex()), blob.bytes.as_slice())).collect();
    entries.push((INDEX_ENTRY.to_owned(), &index));
    entries.push((LAYOUT_ENTRY.to_owned(), &layout));
    entries.sort();
    // Two parts with the same bytes are one blob.
    entries.dedup();
    append(&entries, out)
        .map_err(|why| Error::new(Code::UnavailableStorage, "the archive could not be written").with_cause(why))?;
    Ok(image.digest())
}

fn append(entries: &[(String, &[u8])], out: impl Write) -> io::Result<()> {
    let mut archive = Builder::new(out);
    for (name, bytes) in entries {
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Regular);
        header.set_path(name)?;
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_cksum();
        archive.append(&header, *bytes)?;
    }
    archive.into_inner()?.flush()
}
