//! What goes into a backup, in this order: rows, blobs, files, artefacts.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use bytes::Bytes;
use tokio::sync::mpsc;
use troupe_core::view::{BackupEnd, BackupHead};
use troupe_core::{Code, Error, Result, limits};

use super::archive::Archive;
use super::artifacts;
use super::restore::{END, FILES, HEAD, RELEASES, TABLES};
use crate::Runtime;
use crate::blocking::blocking;

/// Makes a backup and hands its pieces over.
pub(super) async fn make(runtime: &Runtime, head: BackupHead, pieces: &mpsc::Sender<Result<Bytes>>) -> Result<()> {
    let mut archive = Archive::new(pieces)?;
    archive.entry(HEAD, &serde_json::to_vec(&head).map_err(Error::internal)?).await?;
    let mut end = BackupEnd::default();
    rows(runtime, &mut archive, &mut end).await?;
    runtime.gather_blobs().await?;
    blobs(runtime, &mut archive, &mut end).await?;
    files(runtime, &mut archive, &mut end).await?;
    artifacts::save(runtime, &mut archive, &mut end).await?;
    archive.entry(END, &serde_json::to_vec(&end).map_err(Error::internal)?).await?;
    archive.end().await
}

async fn rows(runtime: &Runtime, archive: &mut Archive<'_>, end: &mut BackupEnd) -> Result<()> {
    let (parts, mut ready) = mpsc::channel(1);
    let store = runtime.store.clone();
    let dumping = tokio::spawn(async move { store.dump(&parts).await });
    while let Some(part) = ready.recv().await {
        archive.entry(&format!("{TABLES}/{}/{:06}.jsonl", part.table, part.number), &part.lines).await?;
    }
    end.tables = dumping.await.map_err(Error::internal)??;
    Ok(())
}

/// All blobs that there are now. Those that a release in the rows needs are among them, since none has
/// been removed since they were read.
async fn blobs(runtime: &Runtime, archive: &mut Archive<'_>, end: &mut BackupEnd) -> Result<()> {
    let layout = runtime.layout.clone();
    let digests = blocking(move || layout.blobs()).await?;
    for digest in digests {
        let layout = runtime.layout.clone();
        let bytes = blocking(move || layout.read_blob(&digest)).await?;
        archive.entry(&format!("{RELEASES}/{}", digest.hex()), &bytes).await?;
        end.blobs += 1;
        end.bytes += bytes.len() as u64;
    }
    Ok(())
}

async fn files(runtime: &Runtime, archive: &mut Archive<'_>, end: &mut BackupEnd) -> Result<()> {
    let root = runtime.directories.own();
    let within = root.clone();
    for path in blocking(move || list(&within)).await? {
        let whole = root.join(&path);
        let Some(name) = path.to_str() else {
            tracing::warn!("a file whose name is not UTF-8 is left out of the backup");
            continue;
        };
        file(archive, &whole, &format!("{FILES}/{name}"), end).await?;
    }
    Ok(())
}

/// Adds one file as it is now, unless it is gone.
async fn file(archive: &mut Archive<'_>, path: &Path, name: &str, end: &mut BackupEnd) -> Result<()> {
    let opened = path.to_owned();
    let (mut open, size, changed) = match blocking(move || Ok(open(&opened))).await? {
        Ok(opened) => opened,
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(why) => return Err(unreadable(why)),
    };
    archive.head(name, size, changed)?;
    let mut left = size;
    while left > 0 {
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(limits::BACKUP_FILE_PIECE_BYTES);
        let (back, piece) = blocking(move || {
            let mut piece = vec![0; wanted];
            let read = open.read(&mut piece).map_err(unreadable)?;
            piece.truncate(read);
            Ok((open, piece))
        })
        .await?;
        open = back;
        if piece.is_empty() {
            // It has become shorter. What it lacks is nothing, as in a file with a hole.
            let nothing = vec![0; limits::BACKUP_FILE_PIECE_BYTES];
            while let Some(some) = nothing.get(..nothing.len().min(usize::try_from(left).unwrap_or(usize::MAX)))
                && !some.is_empty()
            {
                archive.bytes(some).await?;
                left -= some.len() as u64;
            }
            break;
        }
        left -= piece.len() as u64;
        archive.bytes(&piece).await?;
    }
    archive.pad(size).await?;
    end.files += 1;
    end.bytes += size;
    Ok(())
}

/// Opens a file; says how long it is and when it was changed, in seconds since 1970.
fn open(path: &Path) -> io::Result<(File, u64, u64)> {
    let file = File::open(path)?;
    let about = file.metadata()?;
    let changed = about.modified()?.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    Ok((file, about.len(), changed))
}

/// The regular files under `root`, by their path from there, in order. What is there only is no file,
/// such as a link, is left out: an agent cannot make it.
fn list(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![PathBuf::new()];
    while let Some(dir) = open.pop() {
        let entries = match fs::read_dir(root.join(&dir)) {
            Ok(entries) => entries,
            Err(why) if why.kind() == io::ErrorKind::NotFound => continue,
            Err(why) => return Err(unreadable(why)),
        };
        for entry in entries {
            let entry = entry.map_err(unreadable)?;
            let kind = entry.file_type().map_err(unreadable)?;
            let path = dir.join(entry.file_name());
            if kind.is_dir() {
                open.push(path);
            } else if kind.is_file() {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn unreadable(why: io::Error) -> Error {
    Error::new(Code::UnavailableStorage, "a file of an agent cannot be read; the host's log has the cause")
        .with_cause(why)
}
