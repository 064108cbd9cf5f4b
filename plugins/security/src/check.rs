//! A check: what is asked → subjects → what each rule says of each → findings.

use std::collections::BTreeMap;
use std::rc::Rc;

use jiff::Timestamp;
use serde_json::Value;
use troupe_estate::collect::{Part, Sink, Summary};
use troupe_estate::diff::{Change, Counts};
use troupe_estate::{Finding, Problem, Provider, Severity, Status};
use troupe_sdk::prelude::*;

use crate::ask::{Asked, Settings};
use crate::judge::{Base, Estate, Glob, Judge, Source, Subject, Truth};
use crate::read::{self, Mappings};
use crate::rule::{Catalogue, Rule};
use crate::{changes, secrets, suppress, text};

/// Most resources that one row of what was not checked names.
const NAMED_MAX: usize = 20;
/// Most findings of one rule at one resource, so that a list of a million elements is no flood.
const EACH_MAX: usize = 200;
/// Memory of a part of an artefact, in bytes.
const PART_BYTES: usize = 8 * 1024 * 1024;

/// What to check.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
pub struct CheckInput {
    /// What is checked, by which rules.
    #[serde(flatten)]
    pub asked: Asked,
    /// The findings of the last time; the answer then says what became of each.
    #[serde(default)]
    pub previous: Option<Vec<Finding>>,
}

/// What was found.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Checked {
    /// How many resources were looked at.
    pub resources: u64,
    /// How many rules were applied.
    pub rules: u64,
    /// Open findings by severity.
    pub open: BTreeMap<Severity, u64>,
    /// How often a rule passed at a resource.
    pub passed: u64,
    /// How many findings are passed over.
    pub suppressed: u64,
    /// How often a rule could not be decided at a resource.
    pub undecided: u64,
    /// What failed, the worst first; at most `inline_max`.
    pub findings: Vec<Finding>,
    /// The artefacts that hold all findings, if they are more than are told here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artefacts: Option<Summary>,
    /// What could not be checked, and why.
    pub not_checked: Vec<NotChecked>,
    /// What could not be read or looked at.
    pub problems: Vec<Problem>,
    /// What became of the findings of the last time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes: Option<Changes>,
}

/// What became of the findings of the last time.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Changes {
    /// How many there are of each kind.
    pub counts: Counts,
    /// Those that are not the same as they were; at most `inline_max`.
    pub changes: Vec<Change<Finding>>,
}

/// A rule that could not be decided, for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NotChecked {
    /// The rule.
    pub rule: String,
    /// Why.
    pub reason: String,
    /// At how many resources.
    pub count: u64,
    /// Some of them.
    pub resources: Vec<String>,
}

/// What one rule came to at all resources.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// At how many it passed.
    pub passed: u64,
    /// How many open findings it has.
    pub failed: u64,
    /// How many findings are passed over.
    pub suppressed: u64,
    /// At how many it could not be decided.
    pub undecided: u64,
}

/// What a check came to, before it is told.
pub struct Outcome {
    /// The rules.
    pub catalogue: Catalogue,
    /// The ids of those that were applied.
    pub applied: Vec<String>,
    /// The resources.
    pub estate: Estate,
    /// What failed, in the order of fingerprints, none twice.
    pub findings: Vec<Finding>,
    /// What each rule came to.
    pub tallies: BTreeMap<String, Tally>,
    /// Where a rule could not be decided: rule, place of the resource, reason.
    pub undecided: BTreeMap<(String, usize), Rc<str>>,
    /// What could not be read or looked at.
    pub problems: Vec<Problem>,
    /// By when ages were judged.
    pub now: Timestamp,
}

/// Answers `check`.
pub fn answer(input: CheckInput, settings: &Settings) -> Result<Checked, Failure> {
    let inline_max = input.asked.inline_max.unwrap_or(settings.inline_max);
    let CheckInput { asked, previous } = input;
    let scope = changes::Scope::of(&asked);
    let outcome = run(asked, settings)?;
    let changes = previous.map(|previous| changes::tell(previous, &outcome, &scope, inline_max)).transpose()?;
    tell(outcome, changes, inline_max)
}

fn tell(outcome: Outcome, changes: Option<Changes>, inline_max: usize) -> Result<Checked, Failure> {
    let Outcome { applied, estate, findings, tallies, undecided, problems, now, .. } = outcome;
    let artefacts = if findings.len() > inline_max { Some(leave(&findings)?) } else { None };
    let mut open: BTreeMap<Severity, u64> = BTreeMap::new();
    for finding in findings.iter().filter(|finding| finding.is_open(now)) {
        *open.entry(finding.severity).or_default() += 1;
    }
    let sum = |of: fn(&Tally) -> u64| tallies.values().map(of).sum();
    let mut told = findings;
    told.sort_by(|one, other| {
        let key = |finding: &Finding| (!finding.is_open(now), finding.severity);
        key(one)
            .cmp(&key(other))
            .then_with(|| one.rule.cmp(&other.rule))
            .then_with(|| one.resource.id.cmp(&other.resource.id))
    });
    told.truncate(inline_max);
    Ok(Checked {
        resources: estate.subjects.len() as u64,
        rules: applied.len() as u64,
        open,
        passed: sum(|tally| tally.passed),
        suppressed: sum(|tally| tally.suppressed),
        undecided: sum(|tally| tally.undecided),
        findings: told,
        artefacts,
        not_checked: rows(&undecided, &estate),
        problems,
        changes,
    })
}

/// Leaves all findings as artefacts.
fn leave(findings: &[Finding]) -> Result<Summary, Failure> {
    let write = |part: &Part, text: &[u8]| -> Result<(), std::io::Error> {
        use std::io::Write as _;
        let mut artefact = artifacts::create(&part.name, "application/jsonl").map_err(std::io::Error::other)?;
        artefact.write_all(text)?;
        artefact.finish().map(|_| ()).map_err(std::io::Error::other)
    };
    let mut sink: Sink<Finding, _> = Sink::new("findings", PART_BYTES, write);
    for finding in findings {
        sink.push(finding).map_err(Failure::failed)?;
    }
    sink.finish().map_err(Failure::failed)
}

/// Puts what could not be decided into a row for each rule and reason.
pub fn rows(undecided: &BTreeMap<(String, usize), Rc<str>>, estate: &Estate) -> Vec<NotChecked> {
    let mut rows: BTreeMap<(&str, &str), NotChecked> = BTreeMap::new();
    for ((rule, at), reason) in undecided {
        let row = rows.entry((rule, reason)).or_insert_with(|| NotChecked {
            rule: rule.clone(),
            reason: reason.to_string(),
            count: 0,
            resources: Vec::new(),
        });
        row.count += 1;
        if row.resources.len() < NAMED_MAX
            && let Some(subject) = estate.get(*at)
        {
            row.resources.push(subject.resource.id.clone());
        }
    }
    rows.into_values().collect()
}

/// Checks.
pub fn run(asked: Asked, settings: &Settings) -> Result<Outcome, Failure> {
    let now = Timestamp::try_from(troupe_sdk::time::now()).map_err(Failure::failed)?;
    let suppressing: Vec<suppress::Suppressing> =
        asked.suppressions.iter().chain(&settings.suppressions).cloned().collect();
    suppress::verify(&suppressing)?;
    let mappings = Mappings::load().map_err(Failure::failed)?;
    let mut parameters = settings.parameters.clone();
    for (rule, more) in asked.parameters {
        parameters.entry(rule).or_default().extend(more);
    }
    let catalogue = Catalogue::load(&mappings, &more_rules(&asked.more_rules)?, &parameters)
        .map_err(|problems| Failure::invalid_input(problems.to_string()))?;
    let read = read::documents(&asked.documents, &mappings);
    let mut problems = asked.problems;
    problems.extend(read.problems);
    let inventory = asked.resources.into_iter().map(|mut resource| {
        // What was told before there was a provider or a class says neither; its type does.
        if resource.provider == Provider::Other {
            resource.provider = Provider::of_type(&resource.kind);
            resource.class = troupe_estate::class_of(&resource.kind);
        }
        // Role assignments of Azure's name a principal, which is what a machine's own identity is called.
        let principal = resource.attributes.get("identity_principal").and_then(Value::as_str).map(str::to_owned);
        Subject { resource, source: Source::Inventory, place: None, aliases: principal.into_iter().collect() }
    });
    let estate = Estate::new(inventory.chain(read.subjects).collect());
    let globs: Vec<Glob> = asked.rules.iter().map(|pattern| Glob::new(pattern)).collect();
    let is_asked = |id: &str| globs.is_empty() || globs.iter().any(|glob| glob.fits(id));
    let mut outcome = Outcome {
        applied: Vec::new(),
        estate,
        findings: Vec::new(),
        tallies: BTreeMap::new(),
        undecided: BTreeMap::new(),
        problems: troupe_estate::settle(problems),
        now,
        catalogue,
    };
    judge(&mut outcome, &is_asked);
    let found = secrets::search(&asked.documents, &outcome.catalogue, &is_asked);
    outcome.applied.extend(found.applied);
    outcome.findings.extend(found.findings);
    for (rule, passed) in found.passed {
        outcome.tallies.entry(rule).or_default().passed += passed;
    }
    outcome.problems.extend(found.problems);
    outcome.problems = troupe_estate::settle(outcome.problems);
    // What nothing tells apart is one finding, and counts as one.
    outcome.findings.sort_by(|one, other| one.fingerprint.cmp(&other.fingerprint));
    outcome.findings.dedup_by(|one, other| one.fingerprint == other.fingerprint);
    for finding in &mut outcome.findings {
        suppress::mark(finding, &suppressing, now);
        let tally = outcome.tallies.entry(finding.rule.clone()).or_default();
        if finding.is_open(now) { tally.failed += 1 } else { tally.suppressed += 1 }
    }
    Ok(outcome)
}

fn more_rules(texts: &[String]) -> Result<Vec<(String, Value)>, Failure> {
    let mut more = Vec::new();
    for (number, written) in texts.iter().enumerate() {
        let name = format!("more_rules[{number}]");
        let nodes = text::read(written).map_err(|error| Failure::invalid_input(format!("{name}: {error}")))?;
        more.extend(nodes.iter().map(|node| (name.clone(), node.value())));
    }
    Ok(more)
}

/// Applies the rules to the resources.
fn judge(outcome: &mut Outcome, is_asked: &dyn Fn(&str) -> bool) {
    let Outcome { catalogue, estate, now, .. } = outcome;
    let facts = &catalogue.facts;
    let delivers = |source: Source, kind: &str, name: &str| facts.delivers(source, kind, name);
    let judge = Judge::new(estate, &delivers, &catalogue.patterns, *now);
    let rules: Vec<&Rule> = catalogue.rules.iter().filter(|rule| is_asked(&rule.id)).collect();
    outcome.applied = rules.iter().map(|rule| rule.id.clone()).collect();
    // Which rules are about a type is found out once for each type.
    let mut by_type: BTreeMap<&str, Vec<&Rule>> = BTreeMap::new();
    for subject in &estate.subjects {
        by_type
            .entry(&subject.resource.kind)
            .or_insert_with_key(|kind| rules.iter().filter(|rule| rule.is_about(kind)).copied().collect());
    }
    let mut reasons: BTreeMap<String, Rc<str>> = BTreeMap::new();
    for (at, subject) in estate.subjects.iter().enumerate() {
        for rule in by_type.get(subject.resource.kind.as_ref()).into_iter().flatten() {
            let verdict = verdict(&judge, rule, at, subject);
            if let Some(why) = verdict.undecided {
                let why = reasons.entry(why.clone()).or_insert_with(|| Rc::from(why)).clone();
                outcome.undecided.insert((rule.id.clone(), at), why);
                outcome.tallies.entry(rule.id.clone()).or_default().undecided += 1;
            } else if verdict.applies && verdict.findings.is_empty() {
                outcome.tallies.entry(rule.id.clone()).or_default().passed += 1;
            }
            outcome.findings.extend(verdict.findings);
        }
    }
}

/// What a rule says of a resource.
#[derive(Default)]
pub struct Verdict {
    /// Whether it is about the resource at all.
    pub applies: bool,
    /// What failed.
    pub findings: Vec<Finding>,
    /// Why some of it could not be decided.
    pub undecided: Option<String>,
}

/// What a rule says of a resource.
pub fn verdict(judge: &Judge<'_>, rule: &Rule, at: usize, subject: &Subject) -> Verdict {
    let mut verdict = Verdict::default();
    let mut doubt: Option<String> = None;
    match rule.when.as_ref().map(|when| judge.judge(Base::Resource(at), when).0) {
        None | Some(Truth::Yes) => {}
        Some(Truth::No) => return verdict,
        // If it cannot fail, whether it applies does not matter.
        Some(Truth::Unknown(why)) => doubt = Some(why),
    }
    verdict.applies = true;
    let mut take = |truth: Truth, seen: Vec<(String, Value)>, own: &str| match (truth, &doubt) {
        (Truth::Yes, None) => verdict.findings.push(finding(rule, subject, own, seen)),
        (Truth::Yes, Some(why)) => verdict.undecided = Some(why.clone()),
        (Truth::Unknown(why), _) => verdict.undecided = Some(why),
        (Truth::No, _) => {}
    };
    match &rule.each {
        None => {
            let (truth, seen) = judge.judge(Base::Resource(at), &rule.fail);
            take(truth, seen, "");
        }
        Some(each) => match judge.elements(at, &each.path) {
            Err(why) => take(Truth::Unknown(why), Vec::new(), ""),
            Ok(elements) => {
                for element in elements.iter().take(EACH_MAX) {
                    if let Some(why) = crate::unknown::reason(element) {
                        take(Truth::unknown(why), Vec::new(), "");
                        continue;
                    }
                    let (truth, seen) = judge.judge(Base::Element(element, at), &rule.fail);
                    take(truth, seen, &discriminator(&each.discriminator, element));
                }
                if elements.len() > EACH_MAX {
                    let why = format!(
                        "{} has more than {EACH_MAX} elements; the first of them were looked at",
                        each.path.text
                    );
                    take(Truth::Unknown(why), Vec::new(), "");
                }
            }
        },
    }
    verdict
}

/// Puts an element's values in the place of their names: `{protocol}/{from_port}`.
fn discriminator(pattern: &str, element: &Value) -> String {
    let mut out = String::new();
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let Some((name, after)) = after.split_once('}') else { break };
        let value =
            name.split('.').try_fold(element, |value, key| if key.is_empty() { Some(value) } else { value.get(key) });
        match value {
            Some(Value::String(text)) => out.push_str(text),
            None | Some(Value::Null) => out.push('-'),
            Some(value) => out.push_str(&value.to_string()),
        }
        rest = after;
    }
    out.push_str(rest);
    out.chars().take(200).collect()
}

/// A document's name is a part of what tells its findings from those of another; README.md says so.
fn finding(rule: &Rule, subject: &Subject, own: &str, seen: Vec<(String, Value)>) -> Finding {
    let file = subject.place.as_ref().map(|place| place.file.as_str());
    let discriminator = match (file, own) {
        (None, own) => own.to_owned(),
        (Some(file), "") => file.to_owned(),
        (Some(file), own) => format!("{file}: {own}"),
    };
    let mut finding = Finding::new(&rule.id, &rule.title, rule.severity, subject.resource.reference(), &discriminator);
    finding.status = Status::Fail;
    finding.fix.clone_from(&rule.fix);
    finding.frameworks.clone_from(&rule.frameworks);
    finding.place.clone_from(&subject.place);
    seen.into_iter().fold(finding, |finding, (attribute, value)| finding.seen(&attribute, value))
}
