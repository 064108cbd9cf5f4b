//! Days on which something cost what it usually does not.
//!
//! The rule, which a few anomalies among the days before do not blind:
//!
//! 1. A settled day is held against the 28 settled days before it, of which at least 14 are
//!    known. Their median is *usual*, and their deviation is 1.4826 times the median of their
//!    distances from it; where more than half of them are alike, 1.2533 times the mean of the
//!    distances.
//! 2. The *score* is the distance from what is usual in deviations. A day is an anomaly if
//!    its score is above 3.5 (Iglewicz and Hoaglin), and it differs by the smallest amount
//!    asked for, and by a tenth of what is usual. Where all the days before are alike there is
//!    no score, and the amounts decide.
//! 3. A charge that comes once a month is none: the day is let off if the same day of the
//!    month before cost four fifths of it or more.
//! 4. Days in a row that differ in the same direction are one anomaly, which is known by its
//!    first day. So it stays the same finding while it goes on.

use super::ledger::Ledger;
use crate::statistics::{deviation, median};
use crate::{Amount, Finding, Reference, Severity};

/// The rule's id.
pub const RULE: &str = "cost.anomaly";

/// How many days before are looked at, and how many of them must be known.
const DAYS: usize = 28;
pub const DAYS_MIN: usize = 14;

/// From how many deviations on a day is an anomaly.
const SCORE: f64 = 3.5;

/// The smallest difference in parts of what is usual.
const SHARE: f64 = 0.1;

/// The part of an amount that it must have cost a month before to be a monthly charge.
const MONTHLY: f64 = 0.8;

/// A day that differs.
struct Odd {
    place: usize,
    amount: f64,
    usual: f64,
    score: Option<f64>,
}

/// Days in a row that differ in the same direction.
struct Run {
    first: usize,
    days: usize,
    rises: bool,
    cost: f64,
    usual: f64,
    score: Option<f64>,
}

/// Finds what is odd in each row, as findings about the account.
pub fn find(ledger: &Ledger, by: &str, smallest: f64, account: &Reference) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (key, row) in ledger.rows() {
        let days = ledger.settled(row);
        let odd = days.iter().enumerate().filter_map(|(number, _)| odd(ledger, &days, number, smallest));
        findings.extend(runs(odd).iter().filter_map(|run| finding(ledger, (by, key), run, account)));
    }
    findings
}

fn odd(ledger: &Ledger, days: &[(usize, f64)], number: usize, smallest: f64) -> Option<Odd> {
    let (place, amount) = *days.get(number)?;
    let before: Vec<f64> =
        days.iter().take(number).filter(|(other, _)| place - other <= DAYS).map(|(_, value)| *value).collect();
    if before.len() < DAYS_MIN {
        return None;
    }
    let usual = median(&before)?;
    let deviation = deviation(&before, usual);
    let distance = (amount - usual).abs();
    let score = (deviation > 0.0).then(|| distance / deviation);
    let differs = distance > 0.0 && distance >= smallest && distance >= usual.abs() * SHARE;
    if !differs || score.is_some_and(|score| score <= SCORE) || is_monthly(ledger, days, place, amount) {
        return None;
    }
    Some(Odd { place, amount, usual, score })
}

/// Reports whether the same day of the month before cost as much, or nearly.
fn is_monthly(ledger: &Ledger, days: &[(usize, f64)], place: usize, amount: f64) -> bool {
    let day = ledger.period.day(place);
    let before = day.saturating_sub(jiff::ToSpan::month(1));
    // The last of a long month has no counterpart in a short one.
    let Some(then) = ledger.period.place(before).filter(|_| before.day() == day.day()) else { return false };
    let cost = days.iter().find(|(other, _)| *other == then).map(|(_, value)| *value);
    cost.is_some_and(|cost| cost > 0.0 && cost >= amount * MONTHLY && amount >= cost * MONTHLY)
}

fn runs(odd: impl Iterator<Item = Odd>) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for day in odd {
        let rises = day.amount > day.usual;
        match runs.last_mut() {
            Some(run) if run.first + run.days == day.place && run.rises == rises => {
                run.days += 1;
                run.cost += day.amount;
                run.usual += day.usual;
                run.score = run.score.zip(day.score).map(|(one, other)| one.max(other));
            }
            _ => runs.push(Run {
                first: day.place,
                days: 1,
                rises,
                cost: day.amount,
                usual: day.usual,
                score: day.score,
            }),
        }
    }
    runs
}

fn finding(ledger: &Ledger, (by, key): (&str, &str), run: &Run, account: &Reference) -> Option<Finding> {
    let first = ledger.period.day(run.first);
    let (cost, usual) = (Amount::new(run.cost)?, Amount::new(run.usual)?);
    let (title, severity, fix) = if run.rises {
        (
            "Something costs more than it usually does",
            Severity::Medium,
            "Look what was started or used more on that day.",
        )
    } else {
        (
            "Something costs less than it usually does",
            Severity::Informational,
            "Look whether something stopped that should run.",
        )
    };
    let mut finding = Finding::new(RULE, title, severity, account.clone(), &format!("{by}/{key} from {first}"))
        .seen(by, key)
        .seen("first_day", first.to_string())
        .seen_moving("days", run.days)
        .seen_moving("cost", cost.value())
        .seen_moving("usual", usual.value())
        .seen("currency", ledger.currency.clone());
    if let Some(score) = run.score {
        finding = finding.seen_moving("score", (score * 10.0).round() / 10.0);
    }
    finding.fix = fix.to_owned();
    Some(finding)
}
