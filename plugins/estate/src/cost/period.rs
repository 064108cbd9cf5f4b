//! The days that are looked at, and which of them the bill has settled.

use std::time::SystemTime;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// The day that a time is in, in UTC, as bills count.
///
/// # Errors
///
/// If it is in no year that there are days of.
pub fn day_of(now: SystemTime) -> Result<Date, jiff::Error> {
    Ok(Timestamp::try_from(now)?.to_zoned(TimeZone::UTC).date())
}

/// A run of days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// The first day.
    pub from: Date,
    /// The day after the last.
    pub to: Date,
    /// The day after the last one whose amounts do not grow any more; not before `from`, not
    /// after `to`.
    pub settled: Date,
}

impl Period {
    /// Makes a period as it stands today, where the bill still fills so many days, of which today is the last.
    pub fn new(from: Date, to: Date, today: Date, unsettled_days: u8) -> Self {
        let settled = today.saturating_sub((i32::from(unsettled_days) - 1).days()).clamp(from, to);
        Self { from, to, settled }
    }

    /// How many days there are.
    pub fn days(&self) -> usize {
        days_between(self.from, self.to)
    }

    /// How many days there are that do not grow any more.
    pub fn settled_days(&self) -> usize {
        days_between(self.from, self.settled)
    }

    /// The place of a day among the days; none if it is not among them.
    pub fn place(&self, day: Date) -> Option<usize> {
        (self.from <= day && day < self.to).then(|| days_between(self.from, day))
    }

    /// The day at a place.
    pub fn day(&self, place: usize) -> Date {
        day_after(self.from, place)
    }
}

/// The day that comes so many days after another.
pub fn day_after(day: Date, days: usize) -> Date {
    day.saturating_add(i64::try_from(days).unwrap_or(i64::MAX).days())
}

/// How many days lie between two days; none if the second is not later.
pub fn days_between(from: Date, to: Date) -> usize {
    usize::try_from(from.duration_until(to).as_hours() / 24).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn today_and_yesterday_are_not_settled() {
        let day = |text: &str| text.parse::<Date>().unwrap();
        let period = Period::new(day("2026-02-01"), day("2026-03-05"), day("2026-03-05"), 2);
        assert_eq!((period.settled, period.days(), period.settled_days()), (day("2026-03-04"), 32, 31));
        assert_eq!((period.place(day("2026-03-01")), period.place(day("2026-03-05"))), (Some(28), None));
        assert_eq!(period.day(28), day("2026-03-01"));
        let past = Period::new(day("2025-02-01"), day("2025-03-01"), day("2026-03-05"), 2);
        assert_eq!(past.settled, past.to);
        assert_eq!(Period::new(day("2026-03-04"), day("2026-03-05"), day("2026-03-05"), 2).settled_days(), 0);
        let slower = Period::new(day("2026-02-01"), day("2026-03-05"), day("2026-03-05"), 3);
        assert_eq!(slower.settled, day("2026-03-03"));
    }
}
