//! Documents from the directory `documents`: those that are named, and those in directories that are.
//!
//! A document that cannot be read is a row beside what the others hold, as one is that came in the input. Each is read
//! once, however often it is named.

use std::collections::BTreeSet;

use troupe_cloud::source::Place;
use troupe_estate::ProblemKind;
use troupe_sdk::files::{Directory, Item, Kind};
use troupe_sdk::prelude::*;

use super::{AGENT, Weight};
use crate::ask::Asked;
use crate::limits::{DIRECTORIES_DEEP_MAX, DOCUMENT_BYTES_MAX};
use crate::read::{Document, EXTENSIONS, Read, looks_structured};

/// Where documents are.
const DOCUMENTS: Place = Place { agent: AGENT, directory: "documents", field: "document_files" };

/// Names that are asked for at once.
const NAMES_AT_ONCE: u32 = 1_000;

/// Reads what is named.
pub fn read(asked: &mut Asked, bytes: &Weight, count: &Weight) -> Result<(), Failure> {
    let Asked { document_files, documents, directories, problems, .. } = asked;
    let directory = files::directory(DOCUMENTS.directory);
    let mut noted = Read::default();
    let mut taken = BTreeSet::new();
    let mut take = |path: String, size: u64| -> Result<(), Failure> {
        if !taken.insert(path.clone()) {
            return Ok(());
        }
        let mut unread = |why: String| noted.note(&path, "documents", "unreadable", why, ProblemKind::Failed);
        count.add(1)?;
        if size > DOCUMENT_BYTES_MAX as u64 {
            unread(format!("{size} bytes are more than {DOCUMENT_BYTES_MAX}, which a document may have"));
            return Ok(());
        }
        bytes.add(usize::try_from(size).unwrap_or(usize::MAX))?;
        let read = directory.read(&path).map_err(|error| DOCUMENTS.refused(&path, error))?;
        match read.map(String::from_utf8) {
            Some(Ok(text)) => documents.push(Document { name: path, text, format: None }),
            Some(Err(_)) => unread("it is not UTF-8".to_owned()),
            None => unread("it was there when the directory was listed, and is not any more".to_owned()),
        }
        Ok(())
    };
    for named in document_files.iter() {
        let path = if named == "." { "" } else { named.trim_end_matches('/') };
        let stat = directory.stat(path).map_err(|error| DOCUMENTS.refused(path, error))?;
        let stat = stat.ok_or_else(|| DOCUMENTS.absent(path))?;
        if stat.kind == Kind::File {
            take(path.to_owned(), stat.size)?;
        } else if below(&directory, path, &mut take)? == 0 {
            let of = EXTENSIONS.join(", ");
            let message = format!("the directory `{named}` in `{}` has no files of {of}", DOCUMENTS.directory);
            return Err(Failure::invalid_input(message).with("file", named));
        } else {
            directories.push(path.to_owned());
        }
    }
    problems.extend(noted.problems);
    Ok(())
}

/// Reports whether a document would be among those that are read of a directory, if it were there.
pub fn is_below(directory: &str, path: &str) -> bool {
    let inside = || path.strip_prefix(directory)?.strip_prefix('/');
    let below = if directory.is_empty() { Some(path) } else { inside() };
    below.is_some_and(|rest| looks_structured(rest) && !rest.split('/').any(|name| name.starts_with('.')))
}

/// Takes each file below a directory that by its name is a document, in the order of their paths, and tells how many
/// there are. What begins with a point is passed over: it is what tools keep for themselves.
fn below(
    directory: &Directory,
    path: &str,
    take: &mut dyn FnMut(String, u64) -> Result<(), Failure>,
) -> Result<usize, Failure> {
    let mut count = 0;
    let mut left = vec![(path.to_owned(), 0)];
    while let Some((path, deep)) = left.pop() {
        let (mut after, mut inner) = (None::<String>, Vec::new());
        loop {
            let listed = directory.list(&path, after.as_deref(), NAMES_AT_ONCE);
            let items = listed.map_err(|error| DOCUMENTS.refused(&path, error))?.unwrap_or_default();
            let Some(last) = items.last() else { break };
            after = Some(last.name.clone());
            for Item { name, kind, size } in items.into_iter().filter(|item| !item.name.starts_with('.')) {
                let whole = if path.is_empty() { name } else { format!("{path}/{name}") };
                match kind {
                    Kind::Directory if deep == DIRECTORIES_DEEP_MAX => {
                        let message = format!(
                            "`{whole}` is more than {deep} directories below the one that is named; name it too"
                        );
                        return Err(Failure::invalid_input(message).with("file", whole));
                    }
                    Kind::Directory => inner.push((whole, deep + 1)),
                    Kind::File if looks_structured(&whole) => {
                        take(whole, size)?;
                        count += 1;
                    }
                    Kind::File => {}
                }
            }
        }
        left.extend(inner.into_iter().rev());
    }
    Ok(count)
}
