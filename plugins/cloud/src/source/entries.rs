//! Entries of files, one by one, in the forms in which agents leave them.
//!
//! | a file holds | which is |
//! |---|---|
//! | lines of JSON, an entry each | an artefact of an inventory or a check |
//! | an object with `resources` (or `findings`), a list of entries | an answer; its `errors`, `problems` and `areas` come along |
//! | an object with such an answer as `output` | a task |
//! | a list of entries | whoever writes their own |
//!
//! *The danger:* half of an estate looks like a whole one. *The rule:* each part that an answer names is a file of its
//! own, told by its name and length, since every agent gives its parts the same names; and a file from which nothing
//! comes is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use troupe_estate::collect::{Part, Summary};
use troupe_estate::{Area, Entry, Finding, Problem, Resource};
use troupe_sdk::prelude::*;

use super::pieces::{Pieces, Shared};
use super::{Beside, Place};

/// What files hold.
pub trait Listed: Entry {
    /// The field of an answer that lists it.
    const LIST: &'static str;
    /// Whether agents leave a file without a byte where there is none of it.
    const LEFT_EMPTY: bool;
}

impl Listed for Resource {
    const LIST: &'static str = "resources";
    const LEFT_EMPTY: bool = false;
}

impl Listed for Finding {
    const LIST: &'static str = "findings";
    const LEFT_EMPTY: bool = true;
}

/// Takes each entry of files.
///
/// # Errors
///
/// [`Failure::InvalidInput`] if a file is not there, holds nothing or anything else, or is an answer whose entries are in
/// parts that are not among the files; [`Failure::Denied`], with the line to grant, if the directory is not granted; what
/// `take` refuses.
pub fn read<T: Listed>(
    place: Place,
    paths: &[String],
    take: &mut dyn FnMut(T) -> Result<(), Failure>,
) -> Result<Beside, Failure> {
    let (mut beside, mut parts, mut sizes) = (Beside::default(), Vec::new(), BTreeMap::new());
    for path in paths {
        let shared = Shared::default();
        let mut reading = Reading {
            take: &mut *take,
            shared: &shared,
            beside: &mut beside,
            parts: &mut parts,
            path,
            has_told: false,
            entry: PhantomData,
        };
        let mut text = serde_json::Deserializer::from_reader(Pieces::new(place, path, &shared));
        let read = loop {
            match text.end() {
                Ok(()) => break Ok(()),
                Err(error) if error.is_io() => break Err(error),
                Err(_) => {}
            }
            if let Err(error) = Whole(&mut reading).deserialize(&mut text) {
                break Err(error);
            }
        };
        if let Err(error) = read {
            return Err(shared.failed.take().unwrap_or_else(|| {
                let line = error.line();
                let message = format!("line {line} of the file `{path}` holds none of its {}: {error}", T::LIST);
                Failure::invalid_input(message).with("file", path)
            }));
        }
        let size = shared.size.get();
        if !(reading.has_told || T::LEFT_EMPTY && size == 0) {
            let message = format!(
                "the file `{path}` holds no {}: it is empty, or the answer of a task that has none, such as one that \
                 failed",
                T::LIST
            );
            return Err(Failure::invalid_input(message).with("file", path));
        }
        sizes.insert(path.as_str(), size);
    }
    match absent(&parts, &sizes) {
        None => Ok(beside),
        Some((path, Part { name, bytes, .. })) => {
            let message = format!(
                "the answer in `{path}` has its {} in artefacts, and `{name}` is not among the files with its {bytes} \
                 bytes; fetch each of them, into a directory for each task, and name all under `{}`",
                T::LIST,
                place.field
            );
            Err(Failure::invalid_input(message).with("file", path))
        }
    }
}

/// The first part that none of the files is, with the file that names it. Two that differ are two files, even if their
/// names and lengths are the same; one that two files name, such as an answer and its task, is one.
fn absent<'p>(parts: &'p [(String, Part)], sizes: &BTreeMap<&str, u64>) -> Option<&'p (String, Part)> {
    let mut files: BTreeMap<(&str, u64), usize> = BTreeMap::new();
    for (path, size) in sizes {
        *files.entry((path.rsplit('/').next().unwrap_or(path), *size)).or_default() += 1;
    }
    let mut found = BTreeSet::new();
    parts.iter().find(|(_, part)| {
        if !found.insert((&part.name, part.bytes, &part.sha256)) {
            return false;
        }
        let left = files.get_mut(&(part.name.as_str(), part.bytes)).filter(|left| **left > 0);
        left.map(|left| *left -= 1).is_none()
    })
}

/// What one file comes to.
struct Reading<'a, 't, T> {
    take: &'a mut (dyn FnMut(T) -> Result<(), Failure> + 't),
    shared: &'a Shared,
    beside: &'a mut Beside,
    /// The artefacts that hold an answer's entries, with the file that says so.
    parts: &'a mut Vec<(String, Part)>,
    path: &'a str,
    /// Whether an entry, a list of them or a part came of it.
    has_told: bool,
    entry: PhantomData<fn() -> T>,
}

impl<T: Listed> Reading<'_, '_, T> {
    /// Takes an entry that is whole.
    fn take<E: serde::de::Error>(&mut self, fields: Map<String, Value>) -> Result<(), E> {
        self.shared.since.set(0);
        self.has_told = true;
        let entry = T::deserialize(Value::Object(fields)).map_err(E::custom)?;
        (self.take)(entry).map_err(|failure| {
            let said = E::custom(&failure);
            *self.shared.failed.borrow_mut() = Some(failure);
            said
        })
    }

    fn parts(&mut self, names: impl IntoIterator<Item = Part>) {
        let before = self.parts.len();
        self.parts.extend(names.into_iter().map(|part| (self.path.to_owned(), part)));
        self.has_told |= self.parts.len() > before;
    }
}

/// A value of a file: an entry, a list of them, or an answer.
struct Whole<'r, 'a, 't, T>(&'r mut Reading<'a, 't, T>);

impl<'de, T: Listed> DeserializeSeed<'de> for Whole<'_, '_, '_, T> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Listed> Visitor<'de> for Whole<'_, '_, '_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object of `{}`, or an answer that lists them", T::LIST)
    }

    /// An answer says nothing of what it has none of.
    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        self.0.has_told = true;
        while let Some(fields) = list.next_element::<Map<String, Value>>()? {
            self.0.take(fields)?;
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (mut fields, mut is_answer) = (Map::new(), false);
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "output" => {
                    map.next_value_seed(Whole(&mut *self.0))?;
                    is_answer = true;
                }
                "errors" | "problems" => {
                    self.0.beside.problems.extend(map.next_value::<Option<Vec<Problem>>>()?.into_iter().flatten());
                }
                "areas" => {
                    self.0.beside.areas.extend(map.next_value::<Option<Vec<Area>>>()?.into_iter().flatten());
                }
                "parts" => {
                    self.0.parts(map.next_value::<Option<Vec<Part>>>()?.into_iter().flatten());
                    is_answer = true;
                }
                "artefacts" if T::LIST == Finding::LIST => {
                    self.0.parts(map.next_value::<Option<Summary>>()?.into_iter().flat_map(|left| left.parts));
                }
                // A check that left its findings as artefacts tells the worst of them as well, which come twice then.
                key if key == T::LIST => {
                    map.next_value_seed(Whole(&mut *self.0))?;
                    is_answer = true;
                }
                _ if is_answer => {
                    map.next_value::<IgnoredAny>()?;
                }
                _ => {
                    fields.insert(key, map.next_value::<Value>()?);
                }
            }
            if is_answer {
                fields.clear();
            }
        }
        self.0.shared.since.set(0);
        if is_answer {
            return Ok(());
        }
        if fields.is_empty() {
            return Err(A::Error::custom(format_args!("there is nothing of `{}` in it", T::LIST)));
        }
        self.0.take(fields)
    }
}
