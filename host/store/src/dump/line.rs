//! A row as a line of JSON, and back.

use std::collections::BTreeMap;
use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use troupe_core::{Code, Error, Result};

use super::shape::{Column, Kind};
use crate::fault::Done;
use crate::rows::{Columns as _, broken};
use crate::sql::{Argument, Row};

/// What names bytes.
const BYTES: &str = "base64";

/// Adds a row as a line.
pub(super) fn write(row: &Row, columns: &[Column], line: &mut Vec<u8>) -> Done<()> {
    for (at, column) in columns.iter().enumerate() {
        line.push(if at > 0 { b',' } else { b'[' });
        let name = column.name.as_str();
        // Writing to memory cannot fail.
        match column.kind {
            Kind::Integer => match row.get_as::<Option<i64>>(name)? {
                Some(number) => drop(write!(line, "{number}")),
                None => line.extend_from_slice(b"null"),
            },
            Kind::Text => {
                let text = row.get_as::<Option<&str>>(name)?;
                serde_json::to_writer(&mut *line, &text).map_err(|error| broken(name, error))?;
            }
            Kind::Bytes => match row.get_as::<Option<&[u8]>>(name)? {
                Some(bytes) => drop(write!(line, "{{\"{BYTES}\":\"{}\"}}", STANDARD.encode(bytes))),
                None => line.extend_from_slice(b"null"),
            },
        }
    }
    line.extend_from_slice(b"]\n");
    Ok(())
}

/// The parameters that a line holds, in the order of `columns`, or why it is none.
pub(super) fn read(line: &[u8], columns: &[Column]) -> Result<Vec<Argument>> {
    let values: Vec<Value> = serde_json::from_slice(line).map_err(|error| damaged().with_cause(error))?;
    if values.len() != columns.len() {
        return Err(damaged());
    }
    values.into_iter().zip(columns).map(|(value, column)| argument(value, column.kind).ok_or_else(damaged)).collect()
}

fn argument(value: Value, kind: Kind) -> Option<Argument> {
    Some(match (kind, value) {
        (Kind::Integer, Value::Null) => Argument::Integer(None),
        (Kind::Integer, Value::Number(number)) => Argument::Integer(Some(number.as_i64()?)),
        (Kind::Text, Value::Null) => Argument::Text(None),
        (Kind::Text, Value::String(text)) => Argument::Text(Some(text)),
        (Kind::Bytes, Value::Null) => Argument::Bytes(None),
        (Kind::Bytes, Value::Object(object)) => {
            let object: BTreeMap<_, _> = object.into_iter().collect();
            let (1, Some(Value::String(text))) = (object.len(), object.get(BYTES)) else { return None };
            Argument::Bytes(Some(STANDARD.decode(text).ok()?))
        }
        _ => return None,
    })
}

/// A line that no backup has.
pub(super) fn damaged() -> Error {
    Error::new(Code::RequestInvalid, "the backup is damaged: a row of a table does not read back; use another backup")
}
