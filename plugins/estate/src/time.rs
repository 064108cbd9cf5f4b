//! Times, in the one form in which they are told: UTC by RFC 3339, whole seconds.
//!
//! Nothing here asks what time it is; whoever calls says so.

use jiff::{Timestamp, Unit, civil::Date, tz::TimeZone};

/// Brings a time that a cloud wrote into the one form; none if it is no time.
///
/// ```
/// use troupe_estate::time;
/// assert_eq!(time::at("2026-03-04T06:05:06.7+01:00").as_deref(), Some("2026-03-04T05:05:07Z"));
/// assert_eq!(time::at("yesterday"), None);
/// ```
pub fn at(text: &str) -> Option<String> {
    text.parse::<Timestamp>().ok().and_then(whole)
}

fn whole(time: Timestamp) -> Option<String> {
    time.round(Unit::Second).ok().map(|time| time.to_string())
}

/// Milliseconds since the Unix epoch of a time in the one form.
pub fn milliseconds(text: &str) -> Option<i64> {
    text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond)
}

/// The same form of milliseconds since the Unix epoch; none if they are beyond the year 9999.
pub fn at_milliseconds(milliseconds: i64) -> Option<String> {
    Timestamp::from_millisecond(milliseconds).ok().and_then(whole)
}

/// Counts the whole days between a time that a cloud wrote and now, less than nothing for one to come; none if it
/// is no time.
///
/// ```
/// use troupe_estate::time;
/// let now = "2026-03-04T06:00:00Z".parse()?;
/// assert_eq!(time::days_since("2026-03-01T06:00:01Z", now), Some(2));
/// assert_eq!(time::days_since("2026-03-01T06:00:01+02:00", now), Some(3));
/// # Ok::<(), jiff::Error>(())
/// ```
pub fn days_since(text: &str, now: Timestamp) -> Option<i64> {
    const DAY_SECONDS: i64 = 24 * 60 * 60;
    let then = text.parse::<Timestamp>().ok()?;
    Some(now.duration_since(then).as_secs() / DAY_SECONDS)
}

/// Reports whether something that holds until a day or a time, `2027-01-31` or `2027-01-31T12:00:00Z`, is
/// over. A day is over when it ends in UTC. What cannot be read is over: nothing holds for ever by a slip
/// of the pen.
pub fn is_over(until: &str, now: Timestamp) -> bool {
    let end = until.parse::<Timestamp>().ok().or_else(|| {
        let day = until.parse::<Date>().ok()?;
        Some(day.tomorrow().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp())
    });
    end.is_none_or(|end| end <= now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_over_when_it_ends() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        assert!(!is_over("2027-01-31", at("2027-01-31T23:59:59Z")));
        assert!(is_over("2027-01-31", at("2027-02-01T00:00:00Z")));
        assert!(!is_over("2027-01-31T12:00:00Z", at("2027-01-31T11:59:59Z")));
        assert!(is_over("2027-01-31T12:00:00Z", at("2027-01-31T12:00:00Z")));
        assert!(is_over("some day", at("2000-01-01T00:00:00Z")));
    }
}
