//! Times, in the one form in which they are told: UTC by RFC 3339, whole seconds.

use std::time::SystemTime;

use jiff::{Timestamp, Unit};
pub use troupe_estate::time::at;

/// Brings seconds since the Unix epoch into the one form.
pub fn at_seconds(seconds: f64) -> Option<String> {
    #[expect(clippy::cast_possible_truncation, reason = "a cast of a float stops at the ends of the integers")]
    Timestamp::from_second(seconds as i64).ok().and_then(whole)
}

/// Counts the whole days between a time that a service wrote and now.
pub fn days_since(text: &str, now: SystemTime) -> Option<i64> {
    let (then, now) = (text.parse::<Timestamp>().ok()?, Timestamp::try_from(now).ok()?);
    Some(now.duration_since(then).as_secs() / (24 * 60 * 60))
}

fn whole(time: Timestamp) -> Option<String> {
    time.round(Unit::Second).ok().map(|time| time.to_string())
}
