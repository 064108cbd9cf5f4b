//! The findings of a check, one after the other: none is kept here once it is told.
//!
//! A finding takes some kilobytes with its controls and what to do, many times what the resource takes that it is
//! about, so that those of a large estate do not fit into memory. Whoever reads them again judges again, and is told
//! the same in the same order: the worst severity first, within one by resource, secrets in documents last.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use troupe_estate::{Finding, Fingerprint, Problem, Severity};

use super::missing::Missing;
use super::undecided::Undecided;
use super::verdict::{Verdict, verdict};
use super::{Check, NotChecked};
use crate::judge::Judge;
use crate::rule::Rule;
use crate::secrets;

/// What one rule came to at all resources.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
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

/// What a check came to, beside its findings.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What each rule came to, by its id.
    pub tallies: BTreeMap<String, Tally>,
    /// What could not be decided, and why.
    pub not_checked: Vec<NotChecked>,
    /// What could not be read or looked at.
    pub problems: Vec<Problem>,
}

impl Outcome {
    /// The sum of one number of all rules.
    pub fn sum(&self, of: fn(&Tally) -> u64) -> u64 {
        self.tallies.values().map(of).sum()
    }
}

/// A finding, and the place of its resource, if it is about one that was judged.
pub type Found = (Option<usize>, Finding);

/// The findings of a check.
pub struct Findings<'a> {
    check: &'a Check,
    judge: Judge<'a>,
    /// How many of the severities are done.
    severity: usize,
    /// How many of the resources are done, in the order of the check.
    done: usize,
    /// How many rules of the resource's are done.
    rules_done: usize,
    /// How many of the places are done in which something may be missing.
    asked: usize,
    /// How many documents were searched for secrets.
    searched: usize,
    /// What was found at once and is not told yet: that of one rule at one resource, or of one document.
    waiting: VecDeque<Found>,
    /// What was told of the resources, or documents, of one name.
    told: BTreeSet<Fingerprint>,
    tallies: Vec<Tally>,
    /// Those of secrets.
    found: secrets::Tallies,
    undecided: Undecided,
}

impl<'a> Findings<'a> {
    pub(super) fn new(check: &'a Check) -> Self {
        let catalogue = &check.catalogue;
        Self {
            check,
            judge: Judge::new(&check.estate, &catalogue.facts, &catalogue.patterns, check.now),
            severity: 0,
            done: 0,
            rules_done: 0,
            asked: 0,
            searched: 0,
            waiting: VecDeque::new(),
            told: BTreeSet::new(),
            tallies: vec![Tally::default(); catalogue.rules.len()],
            found: secrets::Tallies::default(),
            undecided: Undecided::default(),
        }
    }

    /// What it all came to; findings that were not asked for are not in it.
    pub fn outcome(self) -> Outcome {
        let rules = self.check.catalogue.rules.iter().zip(self.tallies);
        let mut tallies: BTreeMap<String, Tally> = rules.map(|(rule, tally)| (rule.id.clone(), tally)).collect();
        tallies.extend(self.found.by_pattern);
        let problems = self.check.problems.iter().cloned().chain(self.found.problems);
        let problems = troupe_estate::settle(problems.collect());
        Outcome { tallies, not_checked: self.undecided.rows(), problems }
    }

    /// Goes a step on; false once everything was looked at.
    fn step(&mut self) -> bool {
        let Some(&severity) = Severity::ALL.get(self.severity) else { return self.search() };
        let Some((at, rules)) = self.check.rules_at(self.done) else {
            if let Some(missing) = self.check.missing.get(self.asked) {
                self.asked += 1;
                self.ask_for(missing, severity);
                return true;
            }
            self.severity += 1;
            (self.done, self.rules_done, self.asked) = (0, 0, 0);
            return true;
        };
        let rules_of = &self.check.catalogue.rules;
        let next = rules.iter().enumerate().skip(self.rules_done);
        let mut those = next.filter_map(|(place, number)| Some((place, *number, rules_of.get(*number)?)));
        match those.find(|(_, _, rule)| rule.severity == severity) {
            Some((place, number, _)) => {
                self.rules_done = place + 1;
                self.apply(at, number);
            }
            None => {
                self.done += 1;
                self.rules_done = 0;
                if !self.check.is_same_as_before(self.done) {
                    self.told.clear();
                }
            }
        }
        true
    }

    /// Applies a rule to a resource.
    fn apply(&mut self, at: usize, number: usize) {
        let rule = self.check.catalogue.rules.get(number);
        let (Some(rule), Some(subject)) = (rule, self.check.estate.get(at)) else { return };
        let verdict = verdict(&self.judge, rule, at, subject);
        self.take(rule, number, verdict, (Some(at), &subject.resource.id));
    }

    /// Asks for what may be missing, if its rule is of a severity.
    fn ask_for(&mut self, missing: &Missing, severity: Severity) {
        let rule = self.check.catalogue.rules.get(missing.rule).filter(|rule| rule.severity == severity);
        let Some(rule) = rule else { return };
        self.told.clear();
        let verdict = missing.verdict(&self.judge, rule);
        self.take(rule, missing.rule, verdict, (None, missing.id()));
    }

    /// Counts what a rule says of something, and keeps what it found until that is told.
    fn take(&mut self, rule: &Rule, number: usize, verdict: Verdict, (at, id): (Option<usize>, &str)) {
        let Some(tally) = self.tallies.get_mut(number) else { return };
        if let Some(why) = verdict.undecided {
            tally.undecided += 1;
            self.undecided.add(&rule.id, why, id);
        } else if verdict.applies && verdict.findings.is_empty() {
            tally.passed += 1;
        }
        for finding in verdict.findings {
            let told = tell(self.check, &mut self.told, tally, finding);
            self.waiting.extend(told.map(|finding| (at, finding)));
        }
    }

    /// Searches the next document; false once there is none.
    fn search(&mut self) -> bool {
        let Some(document) = self.check.documents.get(self.searched) else { return false };
        let before = self.searched.checked_sub(1).and_then(|before| self.check.documents.get(before));
        if before.is_none_or(|before| before.name != document.name) {
            self.told.clear();
        }
        self.searched += 1;
        for finding in secrets::search(document, &self.check.patterns(), &self.check.controls, &mut self.found) {
            let tally = self.found.by_pattern.entry(finding.rule.clone()).or_default();
            let told = tell(self.check, &mut self.told, tally, finding);
            self.waiting.extend(told.map(|finding| (None, finding)));
        }
        true
    }

    /// How many findings are held.
    #[cfg(test)]
    pub fn held(&self) -> usize {
        self.waiting.len()
    }
}

/// Counts a finding that is new and marks it if it is passed over; none if it was told. What nothing tells apart is one
/// finding, and counts as one.
fn tell(check: &Check, told: &mut BTreeSet<Fingerprint>, tally: &mut Tally, mut finding: Finding) -> Option<Finding> {
    if !told.insert(finding.fingerprint.clone()) {
        return None;
    }
    check.suppressions.mark(&mut finding, check.now);
    let count = if finding.is_open(check.now) { &mut tally.failed } else { &mut tally.suppressed };
    *count += 1;
    Some(finding)
}

impl Iterator for Findings<'_> {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        loop {
            if let Some(found) = self.waiting.pop_front() {
                return Some(found);
            }
            if !self.step() {
                return None;
            }
        }
    }
}
