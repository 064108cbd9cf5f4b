//! Reports on frameworks of controls.
//!
//! A control stands as its worst rule: `failed` if one has an open finding, else `not_checked` if one could not be
//! decided somewhere, was not applied, or is about what an inventory could not look at, else `passed` if one passed, else
//! `not_applicable`, where nothing is of the types its rules are about. A control that no rule is about is `not_checked`
//! as well, so that the counts of a framework are all of its controls. What is passed over counts neither as passed nor
//! as failed, and is counted beside.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::io::Write;

use jiff::Timestamp;
use troupe_estate::diff::Change;
use troupe_estate::output::{About, Cell, OutputError, Table, csv, html, json, ocsf, sarif};
use troupe_estate::{Finding, Framework, Problem, Provider, Reference};
use troupe_sdk::prelude::*;

use crate::ask::{Asked, Previous, Settings};
use crate::changes::Comparing;
use crate::check::{Changes, Check, NotChecked, Outcome, Tally, Wanted, Worst};
use crate::gather::gather;
use crate::limits::{FEW_MAX, INLINE_MAX, ROWS_MAX};
use crate::rule::Rule;

/// What to report on.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
pub struct ReportInput {
    /// What is checked, by which rules.
    #[serde(flatten)]
    pub asked: Asked,
    /// What it is compared with: SARIF and OCSF then tell what became of each finding,
    /// and HTML how many are new, fixed and so on.
    #[serde(flatten)]
    pub previous: Previous,
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
    /// A report for people: frameworks, the worst findings, what could not be checked.
    Html,
    /// For spreadsheets.
    Csv,
    /// The frameworks for spreadsheets: how many controls of each passed, failed and were not checked.
    ComplianceCsv,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// OCSF 1.3.0, for security lakes.
    Ocsf,
    /// JSON Lines.
    Jsonl,
    /// The resources that were looked at, for spreadsheets.
    ResourcesCsv,
    /// The same as OCSF, for security lakes.
    ResourcesOcsf,
    /// What could not be read or looked at, for spreadsheets.
    ProblemsCsv,
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
    /// What became of the findings of the last time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes: Option<Changes>,
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
    /// How many were not checked, those that no rule is about among them.
    pub not_checked: u64,
    /// How many are about nothing that is there.
    pub not_applicable: u64,
    /// Each control that rules are about.
    pub controls: Vec<ControlReport>,
    /// Those that no rule is about.
    pub without_rule: Vec<String>,
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
    let ReportInput { mut asked, previous, frameworks: words, formats } = input;
    let previous = gather(&mut asked, previous)?;
    let changes_max = asked.inline_max.unwrap_or(settings.inline_max).min(INLINE_MAX);
    let mut comparing = previous.map(|previous| Comparing::new(previous, &asked, changes_max));
    let check = Check::new(asked, settings, Wanted::Everything)?;
    let frameworks = words.iter().map(|word| check.catalogue.frameworks.name(word)).collect::<Result<Vec<_>, _>>();
    let frameworks = frameworks.map_err(Failure::invalid_input)?;
    let mut kept = Kept::new(check.now);
    let mut findings = check.findings();
    for (_, finding) in &mut findings {
        if let Some(comparing) = &mut comparing {
            comparing.take(&finding);
        }
        kept.take(finding);
    }
    kept.worst.settle();
    let outcome = findings.outcome();
    if let Some(comparing) = &mut comparing {
        comparing.settle(&check, &outcome);
    }
    let told = Told { check: &check, outcome: &outcome, comparing: comparing.as_ref(), kept: &kept };
    let frameworks = compliance(&check, &outcome, &frameworks);
    let tables = [table(&frameworks)];
    let mut artefacts = Vec::new();
    for format in formats {
        artefacts.push(leave(format, told, &tables)?);
    }
    Ok(Report {
        open: outcome.sum(|tally| tally.failed),
        suppressed: outcome.sum(|tally| tally.suppressed),
        frameworks,
        not_checked: outcome.not_checked,
        problems: outcome.problems,
        artefacts,
        changes: comparing.map(Comparing::told),
    })
}

/// What is kept of the findings for what is left of them.
struct Kept {
    tally: html::Tally,
    /// The rows of an HTML report.
    worst: Worst,
    /// All of them while they are few, in their order; more are found again for each form.
    few: Option<Vec<Finding>>,
    now: Timestamp,
}

impl Kept {
    fn new(now: Timestamp) -> Self {
        Self { tally: html::Tally::default(), worst: Worst::new(ROWS_MAX, now), few: Some(Vec::new()), now }
    }

    fn take(&mut self, finding: Finding) {
        self.tally.add(&finding, self.now);
        self.few = self.few.take().filter(|few| few.len() < FEW_MAX);
        if let Some(few) = &mut self.few {
            few.push(finding.clone());
        }
        self.worst.take(finding);
    }
}

/// Each framework that is asked for, with all of its controls.
fn compliance(check: &Check, outcome: &Outcome, asked: &[String]) -> Vec<FrameworkReport> {
    let catalogue = &check.catalogue;
    let mut rules: BTreeMap<&Framework, Vec<String>> = BTreeMap::new();
    let of_rules = catalogue.rules.iter().map(|rule| (&rule.id, &rule.frameworks));
    let of_patterns = catalogue.patterns.iter().map(|pattern| (&pattern.id, &check.controls));
    for (id, about) in of_rules.chain(of_patterns) {
        for control in about {
            rules.entry(control).or_default().push(id.clone());
        }
    }
    let hidden = hidden(&catalogue.rules, &outcome.problems);
    let mut names: Vec<&String> = catalogue.frameworks.names.values().collect();
    names.retain(|name| asked.is_empty() || asked.contains(name));
    names.sort_unstable();
    let report = |name: &String| {
        let mut report = FrameworkReport::new(name);
        let mut numbers: Vec<&String> = catalogue.frameworks.numbers(name).into_iter().flatten().collect();
        numbers.sort_by_cached_key(|number| place(number));
        for number in numbers {
            let control = Framework { framework: name.clone(), control: number.clone() };
            match rules.get(&control) {
                Some(rules) => report.take(told(number.clone(), rules.clone(), check, outcome, &hidden)),
                None => report.leave(number.clone()),
            }
        }
        report
    };
    names.into_iter().map(report).collect()
}

impl FrameworkReport {
    fn new(name: &str) -> Self {
        let (passed, failed, not_checked, not_applicable) = (0, 0, 0, 0);
        let (controls, without_rule) = (Vec::new(), Vec::new());
        Self { framework: name.to_owned(), passed, failed, not_checked, not_applicable, controls, without_rule }
    }

    /// Takes a control that rules are about.
    fn take(&mut self, told: ControlReport) {
        *match told.status {
            ControlStatus::Failed => &mut self.failed,
            ControlStatus::NotChecked => &mut self.not_checked,
            ControlStatus::Passed => &mut self.passed,
            ControlStatus::NotApplicable => &mut self.not_applicable,
        } += 1;
        self.controls.push(told);
    }

    /// Takes a control that no rule is about.
    fn leave(&mut self, number: String) {
        self.not_checked += 1;
        self.without_rule.push(number);
    }
}

/// The rules about types of which a problem may hide resources.
fn hidden<'a>(rules: &'a [Rule], problems: &[Problem]) -> BTreeSet<&'a str> {
    let types: BTreeSet<&str> = rules.iter().flat_map(|rule| &rule.types).map(String::as_str).collect();
    let hides = |problem: &Problem, kind: &str| {
        let provider = Provider::of_type(kind);
        provider == problem.provider
            && problem.may_hide(&Reference {
                id: String::new(),
                arn: None,
                provider,
                kind: kind.to_owned().into(),
                account: problem.account.clone(),
                region: problem.region.clone(),
                name: None,
            })
    };
    let are_hidden: BTreeSet<&str> =
        types.into_iter().filter(|kind| problems.iter().any(|problem| hides(problem, kind))).collect();
    let is_hidden = |rule: &&Rule| rule.types.iter().any(|kind| are_hidden.contains(kind.as_str()));
    rules.iter().filter(is_hidden).map(|rule| rule.id.as_str()).collect()
}

/// Where a control stands in its framework: `AC-2` before `AU-1`, and `2.9` before `2.10`.
fn place(number: &str) -> (&str, Vec<u64>) {
    let letters = number.split(|c: char| c.is_ascii_digit()).next().unwrap_or_default();
    (letters, number.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect())
}

fn told(
    control: String,
    rules: Vec<String>,
    check: &Check,
    outcome: &Outcome,
    hidden: &BTreeSet<&str>,
) -> ControlReport {
    let none = Tally::default();
    let tallies: Vec<&Tally> = rules.iter().map(|rule| outcome.tallies.get(rule).unwrap_or(&none)).collect();
    let sum = |of: fn(&Tally) -> u64| -> u64 { tallies.iter().map(|tally| of(tally)).sum() };
    let (open, suppressed) = (sum(|tally| tally.failed), sum(|tally| tally.suppressed));
    let (passed, undecided) = (sum(|tally| tally.passed), sum(|tally| tally.undecided));
    let is_left_out = rules.iter().any(|rule| !check.applied.contains(rule) || hidden.contains(rule.as_str()));
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

/// The frameworks as rows of a table.
fn table(frameworks: &[FrameworkReport]) -> Table {
    let row = |one: &FrameworkReport| {
        let without_rule = one.without_rule.len() as u64;
        let counts = [one.passed, one.failed, one.not_checked, one.not_applicable, without_rule];
        [Cell::Text(one.framework.clone())].into_iter().chain(counts.map(Cell::Number)).collect()
    };
    Table {
        title: "Compliance".to_owned(),
        caption: "All controls of each framework; those that no rule is about were not checked".to_owned(),
        columns: ["Framework", "Passed", "Failed", "Not checked", "Not applicable", "Without a rule"]
            .map(str::to_owned)
            .to_vec(),
        rows: frameworks.iter().map(row).collect(),
    }
}

/// What a form is made of.
#[derive(Clone, Copy)]
struct Told<'a> {
    check: &'a Check,
    outcome: &'a Outcome,
    comparing: Option<&'a Comparing>,
    kept: &'a Kept,
}

/// Leaves the findings, or what they mean for frameworks, in one form; returns the artefact's name.
fn leave(format: ReportFormat, told: Told<'_>, tables: &[Table]) -> Result<String, Failure> {
    let Told { check, outcome, comparing, kept } = told;
    let about = About { agent: "security", version: env!("CARGO_PKG_VERSION"), at: check.now };
    let (name, media_type) = match format {
        ReportFormat::Html => ("findings.html", "text/html"),
        ReportFormat::Csv => ("findings.csv", "text/csv"),
        ReportFormat::ComplianceCsv => ("compliance.csv", "text/csv"),
        ReportFormat::Sarif => ("findings.sarif", "application/sarif+json"),
        ReportFormat::Ocsf => ("findings.ocsf.json", "application/json"),
        ReportFormat::Jsonl => ("findings.jsonl", "application/jsonl"),
        ReportFormat::ResourcesCsv => ("resources.csv", "text/csv"),
        ReportFormat::ResourcesOcsf => ("resources.ocsf.json", "application/json"),
        ReportFormat::ProblemsCsv => ("problems.csv", "text/csv"),
    };
    let mut out = artifacts::create(name, media_type)?;
    let rows = kept.few.iter().flatten().cloned();
    let again = kept.few.is_none().then(|| check.findings()).into_iter().flatten().map(|(_, finding)| finding);
    let findings = rows.chain(again);
    let (rows, problems) = (|finding| Ok::<_, Infallible>(finding), &outcome.problems);
    let resources = check.estate.subjects.iter().map(|subject| Ok(subject.resource.clone()));
    match (format, comparing) {
        (ReportFormat::Html, _) => page(&mut out, about, told, tables),
        (ReportFormat::Csv, _) => csv::findings(&mut out, findings.map(rows)),
        (ReportFormat::ComplianceCsv, _) => {
            tables.iter().try_for_each(|table| csv::table(&mut out, table)).map_err(OutputError::Write)
        }
        (ReportFormat::Sarif, None) => sarif::findings(&mut out, about, problems, findings.map(rows)),
        (ReportFormat::Sarif, Some(comparing)) => {
            sarif::changes(&mut out, about, problems, changes(findings, told, comparing))
        }
        (ReportFormat::Ocsf, None) => ocsf::findings(&mut out, about, findings.map(rows)),
        (ReportFormat::Ocsf, Some(comparing)) => ocsf::changes(&mut out, about, changes(findings, told, comparing)),
        (ReportFormat::Jsonl, _) => json::lines(&mut out, findings.map(rows)),
        (ReportFormat::ResourcesCsv, _) => csv::resources(&mut out, resources),
        (ReportFormat::ResourcesOcsf, _) => ocsf::resources(&mut out, about, resources),
        (ReportFormat::ProblemsCsv, _) => csv::problems(&mut out, problems).map_err(OutputError::Write),
    }
    .map_err(Failure::failed)?;
    Ok(out.finish()?.name)
}

/// What became of each finding, of those that are there now and then of the others.
fn changes<'a>(
    findings: impl Iterator<Item = Finding> + 'a,
    told: Told<'a>,
    comparing: &'a Comparing,
) -> impl Iterator<Item = Result<Change<Finding>, Infallible>> + 'a {
    let Told { check, outcome, .. } = told;
    findings.filter_map(|finding| comparing.became(finding)).chain(comparing.others(check, outcome)).map(Ok)
}

fn page(
    out: &mut impl Write,
    about: About<'_>,
    told: Told<'_>,
    tables: &[Table],
) -> Result<(), OutputError<Infallible>> {
    let Told { outcome, comparing, kept, .. } = told;
    let mut tally = kept.tally.clone();
    tally.passed = outcome.sum(|tally| tally.passed);
    tally.not_checked = outcome.sum(|tally| tally.undecided);
    let report = html::Report {
        title: "Security findings",
        about,
        tally: &tally,
        changes: comparing.map(Comparing::counts),
        tables,
        problems: &outcome.problems,
        rows_max: ROWS_MAX,
    };
    html::findings(out, report, kept.worst.findings().iter().cloned().map(Ok))
}
