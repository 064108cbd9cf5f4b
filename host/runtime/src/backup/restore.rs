//! Reading a backup through, and making a data directory of it.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use sha2::{Digest as _, Sha256};
use tokio::runtime::Handle;
use troupe_core::view::{BACKUP_FORMAT, BackupEnd, BackupHead, BackupReport, TableSum};
use troupe_core::{Code, Digest, Error, Result, limits};
use troupe_registry::Layout;
use troupe_store::{Loading, PostgresAddress, TableSums};

use crate::blocking::blocking;

pub(super) const HEAD: &str = "head.json";
pub(super) const END: &str = "end.json";
pub(super) const TABLES: &str = "tables";
pub(super) const RELEASES: &str = "releases";
pub(super) const FILES: &str = "files";
pub(super) const ARTIFACTS: &str = "artifacts";

/// What the database is called in a data directory, and the directories of releases and of files.
const DATABASE: &str = "troupe.db";

/// Reads a backup through, and holds all of it against what it says of itself. `read` is told how many
/// bytes of the file have been read so far.
///
/// # Errors
/// [`Code::RequestInvalid`] saying what is wrong with it.
pub async fn check(path: &Path, read: impl FnMut(u64) + Send + 'static) -> Result<BackupReport> {
    let path = path.to_owned();
    blocking(move || go_through(&path, None, read)).await
}

/// Makes a data directory of a backup. `dir` holds no host yet. Rows go to a database in it, or to an
/// empty one of PostgreSQL.
///
/// # Errors
/// Those of [`check`]; [`Code::DataDirUnusable`] if it holds a host or cannot be written;
/// [`Code::UnavailableStore`] for a schema that this host does not know. What was written by then is
/// removed again.
pub async fn restore(
    path: &Path,
    dir: &Path,
    database: Option<&PostgresAddress>,
    read: impl FnMut(u64) + Send + 'static,
) -> Result<BackupReport> {
    for name in [DATABASE, RELEASES, FILES, ARTIFACTS] {
        if dir.join(name).exists() {
            let message = format!(
                "`{}` holds a host already; restore to an empty directory, named with `--data-dir`",
                dir.display()
            );
            return Err(Error::new(Code::DataDirUnusable, message));
        }
    }
    let (path, into) = (path.to_owned(), Place { dir: dir.to_owned(), database: database.cloned() });
    let restored = blocking(move || go_through(&path, Some(into), read)).await;
    if restored.is_err() {
        undo(dir);
    }
    restored
}

/// Removes what a failed restore has written.
fn undo(dir: &Path) {
    for name in [DATABASE, "troupe.db-wal", "troupe.db-shm"] {
        drop(fs::remove_file(dir.join(name)));
    }
    for name in [RELEASES, FILES, ARTIFACTS] {
        drop(fs::remove_dir_all(dir.join(name)));
    }
}

/// Where a backup is restored to.
struct Place {
    dir: PathBuf,
    database: Option<PostgresAddress>,
}

/// Where what is read goes.
struct Target {
    dir: PathBuf,
    layout: Layout,
    loading: Loading,
    handle: Handle,
}

impl Target {
    fn new(place: Place, head: &BackupHead) -> Result<Self> {
        let Place { dir, database } = place;
        let handle = Handle::current();
        let layout = Layout::open(&dir.join(RELEASES))?;
        let loading = match &database {
            Some(address) => handle.block_on(Loading::begin_on(address, head.schema))?,
            None => handle.block_on(Loading::begin(&dir.join(DATABASE), head.schema))?,
        };
        Ok(Self { dir, layout, loading, handle })
    }
}

/// What was read so far.
#[derive(Default)]
struct Seen {
    tables: std::collections::BTreeMap<String, (u64, Sha256)>,
    blobs: u64,
    files: u64,
    artifacts: u64,
    bytes: u64,
}

fn go_through(path: &Path, place: Option<Place>, read: impl FnMut(u64) + Send + 'static) -> Result<BackupReport> {
    let file = File::open(path).map_err(|why| {
        Error::new(Code::RequestInvalid, format!("`{}` cannot be read ({})", path.display(), why.kind()))
            .with_cause(why)
    })?;
    let zstd = zstd::stream::read::Decoder::new(Counted { file, bytes: 0, read }).map_err(damaged)?;
    let mut archive = tar::Archive::new(zstd);
    let mut entries = archive.entries().map_err(damaged)?;
    let mut next = || entries.next().transpose().map_err(damaged);
    let Some(mut first) = next()? else { return Err(no_backup()) };
    if name(&first)? != HEAD {
        return Err(no_backup());
    }
    let head: BackupHead = document(&mut first)?;
    if head.format != BACKUP_FORMAT {
        let message = format!(
            "the backup is of format {} and this host reads format {BACKUP_FORMAT}; use the version that made it, {}",
            head.format, head.troupe
        );
        return Err(Error::new(Code::RequestInvalid, message));
    }
    let mut target = place.map(|place| Target::new(place, &head)).transpose()?;
    let mut seen = Seen::default();
    let end: BackupEnd = loop {
        let Some(mut entry) = next()? else { return Err(cut_short()) };
        let name = name(&entry)?;
        match name.split_once('/') {
            None if name == END => break document(&mut entry)?,
            Some((TABLES, rest)) => rows(rest, &mut entry, &mut seen, target.as_mut())?,
            Some((RELEASES, hex)) => blob(hex, &mut entry, &mut seen, target.as_ref())?,
            Some((FILES, path)) => agent_file(path, &mut entry, &mut seen, target.as_ref())?,
            Some((ARTIFACTS, hex)) => artifact(hex, &mut entry, &mut seen, target.as_ref())?,
            _ => return Err(strange(&name)),
        }
    };
    if let Some(entry) = next()? {
        return Err(strange(&name(&entry)?));
    }
    // What is left is the checksum, over files of agents as well, which have no other.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(damaged)?;
    let tables = seen
        .tables
        .into_iter()
        .map(|(name, (rows, sum))| (name, TableSum { rows, digest: Digest::from_bytes(sum.finalize().into()) }));
    let tables: TableSums = tables.collect();
    // A table without rows has no entry.
    let filled = end.tables.iter().filter(|(_, sum)| sum.rows > 0).map(|(name, sum)| (name.clone(), *sum));
    let same = tables == filled.collect() && seen.blobs == end.blobs && seen.files == end.files;
    if !same || seen.artifacts != end.artifacts || seen.bytes != end.bytes {
        return Err(Error::new(
            Code::RequestInvalid,
            "the backup is damaged: it does not hold what it says; use another",
        ));
    }
    if let Some(target) = target {
        if seen.artifacts > 0 {
            sync(&target.dir.join(ARTIFACTS))?;
        }
        target.handle.block_on(target.loading.end(&end.tables))?;
        sync(&target.dir)?;
    }
    Ok(BackupReport { head, end })
}

/// Takes rows of a table: `TABLE/NUMBER.jsonl`.
fn rows(rest: &str, entry: &mut impl Entry, seen: &mut Seen, target: Option<&mut Target>) -> Result<()> {
    let Some((table, _)) = rest.split_once('/') else { return Err(strange(rest)) };
    let lines = whole(entry, limits::BACKUP_PART_BYTES_MAX)?;
    let Some(end) = lines.iter().position(|byte| *byte == b'\n') else { return Err(strange(rest)) };
    let rows = lines.get(end + 1..).unwrap_or_default();
    let (count, sum) = seen.tables.entry(table.to_owned()).or_default();
    *count += rows.iter().filter(|byte| **byte == b'\n').count() as u64;
    sum.update(rows);
    match target {
        Some(target) => target.handle.block_on(target.loading.rows(table, &lines)),
        None => Ok(()),
    }
}

fn blob(hex: &str, entry: &mut impl Entry, seen: &mut Seen, target: Option<&Target>) -> Result<()> {
    let bytes = whole(entry, limits::COMPONENT_BYTES_MAX)?;
    let digest: Digest = format!("sha256:{hex}").parse().map_err(|_| strange(hex))?;
    if Digest::of(&bytes) != digest {
        return Err(Error::new(
            Code::RequestInvalid,
            format!("the backup is damaged: blob {digest} has other bytes; use another"),
        ));
    }
    seen.blobs += 1;
    seen.bytes += bytes.len() as u64;
    target.map_or(Ok(()), |target| target.layout.put_blob(&digest, &bytes))
}

/// Takes an artefact, which is held against its digest piece by piece: it may be larger than memory.
fn artifact(hex: &str, entry: &mut impl Entry, seen: &mut Seen, target: Option<&Target>) -> Result<()> {
    let digest: Digest = format!("sha256:{hex}").parse().map_err(|_| strange(hex))?;
    let size = entry.length();
    let mut hash = Hashed { into: None, hash: Sha256::new() };
    if let Some(target) = target {
        let dir = target.dir.join(ARTIFACTS);
        let open = || -> io::Result<File> {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
            fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(dir.join(digest.hex()))
        };
        hash.into = Some(open().map_err(unwritable)?);
    }
    let copied = io::copy(entry, &mut hash).map_err(damaged)?;
    if copied != size {
        return Err(cut_short());
    }
    if Digest::from_bytes(hash.hash.finalize().into()) != digest {
        let message = format!("the backup is damaged: the artefact {digest} has other bytes; use another");
        return Err(Error::new(Code::RequestInvalid, message));
    }
    if let Some(file) = hash.into {
        file.sync_all().map_err(unwritable)?;
    }
    seen.artifacts += 1;
    seen.bytes += size;
    Ok(())
}

/// A file that is written, if there is one, and digested.
struct Hashed {
    into: Option<File>,
    hash: Sha256,
}

impl io::Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match &mut self.into {
            Some(file) => file.write(bytes)?,
            None => bytes.len(),
        };
        self.hash.update(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn agent_file(path: &str, entry: &mut impl Entry, seen: &mut Seen, target: Option<&Target>) -> Result<()> {
    let relative = Path::new(path);
    let is_inside = relative.components().all(|part| matches!(part, Component::Normal(_)));
    if !is_inside || path.is_empty() {
        return Err(strange(path));
    }
    seen.files += 1;
    let size = entry.length();
    seen.bytes += size;
    let Some(target) = target else {
        return if io::copy(entry, &mut io::sink()).map_err(damaged)? == size { Ok(()) } else { Err(cut_short()) };
    };
    let whole = target.dir.join(FILES).join(relative);
    let write = |entry: &mut dyn Read, changed: u64| -> io::Result<u64> {
        if let Some(dir) = whole.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        }
        // Where nothing was before, there is nothing that could lead elsewhere.
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&whole)?;
        let copied = io::copy(entry, &mut file)?;
        file.set_modified(UNIX_EPOCH + Duration::from_secs(changed))?;
        file.sync_all()?;
        Ok(copied)
    };
    let changed = entry.changed();
    let copied = write(entry, changed).map_err(unwritable)?;
    if copied == size { Ok(()) } else { Err(cut_short()) }
}

/// Has the names in a directory made durable.
fn sync(dir: &Path) -> Result<()> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(unwritable)
}

/// An entry of the archive.
trait Entry: Read {
    fn length(&self) -> u64;
    fn changed(&self) -> u64;
}

impl<R: Read> Entry for tar::Entry<'_, R> {
    fn length(&self) -> u64 {
        self.size()
    }

    fn changed(&self) -> u64 {
        self.header().mtime().unwrap_or(0)
    }
}

fn name<R: Read>(entry: &tar::Entry<'_, R>) -> Result<String> {
    let path = entry.path().map_err(damaged)?;
    let is_file = entry.header().entry_type().is_file();
    path.to_str().filter(|_| is_file).map(str::to_owned).ok_or_else(|| strange(&path.to_string_lossy()))
}

fn document<T: serde::de::DeserializeOwned>(entry: &mut impl Entry) -> Result<T> {
    serde_json::from_slice(&whole(entry, limits::BACKUP_DOCUMENT_BYTES_MAX)?)
        .map_err(|error| no_backup().with_cause(error))
}

/// All bytes of an entry.
fn whole(entry: &mut impl Entry, max: u64) -> Result<Vec<u8>> {
    let length = entry.length();
    if length > max {
        let message = format!("the backup is damaged: an entry has {length} bytes and may have {max}; use another");
        return Err(Error::new(Code::RequestInvalid, message));
    }
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes).map_err(damaged)?;
    if bytes.len() as u64 == length { Ok(bytes) } else { Err(cut_short()) }
}

/// A file of which somebody is told how much has been read.
struct Counted<F> {
    file: File,
    bytes: u64,
    read: F,
}

impl<F: FnMut(u64)> Read for Counted<F> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(into)?;
        self.bytes += read as u64;
        (self.read)(self.bytes);
        Ok(read)
    }
}

fn no_backup() -> Error {
    Error::new(Code::RequestInvalid, "the file is no backup; make one with `troupe backup FILE`")
}

fn cut_short() -> Error {
    Error::new(Code::RequestInvalid, "the backup is cut short: it was not received to its end; use another")
}

fn strange(name: &str) -> Error {
    let name: String = name.chars().take(100).collect();
    Error::new(
        Code::RequestInvalid,
        format!("the backup is damaged: no backup holds `{}`; use another", name.escape_debug()),
    )
}

fn damaged(why: io::Error) -> Error {
    let error = match why.kind() {
        io::ErrorKind::UnexpectedEof => cut_short(),
        _ => Error::new(Code::RequestInvalid, "the file is no backup, or a damaged one; use another"),
    };
    error.with_cause(why)
}

fn unwritable(why: io::Error) -> Error {
    let message = format!("the data directory cannot be written ({}); free some space or name another", why.kind());
    Error::new(Code::DataDirUnusable, message).with_cause(why)
}
