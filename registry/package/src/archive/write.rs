//! From a release to an archive: the same bytes for the same release.

use std::io::{self, Write};

use tar::{Builder, EntryType, Header};
use troupe_core::{Code, Digest, Error, Result};

use super::{BLOB_PREFIX, INDEX_ENTRY, LAYOUT_ENTRY, layout};
use crate::Release;
use crate::archive::{Archived, read_archive};
use crate::image::Image;
use crate::signature::{Signature, SigningKey, signature_image, signature_tag};

/// Writes `release` to `out` and returns its digest.
///
/// # Errors
/// Those of [`Release::image`], and [`Code::UnavailableStorage`] if `out` fails.
pub fn write_archive(release: &Release, out: impl Write) -> Result<Digest> {
    write_signed_archive(release, &[], out)
}

/// Writes `release` with its signatures to `out` and returns its digest, which is the same
/// without them.
///
/// # Errors
/// Those of [`write_archive`].
pub fn write_signed_archive(release: &Release, signatures: &[Signature], out: impl Write) -> Result<Digest> {
    let image = release.image()?;
    let signatures = if signatures.is_empty() { None } else { Some(signature_image(signatures)?) };
    let named = |image: &Image, tag| (image.digest(), image.manifest.bytes.len() as u64, tag);
    let mut images = vec![named(&image, layout::reference_tag(&release.manifest.release()))];
    images.extend(signatures.as_ref().map(|signatures| named(signatures, signature_tag(&image.digest()))));
    let index = layout::index(images)?;
    let layout = layout::layout_file()?;
    let blobs = image.blobs().chain(signatures.iter().flat_map(Image::blobs));
    let mut entries: Vec<(String, &[u8])> =
        blobs.map(|blob| (format!("{BLOB_PREFIX}{}", blob.digest.hex()), blob.bytes.as_slice())).collect();
    entries.push((INDEX_ENTRY.to_owned(), &index));
    entries.push((LAYOUT_ENTRY.to_owned(), &layout));
    entries.sort();
    // Two parts with the same bytes are one blob.
    entries.dedup();
    append(&entries, out)
        .map_err(|why| Error::new(Code::UnavailableStorage, "the archive could not be written").with_cause(why))?;
    Ok(image.digest())
}

/// Signs the release in an archive, in place of an earlier signature of the same key, and
/// returns the archive with the signature in it.
///
/// # Errors
/// Those of [`read_archive`] and [`write_archive`]; [`Code::ArtifactSignature`] once it has as many
/// signatures as it may have, from whoever reads it.
pub fn sign_archive(archive: &[u8], key: &SigningKey) -> Result<Vec<u8>> {
    let Archived { digest, release, mut signatures } = read_archive(archive)?;
    signatures.retain(|signature| !signature.is_by(key.public()));
    signatures.push(key.sign(&release.manifest.release(), &digest)?);
    let mut signed = Vec::new();
    write_signed_archive(&release, &signatures, &mut signed)?;
    Ok(signed)
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
