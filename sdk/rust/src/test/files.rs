//! The files capability in memory. Every directory is granted for reading and writing; a
//! directory inside is there as long as a file is in it.

use std::collections::BTreeMap;
use std::time::SystemTime;

use crate::files::{Item, Kind, Piece, Stat};
use crate::{CapabilityError, Problem};

/// Most bytes and names in one answer, so that an agent which forgets to ask on is found
/// out.
const PIECE_BYTES_MAX: usize = 1024 * 1024;
const LIST_MAX: usize = 1_000;

#[derive(Clone)]
struct File {
    bytes: Vec<u8>,
    modified: SystemTime,
    version: u64,
}

#[derive(Default)]
pub struct Files {
    /// By directory and path.
    files: BTreeMap<(String, String), File>,
    version: u64,
    /// What every call answers, if the test wants it to fail.
    pub failure: Option<CapabilityError>,
}

impl Files {
    fn check(&self, path: &str, may_be_empty: bool) -> Result<(), CapabilityError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let bad = |part: &str| part.is_empty() || part == "." || part == ".." || part.contains(['\\', ':', '\0']);
        if path.split('/').any(bad) && !(may_be_empty && path.is_empty()) {
            let message = format!("the path `{path}` was denied");
            let details = Some(serde_json::json!({ "code": "denied.path" }));
            return Err(CapabilityError::Denied(Problem { message, details }));
        }
        Ok(())
    }

    fn file(&self, directory: &str, path: &str) -> Option<&File> {
        self.files.get(&(directory.to_owned(), path.to_owned()))
    }

    /// The paths of the files below a path, without the path itself.
    fn below<'a>(&'a self, directory: &'a str, path: &'a str) -> impl Iterator<Item = (&'a str, &'a File)> {
        self.files.iter().filter(move |((of, _), _)| of == directory).filter_map(move |((_, file), held)| {
            let rest = if path.is_empty() { file.as_str() } else { file.strip_prefix(path)?.strip_prefix('/')? };
            Some((rest, held))
        })
    }

    fn is_directory(&self, directory: &str, path: &str) -> bool {
        path.is_empty() || self.below(directory, path).next().is_some()
    }

    /// Writes without asking whether calls fail.
    pub fn put(&mut self, directory: &str, path: &str, bytes: &[u8], now: SystemTime) {
        self.version += 1;
        let file = File { bytes: bytes.to_vec(), modified: now, version: self.version };
        self.files.insert((directory.to_owned(), path.to_owned()), file);
    }

    pub fn content(&self, directory: &str, path: &str) -> Option<Vec<u8>> {
        self.file(directory, path).map(|file| file.bytes.clone())
    }

    pub fn read(
        &self,
        directory: &str,
        path: &str,
        offset: u64,
        length: u32,
    ) -> Result<Option<Piece>, CapabilityError> {
        self.check(path, false)?;
        let Some(file) = self.file(directory, path) else {
            return if self.is_directory(directory, path) { Err(invalid(path, "it is a directory")) } else { Ok(None) };
        };
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let length = usize::try_from(length).unwrap_or(usize::MAX).min(PIECE_BYTES_MAX);
        let bytes = file.bytes.iter().skip(offset).take(length).copied().collect();
        Ok(Some(Piece { bytes, size: file.bytes.len() as u64, version: file.version }))
    }

    pub fn write(&mut self, directory: &str, path: &str, bytes: &[u8], now: SystemTime) -> Result<(), CapabilityError> {
        self.check(path, false)?;
        if self.is_directory(directory, path) {
            return Err(invalid(path, "it is a directory"));
        }
        let above = path.match_indices('/').filter_map(|(at, _)| path.get(..at));
        if above.into_iter().any(|above| self.file(directory, above).is_some()) {
            return Err(invalid(path, "it leads through a file"));
        }
        self.put(directory, path, bytes, now);
        Ok(())
    }

    pub fn stat(&self, directory: &str, path: &str, now: SystemTime) -> Result<Option<Stat>, CapabilityError> {
        self.check(path, true)?;
        if let Some(file) = self.file(directory, path) {
            let File { bytes, modified, version } = file;
            let size = bytes.len() as u64;
            return Ok(Some(Stat { kind: Kind::File, size, modified: *modified, version: *version }));
        }
        let stat = Stat { kind: Kind::Directory, size: 0, modified: now, version: self.version };
        Ok(self.is_directory(directory, path).then_some(stat))
    }

    pub fn list(
        &self,
        directory: &str,
        path: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Option<Vec<Item>>, CapabilityError> {
        self.check(path, true)?;
        if !self.is_directory(directory, path) {
            return Ok(None);
        }
        let mut items = BTreeMap::new();
        for (rest, file) in self.below(directory, path) {
            let item = match rest.split_once('/') {
                Some((name, _)) => Item { name: name.to_owned(), kind: Kind::Directory, size: 0 },
                None => Item { name: rest.to_owned(), kind: Kind::File, size: file.bytes.len() as u64 },
            };
            items.insert(item.name.clone(), item);
        }
        let limit = usize::try_from(limit).unwrap_or(LIST_MAX).min(LIST_MAX);
        let items = items.into_values().filter(|item| after.is_none_or(|after| item.name.as_str() > after));
        Ok(Some(items.take(limit).collect()))
    }

    pub fn delete(&mut self, directory: &str, path: &str) -> Result<bool, CapabilityError> {
        self.check(path, false)?;
        if self.is_directory(directory, path) {
            return Err(invalid(path, "it is a directory that is not empty"));
        }
        Ok(self.files.remove(&(directory.to_owned(), path.to_owned())).is_some())
    }
}

fn invalid(path: &str, why: &str) -> CapabilityError {
    CapabilityError::Invalid(Problem::new(format_args!("`{path}`: {why}")))
}
