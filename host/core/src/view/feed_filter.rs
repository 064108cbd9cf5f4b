//! Which events of the feed somebody wants.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::FeedEvent;
use crate::{Code, Error, Result, limits, shown};

/// Which events of the feed; all of them when nothing is said. A pattern is a word that is met
/// whole, or the beginning of one before a `*`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FeedFilter {
    /// Their types, such as `task.completed` or `swap.*`; any when empty.
    #[serde(default)]
    pub types: Vec<String>,
    /// What they happened to, such as `deployment/aws` or `task/*`; anything when empty.
    #[serde(default)]
    pub subjects: Vec<String>,
}

impl FeedFilter {
    /// Reads patterns as a query gives them, with commas between them.
    pub fn of_lists(types: Option<&str>, subjects: Option<&str>) -> Self {
        let parts =
            |list: Option<&str>| list.map_or_else(Vec::new, |list| list.split(',').map(str::to_owned).collect());
        Self { types: parts(types), subjects: parts(subjects) }
    }

    /// Checks the patterns.
    ///
    /// # Errors
    /// [`Code::RequestInvalid`] naming the pattern, or saying how many there may be.
    pub fn check(&self) -> Result<()> {
        let most = limits::FEED_PATTERNS_MAX;
        if self.types.len() + self.subjects.len() > most {
            return Err(Error::new(Code::RequestInvalid, format!("a filter of the feed has at most {most} patterns")));
        }
        let fits = |pattern: &&String| {
            let word = pattern.strip_suffix('*').unwrap_or(pattern);
            !pattern.is_empty() && pattern.len() <= limits::FEED_PATTERN_BYTES_MAX && !word.contains('*')
        };
        match self.types.iter().chain(&self.subjects).find(|pattern| !fits(pattern)) {
            None => Ok(()),
            Some(pattern) => Err(Error::new(
                Code::RequestInvalid,
                format!(
                    "`{}` is no pattern of the feed: it is a word of 1 to {} bytes, in which `*` stands at the end alone",
                    shown(pattern),
                    limits::FEED_PATTERN_BYTES_MAX
                ),
            )),
        }
    }

    /// Whether every event is wanted.
    pub const fn is_everything(&self) -> bool {
        self.types.is_empty() && self.subjects.is_empty()
    }

    /// Whether an event is wanted.
    pub fn matches(&self, event: &FeedEvent) -> bool {
        any(&self.types, &event.kind) && any(&self.subjects, &event.subject)
    }
}

fn any(patterns: &[String], word: &str) -> bool {
    patterns.is_empty()
        || patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(beginning) => word.starts_with(beginning),
            None => word == pattern,
        })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::Timestamp;

    fn event(kind: &str, subject: &str) -> FeedEvent {
        let at = Timestamp::from_millis(0);
        FeedEvent { seq: 1, at, kind: kind.to_owned(), subject: subject.to_owned(), data: Value::Null }
    }

    #[test]
    fn types_and_subjects_are_met_whole_or_by_their_beginning() {
        let filter = FeedFilter::of_lists(Some("task.*,swap.begun"), Some("task/*,deployment/aws"));
        assert!(filter.matches(&event("task.completed", "task/1")));
        assert!(filter.matches(&event("swap.begun", "deployment/aws")));
        assert!(!filter.matches(&event("swap.begun", "deployment/aws2")));
        assert!(!filter.matches(&event("swap.begun2", "deployment/aws")));
        assert!(!filter.matches(&event("tasks", "task/1")));
        assert!(FeedFilter::default().matches(&event("anything", "at all")));
    }

    #[test]
    fn what_is_no_pattern_is_refused_by_name() {
        for pattern in ["", "a*b", "**", &"x".repeat(limits::FEED_PATTERN_BYTES_MAX + 1)] {
            let refused = FeedFilter { types: vec![pattern.to_owned()], subjects: Vec::new() }.check().unwrap_err();
            assert_eq!(refused.code, Code::RequestInvalid, "{pattern}");
        }
        let many = vec!["x".to_owned(); limits::FEED_PATTERNS_MAX + 1];
        FeedFilter { types: many, subjects: Vec::new() }.check().unwrap_err();
        FeedFilter::of_lists(Some("*"), Some("task/*")).check().unwrap();
    }
}
