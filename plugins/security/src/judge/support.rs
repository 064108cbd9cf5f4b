//! Until when versions are supported: `1.33` until 2026-07-29.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde_json::Value;

use super::version;

/// The versions of something, and when the support of each ends.
#[derive(Debug, Clone)]
pub struct Support(Vec<Version>);

#[derive(Debug, Clone)]
struct Version {
    name: String,
    ends: Timestamp,
}

impl Support {
    /// Reads the days on which support ends, by version.
    ///
    /// # Errors
    ///
    /// If it is no mapping of versions to days.
    pub fn parse(value: &Value) -> Result<Self, String> {
        let entries = value.as_object().ok_or("needs days by version")?;
        let parsed = entries.iter().map(|(name, day)| {
            let day = day.as_str().and_then(|day| day.parse::<Date>().ok());
            let day = day.ok_or_else(|| format!("{name} needs a day such as 2026-07-29"))?;
            // The day itself is still one of support.
            let ends = day.tomorrow().and_then(|day| day.to_zoned(TimeZone::UTC)).map_err(|error| error.to_string())?;
            Ok(Version { name: name.clone(), ends: ends.timestamp() })
        });
        parsed.collect::<Result<_, String>>().map(Self)
    }

    /// Reports whether the support of a version is over: of that one, else of the one it begins with by number, as
    /// `8.0.39` with `8.0`. A version that is older than each that is told is over, one that is newer is not.
    pub fn is_over(&self, text: &str, now: Timestamp) -> bool {
        if let Some(same) = self.0.iter().find(|one| one.name.eq_ignore_ascii_case(text)) {
            return same.ends <= now;
        }
        let Some(numbers) = version(text) else { return false };
        let of_family = self.0.iter().filter(|one| family(&one.name).eq_ignore_ascii_case(family(text)));
        let numbered: Vec<(Vec<u64>, Timestamp)> =
            of_family.filter_map(|one| Some((version(&one.name)?, one.ends))).collect();
        let begun = numbered.iter().filter(|(its, _)| numbers.starts_with(its)).max_by_key(|(its, _)| its.len());
        match begun {
            Some((_, ends)) => *ends <= now,
            None => !numbered.is_empty() && numbered.iter().all(|(its, _)| numbers < *its),
        }
    }
}

/// What stands before the numbers of a version: `python` of `python3.13`.
fn family(text: &str) -> &str {
    text.split(|letter: char| letter.is_ascii_digit()).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn support_ends_after_its_day_and_older_versions_have_none() {
        let ends = json!({ "8.0": "2026-07-31", "8.4": "2029-07-31", "java8": "2024-01-08", "java8.al2": "2027-06-30", "go1.x": "2024-01-08" });
        let support = Support::parse(&ends).unwrap();
        let is_over = |text: &str, now: &str| support.is_over(text, now.parse().unwrap());
        for (text, over) in [
            ("8.0.39", true),
            ("8.0.mysql_aurora.3.05.2", true),
            ("8.4.3", false),
            ("5.7.44", true),
            ("9.1", false),
            ("java8", true),
            ("JAVA8.al2", false),
            ("java21", false),
            ("python3.7", false),
            ("go1.x", true),
            ("latest", false),
        ] {
            assert_eq!(is_over(text, "2026-11-29T00:00:00Z"), over, "{text}");
        }
        assert!(!is_over("8.0.39", "2026-07-31T23:00:00Z") && is_over("8.0.39", "2026-08-01T00:00:00Z"));
        assert!(Support::parse(&json!({ "1": "soon" })).unwrap_err().contains("1 needs a day"));
    }
}
