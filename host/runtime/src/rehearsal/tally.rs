//! Adds up what single invocations came to, in bounded memory, into a report that does not
//! depend on the order in which they ended.

use std::collections::{BTreeMap, BTreeSet};

use troupe_core::verdict::{RehearsalPolicy, Told, Verdict};
use troupe_core::view::{
    Candidate, Cost, CostComparison, CostSpread, DifferenceGroup, DifferenceKind, KindCount, LeftOut, LeftOutReason,
    RehearsalReport, RehearsalResult, ReplayOutcome, SkillRehearsal,
};
use troupe_core::{AgentName, TaskId};
use troupe_sandbox::Call;

use super::findings::{Finding, findings};
use super::trial::{Recorded, Trial};

/// Groups that are told, and that are kept until it is known which are the most frequent.
const GROUPS_TOLD_MAX: usize = 100;
const GROUPS_MAX: usize = 1_000;

/// Tasks that a group names.
const EXAMPLES: usize = 5;

/// Hosts that are told apart.
const HOSTS_MAX: usize = 1_000;

/// One invocation, tried on both releases.
#[derive(Debug)]
pub(super) struct TriedOnBoth {
    skill: String,
    /// What the candidate alone does otherwise.
    findings: Vec<Finding>,
    /// Whether the serving release does something otherwise.
    serving_differs: bool,
    /// What both took, if they came to the same kind of end.
    costs: Option<(Cost, Cost)>,
    known_hosts: BTreeSet<String>,
    called_hosts: BTreeSet<String>,
}

impl TriedOnBoth {
    pub(super) fn new(recorded: &Recorded<'_>, candidate: Trial, serving: Option<Trial>) -> Self {
        let Recorded { row, record, outcome, .. } = recorded;
        let mut found = findings(outcome, &candidate);
        let mut known_hosts: BTreeSet<String> = hosts(record.calls().iter().map(|recorded| &recorded.call));
        let mut serving_differs = false;
        if let Some(serving) = &serving {
            let of_serving = findings(outcome, serving);
            serving_differs = !of_serving.is_empty();
            found.retain(|finding| !of_serving.contains(finding));
            known_hosts.extend(hosts(serving.matched.made.iter().map(|made| &made.call)));
        }
        let called_hosts = hosts(candidate.matched.made.iter().map(|made| &made.call));
        let costs = serving
            .filter(|serving| same_end(&serving.outcome, &candidate.outcome))
            .map(|serving| (serving.cost(), candidate.cost()));
        let skill = row.skill.to_string();
        Self { skill, findings: found, serving_differs, costs, known_hosts, called_hosts }
    }
}

fn same_end(one: &ReplayOutcome, other: &ReplayOutcome) -> bool {
    let code = |outcome: &ReplayOutcome| outcome.failure.as_ref().map(|failure| failure.code.clone());
    (one.status, code(one)) == (other.status, code(other))
}

fn hosts<'a>(calls: impl Iterator<Item = &'a Call>) -> BTreeSet<String> {
    let authority = |call: &'a Call| match call {
        Call::Http(call) => Some(call.authority().to_owned()),
        _ => None,
    };
    calls.filter_map(authority).take(HOSTS_MAX).collect()
}

/// What makes differences alike.
type Likeness = (DifferenceKind, String, String);

#[derive(Debug)]
struct Group {
    invocations: u32,
    /// The places of the first tasks and their ids, and what the first of them showed.
    examples: BTreeMap<u64, TaskId>,
    first: Finding,
}

#[derive(Debug, Default)]
struct OfSkill {
    invocations: u32,
    different: u32,
    serving: Vec<Cost>,
    candidate: Vec<Cost>,
}

/// What was found so far.
#[derive(Debug)]
pub(super) struct Tally {
    skills: BTreeMap<String, OfSkill>,
    groups: BTreeMap<Likeness, Group>,
    kinds: BTreeMap<DifferenceKind, u32>,
    left_out: BTreeMap<LeftOutReason, u32>,
    known_hosts: BTreeSet<String>,
    called_hosts: BTreeSet<String>,
    ungrouped: u32,
    rehearsed: u32,
    different: u32,
    serving_different: u32,
}

impl Tally {
    pub(super) fn new(skills: Vec<String>) -> Self {
        Self {
            skills: skills.into_iter().map(|skill| (skill, OfSkill::default())).collect(),
            groups: BTreeMap::new(),
            kinds: BTreeMap::new(),
            left_out: BTreeMap::new(),
            known_hosts: BTreeSet::new(),
            called_hosts: BTreeSet::new(),
            ungrouped: 0,
            rehearsed: 0,
            different: 0,
            serving_different: 0,
        }
    }

    pub(super) fn leave_out(&mut self, reason: LeftOutReason, tasks: u32) {
        *self.left_out.entry(reason).or_default() += tasks;
    }

    /// How many came out otherwise so far.
    pub(super) const fn different(&self) -> u32 {
        self.different
    }

    /// Adds what came of the task that has this place among the chosen.
    pub(super) fn add(&mut self, place: u64, task: TaskId, tried: TriedOnBoth) {
        let TriedOnBoth { skill, findings, serving_differs, costs, known_hosts, called_hosts } = tried;
        let differs = !findings.is_empty();
        self.rehearsed += 1;
        self.different += u32::from(differs);
        self.serving_different += u32::from(serving_differs);
        for (all, more) in [(&mut self.known_hosts, known_hosts), (&mut self.called_hosts, called_hosts)] {
            let room = HOSTS_MAX.saturating_sub(all.len());
            all.extend(more.into_iter().take(room));
        }
        let of_skill = self.skills.entry(skill.clone()).or_default();
        of_skill.invocations += 1;
        of_skill.different += u32::from(differs);
        if let Some((serving, candidate)) = costs {
            of_skill.serving.push(serving);
            of_skill.candidate.push(candidate);
        }
        for kind in findings.iter().map(|finding| finding.kind).collect::<BTreeSet<_>>() {
            *self.kinds.entry(kind).or_default() += 1;
        }
        let mut alike: BTreeMap<Likeness, Finding> = BTreeMap::new();
        for finding in findings {
            alike.entry((finding.kind, skill.clone(), finding.at.clone())).or_insert(finding);
        }
        for (likeness, finding) in alike {
            self.group(likeness, finding, place, task);
        }
    }

    fn group(&mut self, likeness: Likeness, finding: Finding, place: u64, task: TaskId) {
        if self.groups.len() >= GROUPS_MAX && !self.groups.contains_key(&likeness) {
            self.ungrouped += 1;
            return;
        }
        let group = self.groups.entry(likeness).or_insert_with(|| Group {
            invocations: 0,
            examples: BTreeMap::new(),
            first: finding.clone(),
        });
        group.invocations += 1;
        if group.examples.first_key_value().is_none_or(|(first, _)| place < *first) {
            group.first = finding;
        }
        group.examples.insert(place, task);
        if group.examples.len() > EXAMPLES {
            group.examples.pop_last();
        }
    }

    /// The report, without what a policy says of it.
    pub(super) fn report(
        self,
        agent: &AgentName,
        candidate: Candidate,
        serving: Option<Candidate>,
        last: u32,
        chosen: u32,
        no_time: u32,
    ) -> RehearsalReport {
        let mut all = (Vec::new(), Vec::new());
        let mut skills = Vec::new();
        for (skill, of) in self.skills {
            let cost = compared(&of.serving, &of.candidate);
            all.0.extend(of.serving);
            all.1.extend(of.candidate);
            skills.push(SkillRehearsal { skill, invocations: of.invocations, different: of.different, cost });
        }
        let mut groups: Vec<DifferenceGroup> = self.groups.into_iter().map(told).collect();
        // What is as frequent stays in the order of its kinds.
        groups.sort_by_key(|group| std::cmp::Reverse(group.invocations));
        let untold = groups.iter().skip(GROUPS_TOLD_MAX).map(|group| group.invocations).sum::<u32>();
        groups.truncate(GROUPS_TOLD_MAX);
        let result = match (self.rehearsed, self.different) {
            (0, _) => RehearsalResult::NotRehearsed,
            (_, 0) => RehearsalResult::Identical,
            _ => RehearsalResult::Different,
        };
        let mut report = RehearsalReport {
            agent: agent.to_string(),
            candidate,
            serving,
            result,
            last,
            chosen,
            rehearsed: self.rehearsed,
            identical: self.rehearsed - self.different,
            different: self.different,
            kinds: self.kinds.into_iter().map(|(kind, invocations)| KindCount { kind, invocations }).collect(),
            serving_different: self.serving_different,
            no_time,
            left_out: self.left_out.into_iter().map(|(reason, tasks)| left_out(reason, tasks)).collect(),
            skills,
            new_hosts: self.called_hosts.difference(&self.known_hosts).cloned().collect(),
            groups,
            ungrouped: self.ungrouped + untold,
            cost: compared(&all.0, &all.1),
            verdict: Verdict { passes: false, reasons: Vec::new() },
        };
        report.verdict = report.verdict(&RehearsalPolicy::default(), Told::Examples);
        report
    }
}

fn compared(serving: &[Cost], candidate: &[Cost]) -> CostComparison {
    CostComparison {
        invocations: u32::try_from(serving.len()).unwrap_or(u32::MAX),
        serving: CostSpread::of(serving),
        candidate: CostSpread::of(candidate),
    }
}

fn told(((kind, skill, at), group): (Likeness, Group)) -> DifferenceGroup {
    let Finding { says, recorded, replayed, .. } = group.first;
    let tasks = group.examples.into_values().collect();
    DifferenceGroup { kind, skill, at, invocations: group.invocations, says, recorded, replayed, tasks }
}

fn left_out(reason: LeftOutReason, tasks: u32) -> LeftOut {
    let says = match reason {
        LeftOutReason::NotEnded => "not ended: pending, running or suspended",
        LeftOutReason::NotBegun => "ended before they began",
        LeftOutReason::CutShort => "cut short by the host, so nobody knows how they would have ended",
        LeftOutReason::Redacted => "redacted",
        LeftOutReason::Dropped => "journals that are not kept any longer",
        LeftOutReason::TooLarge => "journals longer than what is loaded for a rehearsal",
        LeftOutReason::Streamed => "answers that were too long to be kept",
        LeftOutReason::Configuration => "a configuration of then that is gone, or is none of the candidate's",
    };
    LeftOut { reason, tasks, says: says.to_owned() }
}

#[cfg(test)]
#[path = "tally_tests.rs"]
mod tests;
