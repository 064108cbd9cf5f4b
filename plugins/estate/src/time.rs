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
    let time = text.parse::<Timestamp>().ok()?;
    time.round(Unit::Second).ok().map(|time| time.to_string())
}

/// Milliseconds since the Unix epoch of a time in the one form.
pub fn milliseconds(text: &str) -> Option<i64> {
    text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond)
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
