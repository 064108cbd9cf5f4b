//! JSON as a person reads it: scalars as lines, lists of objects as tables, in which lists of scalars stand where scalars
//! leave room.

use serde_json::{Map, Value};

/// Columns of a table at most; the rest is in `--json`.
const COLUMNS_MAX: usize = 6;
/// Characters of a cell at most.
const CELL_MAX: usize = 48;

/// Writes a document.
pub(crate) fn document(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(object) => fields(object, &mut out),
        Value::Array(items) => list(items, &mut out),
        scalar => out.push_str(&cell(scalar)),
    }
    out
}

/// A number of bytes, in the largest unit of which there is one, with one digit behind the point.
pub(crate) fn bytes(count: u64) -> String {
    let units = [("GiB", 1_u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match units.into_iter().find(|(_, size)| count >= *size) {
        Some((unit, size)) => format!("{}.{} {unit}", count / size, count % size * 10 / size),
        None => format!("{count} B"),
    }
}

fn fields(object: &Map<String, Value>, out: &mut String) {
    let is_flat = |value: &Value| !matches!(value, Value::Array(items) if items.iter().any(Value::is_object));
    let (flat, tables): (Vec<_>, Vec<_>) =
        object.iter().map(|(name, value)| (escaped(name), value)).partition(|(_, value)| is_flat(value));
    let width = flat.iter().map(|(name, _)| name.chars().count()).max();
    for (name, value) in flat {
        let pad = " ".repeat(width.unwrap_or(0).saturating_sub(name.chars().count()));
        out.push_str(&format!("{name}{pad}  {}\n", inline(value)));
    }
    for (name, value) in tables {
        if let Value::Array(items) = value {
            out.push_str(&format!("\n{name} ({})\n", items.len()));
            list(items, out);
        }
    }
}

fn list(items: &[Value], out: &mut String) {
    let rows: Vec<&Map<String, Value>> = items.iter().filter_map(Value::as_object).collect();
    if rows.len() < items.len() {
        for item in items {
            out.push_str(&format!("{}\n", inline(item)));
        }
        return;
    }
    let mut columns: Vec<&str> = Vec::new();
    let of_several =
        |value: &Value| value.as_array().is_some_and(|items| !items.is_empty() && items.iter().all(is_scalar));
    for is_shown in [&is_scalar as &dyn Fn(&Value) -> bool, &of_several] {
        for (name, value) in rows.iter().copied().flatten() {
            if is_shown(value) && columns.len() < COLUMNS_MAX && !columns.contains(&name.as_str()) {
                columns.push(name);
            }
        }
    }
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| columns.iter().map(|name| row.get(*name).map(cell).unwrap_or_default()).collect())
        .collect();
    out.push_str(&table(&columns, &cells));
}

fn is_scalar(value: &Value) -> bool {
    !value.is_object() && !value.is_array() && !value.is_null()
}

/// Writes a table with its columns aligned.
pub(crate) fn table(columns: &[&str], rows: &[Vec<String>]) -> String {
    let heads: Vec<String> = columns.iter().map(|name| escaped(&name.to_uppercase())).collect();
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| escaped(cell)).collect()).collect();
    let mut widths: Vec<usize> = heads.iter().map(|head| head.chars().count()).collect();
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut out = String::new();
    for row in std::iter::once(&heads).chain(&rows) {
        let mut text = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            text.push_str(cell);
            text.push_str(&" ".repeat(width.saturating_sub(cell.chars().count()) + 2));
        }
        out.push_str(text.trim_end());
        out.push('\n');
    }
    out
}

/// A value in a line: short lists and objects too.
fn inline(value: &Value) -> String {
    match value {
        Value::Array(items) => items.iter().map(inline).collect::<Vec<_>>().join(", "),
        Value::Object(object) => object
            .iter()
            .map(|(name, value)| format!("{}={}", escaped(name), inline(value)))
            .collect::<Vec<_>>()
            .join(" "),
        scalar => plain(scalar),
    }
}

fn cell(value: &Value) -> String {
    let text = inline(value);
    if text.chars().count() <= CELL_MAX {
        return text;
    }
    let mut cut: String = text.chars().take(CELL_MAX - 1).collect();
    cut.push('…');
    cut
}

/// Text that an agent wrote, so that it does not steer the terminal.
pub(crate) fn escaped(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_unicode().collect() } else { vec![c] }).collect()
}

/// A scalar without quotes.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => escaped(text),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_reads_as_fields_and_tables() {
        let value = json!({"account": "1", "resources": [{"id": "i-1", "size": 3, "tags": {}}, {"id": "i-22"}], "tags": ["a", "b"]});
        insta::assert_snapshot!(document(&value), @r"
        account  1
        tags     a, b

        resources (2)
        ID    SIZE
        i-1   3
        i-22
        ");
    }

    #[test]
    fn lists_of_scalars_stand_behind_scalars_while_there_is_room() {
        let value = json!([
            {"regions": ["a", "b"], "cloud": "aws", "empty": [], "mixed": [{"x": 1}]},
            {"cloud": "gcp", "since": 1, "regions": (0..30).collect::<Vec<_>>()}
        ]);
        insta::assert_snapshot!(document(&value), @r"
        CLOUD  SINCE  REGIONS
        aws           a, b
        gcp    1      0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 1…
        ");
    }

    #[test]
    fn an_agents_text_cannot_steer_the_terminal() {
        let clear = "a\u{1b}[2Jb";
        for value in [
            json!(clear),
            json!({ clear: 1 }),
            json!({ "a": { clear: 1 } }),
            json!([{ clear: clear }]),
            json!({ clear: [{ "a": clear }] }),
        ] {
            let text = document(&value);
            assert!(text.to_lowercase().contains("a\\u{1b}[2jb") && !text.contains('\u{1b}'), "{text}");
        }
    }
}
