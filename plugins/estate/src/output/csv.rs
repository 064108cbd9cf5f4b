//! CSV by RFC 4180, for spreadsheets.
//!
//! *The attack:* who may name a resource, write a tag or a bucket's policy writes what somebody else opens in
//! a spreadsheet. A cell that begins with `=`, `+`, `-` or `@` is a formula there, which may send the other
//! cells away or start a program. Some programs pass over a tab or a line's end before it, and some take the
//! wide forms `＝`, `＋`, `－` and `＠` for the narrow ones.
//!
//! *The rule:* a cell that begins with one of these characters is written with an apostrophe before it:
//! `=1+1` as `'=1+1`. Spreadsheets show the apostrophe or take it for "this is text"; a program that reads the
//! file takes it off when one of them follows. Cells that are numbers of ours are written as they are, so
//! that columns can be summed. No cell is passed by.
//!
//! Lines end with CR LF, every cell of text is within quotes, a quote is doubled, and the first line has the
//! names of the columns.

use std::fmt::Display;
use std::io::{self, Write};

use super::{OutputError, Table};
use crate::{Finding, Problem, Resource};

/// Characters at the beginning of a cell that may make it a formula.
const FORMULAS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// One cell.
enum Cell<'a> {
    Text(&'a str),
    Number(String),
    Nothing,
}

impl<'a> Cell<'a> {
    fn of(text: Option<&'a str>) -> Self {
        text.map_or(Self::Nothing, Self::Text)
    }
}

/// Writes findings, one to a line.
///
/// # Errors
///
/// If a row cannot be read or written.
pub fn findings<E: Display>(
    out: &mut impl Write,
    rows: impl IntoIterator<Item = Result<Finding, E>>,
) -> Result<(), OutputError<E>> {
    const NAMES: [&str; 23] = [
        "fingerprint",
        "rule",
        "title",
        "severity",
        "status",
        "reason",
        "provider",
        "type",
        "class",
        "account",
        "region",
        "id",
        "arn",
        "name",
        "evidence",
        "fix",
        "saving",
        "currency",
        "price_source",
        "price_as_of",
        "frameworks",
        "suppressed",
        "suppressed_until",
    ];
    line(out, &NAMES.map(Cell::Text))?;
    for row in rows {
        let row = row.map_err(OutputError::Row)?;
        let evidence: Vec<String> =
            row.evidence.iter().map(|seen| format!("{}={}", seen.attribute, seen.value)).collect();
        let frameworks: Vec<String> =
            row.frameworks.iter().map(|one| format!("{} {}", one.framework, one.control)).collect();
        let (evidence, frameworks) = (evidence.join("; "), frameworks.join("; "));
        let (resource, saving, suppressed) = (&row.resource, row.saving.as_ref(), row.suppressed.as_ref());
        let cells = [
            Cell::Text(row.fingerprint.as_str()),
            Cell::Text(&row.rule),
            Cell::Text(&row.title),
            Cell::Text(row.severity.name()),
            Cell::Text(row.status.name()),
            Cell::of(row.reason.as_deref()),
            Cell::Text(resource.provider.name()),
            Cell::Text(&resource.kind),
            Cell::Text(row.class.name()),
            Cell::of(resource.account.as_deref()),
            Cell::Text(&resource.region),
            Cell::Text(&resource.id),
            Cell::of(resource.arn.as_deref()),
            Cell::of(resource.name.as_deref()),
            Cell::Text(&evidence),
            Cell::Text(&row.fix),
            saving.map_or(Cell::Nothing, |saving| Cell::Number(saving.monthly.value().to_string())),
            Cell::of(saving.map(|saving| saving.currency.as_str())),
            Cell::of(saving.map(|saving| saving.source.as_str())),
            Cell::of(saving.map(|saving| saving.as_of.as_str())),
            Cell::Text(&frameworks),
            Cell::of(suppressed.map(|suppressed| suppressed.reason.as_str())),
            Cell::of(suppressed.and_then(|suppressed| suppressed.until.as_deref())),
        ];
        line(out, &cells)?;
    }
    Ok(())
}

/// Writes resources, one to a line; tags, attributes and relations as JSON.
///
/// # Errors
///
/// If a row cannot be read or written.
pub fn resources<E: Display>(
    out: &mut impl Write,
    rows: impl IntoIterator<Item = Result<Resource, E>>,
) -> Result<(), OutputError<E>> {
    const NAMES: [&str; 17] = [
        "provider",
        "type",
        "class",
        "account",
        "region",
        "id",
        "arn",
        "name",
        "created",
        "cost",
        "currency",
        "price_source",
        "price_as_of",
        "tags",
        "attributes",
        "relations",
        "unread",
    ];
    line(out, &NAMES.map(Cell::Text))?;
    for row in rows {
        let row = row.map_err(OutputError::Row)?;
        let (tags, attributes) = (serde_json::to_string(&row.tags)?, serde_json::to_string(&row.attributes)?);
        let (relations, unread) = (serde_json::to_string(&row.relations)?, row.unread.join(" "));
        let cost = row.cost.as_ref();
        let cells = [
            Cell::Text(row.provider.name()),
            Cell::Text(&row.kind),
            Cell::Text(row.class.name()),
            Cell::of(row.account.as_deref()),
            Cell::Text(&row.region),
            Cell::Text(&row.id),
            Cell::of(row.arn.as_deref()),
            Cell::of(row.name.as_deref()),
            Cell::of(row.created.as_deref()),
            cost.map_or(Cell::Nothing, |cost| Cell::Number(cost.monthly.value().to_string())),
            Cell::of(cost.map(|cost| cost.currency.as_str())),
            Cell::of(cost.map(|cost| cost.source.as_str())),
            Cell::of(cost.map(|cost| cost.as_of.as_str())),
            Cell::Text(&tags),
            Cell::Text(&attributes),
            Cell::Text(&relations),
            Cell::Text(&unread),
        ];
        line(out, &cells)?;
    }
    Ok(())
}

/// Writes what could not be checked, one reason to a line.
///
/// # Errors
///
/// If a row cannot be written.
pub fn problems<'a>(out: &mut impl Write, rows: impl IntoIterator<Item = &'a Problem>) -> io::Result<()> {
    const NAMES: [&str; 11] = [
        "provider",
        "account",
        "service",
        "region",
        "operation",
        "kind",
        "code",
        "message",
        "count",
        "resources",
        "hides",
    ];
    line(out, &NAMES.map(Cell::Text))?;
    for row in rows {
        let named: Vec<&str> = row.resource.iter().chain(&row.others).map(String::as_str).collect();
        let named = if row.every { "every".to_owned() } else { named.join(" ") };
        let cells = [
            Cell::Text(row.provider.name()),
            Cell::of(row.account.as_deref()),
            Cell::Text(&row.service),
            Cell::Text(&row.region),
            Cell::Text(&row.operation),
            Cell::Text(row.kind.name()),
            Cell::Text(&row.code),
            Cell::Text(&row.message),
            Cell::Number(row.count.to_string()),
            Cell::Text(&named),
            Cell::Text(&row.hides.join(" ")),
        ];
        line(out, &cells)?;
    }
    Ok(())
}

/// Writes a table of a report.
///
/// # Errors
///
/// If a row cannot be written.
pub fn table(out: &mut impl Write, table: &Table) -> io::Result<()> {
    line(out, &table.columns.iter().map(|name| Cell::Text(name)).collect::<Vec<_>>())?;
    for row in &table.rows {
        let cells = row.iter().map(|cell| match cell {
            super::Cell::Text(text) => Cell::Text(text),
            super::Cell::Number(number) => Cell::Number(number.to_string()),
        });
        line(out, &cells.collect::<Vec<_>>())?;
    }
    Ok(())
}

fn line(out: &mut impl Write, cells: &[Cell<'_>]) -> io::Result<()> {
    for (number, cell) in cells.iter().enumerate() {
        if number > 0 {
            out.write_all(b",")?;
        }
        match cell {
            Cell::Text("") | Cell::Nothing => {}
            Cell::Number(number) => out.write_all(number.as_bytes())?,
            Cell::Text(text) => {
                let guard = if text.starts_with(FORMULAS) { "'" } else { "" };
                write!(out, "\"{guard}{}\"", text.replace('"', "\"\""))?;
            }
        }
    }
    out.write_all(b"\r\n")
}
