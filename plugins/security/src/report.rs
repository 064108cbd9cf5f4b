//! Reports on frameworks of controls.
//!
//! A control stands as its worst rule: `failed` if one has an open finding, else `not_checked` if one could not be
//! decided somewhere, was not applied, or is about what an inventory could not look at, else `passed` if one passed, else `not_applicable`, where nothing is of the
//! types its rules are about. What is passed over counts neither as passed nor as failed, and is counted beside.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use troupe_estate::output::{About, OutputError, csv, html, json, ocsf, sarif};
use troupe_estate::{Finding, Framework, Problem, Provider, Reference};
use troupe_sdk::prelude::*;

use crate::ask::{Asked, Settings};
use crate::check::{self, NotChecked, Outcome, Tally};
use crate::rule::Rule;
use crate::secrets;

/// Most rows of the table of an HTML report.
const ROWS_MAX: usize = 2_000;

/// What to report on.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
pub struct ReportInput {
    /// What is checked, by which rules.
    #[serde(flatten)]
    pub asked: Asked,
    /// The frameworks, by their names or short words (`cis-aws`, `nist`, `pci`, `soc2`, `iso`); all if none are named.
    #[serde(default)]
    pub frameworks: Vec<String>,
    /// What is left as artefacts.
    #[serde(default)]
    pub formats: Vec<ReportFormat>,
}

/// A form in which findings are left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReportFormat {
    /// A report for people.
    Html,
    /// For spreadsheets.
    Csv,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// OCSF 1.3.0, for security lakes.
    Ocsf,
    /// JSON Lines.
    Jsonl,
}

/// Which controls hold.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Report {
    /// Each framework.
    pub frameworks: Vec<FrameworkReport>,
    /// How many open findings there are.
    pub open: u64,
    /// How many findings are passed over.
    pub suppressed: u64,
    /// What could not be checked, and why.
    pub not_checked: Vec<NotChecked>,
    /// What could not be read or looked at.
    pub problems: Vec<Problem>,
    /// The names of the artefacts.
    pub artefacts: Vec<String>,
}

/// Which controls of a framework hold.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct FrameworkReport {
    /// Its name with its version.
    pub framework: String,
    /// How many controls passed.
    pub passed: u64,
    /// How many failed.
    pub failed: u64,
    /// How many could not be checked.
    pub not_checked: u64,
    /// How many are about nothing that is there.
    pub not_applicable: u64,
    /// Each control that rules are about.
    pub controls: Vec<ControlReport>,
}

/// Whether a control holds.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ControlReport {
    /// The control.
    pub control: String,
    /// Whether it holds.
    pub status: ControlStatus,
    /// How many open findings its rules have.
    pub open: u64,
    /// How many of them are passed over.
    pub suppressed: u64,
    /// How often its rules passed.
    pub passed: u64,
    /// How often its rules could not be decided.
    pub undecided: u64,
    /// Its rules.
    pub rules: Vec<String>,
}

/// Whether a control holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ControlStatus {
    /// A rule has an open finding.
    Failed,
    /// A rule could not be decided, was not applied, or is about what nobody could look at.
    NotChecked,
    /// All rules that are about something passed.
    Passed,
    /// No rule is about anything that is there.
    NotApplicable,
}

/// Answers `report`.
pub fn answer(input: ReportInput, settings: &Settings) -> Result<Report, Failure> {
    let ReportInput { asked, frameworks: words, formats } = input;
    let outcome = check::run(asked, settings)?;
    let frameworks = words.iter().map(|word| outcome.catalogue.frameworks.name(word)).collect::<Result<Vec<_>, _>>();
    let frameworks = frameworks.map_err(Failure::invalid_input)?;
    let mut artefacts = Vec::new();
    for format in formats {
        artefacts.push(leave(format, &outcome)?);
    }
    let open = outcome.findings.iter().filter(|finding| finding.is_open(outcome.now)).count() as u64;
    Ok(Report {
        frameworks: compliance(&outcome, &frameworks),
        open,
        suppressed: outcome.findings.len() as u64 - open,
        not_checked: check::rows(&outcome.undecided, &outcome.estate),
        problems: outcome.problems,
        artefacts,
    })
}

/// The rules of each control of each framework that is asked for.
fn compliance(outcome: &Outcome, asked: &[String]) -> Vec<FrameworkReport> {
    let mut controls: BTreeMap<(String, Vec<u64>, String), Vec<String>> = BTreeMap::new();
    let mut put = |id: &str, about: &[Framework]| {
        for Framework { framework, control } in about {
            if asked.is_empty() || asked.contains(framework) {
                let key = (framework.clone(), numbers(control), control.clone());
                controls.entry(key).or_default().push(id.to_owned());
            }
        }
    };
    for rule in &outcome.catalogue.rules {
        put(&rule.id, &rule.frameworks);
    }
    let about_secrets = outcome.catalogue.frameworks.of_topic(secrets::TOPIC).unwrap_or_default();
    for pattern in &outcome.catalogue.patterns {
        put(&pattern.id, &about_secrets);
    }
    let hidden = hidden(outcome);
    let mut reports: Vec<FrameworkReport> = Vec::new();
    for ((framework, _, control), rules) in controls {
        let told = told(control, rules, outcome, &hidden);
        if reports.last().is_none_or(|last| last.framework != framework) {
            let (passed, failed, not_checked, not_applicable, controls) = (0, 0, 0, 0, Vec::new());
            reports.push(FrameworkReport { framework, passed, failed, not_checked, not_applicable, controls });
        }
        if let Some(report) = reports.last_mut() {
            *match told.status {
                ControlStatus::Failed => &mut report.failed,
                ControlStatus::NotChecked => &mut report.not_checked,
                ControlStatus::Passed => &mut report.passed,
                ControlStatus::NotApplicable => &mut report.not_applicable,
            } += 1;
            report.controls.push(told);
        }
    }
    reports
}

/// The rules about types of which a problem may hide resources.
fn hidden(outcome: &Outcome) -> BTreeSet<&str> {
    let hides = |problem: &Problem, kind: &str| {
        problem.may_hide(&Reference {
            id: String::new(),
            arn: None,
            provider: Provider::of_type(kind),
            kind: kind.to_owned().into(),
            account: problem.account.clone(),
            region: problem.region.clone(),
            name: None,
        })
    };
    let is_hidden =
        |rule: &&Rule| rule.types.iter().any(|kind| outcome.problems.iter().any(|problem| hides(problem, kind)));
    outcome.catalogue.rules.iter().filter(is_hidden).map(|rule| rule.id.as_str()).collect()
}

/// So that `2.10` comes after `2.9`.
fn numbers(control: &str) -> Vec<u64> {
    control.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
}

fn told(control: String, rules: Vec<String>, outcome: &Outcome, hidden: &BTreeSet<&str>) -> ControlReport {
    let none = Tally::default();
    let tallies: Vec<&Tally> = rules.iter().map(|rule| outcome.tallies.get(rule).unwrap_or(&none)).collect();
    let sum = |of: fn(&Tally) -> u64| -> u64 { tallies.iter().map(|tally| of(tally)).sum() };
    let (open, suppressed) = (sum(|tally| tally.failed), sum(|tally| tally.suppressed));
    let (passed, undecided) = (sum(|tally| tally.passed), sum(|tally| tally.undecided));
    let is_left_out = rules.iter().any(|rule| !outcome.applied.contains(rule) || hidden.contains(rule.as_str()));
    let status = if open > 0 {
        ControlStatus::Failed
    } else if undecided > 0 || is_left_out {
        ControlStatus::NotChecked
    } else if passed + suppressed > 0 {
        ControlStatus::Passed
    } else {
        ControlStatus::NotApplicable
    };
    ControlReport { control, status, open, suppressed, passed, undecided, rules }
}

/// Leaves the findings in one form; returns the artefact's name.
fn leave(format: ReportFormat, outcome: &Outcome) -> Result<String, Failure> {
    let about = About { agent: "security", version: env!("CARGO_PKG_VERSION"), at: outcome.now };
    let (name, media_type) = match format {
        ReportFormat::Html => ("findings.html", "text/html"),
        ReportFormat::Csv => ("findings.csv", "text/csv"),
        ReportFormat::Sarif => ("findings.sarif", "application/sarif+json"),
        ReportFormat::Ocsf => ("findings.ocsf.json", "application/json"),
        ReportFormat::Jsonl => ("findings.jsonl", "application/jsonl"),
    };
    let mut out = artifacts::create(name, media_type)?;
    let mut findings: Vec<Finding> = outcome.findings.clone();
    findings.sort_by(|one, other| one.severity.cmp(&other.severity).then_with(|| one.rule.cmp(&other.rule)));
    let rows = findings.into_iter().map(Ok::<_, std::convert::Infallible>);
    let problems = &outcome.problems;
    match format {
        ReportFormat::Html => page(&mut out, about, outcome, rows),
        ReportFormat::Csv => csv::findings(&mut out, rows),
        ReportFormat::Sarif => sarif::findings(&mut out, about, problems, rows),
        ReportFormat::Ocsf => ocsf::findings(&mut out, about, rows),
        ReportFormat::Jsonl => json::lines(&mut out, rows),
    }
    .map_err(Failure::failed)?;
    Ok(out.finish()?.name)
}

fn page(
    out: &mut impl Write,
    about: About<'_>,
    outcome: &Outcome,
    rows: impl IntoIterator<Item = Result<Finding, std::convert::Infallible>>,
) -> Result<(), OutputError<std::convert::Infallible>> {
    let mut tally = html::Tally::default();
    outcome.findings.iter().for_each(|finding| tally.add(finding, outcome.now));
    tally.passed = outcome.tallies.values().map(|tally| tally.passed).sum();
    tally.not_checked = outcome.tallies.values().map(|tally| tally.undecided).sum();
    let report = html::Report {
        title: "Security findings",
        about,
        tally: &tally,
        changes: None,
        problems: &outcome.problems,
        rows_max: ROWS_MAX,
    };
    html::findings(out, report, rows)
}
