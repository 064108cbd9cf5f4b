//! A report for people: one HTML file that needs nothing else.
//!
//! *The attack:* names, tags and evidence are written by whoever may make a resource, and read here in a
//! browser. *The rule:* there is no script and nothing is fetched, which the file's own policy makes the
//! browser hold to; every text goes through one function that escapes `&`, `<`, `>`, `"` and `'`, and none
//! stands in an attribute without quotes, a style, or a link.
//!
//! Charts are bars in SVG, each with its number as text. Colours follow the reader's choice of light or dark;
//! severities are told by words, too. Tables have captions and headings with scopes. Printed, rows do not
//! break over pages.
//!
//! A [`Tally`] counts all findings in a first reading; the rows of the table come in a second, and are at
//! most so many as the caller says, since no browser shows a million. The report says how many it leaves out.

mod chart;
mod escape;
mod tally;

use std::fmt::Display;
use std::io::{self, Write};

use chart::{Bar, bars};
use escape::text;
pub use tally::Tally;

use super::{About, Cell, OutputError, PRODUCT, Table, evidence};
use crate::diff::Counts;
use crate::{Finding, Problem, Severity};

const STYLE: &str = include_str!("html/style.css");

/// What a report is about.
#[derive(Debug, Clone, Copy)]
pub struct Report<'a> {
    /// Its heading.
    pub title: &'a str,
    /// Who looked, and when.
    pub about: About<'a>,
    /// All findings, counted.
    pub tally: &'a Tally,
    /// How they differ from those of the last scan, if there was one.
    pub changes: Option<&'a Counts>,
    /// Tables that stand before the findings.
    pub tables: &'a [Table],
    /// What could not be checked.
    pub problems: &'a [Problem],
    /// Most rows of the table of findings.
    pub rows_max: usize,
}

/// Writes a report. `rows` are the findings to show, the first first; those that are not open are passed over.
///
/// # Errors
///
/// If a row cannot be read or written.
pub fn findings<E: Display>(
    out: &mut impl Write,
    report: Report<'_>,
    rows: impl IntoIterator<Item = Result<Finding, E>>,
) -> Result<(), OutputError<E>> {
    head(out, report)?;
    charts(out, report)?;
    report.tables.iter().try_for_each(|one| table(out, one))?;
    problems(out, report.problems)?;
    let open = report.tally.open();
    writeln!(out, "<section><h2>Open findings</h2>")?;
    let shown = open.min(report.rows_max as u64);
    if open > shown {
        writeln!(out, "<p class=\"note\">The table shows {shown} of {open}; the others are in the data.</p>")?;
    }
    writeln!(
        out,
        "<div class=\"wide\"><table><caption>{shown} open findings</caption><thead><tr>\
         <th scope=\"col\">Severity</th><th scope=\"col\">Finding</th><th scope=\"col\">Resource</th>\
         <th scope=\"col\">Seen</th><th scope=\"col\">What to do</th><th scope=\"col\">Saves a month</th>\
         </tr></thead><tbody>"
    )?;
    let mut left = report.rows_max;
    for finding in rows {
        let finding = finding.map_err(OutputError::Row)?;
        if left == 0 {
            break;
        }
        if finding.is_open(report.about.at) {
            row(out, &finding)?;
            left -= 1;
        }
    }
    writeln!(out, "</tbody></table></div></section>\n</main></body></html>")?;
    Ok(())
}

fn head(out: &mut impl Write, report: Report<'_>) -> io::Result<()> {
    let (title, about) = (text(report.title), report.about);
    let (agent, version, at) = (text(about.agent), text(about.version), about.at.strftime("%Y-%m-%dT%H:%M:%SZ"));
    writeln!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"/>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\
         <meta name=\"color-scheme\" content=\"light dark\"/>\n<title>{title}</title>\n<style>\n{STYLE}</style></head>\n\
         <body><header><h1>{title}</h1><p>{PRODUCT} {agent} {version}, <time datetime=\"{at}\">{at}</time></p></header>\n<main>"
    )
}

fn charts(out: &mut impl Write, report: Report<'_>) -> io::Result<()> {
    let tally = report.tally;
    writeln!(out, "<section><h2>Summary</h2>\n<dl>")?;
    let mut figures = vec![
        ("Open", tally.open().to_string()),
        ("Passed", tally.passed.to_string()),
        ("Suppressed", tally.suppressed.to_string()),
        ("Not checked", tally.not_checked.to_string()),
    ];
    for name in ["new", "changed", "same", "fixed", "unknown"] {
        if let Some(counts) = report.changes {
            let word = match name {
                "new" => "New since the last scan",
                "changed" => "Changed",
                "same" => "As before",
                "fixed" => "Fixed",
                _ => "Unknown now",
            };
            figures.push((word, counts.of(name).to_string()));
        }
    }
    figures.extend(tally.savings.iter().map(|(currency, amount)| ("Saves a month", format!("{amount} {currency}"))));
    for (name, figure) in figures {
        writeln!(out, "<div><dt>{name}</dt><dd>{}</dd></div>", text(&figure))?;
    }
    writeln!(out, "</dl>\n<div class=\"charts\">")?;
    let severities = Severity::ALL.map(|severity| Bar {
        name: severity.name().to_owned(),
        count: tally.severities.get(&severity).copied().unwrap_or_default(),
        style: severity.name(),
    });
    bars(out, "Open findings by severity", &severities)?;
    let services: Vec<Bar> =
        tally.services().into_iter().map(|(name, count)| Bar { name, count, style: "plain" }).collect();
    bars(out, "Open findings by service", &services)?;
    writeln!(out, "</div></section>")
}

fn table(out: &mut impl Write, table: &Table) -> io::Result<()> {
    let (title, caption) = (text(&table.title), text(&table.caption));
    writeln!(out, "<section><h2>{title}</h2>\n<div class=\"wide\"><table><caption>{caption}</caption><thead><tr>")?;
    for column in &table.columns {
        writeln!(out, "<th scope=\"col\">{}</th>", text(column))?;
    }
    writeln!(out, "</tr></thead><tbody>")?;
    for row in &table.rows {
        write!(out, "<tr>")?;
        for (place, cell) in row.iter().enumerate() {
            match cell {
                Cell::Text(own) if place == 0 => write!(out, "<th scope=\"row\">{}</th>", text(own))?,
                Cell::Text(own) => write!(out, "<td>{}</td>", text(own))?,
                Cell::Number(number) => write!(out, "<td>{number}</td>")?,
            }
        }
        writeln!(out, "</tr>")?;
    }
    writeln!(out, "</tbody></table></div></section>")
}

fn problems(out: &mut impl Write, problems: &[Problem]) -> io::Result<()> {
    writeln!(out, "<section><h2>What could not be checked</h2>")?;
    if problems.is_empty() {
        return writeln!(out, "<p>Nothing: all that was asked for was looked at.</p></section>");
    }
    writeln!(
        out,
        "<div class=\"wide\"><table><caption>Findings behind these are not in this report</caption><thead><tr>\
         <th scope=\"col\">Kind</th><th scope=\"col\">Service</th><th scope=\"col\">Region</th>\
         <th scope=\"col\">Operation</th><th scope=\"col\">Reason</th><th scope=\"col\">Times</th></tr></thead><tbody>"
    )?;
    for problem in problems {
        writeln!(
            out,
            "<tr><td>{}</td><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td><code>{}</code> {}</td><td>{}</td></tr>",
            text(&problem.kind.name().replace('_', " ")),
            text(&problem.service),
            text(&problem.region),
            text(&problem.operation),
            text(&problem.code),
            text(&problem.message),
            problem.count,
        )?;
    }
    writeln!(out, "</tbody></table></div></section>")
}

fn row(out: &mut impl Write, finding: &Finding) -> io::Result<()> {
    let resource = &finding.resource;
    let name = resource.name.as_deref().filter(|name| *name != resource.id);
    let saving = finding.saving.as_ref().map(|saving| {
        let (amount, source) = (format!("{} {}", saving.monthly, saving.currency), &saving.source);
        format!("{}<br/><small>{}, {}</small>", text(&amount), text(source), text(&saving.as_of))
    });
    let severity = finding.severity.name();
    writeln!(
        out,
        "<tr><td><span class=\"tag {severity}\">{severity}</span></td>\
         <th scope=\"row\">{}<br/><small>{}</small></th><td><code>{}</code>{}<br/><small>{} · {} · {}</small></td>\
         <td>{}</td><td>{}</td><td>{}</td></tr>",
        text(&finding.title),
        text(&finding.rule),
        text(&resource.id),
        name.map(|name| format!(" {}", text(name))).unwrap_or_default(),
        text(&resource.kind),
        text(resource.account.as_deref().unwrap_or("account not known")),
        text(&resource.region),
        text(&evidence(finding)),
        text(&finding.fix),
        saving.unwrap_or_default(),
    )
}
