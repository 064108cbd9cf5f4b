//! What a caller may say of a report on costs, whichever cloud it is of, and what is made of it.

use jiff::ToSpan;
use jiff::civil::Date;

use super::period::{Period, days_between};

/// How many days are looked at if the caller does not say: a quarter, so that the month before
/// is whole whatever day it is.
const DAYS: i64 = 92;

/// How many rows and changes are told if the caller does not say, and at most.
const TOP: usize = 50;
const TOP_MAX: usize = 1_000;

/// Days of each of the two compared periods, if there are twice as many.
const COMPARED_DAYS: usize = 30;

/// What the caller says; what is absent is up to us.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wishes<'a> {
    /// The first day.
    pub from: Option<&'a str>,
    /// The day after the last one.
    pub to: Option<&'a str>,
    /// How many of the last settled days are compared with as many before them.
    pub compare_days: Option<u16>,
    /// The smallest difference from what is usual that may be an anomaly, in the bill's currency.
    pub smallest_anomaly: Option<f64>,
    /// How many rows and changes are told of each thing.
    pub top: Option<usize>,
}

/// What a cloud's bill allows.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Most days that may be asked for.
    pub days_max: usize,
    /// Days that the bill still fills, today among them.
    pub unsettled_days: u8,
}

/// The terms of a report: the wishes, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Terms {
    /// The days.
    pub period: Period,
    /// Days of each of the two compared periods; none if there are too few.
    pub compare_days: usize,
    /// The smallest difference that may be an anomaly.
    pub smallest_anomaly: f64,
    /// How many rows are told.
    pub top: usize,
}

impl Terms {
    /// Makes terms as of today.
    ///
    /// # Errors
    ///
    /// What is wrong with the wishes, in a sentence that names the one.
    pub fn new(wishes: &Wishes<'_>, bounds: Bounds, today: Date) -> Result<Self, String> {
        let days_max = bounds.days_max;
        let to = day(wishes.to, "to")?.unwrap_or(today).min(today);
        let from = day(wishes.from, "from")?.unwrap_or_else(|| to.saturating_sub(DAYS.days()));
        if from >= to {
            return Err(format!("`from` ({from}) is not before `to` ({to})"));
        }
        if days_between(from, to) > days_max {
            return Err(format!("from {from} to {to} are more than {days_max} days"));
        }
        let smallest_anomaly = wishes.smallest_anomaly.unwrap_or(1.0);
        if !(smallest_anomaly.is_finite() && smallest_anomaly >= 0.0) {
            return Err("`smallest_anomaly` is below zero".to_owned());
        }
        let top = wishes.top.unwrap_or(TOP);
        if !(1..=TOP_MAX).contains(&top) {
            return Err(format!("`top` is not between 1 and {TOP_MAX}"));
        }
        let period = Period::new(from, to, today, bounds.unsettled_days);
        let half = period.settled_days() / 2;
        let compare_days = match wishes.compare_days {
            Some(days) if days == 0 || usize::from(days) > half => {
                return Err(format!("`compare_days` is not between 1 and half of the {} settled days", half * 2));
            }
            Some(days) => usize::from(days),
            None => half.min(COMPARED_DAYS),
        };
        Ok(Self { period, compare_days, smallest_anomaly, top })
    }
}

fn day(text: Option<&str>, name: &str) -> Result<Option<Date>, String> {
    let parsed = text.map(str::parse::<Date>).transpose();
    parsed.map_err(|_| format!("`{name}` is not a day such as `2026-08-01`"))
}
