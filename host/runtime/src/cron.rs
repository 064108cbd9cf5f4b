//! When a schedule's times are: patterns of cron, in a time zone.
//!
//! Five fields as in POSIX `crontab`, with the names and extensions that croner reads. A time that
//! daylight saving skips falls on the moment after the gap; one that comes twice is taken once. The
//! database of time zones is built in, so that every host knows the same rules.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;
use troupe_core::view::NewSchedule;
use troupe_core::{Code, Error, Result, Timestamp, limits, shown};

/// The times of a pattern.
#[derive(Debug, Clone)]
pub(crate) struct Times {
    cron: Cron,
    zone: TimeZone,
}

impl Times {
    /// The times of a schedule.
    ///
    /// # Errors
    /// Those of [`Times::read`].
    pub(crate) fn of(schedule: &NewSchedule) -> Result<Self> {
        Self::read(&schedule.cron, schedule.timezone.as_deref())
    }

    /// Reads a pattern and the zone in which it is meant; UTC without one.
    ///
    /// # Errors
    /// [`Code::ScheduleInvalid`] naming what cannot be read.
    fn read(pattern: &str, zone: Option<&str>) -> Result<Self> {
        let refused = |message: String| Error::new(Code::ScheduleInvalid, message);
        let most = limits::CRON_BYTES_MAX;
        if pattern.len() > most || zone.is_some_and(|zone| zone.len() > most) {
            return Err(refused(format!("`cron` and `timezone` are at most {most} bytes each")));
        }
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let cron = parser.parse(pattern.trim()).map_err(|error| {
            refused(format!(
                "`cron` cannot be read (`{}`: {error}); write five fields, such as `30 6 * * 1-5` for half past six on \
                 working days",
                shown(pattern)
            ))
        })?;
        let zone = match zone {
            None => TimeZone::UTC,
            Some(name) => TimeZone::get(name).map_err(|_| {
                let name = shown(name);
                refused(format!(
                    "there is no time zone `{name}`; name one of the IANA database, such as `Europe/Berlin`"
                ))
            })?,
        };
        Ok(Self { cron, zone })
    }

    /// The first time after `at`; none if there is none for years.
    pub(crate) fn after(&self, at: Timestamp) -> Option<Timestamp> {
        let at = jiff::Timestamp::from_millisecond(at.as_millis()).ok()?.to_zoned(self.zone.clone());
        let next = self.cron.find_next_occurrence(&at, false).ok()?;
        Some(Timestamp::from_millis(next.timestamp().as_millisecond()))
    }

    /// The same of a schedule that is set.
    ///
    /// # Errors
    /// [`Code::ScheduleInvalid`] if there is none.
    pub(crate) fn first(&self, at: Timestamp) -> Result<Timestamp> {
        self.after(at).ok_or_else(|| {
            let message = "`cron` names no time that comes, such as the 30th of February; write one that does";
            Error::new(Code::ScheduleInvalid, message)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::from_millis(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
    }

    /// The next times of a pattern.
    fn times(pattern: &str, zone: Option<&str>, from: &str, count: usize) -> Vec<String> {
        let times = Times::read(pattern, zone).unwrap();
        let mut last = at(from);
        (0..count)
            .map(|_| {
                last = times.after(last).unwrap();
                jiff::Timestamp::from_millisecond(last.as_millis()).unwrap().to_string()
            })
            .collect()
    }

    #[test]
    fn a_pattern_means_utc_unless_it_says_where() {
        let from = "2026-11-27T06:30:00Z";
        let working_days = ["2026-11-30T06:30:00Z", "2026-12-01T06:30:00Z"];
        assert_eq!(times("30 6 * * 1-5", None, from, 2), working_days);
        assert_eq!(times("30 6 * * MON-FRI", None, from, 2), working_days);
        assert_eq!(times("30 6 * * 1-5", Some("Asia/Kolkata"), from, 1), ["2026-11-30T01:00:00Z"]);
        assert_eq!(times("@hourly", None, from, 2), ["2026-11-27T07:00:00Z", "2026-11-27T08:00:00Z"]);
        assert_eq!(times("0 0 29 2 *", None, from, 1), ["2028-02-29T00:00:00Z"]);
        assert_eq!(times("0 0 * * 7", None, from, 1), ["2026-11-29T00:00:00Z"]);
    }

    #[test]
    fn what_daylight_saving_skips_or_repeats_comes_once() {
        // In Berlin clocks go from 2 to 3 on 29 March 2026, and from 3 to 2 on 25 October.
        let skipped = times("30 2 * * *", Some("Europe/Berlin"), "2026-03-28T12:00:00Z", 2);
        assert_eq!(skipped, ["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]);
        let repeated = times("30 2 * * *", Some("Europe/Berlin"), "2026-10-24T12:00:00Z", 2);
        assert_eq!(repeated, ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]);
    }

    #[test]
    fn what_cannot_be_read_or_never_comes_is_refused_by_name() {
        for pattern in ["", "* * * *", "* * * * * *", "61 * * * *", "soon", "* * * * * * *", &"1,".repeat(200)] {
            let error = Times::read(pattern, None).unwrap_err();
            assert_eq!(error.code, Code::ScheduleInvalid, "{pattern}");
        }
        let error = Times::read("* * * * *", Some("Mars/Olympus")).unwrap_err();
        assert!(error.message.contains("no time zone `Mars/Olympus`"), "{error}");
        let never = Times::read("0 0 30 2 *", None).unwrap();
        assert_eq!(never.first(at("2026-11-27T06:30:00Z")).unwrap_err().code, Code::ScheduleInvalid);
    }
}
