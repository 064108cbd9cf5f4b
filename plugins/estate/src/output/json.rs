//! JSON, and lines of JSON: the rows as they are.

use std::fmt::Display;
use std::io::Write;

use serde::Serialize;

use super::OutputError;

/// Writes rows as an array, one row to a line.
///
/// # Errors
///
/// If a row cannot be read or written.
pub fn array<T: Serialize, E: Display>(
    out: &mut impl Write,
    rows: impl IntoIterator<Item = Result<T, E>>,
) -> Result<(), OutputError<E>> {
    elements(out, rows, |row| Ok(row))?;
    out.write_all(b"\n")?;
    Ok(())
}

/// Writes each row as a line.
///
/// # Errors
///
/// If a row cannot be read or written.
pub fn lines<T: Serialize, E: Display>(
    out: &mut impl Write,
    rows: impl IntoIterator<Item = Result<T, E>>,
) -> Result<(), OutputError<E>> {
    for row in rows {
        serde_json::to_writer(&mut *out, &row.map_err(OutputError::Row)?)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// Writes an array of what is made of each row, without a line's end after it.
pub(super) fn elements<T, U: Serialize, E: Display>(
    out: &mut impl Write,
    rows: impl IntoIterator<Item = Result<T, E>>,
    mut made: impl FnMut(T) -> Result<U, OutputError<E>>,
) -> Result<(), OutputError<E>> {
    out.write_all(b"[")?;
    for (number, row) in rows.into_iter().enumerate() {
        out.write_all(if number == 0 { b"\n" } else { b",\n" })?;
        serde_json::to_writer(&mut *out, &made(row.map_err(OutputError::Row)?)?)?;
    }
    out.write_all(b"\n]")?;
    Ok(())
}
