//! A check: what is asked → subjects → what each rule says of each → findings, one after the other.
//!
//! *The danger:* the findings of a large estate are many times what memory holds. *The rule:* a finding is counted,
//! written where it goes, and let go; what is kept of them is bounded by number: the worst, for the answer.

mod findings;
mod gathered;
mod missing;
mod prepared;
mod undecided;
mod verdict;

use std::collections::BTreeMap;

use troupe_estate::collect::Summary;
use troupe_estate::diff::{Change, Counts};
use troupe_estate::{Finding, Problem, Severity};
use troupe_sdk::prelude::*;

pub use findings::{Findings, Found, Outcome, Tally};
pub use gathered::Worst;
pub use missing::{Looked, Missing};
pub use prepared::{Check, Wanted};
pub use undecided::NotChecked;
pub use verdict::{Verdict, verdict};

use crate::ask::{Asked, Previous, Settings};
use crate::changes::Comparing;
use crate::gather::gather;
use crate::limits::INLINE_MAX;
use gathered::{Gathered, Kept};

/// What to check.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
pub struct CheckInput {
    /// What is checked, by which rules.
    #[serde(flatten)]
    pub asked: Asked,
    /// What it is compared with.
    #[serde(flatten)]
    pub previous: Previous,
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

/// Answers `check`.
pub fn answer(input: CheckInput, settings: &Settings) -> Result<Checked, Failure> {
    let CheckInput { mut asked, previous } = input;
    let previous = gather(&mut asked, previous)?;
    let inline_max = asked.inline_max.unwrap_or(settings.inline_max).min(INLINE_MAX);
    let mut comparing = previous.map(|previous| Comparing::new(previous, &asked, inline_max));
    let check = Check::new(asked, settings, Wanted::Everything)?;
    let mut gathered = Gathered::new(inline_max, check.now);
    let mut findings = check.findings();
    for (_, finding) in &mut findings {
        if let Some(comparing) = &mut comparing {
            comparing.take(&finding);
        }
        gathered.take(finding)?;
    }
    let outcome = findings.outcome();
    let changes = comparing.map(|comparing| comparing.finish(&check, &outcome));
    let Kept { open, worst: findings, left: artefacts } = gathered.finish()?;
    Ok(Checked {
        resources: check.estate.subjects.len() as u64,
        rules: check.applied.len() as u64,
        open,
        passed: outcome.sum(|tally| tally.passed),
        suppressed: outcome.sum(|tally| tally.suppressed),
        undecided: outcome.sum(|tally| tally.undecided),
        findings,
        artefacts,
        not_checked: outcome.not_checked,
        problems: outcome.problems,
        changes,
    })
}
