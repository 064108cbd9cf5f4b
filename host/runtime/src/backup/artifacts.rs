//! Artefacts in a backup: all that are here, and those that lie at other hosts of the database, as far as those are
//! there. What is left out since its host is away, or since its bytes are damaged, is counted, so that whoever makes
//! the backup is told: a backup that needs every host and every byte would be none once one of them is gone for good.

use std::collections::HashSet;
use std::fs::File;
use std::io::Seek as _;

use troupe_core::view::BackupEnd;
use troupe_core::{Code, Digest, Error, Result};
use troupe_store::ArtifactPlace;

use super::archive::Archive;
use super::restore::ARTIFACTS;
use crate::Runtime;
use crate::artifacts::pieces;
use crate::blocking::blocking;

/// Adds every artefact.
pub(super) async fn save(runtime: &Runtime, archive: &mut Archive<'_>, end: &mut BackupEnd) -> Result<()> {
    let artifacts = runtime.artifacts.clone();
    let here: HashSet<Digest> = blocking(move || artifacts.digests()).await?.into_iter().collect();
    for digest in &here {
        let (artifacts, digest) = (runtime.artifacts.clone(), *digest);
        let Some((file, size)) = blocking(move || artifacts.any(&digest)).await? else { continue };
        // Its head cannot be taken back once the bytes turn out to be others.
        if let Err(error) = is_whole(file.try_clone().map_err(Error::internal)?, digest).await {
            left_out(end, &error);
            continue;
        }
        let file = blocking(move || rewound(file)).await?;
        archive.head(&path(&digest), size, 0)?;
        let mut coming = pieces(file, digest);
        while let Some(piece) = coming.recv().await {
            archive.bytes(&piece?).await?;
        }
        archive.pad(size).await?;
        count(end, size);
    }
    if !runtime.is_shared() {
        return Ok(());
    }
    let mut last = None;
    loop {
        let page = runtime.store.artifacts_named(last.as_ref()).await?;
        let Some((digest, ..)) = page.last() else { return Ok(()) };
        last = Some(*digest);
        for (digest, size, place) in page.into_iter().filter(|(digest, ..)| !here.contains(digest)) {
            elsewhere(runtime, archive, end, (digest, size, place)).await?;
        }
    }
}

/// Adds an artefact that lies at another host, unless none that is there has it.
async fn elsewhere(
    runtime: &Runtime,
    archive: &mut Archive<'_>,
    end: &mut BackupEnd,
    (digest, size, place): (Digest, u64, ArtifactPlace),
) -> Result<()> {
    let what = format!("the artefact {digest}");
    let (mut coming, place) = match runtime.coming_from(&what, &digest, &place).await {
        Ok(coming) => coming,
        Err(error) => {
            left_out(end, &error);
            return Ok(());
        }
    };
    archive.head(&path(&digest), size, 0)?;
    let mut left = size;
    while let Some(piece) = coming.next().await? {
        left = left.checked_sub(piece.len() as u64).ok_or_else(|| other_length(&what, &place))?;
        archive.bytes(&piece).await?;
    }
    if left > 0 {
        return Err(other_length(&what, &place));
    }
    archive.pad(size).await?;
    count(end, size);
    Ok(())
}

/// Reads an artefact through to see whether it is what its digest says.
///
/// # Errors
/// [`Code::ArtifactDigest`]; [`Code::UnavailableStorage`].
async fn is_whole(file: File, digest: Digest) -> Result<()> {
    let mut coming = pieces(file, digest);
    while let Some(piece) = coming.recv().await {
        piece?;
    }
    Ok(())
}

/// The same file from its beginning.
fn rewound(mut file: File) -> Result<File> {
    file.rewind().map_err(Error::internal)?;
    Ok(file)
}

fn left_out(end: &mut BackupEnd, error: &Error) {
    tracing::warn!(cause = error.cause_chain(), "an artefact is left out of the backup: {error}");
    end.artifacts_left_out += 1;
}

const fn count(end: &mut BackupEnd, size: u64) {
    end.artifacts += 1;
    end.bytes += size;
}

fn path(digest: &Digest) -> String {
    format!("{ARTIFACTS}/{}", digest.hex())
}

fn other_length(what: &str, place: &ArtifactPlace) -> Error {
    let message = format!("the host at {} hands {what} over with another length than it was left with", place.address);
    Error::new(Code::ArtifactDigest, message)
}
