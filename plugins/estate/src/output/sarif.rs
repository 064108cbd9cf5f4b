//! SARIF 2.1.0 (OASIS), for code scanning.
//!
//! | in a finding | in SARIF |
//! |---|---|
//! | `rule`, `title`, `fix`, `frameworks` | a rule of the driver, with `help` and `properties.tags`: `security`, or `cost` if it is about money alone |
//! | `severity` | `level`: critical and high are `error`, medium `warning`, the others `note`; `properties.security-severity` of the rule |
//! | `status` | `kind`: `fail`, `pass`, `open` (not checked); `level` is `none` but for `fail` |
//! | `fingerprint` | `partialFingerprints`, `troupe/v1` |
//! | `resource` | `logicalLocations`; `place`, if it has one, is the `physicalLocation` |
//! | `suppressed`, while it holds | `suppressions`, `external` and `accepted` |
//! | what became of it since the last scan | `baselineState` |
//! | a problem | a notification of the invocation, which is then not `executionSuccessful` |
//!
//! Results come before the driver that names their rules, since rules are known only when all results have
//! been read; the order of members means nothing in JSON. Of each rule an entry stays in memory.
//! GitHub shows only results that have a place in a file.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::Write;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::{Value, json};

use super::{About, OutputError, PRODUCT, evidence, json};
use crate::diff::Change;
use crate::{Finding, Problem, ProblemKind, Severity, Status};

/// What cannot stand in a path of a URI.
const PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}')
    .add(b':');

/// Writes findings as one run.
///
/// # Errors
///
/// If a row cannot be read or written.
pub fn findings<E: Display>(
    out: &mut impl Write,
    about: About<'_>,
    problems: &[Problem],
    rows: impl IntoIterator<Item = Result<Finding, E>>,
) -> Result<(), OutputError<E>> {
    run(out, about, problems, rows.into_iter().map(|row| row.map(|finding| (finding, State::default()))))
}

/// Writes findings as one run, with what became of them since the last scan.
///
/// What is unknown now is told as `open` and `unchanged`, what is fixed as `absent`.
///
/// # Errors
///
/// If a row cannot be read or written.
pub fn changes<E: Display>(
    out: &mut impl Write,
    about: About<'_>,
    problems: &[Problem],
    rows: impl IntoIterator<Item = Result<Change<Finding>, E>>,
) -> Result<(), OutputError<E>> {
    let rows = rows.into_iter().map(|row| {
        row.map(|change| match change {
            Change::New { now } => (now, State::of("new")),
            Change::Changed { now, .. } => (now, State::of("updated")),
            Change::Same { now } => (now, State::of("unchanged")),
            Change::Fixed { before } | Change::Gone { before } => (before, State::of("absent")),
            Change::Unknown { before, why } => (before.not_checked(&why.reason), State::of("unchanged")),
        })
    });
    run(out, about, problems, rows)
}

/// What became of a finding, in SARIF's word.
#[derive(Debug, Clone, Copy, Default)]
struct State {
    baseline: Option<&'static str>,
}

impl State {
    const fn of(baseline: &'static str) -> Self {
        Self { baseline: Some(baseline) }
    }
}

fn run<E: Display>(
    out: &mut impl Write,
    about: About<'_>,
    problems: &[Problem],
    rows: impl IntoIterator<Item = Result<(Finding, State), E>>,
) -> Result<(), OutputError<E>> {
    let mut rules = Rules::default();
    out.write_all(
        b"{\"$schema\":\"https://json.schemastore.org/sarif-2.1.0.json\",\"version\":\"2.1.0\",\"runs\":[{\"results\":",
    )?;
    json::elements(out, rows, |(finding, state)| {
        let index = rules.index(&finding);
        Ok(result(&finding, state, index, about))
    })?;
    let driver = json!({
        "name": format!("{PRODUCT} {}", about.agent),
        "organization": PRODUCT,
        "semanticVersion": about.version,
        "rules": rules.entries,
    });
    let invocation = json!({
        "executionSuccessful": problems.is_empty(),
        "endTimeUtc": about.at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "toolExecutionNotifications": problems.iter().map(notification).collect::<Vec<Value>>(),
    });
    out.write_all(b",\n\"tool\":{\"driver\":")?;
    serde_json::to_writer(&mut *out, &driver)?;
    out.write_all(b"},\n\"invocations\":[")?;
    serde_json::to_writer(&mut *out, &invocation)?;
    out.write_all(b"],\"columnKind\":\"unicodeCodePoints\"}]}\n")?;
    Ok(())
}

/// The rules, in the order in which their first results came.
#[derive(Default)]
struct Rules {
    places: BTreeMap<String, usize>,
    entries: Vec<Value>,
}

impl Rules {
    fn index(&mut self, finding: &Finding) -> usize {
        if let Some(place) = self.places.get(&finding.rule) {
            return *place;
        }
        // Code scanning shows what has the tag `security` by its number, and money is none of it.
        let is_cost = finding.saving.is_some() && finding.frameworks.is_empty();
        let tags = finding.frameworks.iter().map(|one| format!("{} {}", one.framework, one.control));
        let tags: Vec<String> =
            std::iter::once(if is_cost { "cost" } else { "security" }.to_owned()).chain(tags).collect();
        let mut properties = json!({ "tags": tags });
        if let (false, Some(properties)) = (is_cost, properties.as_object_mut()) {
            properties.insert("security-severity".to_owned(), json!(score(finding.severity)));
        }
        let mut rule = json!({
            "id": finding.rule,
            "shortDescription": { "text": finding.title },
            "defaultConfiguration": { "level": level(finding.severity) },
            "properties": properties,
        });
        if let (false, Some(rule)) = (finding.fix.is_empty(), rule.as_object_mut()) {
            rule.insert("help".to_owned(), json!({ "text": finding.fix }));
        }
        let place = self.entries.len();
        self.entries.push(rule);
        self.places.insert(finding.rule.clone(), place);
        place
    }
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Informational => "note",
    }
}

/// A number from 0 to 10, in the middle of the range that code scanning gives the word.
const fn score(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "2.0",
        Severity::Informational => "0.0",
    }
}

fn result(finding: &Finding, state: State, index: usize, about: About<'_>) -> Value {
    let (kind, level) = match finding.status {
        Status::Fail => ("fail", level(finding.severity)),
        Status::Pass => ("pass", "none"),
        Status::NotChecked => ("open", "none"),
    };
    let mut text = finding.title.clone();
    if let (Status::NotChecked, Some(reason)) = (finding.status, &finding.reason) {
        text = format!("{text}: not checked: {reason}");
    } else if !finding.evidence.is_empty() {
        text = format!("{text}: {}", evidence(finding));
    }
    let (digits, version) = finding.fingerprint.parts();
    let resource = &finding.resource;
    let mut result = json!({
        "ruleId": finding.rule,
        "ruleIndex": index,
        "kind": kind,
        "level": level,
        "message": { "text": text },
        "locations": [location(finding)],
        "partialFingerprints": { (format!("troupe/v{version}")): digits },
        "properties": {
            "provider": resource.provider,
            "type": resource.kind,
            "class": finding.class,
            "account": resource.account,
            "region": resource.region,
            "severity": finding.severity,
            "evidence": finding.evidence,
            "fix": finding.fix,
            "saving": finding.saving,
        },
    });
    if let Some(members) = result.as_object_mut() {
        if let Some(baseline) = state.baseline {
            members.insert("baselineState".to_owned(), json!(baseline));
        }
        let suppression = finding.suppressed.as_ref().filter(|_| finding.is_suppressed(about.at));
        // An empty list says that it was looked at and is not suppressed.
        let suppressions: Vec<Value> = suppression
            .map(|one| {
                json!({ "kind": "external", "status": "accepted", "justification": one.reason,
                    "properties": { "until": one.until } })
            })
            .into_iter()
            .collect();
        members.insert("suppressions".to_owned(), json!(suppressions));
    }
    result
}

fn location(finding: &Finding) -> Value {
    let resource = &finding.resource;
    let logical = json!({
        "name": resource.name.as_deref().unwrap_or(&resource.id),
        "fullyQualifiedName": resource.full_name(),
        "kind": "resource",
    });
    let mut location = json!({ "logicalLocations": [logical] });
    if let (Some(place), Some(members)) = (&finding.place, location.as_object_mut()) {
        let uri = utf8_percent_encode(&place.file, PATH).to_string();
        let mut physical = json!({ "artifactLocation": { "uri": uri } });
        if let (Some(line), Some(physical)) = (place.line.filter(|line| *line > 0), physical.as_object_mut()) {
            physical.insert("region".to_owned(), json!({ "startLine": line }));
        }
        members.insert("physicalLocation".to_owned(), physical);
    }
    location
}

fn notification(problem: &Problem) -> Value {
    let Problem { service, region, operation, code, message, count, .. } = problem;
    let level = if problem.kind == ProblemKind::NotAvailable { "warning" } else { "error" };
    json!({
        "descriptor": { "id": format!("{}/{}", problem.kind.name(), code) },
        "level": level,
        "message": { "text": format!("{operation} of {service} in {region} could not be looked at: {code}: {message}") },
        "properties": { "provider": problem.provider, "account": problem.account, "kind": problem.kind, "count": count,
            "resource": problem.resource, "others": problem.others, "every": problem.every, "hides": problem.hides },
    })
}
