//! The directory of releases.
//!
//! ```text
//! DIR/oci-layout            the version of the layout
//! DIR/index.json            names the published releases; derived from the database
//! DIR/blobs/sha256/HEX      one blob; releases share the blobs they have in common
//! DIR/blobs/sha256/.tmp-…   a blob being written, or what a crash left of one
//! ```
//!
//! A blob's name is its digest, so a file is either right or damaged, never outdated:
//! every read holds it against its name. A release's image manifest is written after all
//! that it names. What is there is not yet published; the database's row is the publish.
//!
//! Everything here blocks.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use troupe_core::{Code, Digest, Error, ReleaseRef, Result, Rubbish, TenantId, limits};
use troupe_package::archive::{LAYOUT_FILE, index, layout_file, reference_tag};
use troupe_package::{Part, Parts, Release};

use crate::files;

const INDEX_FILE: &str = "index.json";

/// Releases on disk, as an OCI image layout.
#[derive(Debug)]
pub struct Layout {
    dir: PathBuf,
    blobs: PathBuf,
    /// Writers share it, a sweep has it alone, so that no sweep takes a half-written
    /// release for rubbish.
    sweeping: RwLock<()>,
}

/// What of the releases that are published a layout has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// Each of them: one that is not there is lost.
    All,
    /// Some: several hosts work on one database, and others may have those that are not there.
    Some,
}

/// A published release, as the index names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexEntry {
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// The release.
    pub release: ReleaseRef,
    /// The release's digest.
    pub digest: Digest,
}

impl Holds {
    /// Whether a release that cannot be read may be elsewhere.
    fn lets(self, error: &Error) -> bool {
        self == Self::Some && error.code == Code::ReleaseNotFound
    }
}

impl Layout {
    /// Opens the layout in `dir`, and makes one where there is none.
    ///
    /// # Errors
    /// [`Code::DataDirUnusable`] if the directory cannot be written or holds a layout of
    /// another version.
    pub fn open(dir: &Path) -> Result<Self> {
        let unusable = |why| {
            Error::new(
                Code::DataDirUnusable,
                "the directory of releases cannot be written; make it writable or choose another data directory",
            )
            .with_cause(why)
        };
        let blobs = dir.join("blobs").join("sha256");
        files::make_dir(&blobs).map_err(unusable)?;
        let version = layout_file()?;
        match files::read(&dir.join(LAYOUT_FILE), limits::IMAGE_DOCUMENT_BYTES_MAX as u64).map_err(unusable)? {
            Some(found) if found.trim_ascii() != version => {
                return Err(Error::new(
                    Code::DataDirUnusable,
                    "the directory of releases holds an OCI image layout of another version; choose another data directory",
                ));
            }
            // Writing it again shows now, not at the first publish, that the disk takes it.
            _ => files::write(dir, LAYOUT_FILE, &version).map_err(unusable)?,
        }
        if !dir.join(INDEX_FILE).exists() {
            files::write(dir, INDEX_FILE, &index([])?).map_err(unusable)?;
        }
        Ok(Self { dir: dir.to_owned(), blobs, sweeping: RwLock::new(()) })
    }

    /// Writes a release and returns its digest. When it returns, the release is durable;
    /// writing it again changes nothing and mends damaged blobs.
    ///
    /// # Errors
    /// [`Code::UnavailableStorage`] if the disk is full or refuses writes, and those of
    /// [`Release::image`].
    pub fn put(&self, release: &Release) -> Result<Digest> {
        let image = release.image()?;
        let _shared = self.sweeping.read().unwrap_or_else(PoisonError::into_inner);
        for blob in image.blobs() {
            let path = self.path(&blob.digest);
            let there = files::read(&path, blob.bytes.len() as u64).map_err(files::unavailable)?;
            if there.is_none_or(|there| there != blob.bytes) {
                files::write(&self.blobs, &blob.digest.hex(), &blob.bytes).map_err(files::unavailable)?;
            }
        }
        Ok(image.digest())
    }

    /// Reads a release, holding every byte of it against its digest.
    ///
    /// # Errors
    /// [`Code::ReleaseNotFound`] if it is not here, [`Code::ArtifactDigest`] if a blob is
    /// damaged or gone, and those of [`Release::from_blobs`].
    pub fn get(&self, digest: &Digest) -> Result<Release> {
        Release::from_blobs(&self.image_manifest(digest)?, |digest, max| {
            self.blob(&Part { digest: *digest, size: max })
        })
    }

    /// Reads the component of a release, held against its digest.
    ///
    /// # Errors
    /// Those of [`Layout::get`].
    pub fn component(&self, digest: &Digest) -> Result<Vec<u8>> {
        self.blob(&Parts::read(&self.image_manifest(digest)?)?.component)
    }

    /// The blobs that are there, in order.
    ///
    /// # Errors
    /// [`Code::UnavailableStorage`] if the disk refuses.
    pub fn blobs(&self) -> Result<Vec<Digest>> {
        let mut digests = Vec::new();
        for entry in fs::read_dir(&self.blobs).map_err(files::unavailable)? {
            let name = entry.map_err(files::unavailable)?.file_name();
            // What a crash left of a blob has another name.
            digests.extend(name.to_str().and_then(|name| format!("sha256:{name}").parse::<Digest>().ok()));
        }
        digests.sort();
        Ok(digests)
    }

    /// Reads a blob, held against its digest.
    ///
    /// # Errors
    /// [`Code::ArtifactDigest`] if it is damaged or gone, [`Code::UnavailableStorage`] if the disk
    /// refuses.
    pub fn read_blob(&self, digest: &Digest) -> Result<Vec<u8>> {
        let size = fs::metadata(self.path(digest)).map_or(0, |about| about.len());
        self.blob(&Part { digest: *digest, size: size.min(limits::COMPONENT_BYTES_MAX) })
    }

    /// Writes a blob, whose digest is that of `bytes`.
    ///
    /// # Errors
    /// [`Code::ArtifactDigest`] if it is not; [`Code::UnavailableStorage`] if the disk is full or
    /// refuses writes.
    pub fn put_blob(&self, digest: &Digest, bytes: &[u8]) -> Result<()> {
        Part { digest: *digest, size: bytes.len() as u64 }.verify(bytes)?;
        let _shared = self.sweeping.read().unwrap_or_else(PoisonError::into_inner);
        files::write(&self.blobs, &digest.hex(), bytes).map_err(files::unavailable)
    }

    /// Replaces `index.json`, which tools that read OCI layouts begin with. The tag of a
    /// release is `TENANT/NAME:VERSION`. A release whose image manifest is damaged or gone
    /// is left out; those are returned, unless they may be elsewhere.
    ///
    /// # Errors
    /// [`Code::UnavailableStorage`] if the disk is full or refuses.
    pub fn write_index(&self, entries: &[IndexEntry], holds: Holds) -> Result<Vec<ReleaseRef>> {
        let (mut named, mut left_out) = (Vec::with_capacity(entries.len()), Vec::new());
        for entry in entries {
            match self.image_manifest(&entry.digest) {
                Ok(manifest) => {
                    let tag = format!("{}/{}", entry.tenant, reference_tag(&entry.release));
                    named.push((tag, entry.digest, manifest.len() as u64));
                }
                Err(error) if error.code == Code::UnavailableStorage => return Err(error),
                Err(error) if holds.lets(&error) => {}
                Err(_) => left_out.push(entry.release.clone()),
            }
        }
        named.sort();
        let _shared = self.sweeping.read().unwrap_or_else(PoisonError::into_inner);
        let index = index(named.into_iter().map(|(tag, digest, size)| (digest, size, tag)))?;
        files::write(&self.dir, INDEX_FILE, &index).map_err(files::unavailable)?;
        Ok(left_out)
    }

    /// Removes unfinished files and every blob that no release in `keep` needs; returns
    /// what that was.
    ///
    /// `keep` must hold each release that is published or about to be: the caller lets
    /// no release be between [`Layout::put`] and its row in the database meanwhile. If a
    /// release in `keep` cannot be read, what it needs is not known and nothing is
    /// removed.
    ///
    /// # Errors
    /// [`Code::ArtifactDigest`] for a release in `keep`, and [`Code::ReleaseNotFound`] unless it may be
    /// elsewhere; [`Code::UnavailableStorage`] if the disk refuses.
    pub fn sweep(&self, keep: &HashSet<Digest>, holds: Holds) -> Result<Rubbish> {
        let _alone = self.sweeping.write().unwrap_or_else(PoisonError::into_inner);
        self.rubbish_and(keep, holds, files::remove)
    }

    /// Tells what [`Layout::sweep`] would remove.
    ///
    /// # Errors
    /// Those of [`Layout::sweep`].
    pub fn rubbish(&self, keep: &HashSet<Digest>, holds: Holds) -> Result<Rubbish> {
        let _alone = self.sweeping.write().unwrap_or_else(PoisonError::into_inner);
        self.rubbish_and(keep, holds, |_| Ok(()))
    }

    fn rubbish_and(
        &self,
        keep: &HashSet<Digest>,
        holds: Holds,
        each: impl Fn(&Path) -> io::Result<()>,
    ) -> Result<Rubbish> {
        let mut needed: HashSet<String> = keep.iter().map(Digest::hex).collect();
        for digest in keep {
            match self.image_manifest(digest) {
                Ok(manifest) => needed.extend(Parts::read(&manifest)?.all().map(|part| part.digest.hex())),
                Err(error) if holds.lets(&error) => {}
                Err(error) => return Err(error),
            }
        }
        let mut rubbish = Rubbish::default();
        let unneeded = |name: &str| name.starts_with(files::TEMPORARY) || !needed.contains(name);
        of_dir(&self.blobs, unneeded, &each, &mut rubbish).map_err(files::unavailable)?;
        let unfinished = |name: &str| name.starts_with(files::TEMPORARY);
        of_dir(&self.dir, unfinished, &each, &mut rubbish).map_err(files::unavailable)?;
        Ok(rubbish)
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.blobs.join(digest.hex())
    }

    fn image_manifest(&self, digest: &Digest) -> Result<Vec<u8>> {
        let max = limits::IMAGE_DOCUMENT_BYTES_MAX as u64;
        let bytes = files::read(&self.path(digest), max).map_err(files::unavailable)?;
        let bytes = bytes.ok_or_else(|| {
            Error::new(Code::ReleaseNotFound, format!("there is no release with the digest {digest}"))
        })?;
        Part { digest: *digest, size: bytes.len() as u64 }.verify(&bytes)?;
        Ok(bytes)
    }

    fn blob(&self, part: &Part) -> Result<Vec<u8>> {
        let bytes = files::read(&self.path(&part.digest), part.size).map_err(files::unavailable)?;
        let bytes = bytes.ok_or_else(|| {
            Error::new(
                Code::ArtifactDigest,
                format!("blob {} of the release is gone from the store; publish the release again", part.digest),
            )
        })?;
        part.verify(&bytes)?;
        Ok(bytes)
    }
}

/// Counts the files of `dir` whose names are `unneeded`, and does with each what is asked.
fn of_dir(
    dir: &Path,
    unneeded: impl Fn(&str) -> bool,
    each: impl Fn(&Path) -> io::Result<()>,
    rubbish: &mut Rubbish,
) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let about = entry.metadata()?;
        // A name that is not UTF-8 is nobody's blob.
        if !about.is_dir() && entry.file_name().to_str().is_none_or(&unneeded) {
            each(&entry.path())?;
            rubbish.add(about.len());
        }
    }
    files::sync_dir(dir)
}
