//! From text to manifest, and from a fault to the line and field it stands in.
//!
//! The parser tells the span of a value it could not read. For what is wrong with a
//! whole item of a list it tells that of the list, which may begin pages before. So the
//! path of the field is looked up again, and a span that reaches beyond it is not
//! believed.

use std::ops::Range;

use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};
use toml::de::{DeTable, DeValue};
use troupe_core::{Code, Error, Result};

use crate::text;

/// Reads the text of the file `name` as a `T`.
pub(super) fn from_toml<T: DeserializeOwned>(name: &str, text: &str) -> Result<T> {
    let deserializer = toml::Deserializer::parse(text).map_err(|fault| {
        let line = line_of(text, fault.span().map_or(0, |span| span.start));
        refuse(format!("{name} line {line}: {}", fault.message()))
    })?;
    serde_path_to_error::deserialize(deserializer).map_err(|fault| {
        let path = fault.path();
        let span = match (fault.inner().span(), span_of(text, path)) {
            (Some(told), Some(value)) if told.start < value.start || told.end > value.end => Some(value),
            (told, value) => told.or(value),
        };
        let line = line_of(text, span.map_or(0, |span| span.start));
        refuse(format!("{name} line {line}: {}", text::at(path, fault.inner().message())))
    })
}

fn refuse(message: String) -> Error {
    Error::new(Code::ManifestInvalid, text::visible(&message))
}

/// The line of the byte at `offset`, from 1.
fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

/// The bytes of the value at `path`, if there is one.
fn span_of(text: &str, path: &Path) -> Option<Range<usize>> {
    let document = DeTable::parse(text).ok()?;
    let mut segments = path.iter();
    let Some(Segment::Map { key }) = segments.next() else { return None };
    let mut value = document.get_ref().get(key.as_str())?;
    for segment in segments {
        value = match (segment, value.get_ref()) {
            (Segment::Map { key }, DeValue::Table(table)) => table.get(key.as_str())?,
            (Segment::Seq { index }, DeValue::Array(array)) => array.get(*index)?,
            _ => return Some(value.span()),
        };
    }
    Some(value.span())
}
