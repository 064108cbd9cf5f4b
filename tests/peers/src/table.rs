//! The comparison for people and for programs.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::compare::{Comparison, Row, Said};
use crate::estate::Estate;
use crate::tools::Saw;

/// Between these lines of the document stands what is measured; the rest is written by people.
const BEGIN: &str = "<!-- measured by `just peers --write` -->";
const END: &str = "<!-- end of what is measured -->";

/// Ours among the tools.
const OURS: &str = "troupe";

/// Names that a row of what is missed or false tells.
const NAMES_MAX: usize = 12;

/// The tables.
pub fn markdown(compared: &Comparison, estate: &Estate) -> String {
    let mut text = String::new();
    let made = estate.resources.len();
    let _ = writeln!(text, "Estate: `{}`, {made} resources in {}.\n", shown(&estate.source), estate.region);
    totals(&mut text, compared);
    cost(&mut text, compared);
    classes(&mut text, compared);
    by_name(&mut text, compared);
    for tool in compared.tools.iter().filter(|tool| !tool.failed.is_empty()) {
        let failed: Vec<String> = tool.failed.iter().map(|rule| format!("`{rule}`")).collect();
        let _ = writeln!(text, "\n{} could not try in the emulator: {}.", tool.title, failed.join(", "));
    }
    if !estate.failures.is_empty() {
        let _ = writeln!(text, "\nNot made in the emulator, and so seen by nobody but who reads the plan:\n");
        for failure in &estate.failures {
            let _ = writeln!(text, "- {failure}");
        }
    }
    text
}

/// The directory as it is known, and not where it lies on a machine.
fn shown(source: &Path) -> String {
    let root = troupe_tests::root();
    let root = root.canonicalize().unwrap_or(root);
    let source = source.canonicalize().unwrap_or_else(|_| source.to_owned());
    match source.strip_prefix(&root) {
        Ok(path) => path.display().to_string(),
        Err(_) => source.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
    }
}

fn totals(text: &mut String, compared: &Comparison) {
    if !compared.judged {
        return;
    }
    text.push_str("| over the classes that both cover | classes | faults | recall, ours | recall, theirs | false alarms, ours | theirs | on what the estate did not make, ours | theirs |\n");
    text.push_str("|---|---:|---:|---:|---:|---:|---:|---:|---:|\n");
    for tool in compared.tools.iter().filter(|tool| tool.name != OURS) {
        let (ours, theirs) = (compared.count(OURS, tool.name), compared.count(tool.name, OURS));
        let _ = writeln!(
            text,
            "| {} | {} | {} | {:.1} % | {:.1} % | {} | {} | {} | {} |",
            tool.title,
            ours.classes,
            ours.wrong,
            ours.recall(),
            theirs.recall(),
            ours.wrongly,
            theirs.wrongly,
            ours.strangers,
            theirs.strangers
        );
    }
    text.push('\n');
}

fn cost(text: &mut String, compared: &Comparison) {
    text.push_str("| | wall, s | CPU, s | peak memory, MiB |\n|---|---:|---:|---:|\n");
    for tool in &compared.tools {
        let steps: Vec<String> = tool.steps.iter().map(|(name, took)| format!("{name} {took:.2}")).collect();
        let steps = if steps.is_empty() { String::new() } else { format!(" ({})", steps.join(", ")) };
        let took = &tool.took;
        let _ = writeln!(text, "| {}{steps} | {:.2} | {:.2} | {:.0} |", tool.title, took.wall_s, took.cpu_s, mib(tool));
    }
    let named = |name: &str| compared.tools.iter().find(|tool| tool.name == name);
    if let (Some(ours), Some(prowler)) = (named(OURS), named("prowler")) {
        let part = |ours: f64, theirs: f64| if theirs > 0.0 { format!("{:.3}", ours / theirs) } else { "-".to_owned() };
        let _ = writeln!(
            text,
            "| ours in parts of Prowler's | {} | {} | {} |",
            part(ours.took.wall_s, prowler.took.wall_s),
            part(ours.took.cpu_s, prowler.took.cpu_s),
            part(mib(ours), mib(prowler))
        );
    }
    text.push('\n');
}

fn mib(tool: &Saw) -> f64 {
    let kib = u32::try_from(tool.took.peak_bytes / 1024).unwrap_or(u32::MAX);
    f64::from(kib) / 1024.0
}

fn classes(text: &mut String, compared: &Comparison) {
    let told = if compared.judged {
        "found / missed / false, and `+N` for what the estate did not make"
    } else {
        "how many resources are named, and `+N` for what the estate did not make"
    };
    let _ = writeln!(text, "Each cell: {told}; `-` where a tool does not cover the class.\n");
    text.push_str("| class | fault |");
    text.push_str(if compared.judged { " there are |" } else { "" });
    compared.tools.iter().for_each(|tool| {
        let _ = write!(text, " {} |", tool.title);
    });
    text.push_str("\n|---|---|");
    text.push_str(if compared.judged { "---:|" } else { "" });
    text.push_str(&"---:|".repeat(compared.tools.len()));
    text.push('\n');
    for row in &compared.rows {
        let _ = write!(text, "| `{}` | {} |", row.class, row.summary);
        if compared.judged {
            let _ = write!(text, " {} |", row.wrong.len());
        }
        for tool in &compared.tools {
            let cell = row.said.get(tool.name).map_or_else(|| "-".to_owned(), |said| cell(said, compared.judged));
            let _ = write!(text, " {cell} |");
        }
        text.push('\n');
    }
}

fn cell(said: &Said, judged: bool) -> String {
    let strangers = if said.strangers.is_empty() { String::new() } else { format!(" +{}", said.strangers.len()) };
    if judged {
        format!("{} / {} / {}{strangers}", said.found.len(), said.missed.len(), said.wrongly.len())
    } else {
        format!("{}{strangers}", said.found.len())
    }
}

/// Who missed what and who told of what is right; without a truth, who names what others do not.
fn by_name(text: &mut String, compared: &Comparison) {
    let mut rows = String::new();
    for row in &compared.rows {
        for tool in &compared.tools {
            let Some(said) = row.said.get(tool.name) else { continue };
            if compared.judged {
                named(&mut rows, row, tool, "misses", said.missed.iter());
                named(&mut rows, row, tool, "tells falsely of", said.wrongly.iter());
            } else {
                let others = compared.tools.iter().filter(|other| other.name != tool.name);
                let others: Vec<&Said> = others.filter_map(|other| row.said.get(other.name)).collect();
                let alone = said.found.iter().filter(|one| !others.iter().any(|other| other.found.contains(*one)));
                let is_alone = !others.is_empty();
                named(&mut rows, row, tool, "alone names", alone.filter(|_| is_alone));
            }
        }
    }
    if rows.is_empty() {
        return;
    }
    text.push_str("\n| class | tool | | resources |\n|---|---|---|---|\n");
    text.push_str(&rows);
}

fn named<'a>(rows: &mut String, row: &Row, tool: &Saw, what: &str, names: impl Iterator<Item = &'a String>) {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    if names.is_empty() {
        return;
    }
    let more = names.len().saturating_sub(NAMES_MAX);
    let mut told = names.into_iter().take(NAMES_MAX).collect::<Vec<_>>().join(", ");
    if more > 0 {
        let _ = write!(told, " and {more} more");
    }
    let _ = writeln!(rows, "| `{}` | {} | {what} | {told} |", row.class, tool.title);
}

/// The same for programs.
pub fn json(compared: &Comparison, estate: &Estate) -> Value {
    let tools = compared.tools.iter().map(|tool| {
        json!({
            "name": tool.name, "title": tool.title, "took": tool.took, "steps": tool.steps,
            "ours": compared.count(OURS, tool.name), "theirs": compared.count(tool.name, OURS),
        })
    });
    json!({
        "estate": shown(&estate.source), "region": estate.region, "resources": estate.resources.len(),
        "not_made": estate.failures, "judged": compared.judged,
        "tools": tools.collect::<Vec<_>>(), "classes": compared.rows,
    })
}

/// Writes the tables into the document, between the lines that are for them.
///
/// # Errors
/// A document without these lines.
pub fn write(path: &Path, compared: &Comparison, estate: &Estate) -> Result<()> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let replaced = replaced(&text, &markdown(compared, estate));
    let replaced = replaced.with_context(|| format!("{} has no lines `{BEGIN}` and `{END}`", path.display()))?;
    std::fs::write(path, replaced).with_context(|| format!("{} cannot be written", path.display()))
}

fn replaced(text: &str, measured: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n\n{}\n\n{END}{after}", measured.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_wrote_around_the_tables_stays() {
        let text = format!("# Peers\n\n{BEGIN}\n\nold\n\n{END}\n\nWhy.\n");
        let written = replaced(&text, "new\n").unwrap();
        assert_eq!(written, format!("# Peers\n\n{BEGIN}\n\nnew\n\n{END}\n\nWhy.\n"));
        assert_eq!(replaced(&written, "new\n").unwrap(), written);
        assert_eq!(replaced("# Peers", "new"), None);
    }

    #[test]
    fn a_cell_tells_found_missed_false_and_strangers() {
        let set = |count: usize| (0..count).map(|at| at.to_string()).collect();
        let said = Said { found: set(3), missed: set(1), wrongly: set(2), strangers: set(0) };
        assert_eq!(cell(&said, true), "3 / 1 / 2");
        assert_eq!(cell(&Said { strangers: set(4), ..said }, false), "3 +4");
    }
}
