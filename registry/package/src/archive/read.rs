//! From an archive to a release, trusting nothing.

use std::collections::{HashMap, HashSet};
use std::io::{self, Read};

use oci_spec::image::{ANNOTATION_REF_NAME, Descriptor, ImageIndex, OciLayout};
use tar::{Archive, Entry, EntryType};
use troupe_core::{Code, Digest, Error, Result, limits};

use super::bounded::{Bounded, Seen};
use super::{BLOB_PREFIX, INDEX_ENTRY, LAYOUT_ENTRY, layout};
use crate::image::{self, MANIFEST_MEDIA_TYPE, Part, Parts, malformed};
use crate::signature::{Signature, read_signature_image, signature_tag};
use crate::{Release, text};

/// Directories that other tools list.
const DIRECTORIES: [&str; 2] = ["blobs/", BLOB_PREFIX];

/// What an archive brings.
#[derive(Debug, Clone, PartialEq)]
pub struct Archived {
    /// The release's digest.
    pub digest: Digest,
    /// The release.
    pub release: Release,
    /// What came with it; nobody has said yet that any of it is good.
    pub signatures: Vec<Signature>,
}

/// Reads an archive to its end.
///
/// # Errors
/// [`Code::ArtifactMalformed`] if it is cut off, is no archive or not one of a release;
/// [`Code::ArtifactPath`] for an entry that has no place in one;
/// [`Code::ArtifactSize`] if it is larger than the host accepts;
/// [`Code::ArtifactDigest`] if a blob's name is not its digest;
/// [`Code::ArtifactSignature`] if what stands beside the release are no signatures of its digest;
/// and those of [`Release::from_blobs`].
pub fn read_archive(input: impl Read) -> Result<Archived> {
    let seen = Seen::default();
    let contents = match Contents::read(Bounded::new(input, limits::ARCHIVE_BYTES_MAX, &seen), &seen) {
        // The tar reader wraps errors; what the input did says why.
        Err(_) if seen.over() => {
            return Err(Error::new(
                Code::ArtifactSize,
                format!("the archive is longer than the limit of {} bytes", limits::ARCHIVE_BYTES_MAX),
            ));
        }
        other => other?,
    };
    contents.release()
}

/// What an archive holds.
#[derive(Default)]
struct Contents {
    index: Option<Vec<u8>>,
    layout: Option<Vec<u8>>,
    blobs: HashMap<Digest, Vec<u8>>,
}

impl Contents {
    fn read(input: impl Read, seen: &Seen) -> Result<Self> {
        let mut contents = Self::default();
        let mut archive = Archive::new(input);
        // Raw: our names are short, so extension headers are as foreign as links.
        for (count, entry) in archive.entries().map_err(broken)?.raw(true).enumerate() {
            if count == limits::ARCHIVE_ENTRIES_MAX {
                return Err(malformed(format!("the archive has more than {} entries", limits::ARCHIVE_ENTRIES_MAX)));
            }
            contents.take(entry.map_err(broken)?)?;
        }
        // The tar reader takes the end of the input for the end of the archive, and looks
        // at the first of its two closing blocks only.
        let ended_early = seen.ended();
        let mut rest = Vec::new();
        archive.into_inner().read_to_end(&mut rest).map_err(broken)?;
        if ended_early || rest.len() < 512 {
            return Err(malformed("the archive is cut off"));
        }
        if rest.iter().any(|byte| *byte != 0) {
            return Err(malformed("the archive goes on after its end"));
        }
        Ok(contents)
    }

    /// Takes one entry in.
    fn take(&mut self, mut entry: Entry<'_, impl Read>) -> Result<()> {
        let path = entry.path_bytes().into_owned();
        let path = std::str::from_utf8(&path).unwrap_or("");
        let kind = entry.header().entry_type();
        if kind == EntryType::Directory && DIRECTORIES.contains(&path) && entry.size() == 0 {
            return Ok(());
        }
        let refuse = |why: &str| {
            let name = text::visible(path);
            Error::new(Code::ArtifactPath, format!("entry `{name}` of the archive {why}; pack it with `troupe build`"))
        };
        if kind != EntryType::Regular {
            return Err(refuse("is not a regular file"));
        }
        let digest = path.strip_prefix(BLOB_PREFIX).map(|hex| format!("sha256:{hex}").parse::<Digest>());
        let max = match (path, &digest) {
            (INDEX_ENTRY | LAYOUT_ENTRY, _) => limits::IMAGE_DOCUMENT_BYTES_MAX as u64,
            (_, Some(Ok(_))) => limits::COMPONENT_BYTES_MAX,
            _ => return Err(refuse("has no place in a release")),
        };
        image::check_size(path, entry.size(), max)?;
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(broken)?;
        if bytes.len() as u64 != entry.size() {
            return Err(malformed("the archive is cut off"));
        }
        let earlier = match digest {
            Some(Ok(digest)) => {
                Part { digest, size: entry.size() }.verify(&bytes)?;
                self.blobs.insert(digest, bytes)
            }
            _ if path == INDEX_ENTRY => self.index.replace(bytes),
            _ => self.layout.replace(bytes),
        };
        if earlier.is_some() { Err(refuse("is there twice")) } else { Ok(()) }
    }

    /// Puts the release together.
    fn release(mut self) -> Result<Archived> {
        let layout = self.layout.ok_or_else(|| malformed("the archive has no `oci-layout`"))?;
        let layout: OciLayout =
            serde_json::from_slice(&layout).map_err(|why| malformed("`oci-layout` cannot be read").with_cause(why))?;
        if layout.image_layout_version() != layout::LAYOUT_VERSION {
            return Err(malformed(format!("`oci-layout` is not of version {}", layout::LAYOUT_VERSION)));
        }
        let index = self.index.ok_or_else(|| malformed("the archive has no `index.json`"))?;
        let Named { image: named, signatures: signed } = named(&index)?;
        let manifest = self.blobs.remove(&named.digest).ok_or_else(|| missing(&named.digest))?;
        named.verify(&manifest)?;
        let parts = Parts::read(&manifest)?;
        let mut known: HashSet<Digest> = parts.all().iter().map(|part| part.digest).collect();
        let signatures = match signed {
            Some(named) => signatures(&self.blobs, &named, &mut known)?,
            None => Vec::new(),
        };
        if self.blobs.keys().any(|digest| !known.contains(digest)) {
            return Err(malformed("the archive has a blob that the release does not name"));
        }
        // Cloned, not taken: two parts may be the same bytes.
        let release =
            Release::from_blobs(&manifest, |digest, _| self.blobs.get(digest).cloned().ok_or_else(|| missing(digest)))?;
        // The store writes the image again from the release; both must be the same bytes,
        // or the release would be kept under another digest than it was sent under.
        if release.image()?.digest() != named.digest {
            return Err(malformed(format!(
                "the image {} is written otherwise than this host writes it; pack it with this version's `troupe build`",
                named.digest
            )));
        }
        Ok(Archived { digest: named.digest, release, signatures })
    }
}

/// Reads the image of signatures, and notes the blobs that it takes.
fn signatures(blobs: &HashMap<Digest, Vec<u8>>, named: &Part, known: &mut HashSet<Digest>) -> Result<Vec<Signature>> {
    let manifest = blobs.get(&named.digest).ok_or_else(|| missing(&named.digest))?;
    named.verify(manifest)?;
    known.insert(named.digest);
    read_signature_image(manifest, |digest, _| {
        known.insert(*digest);
        blobs.get(digest).cloned().ok_or_else(|| missing(digest))
    })
}

/// What an index names.
struct Named {
    image: Part,
    signatures: Option<Part>,
}

/// The image manifests that an index names: that of the release, and that of its signatures if
/// it has any.
fn named(index: &[u8]) -> Result<Named> {
    let index: ImageIndex =
        serde_json::from_slice(index).map_err(|why| malformed("`index.json` cannot be read").with_cause(why))?;
    let (release, signatures) = match index.manifests().as_slice() {
        [release] => (release, None),
        [release, signatures] => (release, Some(signatures)),
        images => {
            let message = format!("the archive has {} images; a release has 1, and 1 of its signatures", images.len());
            return Err(malformed(message));
        }
    };
    let image = named_image(release)?;
    let Some(signatures) = signatures else { return Ok(Named { image, signatures: None }) };
    let tag = signatures.annotations().as_ref().and_then(|said| said.get(ANNOTATION_REF_NAME));
    let wanted = signature_tag(&image.digest);
    if tag != Some(&wanted) {
        let message = format!(
            "the second image of the archive is not tagged `{wanted}`, as the signatures of its release are; pack one \
             release with `troupe build`, and sign it with `troupe sign`"
        );
        return Err(Error::new(Code::ArtifactSignature, message));
    }
    Ok(Named { image, signatures: Some(named_image(signatures)?) })
}

fn named_image(image: &Descriptor) -> Result<Part> {
    if image.media_type().as_ref() != MANIFEST_MEDIA_TYPE {
        return Err(malformed("`index.json` names something else than an image manifest"));
    }
    let digest = image.digest().as_ref().parse();
    let digest = digest.map_err(|why| malformed("`index.json` names another digest than sha256").with_cause(why))?;
    Ok(Part { digest, size: image.size() })
}

fn missing(digest: &Digest) -> Error {
    malformed(format!("the archive lacks the blob {digest}"))
}

/// What the tar reader found, or the input under it.
fn broken(why: io::Error) -> Error {
    malformed("the archive is cut off or is not a tar of a release").with_cause(why)
}
