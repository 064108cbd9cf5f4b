//! What became of findings.
//!
//! Only what failed is told: a rule that passed before and passes now is no news. What a finding is
//! compared by: its severity, what was seen and does not move by itself, and whether it is suppressed.
//! Title, fix, frameworks and amount follow from the rules and the price lists, which may change while
//! nothing does in the account.

use std::fmt::Display;

use super::join::{Pair, join};
use super::{Change, DiffError};
use crate::{Evidence, Finding, Scan, Status, Why, WhyKind};

/// Tells what became of each finding, in the order of their fingerprints.
///
/// Both lists are in that order, as [`crate::collect::merge`] brings them. `scan` says what the present
/// scan looked at. The changes end after the first error.
///
/// # Errors
///
/// An item is an error if an entry cannot be read or a list is not in order.
pub fn findings<E: Display>(
    previous: impl IntoIterator<Item = Result<Finding, E>>,
    present: impl IntoIterator<Item = Result<Finding, E>>,
    scan: &Scan,
) -> impl Iterator<Item = Result<Change<Finding>, DiffError<E>>> {
    join(previous.into_iter(), present.into_iter()).filter_map(|pair| match pair {
        Ok(pair) => became(pair, scan).map(Ok),
        Err(error) => Some(Err(error)),
    })
}

fn became(pair: Pair<Finding>, scan: &Scan) -> Option<Change<Finding>> {
    let failed = |finding: &Finding| finding.status == Status::Fail;
    match pair {
        Pair::Before(before) if !failed(&before) => None,
        Pair::Before(before) => Some(match scan.why_untold(&before) {
            Some(why) => Change::Unknown { before, why },
            None => Change::Fixed { before },
        }),
        Pair::Now(now) => failed(&now).then_some(Change::New { now }),
        Pair::Both(before, now) => match (failed(&before), now.status) {
            (false, Status::Fail) => Some(Change::New { now }),
            (false, _) => None,
            (true, Status::Pass) => Some(Change::Fixed { before }),
            (true, Status::NotChecked) => {
                let reason = now.reason.unwrap_or_else(|| "it was not checked".to_owned());
                Some(Change::Unknown { before, why: Why { kind: WhyKind::NotChecked, reason } })
            }
            (true, Status::Fail) => {
                let fields = differing(&before, &now);
                Some(if fields.is_empty() { Change::Same { now } } else { Change::Changed { before, now, fields } })
            }
        },
    }
}

/// The names of the fields in which two findings differ.
fn differing(before: &Finding, now: &Finding) -> Vec<String> {
    let mut fields = Vec::new();
    if before.severity != now.severity {
        fields.push("severity".to_owned());
    }
    if before.suppressed != now.suppressed {
        fields.push("suppressed".to_owned());
    }
    let still = |finding: &Finding| -> Vec<Evidence> {
        finding.evidence.iter().filter(|evidence| !evidence.moving).cloned().collect()
    };
    let (before, now) = (still(before), still(now));
    // An attribute may be told several times, once for each value.
    let count = |list: &[Evidence], evidence: &Evidence| list.iter().filter(|other| *other == evidence).count();
    for evidence in before.iter().chain(&now) {
        if count(&before, evidence) != count(&now, evidence) {
            fields.push(format!("evidence.{}", evidence.attribute));
        }
    }
    fields.sort_unstable();
    fields.dedup();
    fields
}
