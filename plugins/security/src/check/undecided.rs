//! What could not be decided, in rows that people read.

use std::collections::BTreeMap;

use troupe_sdk::prelude::*;

/// Most resources that one row names.
const NAMED_MAX: usize = 20;
/// Most reasons of one rule that have a row of their own; a reason may tell a value, and so be another each time.
const REASONS_MAX: usize = 50;
/// The reason of the row that counts the others.
const OTHER: &str = "other reasons, of which there are too many to tell each";

/// A rule that could not be decided, for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NotChecked {
    /// The rule.
    pub rule: String,
    /// Why.
    pub reason: String,
    /// At how many resources.
    pub count: u64,
    /// Some of them.
    pub resources: Vec<String>,
}

/// The rows of each rule, by the rule's id and the reason.
#[derive(Debug, Default)]
pub struct Undecided(BTreeMap<String, BTreeMap<String, NotChecked>>);

impl Undecided {
    /// Counts a resource at which a rule could not be decided.
    pub fn add(&mut self, rule: &str, reason: String, id: &str) {
        if !self.0.contains_key(rule) {
            self.0.insert(rule.to_owned(), BTreeMap::new());
        }
        let Some(rows) = self.0.get_mut(rule) else { return };
        let is_new = !rows.contains_key(&reason);
        let reason = if is_new && rows.len() >= REASONS_MAX { OTHER.to_owned() } else { reason };
        let row = rows.entry(reason).or_insert_with_key(|reason| NotChecked {
            rule: rule.to_owned(),
            reason: reason.clone(),
            count: 0,
            resources: Vec::new(),
        });
        row.count += 1;
        if row.resources.len() < NAMED_MAX {
            row.resources.push(id.to_owned());
        }
    }

    /// The rows, by rule and reason.
    pub fn rows(self) -> Vec<NotChecked> {
        self.0.into_values().flat_map(BTreeMap::into_values).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_for_each_resource_is_no_row_for_each() {
        let mut undecided = Undecided::default();
        for number in 0..10_000 {
            undecided.add("rule", format!("\"{number}\" is no number"), &format!("r{number}"));
        }
        let rows = undecided.rows();
        assert_eq!((rows.len(), rows.iter().map(|row| row.count).sum::<u64>()), (REASONS_MAX + 1, 10_000));
        assert!(rows.iter().any(|row| row.reason == OTHER && row.resources.len() == NAMED_MAX));
    }
}
